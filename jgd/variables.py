"""Bounds and scales of x, checked and made trees like it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.box import Box
from jgd.core.linear import Diagonal, Linear


def box_of(bounds: Any, x: Any) -> Box:
    """The bounds as two trees like x."""
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        raise TypeError("bounds must be (lower, upper), each None, a number or a tree of arrays like x0.")
    lower, upper = (
        like(f"bounds: {name}", missing if bound is None else bound, x)
        for name, missing, bound in zip(("lower", "upper"), (-np.inf, np.inf), bounds, strict=True)
    )
    pairs = zip(jax.tree.leaves(lower), jax.tree.leaves(upper), strict=True)
    if any(bool(jnp.any(low > high)) for low, high in pairs):
        raise ValueError("bounds: an entry of lower is greater than that of upper.")
    return Box(lower, upper)


def map_of(given: Any, x: Any, bounded: bool) -> Linear:
    """x = T z as a `jgd.standardize` found it, or by a scale, which is rounded."""
    map: Any = getattr(given, "map", None)
    if not hasattr(map, "forward"):
        return Diagonal(_scale(given, x))
    if jax.tree.map(_kind, x) != jax.tree.map(_kind, given.x):
        raise ValueError("x_scale was made for parameters of another shape or dtype: make it at this x0.")
    if not bounded:
        return map
    if not isinstance(map, Diagonal):
        raise ValueError(
            "bounds: x_scale mixes entries of x, and in what the method moves in a box is none: give one of "
            "the two, or numbers for x_scale."
        )
    return Diagonal(_scale(map.scale, x))


def _kind(leaf: jax.Array) -> tuple:
    return leaf.shape, leaf.dtype


def _scale(given: Any, x: Any) -> Any:
    """The scale of x as a tree like x, its entries rounded to powers of two."""
    made = like("x_scale", given, x)
    if any(not bool(jnp.all((leaf > 0) & jnp.isfinite(leaf))) for leaf in jax.tree.leaves(made)):
        raise ValueError("x_scale must be positive and finite: the size that each entry of x typically has.")

    def rounded(leaf: jax.Array) -> jax.Array:
        largest = jnp.finfo(leaf.dtype).maxexp - 1
        exponents = np.minimum(np.round(np.log2(np.asarray(leaf, np.float64))), largest)
        return jnp.asarray(np.ldexp(1.0, exponents.astype(int)), leaf.dtype)

    return jax.tree.map(rounded, made)


def like(name: str, given: Any, x: Any) -> Any:
    """A number or a tree as a tree like x, each leaf of the shape and dtype of x's."""
    if jax.tree.structure(given) != jax.tree.structure(x):
        if not jax.tree_util.all_leaves([given]) or np.ndim(given):
            raise TypeError(f"{name} must be a number or a tree of arrays like x0, or None.")
        given = jax.tree.map(lambda _: given, x)

    def spread(leaf: jax.Array, one: Any) -> jax.Array:
        return jnp.broadcast_to(jnp.asarray(one, leaf.dtype), leaf.shape)

    try:
        made = jax.tree.map(spread, x, given)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must broadcast to the leaves of x0.") from None
    if any(bool(jnp.isnan(leaf).any()) for leaf in jax.tree.leaves(made)):
        raise ValueError(f"{name} has entries that are NaN.")
    return made
