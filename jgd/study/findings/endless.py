"""Where f has no minimizer: it falls below all bounds, or for ever while its gradient vanishes."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd import notes
from jgd.core import tree
from jgd.core.compiled import compiled
from jgd.core.objective import Objective
from jgd.study.curvature import curvature
from jgd.study.evidence import Evidence
from jgd.study.finding import Finding
from jgd.study.regularized import regularized

MULTIPLES = 2.0 ** np.array([0, 1, 2, 4, 8, 16, 32])
"""Of x: where f is looked at."""

CHANGE = 1e-3
"""A slope that keeps less than this share of itself vanishes; one that loses no more does not lessen."""


def unbounded(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """f falls below all bounds: its values did, or they do further along x, ever as steeply."""
    best = float(e.result.best_value)
    told, numbers = f"it fell to {best:.3g}", {"value": best}
    if not notes.unbounded(e.result):
        ahead = _outward(e)
        if ahead is None or ahead[1][-1] > (1 - CHANGE) * ahead[1][0]:
            return None
        told, numbers = _fall(e, ahead[0])
        told += ", and so on, no less steeply"
    return Finding(
        "unbounded",
        f"fun seems to have no lower bound: {told}.",
        numbers,
        "Look for a wrong sign in fun, or hold x: bounds=(lower, upper).",
    )


def no_minimizer(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """f keeps falling along x itself, and its gradient vanishes: it has no minimizer there."""
    if e.broken or found:
        return None
    ahead = _outward(e)
    if ahead is None or ahead[1][-1] < CHANGE * ahead[1][0]:
        return None
    told, numbers = _fall(e, ahead[0])
    o = e.objective
    start = curvature(o.fun, e.result.x0, args=o.args, has_aux=o.has_aux)
    size = max(abs(start.lowest.value), abs(start.highest.value))
    weight = 1e-3 * (size or 1.0)
    method, name = e.second_order
    return Finding(
        "no-minimizer",
        f"f has no minimizer this way: {told}, and so on, while the gradient vanishes. Logistic regression "
        "on separable data is like this: |x| grows as the logarithm of the number of steps.",
        numbers,
        f"Regularize: add weight/2 |x|^2, for example with weight = {weight:.1g}, and use {name}.",
        {**regularized(o, weight, e.result.x0), "method": method},
    )


def _fall(e: Evidence, values: np.ndarray) -> tuple[str, dict[str, float]]:
    """How f falls along x, in words and numbers."""
    at, twice, four = values[:3]
    return f"it falls from {at:.3g} at x to {twice:.3g} at 2x and {four:.3g} at 4x", {
        "value": at,
        "at_2x": twice,
        "at_4x": four,
        "x_norm": float(tree.norm_inf(e.x)),
    }


def _outward(e: Evidence) -> tuple[np.ndarray, np.ndarray] | None:
    """f at the multiples of x as far as it is finite, and its slope along x there.

    None unless f falls from x on and never rises beyond rounding, and where bounds end the way.
    """
    far = tree.scale(MULTIPLES[-1], e.x)
    if float(tree.norm_inf(tree.subtract(e.objective.inside(far), far))) > 0:
        return None
    values, slopes = (np.asarray(part, float) for part in _ray(e.objective, e.x, MULTIPLES))
    known = np.logical_and.accumulate(np.isfinite(values) & np.isfinite(slopes))
    values, slopes = values[known], slopes[known]
    falls = values.size > 3 and slopes[0] < 0 and values[1] < values[0] and e.sinks(values)
    return (values, slopes) if falls else None


@compiled
def _ray(objective: Objective, x: Any, scales: Any) -> tuple[jax.Array, jax.Array]:
    """f and its slope along x at the multiples of x."""

    def at(scale: jax.Array) -> tuple[jax.Array, jax.Array]:
        point = objective.evaluate(tree.scale(scale, x))
        return point.value, tree.dot(x, point.grad)

    return jax.lax.map(at, jnp.asarray(scales, tree.scalar_dtype(x)))
