"""The units in which the rows of a symmetric matrix are about equally long, from a few products with it."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core.record import record

PROBES = 8
"""Products for a look at the rows, a half of them for each estimate."""

FALL = 2
"""A look makes log2 w smaller by at most this: a row that is short here may be long nearby."""


@record
class Rows:
    """Two estimates of log2 w, (2, n) in half precision, and how many products they are from.

    w makes the rows of W^-1/2 H W^-1/2 equally long, up to a common factor. The estimates are from separate
    products: what they have in common is H's, what they have not is chance.
    """

    logs: jax.Array
    products: jax.Array


def unknown(n: int) -> Rows:
    """No look yet: all rows alike."""
    return Rows(jnp.zeros((2, n), jnp.float16), jnp.zeros((), jnp.int32))


def looked(
    product: Callable[[jax.Array], jax.Array], rows: Rows, dtype: jnp.dtype, probes: jax.Array
) -> Rows:
    """The estimates after another look, by so many products v -> H v of vectors of that dtype.

    w <- sqrt(w mean (H W^-1/2 u)^2) over a few random u: the geometric mean of what was known and what is
    seen, since a w that is too large makes what is seen too small by the same factor. It falls by `FALL` at
    most. Entries below rounding of the largest count as that; rows of zeros stay as they are, and all rows
    do where a product is not finite.

    Reference: Bradley & Murray (2011), Matrix-free approximate equilibration, section 3. Theirs is the
    arithmetic mean, which takes many more products where rows differ by orders of magnitude; the square
    root is that of Ruiz (2001), A scaling algorithm to equilibrate both rows and columns norms in matrices.
    """
    n = rows.logs.shape[1]
    known = rows.logs.astype(jnp.float32)
    scales = jnp.exp2(-known / 2)

    def look(k: jax.Array, squares: jax.Array) -> jax.Array:
        sizes = jnp.abs(product((probe(rows.products + k, n) * scales[k % 2]).astype(dtype)))
        ratios = jnp.maximum(sizes / jnp.max(sizes), jnp.finfo(dtype).eps)
        more = jnp.where(sizes > 0, ratios.astype(jnp.float32), 0) ** 2
        return lax.dynamic_update_index_in_dim(squares, squares[k % 2] + more, k % 2, 0)

    squares = lax.fori_loop(0, probes, look, jnp.zeros((2, n), jnp.float32))
    says = jnp.all(jnp.isfinite(squares)) & (squares > 0)

    def centered(v: jax.Array) -> jax.Array:
        return v - jnp.mean(v, axis=1, keepdims=True, where=says)

    change = centered(jnp.maximum(centered(jnp.log2(squares) - known) / 2, -FALL))
    logs = (known + jnp.where(says, change, 0)).astype(rows.logs.dtype)
    return Rows(logs, rows.products + probes)


def probe(k: jax.Array, n: int) -> jax.Array:
    """The k-th random vector, (n,) in float32: signs times lengths from 3/4 to 5/4.

    Signs alone may cancel in a row. From a hash of k and the index: JAX's own generator would take longer
    to compile than all else here.
    """
    golden, other = jnp.uint32(0x9E3779B9), jnp.uint32(0x85EBCA6B)
    bits = lax.iota(jnp.uint32, n) * golden + k.astype(jnp.uint32) * other
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        bits = (bits ^ (bits >> shift)) * jnp.uint32(factor)
    bits = bits ^ (bits >> 16)
    length = 0.75 + (bits & 0xFFFF).astype(jnp.float32) / 0x1FFFE
    return jnp.where(bits >> 31, length, -length)


def row_units(rows: Rows) -> jax.Array:
    """w^-1/2 as far as the two estimates agree, (n,) in float32: ones where they have nothing in common.

    log w is the mean of theirs times its reliability 2 r/(1 + r), r their correlation.
    Reference: Brown (1910), Some experimental results in the correlation of mental abilities; Kelley (1927),
    Interpretation of educational measurements, for shrinking by it.
    """
    a, b = rows.logs.astype(jnp.float32)
    size = jnp.sqrt(jnp.sum(a * a) * jnp.sum(b * b))
    r = jnp.clip(jnp.sum(a * b) / jnp.where(size > 0, size, 1), 0, 1)
    return jnp.exp2(-r / (1 + r) * (a + b) / 2)
