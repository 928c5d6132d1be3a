"""Dense matrices: products, and solving where one may be indefinite or singular."""

import jax
import jax.numpy as jnp
from jax import lax

from jgd.linalg.symmetric import cholesky, solve_factored

MAX_SHIFTS = 64


def times(A: jax.Array, B: jax.Array) -> jax.Array:
    """A B, of vectors or matrices, at the highest matmul precision."""
    return jnp.dot(A, B, precision=lax.Precision.HIGHEST)


def units(H: jax.Array) -> jax.Array:
    """1/D, of shape (n,), with D the roots of the diagonal of H (n, n): the units of x do not matter in D x.

    Where an entry of the diagonal is 0 the largest one stands for it, or 1 if all are.
    """
    lengths = jnp.sqrt(jnp.abs(jnp.diagonal(H)))
    longest = jnp.max(lengths)
    return 1 / jnp.where(lengths > 0, lengths, jnp.where(longest > 0, longest, 1))


def solve_shifted(H: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Solve (H + tau D^2) z = b with the first tau >= 0 that makes the matrix safely positive definite.

    D is that of `units`: H / D D has ones and minus ones for a diagonal, and tau is a number without unit. It
    is 0 if H is definite; otherwise it starts above minus the smallest entry of that diagonal and doubles
    until a Cholesky factor exists whose smallest pivot is above rounding. Where H is zero, tau is the largest
    entry of b, and z has entries of at most 1. H is (n, n) symmetric, b is (n,); returns z and tau, in the
    dtype of H. If b is finite and H is, b.z >= 0.

    Reference: Nocedal & Wright (2006), Numerical Optimization, algorithm 3.3, and section 4.5 on scaling.
    """
    dtype = H.dtype
    eps = jnp.finfo(dtype).eps
    unit = units(H)
    A, c = H * unit[:, None] * unit, b * unit
    size = jnp.max(jnp.abs(A))
    floor = jnp.where(size > 0, size * jnp.asarray(eps**0.5, dtype), jnp.max(jnp.abs(c)))
    lowest = jnp.min(jnp.diagonal(A))
    first = jnp.where(lowest > 0, jnp.zeros((), dtype), floor - lowest)
    identity = jnp.eye(H.shape[0], dtype=dtype)
    tolerance = size * jnp.asarray(H.shape[0] * eps, dtype)

    def attempt(carry: tuple) -> tuple:
        _, _, following, count = carry
        factor = cholesky(A + following * identity)
        safe = jnp.min(jnp.diagonal(factor)) ** 2 > tolerance
        doubled = jnp.maximum(following + following, floor)
        return (factor, following, jnp.where(safe, -jnp.ones((), dtype), doubled), count + 1)

    def unsafe(carry: tuple) -> jax.Array:
        return (carry[2] >= 0) & (carry[3] < MAX_SHIFTS)

    start = (identity, jnp.zeros((), dtype), first, jnp.zeros((), jnp.int32))
    factor, shift, _, _ = lax.while_loop(unsafe, attempt, start)
    return unit * solve_factored(factor, c), shift
