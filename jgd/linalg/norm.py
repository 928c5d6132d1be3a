"""The length of vectors whose squares may be out of range."""

import jax
import jax.numpy as jnp
from jax import lax


def binade(size: jax.Array) -> jax.Array:
    """The power of two nearest half a size, 1 for 0 and infinity: to divide by it rounds nothing."""
    near = lax.reduce_precision(size / 2, int(jnp.finfo(size.dtype).nexp), 0)
    return jnp.where((near > 0) & (near < jnp.inf), near, 1)


def unit_of(v: jax.Array) -> jax.Array:
    """A power of two in which v's entries can be squared; 1 in float64, where all but absurd ones can."""
    return binade(jnp.max(jnp.abs(v))) if v.dtype.itemsize < 8 else jnp.ones((), v.dtype)


def norm(v: jax.Array) -> jax.Array:
    """|v|, where the squares of its entries would be out of range too."""
    unit = binade(jnp.max(jnp.abs(v)))
    return unit * jnp.linalg.norm(v / unit)
