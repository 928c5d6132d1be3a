"""Arithmetic on pytrees of float arrays: the few operations that methods and the driver need."""

from collections.abc import Callable
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree

Tree = Any


def add_scaled(x: Tree, rate: Any, d: Tree) -> Tree:
    """x + rate * d, each leaf in its own dtype."""
    return jax.tree.map(lambda a, b: a + jnp.asarray(rate, a.dtype) * b, x, d)


def scale(rate: Any, d: Tree) -> Tree:
    """rate * d, each leaf in its own dtype."""
    return jax.tree.map(lambda b: jnp.asarray(rate, b.dtype) * b, d)


def subtract(x: Tree, y: Tree) -> Tree:
    """x - y."""
    return jax.tree.map(jnp.subtract, x, y)


def negative(x: Tree) -> Tree:
    """-x."""
    return jax.tree.map(jnp.negative, x)


def strong(x: Tree) -> Tree:
    """x with arrays for leaves, each of a dtype of its own that no other operand changes."""

    def array(leaf: Any) -> jax.Array:
        made = leaf if isinstance(leaf, jax.Array) else jnp.asarray(leaf)
        return made.astype(made.dtype) if getattr(made, "weak_type", False) else made

    return jax.tree.map(array, x)


def plain(x: Tree) -> Tree:
    """x with Python's numbers for NumPy's scalars, which would be traced anew: 0.1 and np.float64(0.1)."""
    return jax.tree.map(lambda leaf: leaf.item() if isinstance(leaf, np.number) else leaf, x)


def placed(x: Tree) -> Tree:
    """Data with arrays of JAX for leaves, of NumPy's by one copy at most: JAX may share their memory.

    Raises ValueError for whole numbers of 64 bits that 32 cannot hold: JAX would wrap them round.
    """

    def array(leaf: Any) -> Any:
        if not isinstance(leaf, np.ndarray):
            return leaf
        check_range("data", leaf, jax.dtypes.canonicalize_dtype(leaf.dtype))
        return jax.device_put(leaf)

    return strong(jax.tree.map(array, x))


def check_range(name: str, array: np.ndarray, dtype: Any) -> None:
    """Raise for whole numbers that a dtype of whole numbers cannot hold."""
    if array.dtype == dtype or {array.dtype.kind, np.dtype(dtype).kind} - set("iu") or not array.size:
        return
    held = np.iinfo(dtype)
    for extreme in (array.min(), array.max()):
        if not held.min <= extreme <= held.max:
            raise ValueError(
                f"{name}: {extreme} is more than {dtype} holds; give floats or smaller numbers, or enable 64 "
                'bits by jax.config.update("jax_enable_x64", True).'
            )


def zeros_like(x: Tree) -> Tree:
    """A tree of zeros with the shapes and dtypes of x."""
    return jax.tree.map(jnp.zeros_like, x)


def dtype(x: Tree) -> jnp.dtype:
    """The widest dtype among the leaves."""
    return max((leaf.dtype for leaf in jax.tree.leaves(x)), key=lambda d: d.itemsize)


def scalar_dtype(x: Tree) -> jnp.dtype:
    """The dtype of scalars about x: the widest among its leaves, and at least float32."""
    return max(dtype(x), jnp.dtype("float32"), key=lambda d: d.itemsize)


def _total(parts: list[jax.Array], combine: Callable, wide: jnp.dtype) -> jax.Array:
    total = parts[0].astype(wide)
    for part in parts[1:]:
        total = combine(total, part.astype(wide))
    return total


def dot(x: Tree, y: Tree) -> jax.Array:
    """The inner product of two trees, at the highest matmul precision."""
    wide = scalar_dtype(x)
    pairs = zip(jax.tree.leaves(x), jax.tree.leaves(y), strict=True)
    parts = [
        jnp.vdot(a, b, precision=lax.Precision.HIGHEST, preferred_element_type=scalar_dtype(a))
        for a, b in pairs
    ]
    return _total(parts, jnp.add, wide)


def _max_abs(leaf: jax.Array) -> jax.Array:
    """The largest absolute entry, found among whole numbers: non-negative floats sort as their bits do.

    NaN has the largest bits of all, so it wins; and unlike the maximum of floats this one is
    vectorized on CPU, which takes a fifth off a cheap step. Large leaves are bound by memory instead,
    and TPUs have no 64 bits.
    """
    if leaf.size > 4096 or (leaf.dtype.itemsize == 8 and jax.default_backend() == "tpu"):
        return jnp.max(jnp.abs(leaf))
    whole = jnp.dtype(f"int{8 * leaf.dtype.itemsize}")
    bits = lax.bitcast_convert_type(jnp.abs(leaf), whole)
    return lax.bitcast_convert_type(jnp.max(bits), leaf.dtype)


def norm_inf(x: Tree) -> jax.Array:
    """The largest absolute entry; NaN if any entry is NaN."""
    parts = [_max_abs(leaf) for leaf in jax.tree.leaves(x) if leaf.size]
    return _total(parts, jnp.maximum, scalar_dtype(x))


def all_finite(x: Tree) -> jax.Array:
    """Whether every entry is finite."""
    parts = [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(x)]
    return jnp.stack(parts).all()


def size(x: Tree) -> int:
    """The number of entries."""
    return sum(leaf.size for leaf in jax.tree.leaves(x))


def nbytes(x: Tree) -> int:
    """The size of all leaves in bytes, by their shapes and dtypes."""
    return sum(prod(leaf.shape) * np.dtype(leaf.dtype).itemsize for leaf in jax.tree.leaves(x))


def ravel(x: Tree) -> tuple[jax.Array, Callable[[jax.Array], Tree]]:
    """x as one vector, of the widest dtype among its leaves, and the way back."""
    with jax.numpy_dtype_promotion("standard"):
        return ravel_pytree(x)


def vector(x: Tree) -> jax.Array:
    """x as one vector, in the dtype of scalars about x."""
    return ravel(x)[0].astype(scalar_dtype(x))


def unravelled(v: jax.Array, x: Tree) -> Tree:
    """The vector as a tree like x."""
    flat, unravel = ravel(x)
    return unravel(v.astype(flat.dtype))


def is_within_bits(x: Tree, y: Tree) -> jax.Array:
    """Whether y is x but for the last 4 bits of each entry; in 16 bits, but for a thousandth."""

    def is_near(a: jax.Array, b: jax.Array) -> jax.Array:
        return jnp.all(jnp.abs(b - a) <= min(16 * float(jnp.finfo(b.dtype).eps), 1e-3) * jnp.abs(b))

    return _total(jax.tree.leaves(jax.tree.map(is_near, x, y)), jnp.logical_and, jnp.dtype(bool))


def select(condition: jax.Array, x: Tree, y: Tree) -> Tree:
    """x where the scalar condition holds, else y, without computing on either."""
    return lax.cond(condition, lambda: x, lambda: y)
