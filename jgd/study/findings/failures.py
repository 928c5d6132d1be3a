"""What stops a run: no finite start, a wall, the limit of precision, or what is not known."""

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import tree
from jgd.core.status import Status
from jgd.methods.recipes import gradient_descent
from jgd.study.evidence import Evidence
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
    if e.result.status not in (Status.NONFINITE, Status.SEARCH_FAILED, Status.STALLED) or found:
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
    searched = e.result.status != Status.NONFINITE
    if searched and not (distance <= _reach(e) and e.sinks(np.array(at[: bad[0]]))):
        return None
    told = f"fun is NaN or infinite {distance:.2g} away from x, against the gradient: "
    numbers = {"distance": distance, "grad_norm": e.result.grad_norm}
    if searched:
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


def _reach(e: Evidence) -> float:
    """How far a step may have been tried: several times the longest one made; anywhere if none was."""
    steps = e.result.history.get("step_norm", np.zeros(0))
    return 10 * float(np.nanmax(steps)) if np.isfinite(steps).any() else float("inf")


def _overflows(e: Evidence) -> bool:
    """Whether x had left for infinity rather than met an edge."""
    return abs(float(e.result.value)) > 1e8 * max(1.0, abs(e.result.first_value))


def precision_limit(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """Steps or differences of values below what the dtype resolves."""
    r = e.result
    if r.status not in (Status.PRECISION_LIMIT, Status.STALLED, Status.SEARCH_FAILED) or found:
        return None
    high, eps = e.curvature.highest.value, float(jnp.finfo(r.dtype).eps)
    if not high > 0:
        return None
    decrease = float(e.grad @ e.grad) / (2 * high)
    resolved = eps * max(abs(float(r.value)), float(np.finfo(float).tiny))
    drowned = decrease <= 8 * resolved
    if not (np.isfinite(decrease) and (drowned or r.status == Status.PRECISION_LIMIT)):
        return None
    wider = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), r.x)
    left, rounding = f"some |grad|^2/(2 lambda max) = {decrease:.1e}", f"the rounding of f, {resolved:.1e}"
    why = f"steps change x by its last bits alone, though {left} is left, above {rounding}"
    if drowned:
        why = f"the decrease that is left, {left}, is not above {rounding}"
    ways = [] if r.dtype == "float64" else ["go on in float64 (jax_enable_x64)"]
    ways.append("take the constant out of f" if drowned else "write x in other units (x_scale)")
    ways.append("or be content: x is as good as it gets.")
    advice = ", ".join(ways)
    return Finding(
        "precision-limit",
        f"{r.dtype} is at its limit: {why}.",
        {"decrease": decrease, "rounding": resolved, "grad_norm": r.grad_norm},
        advice[0].upper() + advice[1:],
        {"x0": wider} if r.dtype != "float64" else {"gtol": 2 * r.grad_norm},
    )


def unexplained(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """A run that went wrong, of which nothing else is known."""
    r = e.result
    if found or not (r.status.failed or r.status == Status.PRECISION_LIMIT):
        return None
    advice, hint = "jgd.check(fun, x) tells whether fun has derivatives there: those of abs or max jump.", {}
    if e.broken:
        method, name = e.second_order
        advice, hint = f"Take shorter steps, or a method that finds their length: {name}.", {"method": method}
    return Finding(
        "unexplained",
        f"{r.message} Where it ended max |grad| is {r.grad_norm:.2e}; nothing else stands out.",
        {"steps": r.steps, "grad_norm": r.grad_norm},
        advice,
        hint,
    )
