"""What the shape of a valley does: zigzag, scales, narrowness, flatness."""

import jax.numpy as jnp
import numpy as np

from jgd.core import tree
from jgd.core.linear import Diagonal
from jgd.geometry import stability
from jgd.methods.recipes import gradient_descent
from jgd.notes import REMAINS, remaining
from jgd.study.evidence import CUT_SHORT, SAFE, Evidence
from jgd.study.finding import Finding

NARROW = 100.0
"""From this condition number on a valley is called narrow."""


def zigzag(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """Successive gradients at right angles: the zigzag of an exact search."""
    cosines = np.abs(e.last("cosine"))
    if not e.exact_search or cosines.size < 2 or np.median(cosines) > 0.1 or found:
        return None
    condition = e.curvature.condition
    factor = ((condition - 1) / (condition + 1)) ** 2 if np.isfinite(condition) else float("nan")
    values = e.last("value", 0.5)
    steps = e.trail["step"][-len(values) :]
    rate = float("nan")
    if values.size > 2 and values[0] > values[-1] > 0:
        rate = float((values[-2] / values[0]) ** (1 / max(1, steps[-2] - steps[0])))
    method, name = e.second_order
    return Finding(
        "zigzag",
        "The exact search zigzags: successive gradients stand at right angles (median |cosine| "
        f"{np.median(cosines):.2g}), and in a valley of condition number {condition:.4g} f shrinks by no "
        f"better than {factor:.6g} a step in the worst case.",
        {"cosine": float(np.median(cosines)), "condition": condition, "factor": factor, "measured": rate},
        f"Use curvature: {name}.",
        {"method": method},
    )


def bad_scaling(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """Parameters of different scales: scaled by its own curvature each, the condition number falls."""
    if e.eigen is None or not e.descends or e.result.status not in CUT_SHORT:
        return None
    if {"rate-over-limit", "edge-of-stability", "no-minimizer"} & set(found):
        return None
    scaled = e.frame.scaled
    if scaled is not None and not isinstance(scaled.map, Diagonal):
        return None
    values, vectors = e.eigen
    hessian = (vectors * values) @ vectors.T
    diagonal = np.diagonal(hessian)
    if not (values[0] > 0 and diagonal.min() > 0):
        return None
    scales = 1 / np.sqrt(diagonal)
    low, high = _ends(hessian, scales)
    before, after = values[-1] / values[0], high / low
    if not (before >= NARROW and after <= before / 10):
        return None
    rounded = 2.0 ** np.round(np.log2(scales))  # as `minimize` takes them
    rate = SAFE * 2 / sum(_ends(hessian, rounded))
    flat, unravel = tree.ravel(e.result.x0)
    x_scale = unravel(jnp.asarray(rounded, flat.dtype))
    return Finding(
        "bad-scaling",
        f"The parameters are badly scaled: the condition number is {before:.4g}, and {after:.4g} once "
        "each is divided by the root of its own curvature (standardizing features does much the same); "
        "what is left is their interaction, which no scaling of single parameters takes away.",
        {"condition": float(before), "after_scaling": float(after)},
        f"Scale them (x_scale), and a rate of {rate:.3g} will do; or use a method that scales by itself.",
        {"x_scale": scaled.map.forward(x_scale) if scaled else x_scale, "method": gradient_descent(rate)},
    )


def _ends(hessian: np.ndarray, scales: np.ndarray) -> tuple[float, float]:
    """The lowest and the highest eigenvalue in variables divided by these."""
    values = np.linalg.eigvalsh(hessian * scales[:, None] * scales)
    return float(values[0]), float(values[-1])


def narrow_valley(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """A large condition number: what is left of the error lies along the flattest direction."""
    condition = e.curvature.condition
    if not (e.descends and NARROW <= condition < np.inf) or e.result.status not in CUT_SHORT:
        return None
    if {"rate-over-limit", "edge-of-stability", "rate-too-small", "no-minimizer", "zigzag"} & set(found):
        return None
    low, high = e.curvature.lowest.value, e.curvature.highest.value
    rate = e.rate if np.isfinite(e.rate) else float(np.nanmedian(e.last("rate"))) if e.trail else np.nan
    left = _left(e, rate)
    told = f": expect some {left:,.0f} more steps" if np.isfinite(left) else ""
    method, name = e.second_order
    return Finding(
        "narrow-valley",
        f"The valley is narrow, of condition number {condition:.4g}. The remaining error lies along "
        f"lambda min = {low:.4g}, 1/{condition:,.0f} of lambda max = {high:.6g}, for which one rate for "
        f"all directions is too small{told}.",
        {"condition": condition, "lambda_min": low, "lambda_max": high, "steps_left": left},
        f"Use curvature: {name}; or momentum.",
        {"method": method},
    )


def _left(e: Evidence, rate: float) -> float:
    """Steps until the gradient test is met, were f quadratic."""
    if e.family == "gradient_descent":
        return e.steps_left(rate)
    if not np.isfinite(rate):
        return float("inf")
    c = e.curvature
    prediction = stability.predicted(e.family, c.lowest.value, c.highest.value, rate, e.theory.momentum)
    return prediction.steps(e.result.tolerances.grad / e.result.grad_norm)


def flat_valley(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """Hardly any curvature in some direction: a small gradient says little of how far it is."""
    if found or not e.nearly_critical:
        return None
    low, high = e.curvature.lowest, e.curvature.highest
    if low.value == high.value == 0:
        return Finding(
            "no-curvature",
            f"The Hessian is zero here (lambda max = 0){e.where}: f is constant about x, or of "
            "degree 3 or more in every direction, and nothing tells whether this is a minimum.",
            {"lambda_min": 0.0, "lambda_max": 0.0},
            "jgd.check(fun, x) tells of operations without derivative; else start elsewhere.",
        )
    share = remaining(e.result)
    flat = abs(low.value) <= max(1e-6 * high.value, 10 * low.residual) if high.value > 0 else True
    if not (flat or share > REMAINS):
        return None
    gtol = 1e-4 * e.result.tolerances.grad
    return Finding(
        "flat-valley",
        f"The valley is flat{e.where}: lambda min = {low.value:.3g} against lambda max = {high.value:.3g}, "
        f"so a gradient of {e.result.grad_norm:.1e} says little of how far the minimum is"
        + (
            f"; at the pace of the last steps some {share:.0%} of the way is left."
            if share > REMAINS
            else "."
        ),
        {"lambda_min": low.value, "lambda_max": high.value, "remaining": share},
        f"Ask for more, for example gtol={gtol:.1g}; values may agree long before x does.",
        {"gtol": gtol, "max_steps": 100 * max(100, e.result.steps)},
    )
