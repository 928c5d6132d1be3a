"""Data on several devices: where the rows lie is all that changes, runs and answers are the same."""

import dataclasses
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from jgd.core.examples import Examples
from jgd.core.sharded import Layout, Sharded, automatic
from jgd.sums import FiniteSum, count_of


def shard(data: Any, mesh: Mesh | None = None, axis: str | tuple[str, ...] | None = None) -> Any:
    """Spread examples over devices: each has as many rows, in their order, and sums its own.

    Args:
      data: a `jgd.finite_sum` (or a model of `jgd.models`), or an array or a pytree of arrays whose first
        axis counts the examples. With several processes every one gives the same; where each has rows of its
        own, make the arrays by `jax.make_array_from_process_local_data` and hand them to `finite_sum`.
      mesh: the devices; None for all there are.
      axis: the name of the mesh's axis, or a tuple of them, over which the rows are spread; None for all.

    Returns:
      The finite_sum on these devices, filled up with rows of no weight where the number of examples is no
      multiple of that of the devices; or the arrays on these devices, which `jgd.finite_sum` takes as data.

    Raises:
      TypeError, ValueError: for data without a common first axis, an axis that the mesh does not have, or
        arrays whose rows do not divide among the devices.

    >>> import jax.numpy as jnp, jgd
    >>> fit = jgd.models.linear(jnp.array([[0.0], [1.0], [2.0]]), jnp.array([1.0, 3.0, 5.0]), intercept=True)
    >>> float(jgd.minimize(jgd.parallel.shard(fit)).x["intercept"].round(6))
    1.0
    """
    mesh = automatic(Mesh(np.array(jax.devices()), ("examples",)) if mesh is None else mesh)
    axes = mesh.axis_names if axis is None else (axis,) if isinstance(axis, str) else tuple(axis)
    if not axes or not set(axes) <= set(mesh.axis_names):
        raise ValueError(f"axis must be of the mesh's {mesh.axis_names}, got {axis!r}.")
    layout = Layout(mesh, axes)
    if isinstance(data, FiniteSum):
        if not isinstance(data.examples, Examples):
            raise ValueError("data is on several devices, or streamed from a file, already.")
        return dataclasses.replace(data, examples=_spread(data.examples, layout))
    count = count_of(data)
    if count % layout.devices:
        raise ValueError(
            f"data: {count:,} examples do not divide among {layout.devices} devices: shard the finite_sum "
            "made of them instead, which fills up with rows of no weight."
        )
    return jax.device_put(data, layout.placed)


def _spread(given: Examples, layout: Layout) -> Sharded:
    fill = -given.count % layout.devices

    def filled(leaf: Any) -> Any:
        known = np.asarray(leaf)
        return np.concatenate([known, np.repeat(known[-1:], fill, axis=0)])

    rows, weights = given.rows, given.weights
    if fill:
        known = np.ones(given.count, given.scale.dtype) if weights is None else np.asarray(weights)
        rows, weights = jax.tree.map(filled, rows), np.concatenate([known, np.zeros(fill, known.dtype)])
    rows, weights = jax.device_put((rows, weights), layout.placed)
    return Sharded(Examples(rows, weights, given.scale, given.block), given.count, layout)
