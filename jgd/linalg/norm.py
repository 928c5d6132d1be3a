"""The length of vectors whose squares may be out of range, and that of a first step."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core import tree

PART = 0.01
"""A first step may change the largest entry of x by this part of it."""


def binade(size: jax.Array) -> jax.Array:
    """The power of two nearest half a size, 1 for 0 and infinity: to divide by it rounds nothing."""
    near = lax.reduce_precision(size / 2, int(jnp.finfo(size.dtype).nexp), 0)
    return jnp.where((near > 0) & (near < jnp.inf), near, 1)


def unit_of(v: jax.Array) -> jax.Array:
    """A power of two in which v's entries can be squared; 1 in float64, where all but absurd ones can."""
    return binade(jnp.max(jnp.abs(v))) if v.dtype.itemsize < 8 else jnp.ones((), v.dtype)


def norm(v: Any) -> jax.Array:
    """|v| of a tree, where the squares of its entries would be out of range too."""
    unit = binade(tree.norm_inf(v))
    shrunk = tree.scale(1 / unit, v)
    return unit * jnp.sqrt(tree.dot(shrunk, shrunk))


def first_rate(x: Any, grad: Any) -> jax.Array:
    """The rate of a first step along -grad whose natural length is not known, at most 1.

    The step is at most of length 1, or where x is large of a hundredth of its largest entry.
    Reference: Hager & Zhang (2005), A new conjugate gradient method with guaranteed descent, section 4, I1.
    """
    length = jnp.maximum(PART * tree.norm_inf(x), 1)
    return length / jnp.maximum(norm(grad), length)
