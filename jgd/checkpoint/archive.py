"""A tree as a few arrays and a list that says where each of its leaves is."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.checkpoint.digest import is_key, shaped

TOGETHER = "together"
"""The array that has the bytes of all small leaves: every array is a file, and takes milliseconds."""

SMALL = 2**16
"""Leaves of at most so many bytes go there."""


def packed(tree: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The arrays by name, and of each leaf its path, shape, dtype, array, and where it begins there.

    All are bytes on the host but leaves that are spread over devices, which stay where they are.
    """
    arrays: dict[str, Any] = {}
    small: list[np.ndarray] = []
    leaves = []
    taken = 0
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        described, data = {"path": jax.tree_util.keystr(path), **_kind(leaf)}, leaf
        if is_key(leaf):
            described["keys"], data = str(jax.random.key_impl(leaf)), jax.random.key_data(leaf)
        if is_spread(data):
            place = {"array": f"leaf{len(leaves)}", "start": None}
            arrays[place["array"]] = data
        else:
            found = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
            place = {"array": TOGETHER, "start": taken}
            if found.size > SMALL:
                place = {"array": f"leaf{len(leaves)}", "start": 0}
                arrays[place["array"]] = found
            else:
                small.append(found)
                taken += found.size
        leaves.append(described | place)
    arrays[TOGETHER] = np.concatenate([*small, np.zeros(1, np.uint8)])
    return arrays, leaves


def places(leaves: list[dict[str, Any]], like: Any, under: str = "") -> list[tuple[dict[str, Any], Any]]:
    """The leaves that those of `like` stand for, each with that of `like`, where both agree.

    Raises ValueError with the first that differs. `under` is the path of `like` in the tree.
    """
    known = {leaf["path"]: leaf for leaf in leaves if leaf["path"].startswith(under)}
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


def is_spread(leaf: Any) -> bool:
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
