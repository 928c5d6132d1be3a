"""Linear changes of variables, x = T z."""

from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core import tree
from jgd.core.record import record


class Linear(Protocol):
    """x = T z, linear and invertible, between trees of the same shapes and dtypes; a record."""

    def forward(self, z: Any) -> Any:
        """T z."""
        ...

    def inverse(self, x: Any) -> Any:
        """The z with T z = x."""
        ...


def transposed(of: Callable[[Any], Any], g: Any) -> Any:
    """The transpose of a linear function between trees like g, applied to g: gradients go the other way."""
    return jax.linear_transpose(of, g)(g)[0]


@record
class Diagonal:
    """x = scale z, entry by entry; the leaves of `scale` broadcast to those of z."""

    scale: Any

    def forward(self, z: Any) -> Any:
        """scale z."""
        return jax.tree.map(jnp.multiply, z, self.scale)

    def inverse(self, x: Any) -> Any:
        """x / scale."""
        return jax.tree.map(jnp.divide, x, self.scale)


@record
class Dense:
    """x = matrix z for every p entries of the ravelled z in turn; `back` is the inverse, both are (p, p)."""

    matrix: jax.Array
    back: jax.Array

    def forward(self, z: Any) -> Any:
        """matrix z."""
        return _times(self.matrix, z)

    def inverse(self, x: Any) -> Any:
        """back x."""
        return _times(self.back, x)


def _times(A: jax.Array, v: Any) -> Any:
    rows = tree.ravel(v)[0].astype(A.dtype).reshape(-1, A.shape[0])
    return tree.unravelled(jnp.matmul(rows, A.T, precision=lax.Precision.HIGHEST).ravel(), v)


def scales(M: jax.Array) -> jax.Array:
    """1/sqrt|M_ii|, and 1 where M_ii is 0; of M (p, p) or of its diagonal."""
    size = jnp.abs(jnp.diagonal(M) if M.ndim == 2 else M)
    return jnp.where(size > 0, lax.rsqrt(jnp.where(size > 0, size, 1)), 1)


def whitening(M: jax.Array, negligible: float) -> tuple[Dense, jax.Array]:
    """T with T^T M T = I for M (p, p) symmetric and positive definite, and how many directions it leaves.

    T = S |S M S|^(-1/2), S the scales, by eigenvalues. Those up to `negligible` of the largest one are taken
    for 1, which leaves their directions as S has them: divided by their roots, rounding would be blown up.
    """
    scale = scales(M)
    values, V = jnp.linalg.eigh(scale[:, None] * M * scale)
    sizes = jnp.abs(values)
    left = ~(sizes > negligible * jnp.max(sizes))
    roots = jnp.sqrt(jnp.where(left, 1, sizes))
    # turned back by V^T, so that entries that are not coupled stay what they are
    matrix, back = (jnp.matmul(V * by, V.T, precision=lax.Precision.HIGHEST) for by in (1 / roots, roots))
    return Dense(scale[:, None] * matrix, back / scale), jnp.sum(left)
