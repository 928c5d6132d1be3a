"""What a learning rate does: too large, at the edge, too small, constant for ever."""

from typing import Any

import numpy as np
import optax

from jgd.core.status import Status
from jgd.geometry.stability import FORMULAS
from jgd.methods.optax import OptaxMethod, from_optax
from jgd.methods.recipes import gradient_descent, heavy_ball, nesterov
from jgd.study.evidence import CUT_SHORT, SAFE, Evidence
from jgd.study.finding import Finding

MADE = {"gradient_descent": gradient_descent, "heavy_ball": heavy_ball, "nesterov": nesterov}

ROUNDING = 1e-6
"""A rate within this share of the limit is at it."""


def rate_over_limit(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """A constant rate above what the curvature bears."""
    r = e.result
    if not (e.descends and np.isfinite(e.rate)) or r.status in (Status.CONVERGED, Status.NONFINITE_START):
        return None
    left = r.status in (Status.DIVERGED, Status.NONFINITE) or e.backwards > 0.5
    if not (left and e.rate > (1 + ROUNDING) * e.limit) or "wall" in found:
        return None
    high = e.curvature.highest.value
    better = SAFE * e.limit / 2
    return Finding(
        "rate-over-limit",
        f"The learning rate {e.rate:.4g} is over the stable limit {FORMULAS[e.family]}/lambda max = "
        f"{e.limit:.4g}: along the direction of the highest curvature, {high:.6g}, every step makes the "
        "error larger.",
        {"rate": e.rate, "limit": e.limit, "lambda_max": high, "better": better},
        f"A rate of {better:.3g} is stable where this was measured.",
        {"method": _with_rate(e, better), "max_steps": max(10_000, 2 * r.steps)},
    )


def edge_of_stability(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """A rate at the edge: the run neither settles nor leaves."""
    if e.family != "gradient_descent" or not np.isfinite(e.rate) or e.result.status not in CUT_SHORT:
        return None
    if not e.backwards > 0.9 or "rate-over-limit" in found:
        return None
    curved, decreases = e.last("rate_curvature"), e.last("decrease_ratio")
    if not (curved.size and abs(np.median(curved) - 2) < 0.1 and abs(np.median(decreases)) < 0.1):
        return None
    if e.falls("grad_norm"):
        return None
    sharpness = float(np.median(curved)) / e.rate
    return Finding(
        "edge-of-stability",
        f"The run is at the edge of stability: eta R = {np.median(curved):.4g} along its steps, that is a "
        f"curvature of {sharpness:.6g} against 2/eta = {2 / e.rate:.6g}, and {e.backwards:.0%} of the "
        "late steps turn back on the one before, so f neither falls nor diverges.",
        {"rate_curvature": float(np.median(curved)), "backwards": e.backwards, "sharpness": sharpness},
        f"A rate of {e.rate / 2:.3g} leaves the edge.",
        {"method": gradient_descent(e.rate / 2), "max_steps": max(10_000, 4 * e.result.steps)},
    )


def rate_too_small(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """A constant rate far below what the curvature bears."""
    if not (e.descends and np.isfinite(e.rate)) or e.result.status not in CUT_SHORT or found:
        return None
    high, low = e.curvature.highest.value, max(e.curvature.lowest.value, 0.0)
    if not high > 0 or e.rate > e.limit / 8:
        return None
    better = SAFE * (2 / (high + low) if e.family == "gradient_descent" else e.limit / 2)
    return Finding(
        "rate-too-small",
        f"The learning rate {e.rate:.4g} is far too small: the curvature here, lambda max = {high:.6g}, "
        f"bears {e.limit:.4g}, {e.limit / e.rate:,.0f} times as much.",
        {"rate": e.rate, "limit": e.limit, "better": better, "lambda_max": high},
        f"A rate of {better:.3g} needs some {better / e.rate:,.0f} times fewer steps.",
        {"method": _with_rate(e, better)},
    )


def noise_floor(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """Adam and its like at a constant rate: steps of that size for ever."""
    r, method = e.result, e.program.method
    if not (isinstance(method, OptaxMethod) and np.isfinite(e.rate)) or e.descends:
        return None
    if r.status not in CUT_SHORT or found:
        return None
    values, steps = e.last("value", 0.5), e.last("step_norm", 0.5)
    if values.size < 4 or not steps.size:
        return None
    if e.falls("value", 0.5) or np.median(steps) < 1e-3 * e.rate:
        return None
    decay = optax.cosine_decay_schedule(e.rate, max(r.steps, 1))
    given = {**dict(method.constants), **method.hyper, "learning_rate": decay}
    return Finding(
        "noise-floor",
        f"{e.family} hovers: at the constant rate {e.rate:.3g} its steps stay {np.median(steps):.1e} "
        f"long, and f stays about {np.median(values):.4g} whatever the number of steps.",
        {"rate": e.rate, "step": float(np.median(steps)), "floor": float(np.median(values))},
        f"Let the rate decay, for example optax.cosine_decay_schedule({e.rate:.3g}, {r.steps:,}).",
        {"method": from_optax(method.factory, **given), "max_steps": r.steps},
    )


def _with_rate(e: Evidence, rate: float) -> Any:
    """The same kind of method with another rate."""
    momentum = e.theory.momentum
    return MADE[e.family](rate, **({"momentum": momentum} if 0 < momentum < 1 else {}))
