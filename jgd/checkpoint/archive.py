"""A tree as a few arrays and a list that says where each of its leaves is."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.checkpoint.digest import is_key, shaped

TOGETHER = "together"
"""The array that has the bytes of all leaves: each array is a file of its own, and takes milliseconds."""


def described(tree: Any) -> tuple[list[Any], list[dict[str, Any]]]:
    """The leaves, and of each its path, shape, dtype, its array, and where it begins there.

    They are on the host but for those of which devices have parts: these are arrays of their own, and stay.
    """
    data, places, start = [], [], 0
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        place, found = {"path": jax.tree_util.keystr(path), **_kind(leaf)}, leaf
        if is_key(leaf):
            place["keys"], found = str(jax.random.key_impl(leaf)), jax.random.key_data(leaf)
        if _is_spread(found):
            place |= {"array": f"leaf{len(places)}", "start": None}
        else:
            found = np.asarray(found, jnp.result_type(found))
            place |= {"array": TOGETHER, "start": start}
            start += found.nbytes
        data.append(found)
        places.append(place)
    return data, places


def packed(data: list[Any], places: list[dict[str, Any]]) -> dict[str, Any]:
    """The arrays by name."""
    pairs = list(zip(data, places, strict=True))
    arrays = {place["array"]: leaf for leaf, place in pairs if place["start"] is None}
    bytes_of = [
        np.ascontiguousarray(leaf).reshape(-1).view(np.uint8)
        for leaf, place in pairs
        if place["start"] is not None
    ]
    return arrays | {TOGETHER: np.concatenate([*bytes_of, np.zeros(1, np.uint8)])}


def places_of(like: Any, places: list[dict[str, Any]], under: str = "") -> list[tuple[dict[str, Any], Any]]:
    """The places of the leaves of a tree like `like`, each with its leaf there, where both agree.

    Raises ValueError with the first that differs. `under` is the path of `like` in the tree.
    """
    known = {leaf["path"]: leaf for leaf in places if leaf["path"].startswith(under)}
    pairs = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(like):
        name, now = under + jax.tree_util.keystr(path), _kind(leaf)
        found = known.pop(name, None)
        was = found and {part: found[part] for part in now}
        if found is None or was != now:
            raise ValueError(f"{name} was {_told(was)} and is {_told(now)}")
        pairs.append((found, leaf))
    for name, left in known.items():
        raise ValueError(f"{name} was {_told(left)} and is not there")
    return pairs


def unpacked(arrays: dict[str, Any], pairs: list[tuple[dict[str, Any], Any]], like: Any) -> Any:
    """The tree, each leaf on the devices of that of `like`."""
    return jax.tree.unflatten(jax.tree.structure(like), [_leaf(arrays, *pair) for pair in pairs])


def _is_spread(leaf: Any) -> bool:
    """Whether several devices have parts of it."""
    sharding = getattr(leaf, "sharding", None)
    return sharding is not None and not sharding.is_fully_replicated


def _kind(leaf: Any) -> dict[str, Any]:
    """Shape and dtype, as JSON."""
    dtype = leaf.dtype if is_key(leaf) else jnp.result_type(leaf)
    return {"shape": list(np.shape(leaf)), "dtype": str(dtype)}


def _told(kind: dict[str, Any] | None) -> str:
    return "not there" if kind is None else shaped(kind["shape"], kind["dtype"])


def _leaf(arrays: dict[str, Any], place: dict[str, Any], like: Any) -> jax.Array:
    """A leaf of the tree."""
    value = arrays[place["array"]]
    if place["start"] is not None:
        data = jax.eval_shape(jax.random.key_data, like) if is_key(like) else like
        shape, dtype = np.shape(data), jnp.result_type(data)
        size = math.prod(shape) * dtype.itemsize
        # a copy, since what lies among bytes is not aligned as JAX wants it
        value = value[place["start"] : place["start"] + size].copy().view(dtype).reshape(shape)
    value = jax.device_put(value)  # jnp.asarray would compile a copy for each shape
    if is_key(like):
        value = jax.random.wrap_key_data(value, impl=place["keys"])
    sharding = getattr(like, "sharding", None)
    return value if sharding in (None, value.sharding) else jax.device_put(value, sharding)
