"""Rows of data that lie on several devices, each of which sums its own."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, prod, sqrt
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jgd.core.examples import Examples, accumulated, scale_of
from jgd.core.record import record, static


@record
class Sharded:
    """Examples whose rows are spread over devices, in their order and as many on each.

    `count` of them are examples, the others, which come last, fill up and have no weight. A sum is made on
    each device of its own rows, and the sums are added by one all-reduce for each dtype.
    """

    examples: Examples
    count: int = static()
    layout: "Layout" = static()

    @property
    def rows(self) -> Any:
        """All rows, those that fill up too."""
        return self.examples.rows

    @property
    def row(self) -> Any:
        """The shapes and dtypes of a row."""
        return self.examples.row

    @property
    def scale(self) -> jax.Array:
        """By what the sum is multiplied."""
        return self.examples.scale

    @property
    def weights(self) -> jax.Array | None:
        """The weights of all rows, None for 1."""
        return self.examples.weights

    def weight(self) -> jax.Array:
        """The weights of all rows, or a 1 for all."""
        return self.examples.weight()

    def take(self, indices: jax.Array, counted: jax.Array) -> "Chosen":
        """The rows of these indices, scaled so that their sum stands for that of all."""
        return Chosen(self, indices, counted)

    def at_once(self, least: int = 1) -> bool:
        """Never: each device has a part."""
        return False

    def summed(self, of: Callable[[Examples], Any], least: int = 1) -> Any:
        """The sum of `of(block)`, a tree of arrays, over the blocks of all devices."""
        return self.everywhere(lambda own: own.summed(of, least))

    def everywhere(self, of: Callable[[Examples], Any]) -> Any:
        """The sum of `of(its rows)`, a tree of arrays, over the devices."""
        rows, one = PartitionSpec(self.layout.axes), PartitionSpec()
        specs = dataclasses.replace(self.examples, rows=rows, weights=rows, scale=one)
        if self.examples.weights is None:
            specs = dataclasses.replace(specs, weights=None)

        def local(own: Examples) -> Any:
            return _added(of(own), self.layout.axes)

        placed = {"mesh": self.layout.mesh, "in_specs": (specs,), "out_specs": one, "check_vma": False}
        return jax.shard_map(local, **placed)(self.examples)


@record
class Chosen:
    """A mini-batch of sharded examples: each device takes those of the rows that it has."""

    whole: Sharded
    indices: jax.Array
    counted: jax.Array

    @property
    def count(self) -> int:
        """The number of rows."""
        return self.indices.size

    @property
    def rows(self) -> Any:
        """The rows in their order, brought together."""
        return self.whole.examples.take(self.indices, self.counted).rows

    def weight(self) -> jax.Array:
        """The weights of the rows."""
        return self.whole.examples.take(self.indices, self.counted).weight()

    def at_once(self, least: int = 1) -> bool:
        """Never: each device has a part."""
        return False

    def summed(self, of: Callable[[Examples], Any], least: int = 1) -> Any:
        """The sum of `of(rows)`, a tree of arrays, over the devices.

        One takes as many rows at once as it is likely to have, and again where it has more.
        """
        share = self.count / self.whole.layout.devices
        size = min(self.count, ceil(share + 3 * sqrt(share)))
        scale = scale_of(self.whole, self.counted)

        def local(own: Examples) -> Any:
            places = self.indices - lax.axis_index(self.whole.layout.axes) * own.count
            here = self.counted & (places >= 0) & (places < own.count)
            order = jnp.argsort(~here)
            fill = (0, -self.count % size)
            places, here = jnp.pad(jnp.where(here, places, 0)[order], fill), jnp.pad(here[order], fill)

            def part(i: jax.Array) -> Any:
                some, there = (lax.dynamic_slice_in_dim(all_of, i * size, size) for all_of in (places, here))
                return of(dataclasses.replace(own.take(some, there), scale=scale))

            return accumulated(part, (jnp.sum(here, dtype=jnp.int32) + size - 1) // size)

        return self.whole.everywhere(local)


@dataclass(frozen=True)
class Layout:
    """The axes of a mesh over which rows are spread."""

    mesh: Mesh
    axes: tuple[str, ...]

    @property
    def devices(self) -> int:
        """Among how many devices the rows are divided."""
        return prod(self.mesh.shape[name] for name in self.axes)

    @property
    def placed(self) -> NamedSharding:
        """The sharding of arrays of rows."""
        return NamedSharding(self.mesh, PartitionSpec(self.axes))

    @property
    def everywhere(self) -> NamedSharding:
        """The sharding of what every device has whole."""
        return NamedSharding(self.mesh, PartitionSpec())


def layout_of(rows: Any) -> Layout | None:
    """How the first axis of any of the arrays is spread over devices; None where none is.

    Raises ValueError where two are spread differently, or another axis is.
    """
    found = set()
    for path, leaf in jax.tree_util.tree_leaves_with_path(rows):
        sharding = getattr(leaf, "sharding", None)
        if not isinstance(sharding, NamedSharding) or not any(sharding.spec):
            continue
        first, *others = sharding.spec
        if first is None or any(others):
            name = f"data{jax.tree_util.keystr(path)}"
            raise ValueError(
                f"{name} is spread over devices by {sharding.spec}: spread its first axis alone."
            )
        axes = (first,) if isinstance(first, str) else tuple(first)
        found.add(Layout(automatic(cast(Mesh, sharding.mesh)), axes))
    if len(found) > 1:
        raise ValueError("data are spread over devices in several ways: spread them all in one.")
    layout = found.pop() if found else None
    return None if layout is None or layout.devices == 1 else layout


def automatic(mesh: Mesh) -> Mesh:
    """The mesh with axes over which JAX places what it computes: of others a loss has to know."""
    return Mesh(mesh.devices, mesh.axis_names, axis_types=(AxisType.Auto,) * len(mesh.axis_names))


def _added(tree: Any, axes: tuple[str, ...]) -> Any:
    """The sum over the devices, those of one dtype as one vector."""
    leaves, structure = jax.tree.flatten(tree)
    found = list(leaves)
    for dtype in dict.fromkeys(leaf.dtype for leaf in leaves):
        places = [place for place, leaf in enumerate(leaves) if leaf.dtype == dtype]
        vector, back = ravel_pytree([leaves[place] for place in places])
        for place, leaf in zip(places, back(lax.psum(vector, axes)), strict=True):
            found[place] = leaf
    return structure.unflatten(found)


def agreed(given: Any, numbers: Sequence[int]) -> list[int]:
    """The highest of each number among the processes that `given` is spread over, if it is.

    Processes that go on differently would wait for each other for ever.
    """
    leaves = jax.tree.leaves(given)
    if all(leaf.is_fully_addressable for leaf in leaves if isinstance(leaf, jax.Array)):
        return list(numbers)
    from jax.experimental.multihost_utils import process_allgather

    return np.max(process_allgather(np.asarray(numbers, np.int32)), axis=0).tolist()
