"""Trials along a direction: what searches share."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.status import Status
from jgd.core.types import Info, Point

ROUNDINGS = 8


def unit(point: Point, dtype: Any) -> float:
    """The coarser rounding unit of `dtype` and of the point's value."""
    return max(float(jnp.finfo(kind).eps) for kind in (dtype, point.value.dtype))


def noise(point: Point, dtype: Any) -> jax.Array:
    """What two values may differ by through rounding alone: 8 roundings of the point's value, in `dtype`."""
    return ROUNDINGS * unit(point, dtype) * jnp.abs(point.value.astype(dtype))


def slope(f: Objective, p: Point, d: Any) -> jax.Array:
    """grad.d at p, without the part of d that leads out of the bounds; within the range of its dtype."""
    along = tree.dot(p.grad, f.tangent(p.x, d))
    return jnp.clip(along, -jnp.finfo(along.dtype).max, jnp.finfo(along.dtype).max)


def change(f: Objective, p: Point, trial: Point, rate: jax.Array, slope: jax.Array) -> jax.Array:
    """The change of f from p to a trial at first order: rate slope, where no bound bends the way."""
    return rate * slope if f.box is None else jnp.minimum(tree.dot(p.grad, tree.subtract(trial.x, p.x)), 0)


def backtrack(
    f: Objective,
    p: Point,
    d: Any,
    first: jax.Array,
    shrink: Any,
    acceptable: Callable[[jax.Array, Point], jax.Array],
    most: int,
    descends: jax.Array,
) -> tuple[jax.Array, Point, jax.Array, jax.Array, jax.Array]:
    """The first acceptable one of the rates first, first shrink, ..., its Point, whether one is, the trials.

    Nothing is tried unless d `descends`; a trial that is not finite is not acceptable. Returns last whether
    all were finite.
    """

    def attempt(carry: tuple) -> tuple:
        rate, _, _, trials, whole = carry
        rate = jnp.where(trials == 0, rate, rate * shrink)
        trial = f.evaluate(tree.add_scaled(p.x, rate, d))
        finite = jnp.isfinite(trial.value) & tree.all_finite(trial.grad)
        return rate, trial, acceptable(rate, trial) & finite, trials + 1, whole & finite

    def searching(carry: tuple) -> jax.Array:
        _, _, accepted, trials, _ = carry
        return ~accepted & (trials < most) & descends

    start = (first, p, jnp.zeros((), bool), jnp.zeros((), jnp.int32), jnp.ones((), bool))
    return lax.while_loop(searching, attempt, start)


def told(rate: jax.Array, accepted: jax.Array, trials: jax.Array, failure: Any, hvps: Any = 0) -> Info:
    """The Info of a search whose trials were evaluated with their gradients."""
    return Info(
        rate=jnp.where(accepted, rate, jnp.zeros_like(rate)),
        accepted=accepted,
        values=trials,
        grads=trials,
        hvps=hvps,
        rejected=trials - accepted.astype(jnp.int32),
        status=jnp.where(accepted, Status.RUNNING, failure).astype(jnp.int32),
    )
