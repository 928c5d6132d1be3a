"""Dense matrices: products, and solving where one may be indefinite or singular."""

import jax
import jax.numpy as jnp
from jax import lax

from jgd.linalg.symmetric import cholesky, solve_factored

MAX_SHIFTS = 64


def times(A: jax.Array, B: jax.Array) -> jax.Array:
    """A B, of vectors or matrices, at the highest matmul precision."""
    return jnp.dot(A, B, precision=lax.Precision.HIGHEST)


def solve_shifted(H: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Solve (H + tau I) z = b with the first tau >= 0 that makes the matrix safely positive definite.

    tau is 0 if H itself is; otherwise it starts above minus the smallest diagonal entry and doubles
    until a Cholesky factor exists whose smallest pivot is above rounding. Where H is zero, tau is the
    largest entry of b, and z has entries of at most 1. H is (n, n) symmetric, b is (n,); returns z and
    tau, in the dtype of H. If b is finite and H is, b.z >= 0.

    Reference: Nocedal & Wright (2006), Numerical Optimization, algorithm 3.3.
    """
    dtype = H.dtype
    eps = jnp.finfo(dtype).eps
    size = jnp.max(jnp.abs(H))
    floor = jnp.where(size > 0, size * jnp.asarray(eps**0.5, dtype), jnp.max(jnp.abs(b)))
    lowest = jnp.min(jnp.diagonal(H))
    first = jnp.where(lowest > 0, jnp.zeros((), dtype), floor - lowest)
    identity = jnp.eye(H.shape[0], dtype=dtype)
    tolerance = size * jnp.asarray(H.shape[0] * eps, dtype)

    def attempt(carry: tuple) -> tuple:
        _, _, following, count = carry
        factor = cholesky(H + following * identity)
        safe = jnp.min(jnp.diagonal(factor)) ** 2 > tolerance
        doubled = jnp.maximum(following + following, floor)
        return (factor, following, jnp.where(safe, -jnp.ones((), dtype), doubled), count + 1)

    def unsafe(carry: tuple) -> jax.Array:
        return (carry[2] >= 0) & (carry[3] < MAX_SHIFTS)

    start = (identity, jnp.zeros((), dtype), first, jnp.zeros((), jnp.int32))
    factor, shift, _, _ = lax.while_loop(unsafe, attempt, start)
    return solve_factored(factor, b), shift
