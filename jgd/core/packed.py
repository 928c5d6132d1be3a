"""What a compiled program hands back, in few arrays: each takes the time of a thousand numbers."""

import time
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.record import record, static

SMALL = 1024
"""Leaves of at most so many entries are put together."""

AWAKE = 2e-4
"""So many seconds are waited awake: to be woken takes longer than many a small program runs."""


@record
class Packed:
    """A tree: its small leaves in one vector for each dtype, all others as they are.

    `layout` is its structure and the place of each leaf: its vector, where it begins there, and its shape; or
    None, its place in `whole`, and None.
    """

    vectors: tuple[jax.Array, ...]
    whole: tuple[jax.Array, ...]
    layout: tuple = static()


def packed(tree: Any, given: Any = None) -> Packed:
    """The tree, for `unpacked`; its leaves that are those of `given` stay as they are, small or not.

    A leaf that is there more than once is handed back once.
    """
    leaves, structure = jax.tree.flatten(tree)
    kept = set(map(id, jax.tree.leaves(given)))
    together: dict[Any, list[jax.Array]] = {}
    whole: list[jax.Array] = []
    at: dict[int, int] = {}
    places = []
    for leaf in leaves:
        dtype = leaf.dtype
        if id(leaf) in kept or leaf.size > SMALL or getattr(dtype, "kind", "V") not in "fiub":
            places.append((None, at.setdefault(id(leaf), len(whole)), None))
            if at[id(leaf)] == len(whole):
                whole.append(leaf)
        else:
            vector = together.setdefault(dtype, [])
            places.append((dtype, sum(part.size for part in vector), leaf.shape))
            vector.append(leaf.ravel())
    order = {dtype: number for number, dtype in enumerate(together)}
    layout = tuple((order.get(dtype), start, shape) for dtype, start, shape in places)
    vectors = tuple(jnp.concatenate(parts) for parts in together.values())
    return Packed(vectors, tuple(whole), (structure, layout))


def unpacked(p: Packed) -> Any:
    """The tree, once it is there; what was put together is NumPy's now. Other threads run meanwhile."""
    structure, layout = p.layout
    vectors = [np.asarray(_there(vector)) for vector in p.vectors]
    leaves = []
    for vector, start, shape in layout:
        if vector is None:
            leaves.append(p.whole[start])
        elif shape == ():
            leaves.append(vectors[vector][start])
        else:
            leaves.append(vectors[vector][start : start + prod(shape)].reshape(shape))
    return structure.unflatten(leaves)


def _there(array: jax.Array) -> jax.Array:
    """The array, once it is there."""
    until = time.perf_counter() + AWAKE
    while time.perf_counter() < until:
        if array.is_ready():  # pyright: ignore[reportAttributeAccessIssue]
            return array
    return array.block_until_ready()
