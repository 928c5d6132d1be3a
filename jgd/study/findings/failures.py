"""What stops a run: no finite start, a wall, no minimizer, the limit of precision."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import tree
from jgd.core.status import Status
from jgd.methods.recipes import gradient_descent
from jgd.study.curvature import curvature
from jgd.study.evidence import Evidence, ray
from jgd.study.finding import Finding


def not_finite_at_the_start(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """NaN or infinity at x0."""
    if e.result.status != Status.NONFINITE_START:
        return None
    return Finding(
        "not-finite-at-start",
        "fun or its gradient is NaN or infinite at x0: nothing can be said of its shape.",
        {"value": float(e.result.value)},
        "Choose another x0; jgd.check(fun, x0) names the entries.",
    )


def wall(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """A wall of NaN or infinity against which the steps ran."""
    failed = (Status.NONFINITE, Status.SEARCH_FAILED, Status.STALLED)
    if e.result.status not in failed or "not-finite-at-start" in found:
        return None
    grad = e.result.grad
    size = float(jnp.sqrt(tree.dot(grad, grad)))
    if not size > 0:
        return None
    lengths = np.geomspace(1e-8, 1e2, 41) * e.length
    at = [float(e.value(tree.add_scaled(e.result.x, -length / size, grad))) for length in lengths]
    bad = np.flatnonzero(~np.isfinite(at))
    if not bad.size or (e.result.status == Status.NONFINITE and _overflows(e)):
        return None
    distance = float(lengths[bad[0]])
    told = f"fun is NaN or infinite {distance:.2g} away from x, against the gradient: "
    numbers = {"distance": distance, "grad_norm": e.result.grad_norm}
    if e.result.status != Status.NONFINITE:
        return Finding(
            "wall",
            told + "the search stands before a wall, and the minimum lies behind it or along it.",
            numbers,
            "Write fun so that it has no edge, for example in the logarithm of what must stay positive.",
        )
    return Finding(
        "wall",
        told + "the steps ran into a wall.",
        numbers,
        "A line search steps back from it: jgd.gradient_descent(); or write fun so that it has no edge.",
        {"method": gradient_descent()},
    )


def _overflows(e: Evidence) -> bool:
    """Whether x had left for infinity rather than met an edge."""
    return abs(float(e.result.value)) > 1e8 * max(1.0, abs(e.result.first_value))


def no_minimizer(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """f keeps falling along x itself: it has no minimizer there."""
    if e.broken or found or tree.norm_inf(e.result.x) == 0:
        return None
    values, slopes = (np.asarray(part, float) for part in ray(e.objective, e.x, 2.0 ** np.arange(5)))
    grad_falls = np.all(slopes < 0) or (np.all(slopes <= 0) and slopes[0] < 0)
    if not (
        np.isfinite(values).all() and np.all(np.diff(values) <= 0) and values[1] < values[0] and grad_falls
    ):
        return None
    o = e.objective
    start = curvature(o.fun, e.result.x0, args=o.args, has_aux=o.has_aux)
    weight = 1e-3 * max(start.highest.value, float(jnp.finfo(e.result.dtype).tiny))
    method, name = e.second_order

    def regularized(x: Any, *args: Any) -> Any:
        out = o.fun(x, *args)
        penalty = 0.5 * weight * tree.dot(x, x)
        return (
            (out[0] + penalty.astype(out[0].dtype), out[1]) if o.has_aux else out + penalty.astype(out.dtype)
        )

    return Finding(
        "no-minimizer",
        f"f has no minimizer this way: it falls from {values[0]:.3g} at x to {values[1]:.3g} at 2x and "
        f"{values[2]:.3g} at 4x, and so on, while the gradient vanishes. Logistic regression on separable "
        "data is like this: |x| grows as the logarithm of the number of steps.",
        {"value": values[0], "at_2x": values[1], "at_4x": values[2], "x_norm": float(tree.norm_inf(e.x))},
        f"Regularize: add weight/2 |x|^2, for example with weight = {weight:.1g}, and use {name}.",
        {"fun": regularized, "method": method},
    )


def precision_limit(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """Steps or differences of values below what the dtype resolves."""
    r = e.result
    if r.status not in (Status.PRECISION_LIMIT, Status.STALLED, Status.SEARCH_FAILED) or found:
        return None
    high, eps = e.curvature.highest.value, float(jnp.finfo(r.dtype).eps)
    grad = r.grad
    decrease = float(tree.dot(grad, grad)) / (2 * high) if high > 0 else float("nan")
    resolved = eps * max(abs(float(r.value)), float(np.finfo(float).tiny))
    stuck = r.status == Status.PRECISION_LIMIT or decrease <= 8 * resolved
    if not stuck:
        return None
    wider = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), r.x)
    return Finding(
        "precision-limit",
        f"{r.dtype} is at its limit: the decrease that is left, some |grad|^2/(2 lambda max) = "
        f"{decrease:.1e}, is not above the rounding of f, {resolved:.1e}.",
        {"decrease": decrease, "rounding": resolved, "grad_norm": r.grad_norm},
        "Go on in float64 (jax_enable_x64), take the constant out of f, or be content: x is as good as "
        "it gets.",
        {"x0": wider} if r.dtype != "float64" else {"gtol": 2 * r.grad_norm},
    )
