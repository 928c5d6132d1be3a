"""Starts for many runs: points of a box or around a center, by Sobol's sequence or at random."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jgd.core import check, tree
from jgd.core.box import Box
from jgd.prepare import FLOATS
from jgd.variables import like

SAMPLINGS = ("sobol", "random")

SOBOL_MOST = 21_201
"""The dimensions that SciPy's Sobol sequence has."""


@dataclass(frozen=True)
class Normal:
    """Starts that are normally distributed around a center, `scale` their deviation."""

    center: Any
    scale: Any


def normal(center: Any, scale: Any = 1.0) -> Normal:
    """Starts for `jgd.multistart` that are normally distributed around a point.

    Args:
      center: the mean, a float array or a pytree of them, like x.
      scale: the standard deviation, positive: a number, or a tree like x of arrays that broadcast to its
        leaves.

    >>> import jax.numpy as jnp, jgd
    >>> found = jgd.multistart(lambda x: (x**2 - 1) ** 2, jgd.normal(jnp.array(0.0), 2.0), 16)
    >>> [round(float(minimum.x)) for minimum in found.minima]
    [-1, 1]
    """
    for leaf in jax.tree.leaves(scale):
        check.number("scale", leaf, above=0)
    return Normal(center, scale)


def is_sampled(given: Any) -> bool:
    """Whether starts are to be drawn, from a box or normally; else they are given."""
    return isinstance(given, Normal) or (type(given) is tuple and len(given) == 2)


def sampled(given: Any, n: int, x0: Any, sampling: str, seed: int) -> Any:
    """n starts, a pytree of NumPy's arrays with a first axis of them."""
    if sampling not in SAMPLINGS:
        raise ValueError(f"sampling must be one of {' and '.join(SAMPLINGS)}, got {sampling!r}.")
    if isinstance(given, Normal):
        from scipy.special import ndtri

        center = _floats("the center of jgd.normal", given.center)
        cube = _cube(n, tree.size(center), sampling, seed)
        scale = like("the scale of jgd.normal", given.scale, center)
        return placed(ndtri(np.maximum(cube, np.finfo(float).tiny)), center, scale)
    box = finite_box(given, x0)
    cube = _cube(n, tree.size(box.lower), sampling, seed)
    return placed(cube, box.lower, jax.tree.map(lambda low, high: high - low, box.lower, box.upper))


def finite_box(given: Any, x0: Any) -> Box:
    """(lower, upper) as a Box of trees like x0, or like that of the two that is no number."""
    if not isinstance(given, tuple) or len(given) != 2:
        raise TypeError("The box must be (lower, upper), each a number or a tree of arrays like x.")
    trees = [bound for bound in given if not (jax.tree_util.all_leaves([bound]) and np.ndim(bound) == 0)]
    if x0 is None and not trees:
        raise ValueError("x0 is missing: a box of two numbers needs an x0, for the shape of x.")
    x = _floats("x0", trees[0] if x0 is None else x0)
    box = Box(*(like(f"box: {end}", bound, x) for end, bound in zip(("lower", "upper"), given, strict=True)))
    pairs = list(zip(jax.tree.leaves(box.lower), jax.tree.leaves(box.upper), strict=True))
    if not all(
        np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all() for low, high in pairs
    ):
        raise ValueError("The box must be finite, and each entry of lower less than that of upper.")
    return box


def placed(points: np.ndarray, origin: Any, width: Any) -> Any:
    """origin + width * point for every row of the points, trees like origin in its dtypes."""
    leaves, structure = jax.tree.flatten(origin)
    ends = np.cumsum([np.size(leaf) for leaf in leaves])
    parts = zip(np.split(points, ends[:-1], axis=1), leaves, jax.tree.leaves(width), strict=True)
    return structure.unflatten(
        [
            (np.asarray(leaf, float) + np.asarray(wide, float) * part.reshape(-1, *leaf.shape)).astype(
                leaf.dtype
            )
            for part, leaf, wide in parts
        ]
    )


def _floats(name: str, x: Any) -> Any:
    """x with arrays for leaves."""
    try:
        arrays = tree.strong(x)
    except (TypeError, ValueError):
        arrays = None
    leaves = jax.tree.leaves(arrays)
    if not leaves or any(leaf.dtype not in FLOATS for leaf in leaves):
        raise TypeError(f"{name} must be a float array or a pytree of them; write floats, for example 1.0.")
    return arrays


def _cube(n: int, size: int, sampling: str, seed: int) -> np.ndarray:
    """n points of the unit cube, of shape (n, size).

    Sobol's sequence is shifted by one random vector, modulo 1: its own points lie in a lattice whose middle
    is where symmetric functions have their saddles.
    """
    random = np.random.default_rng(seed)
    if sampling == "random":
        return random.random((n, size))
    if size > SOBOL_MOST:
        raise ValueError(
            f"sampling: Sobol's sequence has at most {SOBOL_MOST:,} dimensions, and x has {size:,} entries; "
            'give sampling="random".'
        )
    from scipy.stats import qmc

    points = qmc.Sobol(size, scramble=False).random_base2((n - 1).bit_length())[:n]
    return (points + random.random(size)) % 1.0
