"""What kind of point a run ended at, and how Newton-Raphson got there."""

import jax
import numpy as np

from jgd.core import tree
from jgd.core.status import Status
from jgd.geometry.convexity import along, around
from jgd.geometry.critical import critical_kind
from jgd.methods.curved_recipes import newton
from jgd.study.evidence import CUT_SHORT, Evidence
from jgd.study.finding import Finding


def saddle(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """A saddle or a maximum, where the gradient test is met but f falls along a direction."""
    direction = e.downhill if e.nearly_critical else None
    if direction is None:
        return None
    low = e.curvature.lowest
    slope = abs(float(tree.dot(e.objective.grad(e.result.x0), direction)))
    size = float(tree.norm_inf(e.objective.grad(e.result.x0)))
    name = point = critical_kind(e.curvature.spectrum).split()[0]
    if name not in ("saddle", "maximum"):
        name, point = "negative-curvature", "critical point that is no minimum"
    on_manifold = name == "saddle" and e.result.steps > 0 and slope <= 1e-12 * max(size, 1e-300)
    why = f"The run {'stopped' if e.result.steps else 'began'} at a {point}"
    if on_manifold:
        why = "The start lies on the stable manifold of a saddle, and the run ended there"
    away = 1e-2 * e.length
    ahead = min((e.moved(direction, length) for length in (away, -away)), key=e.value)
    return Finding(
        "stable-manifold" if on_manifold else name,
        f"{why}{e.where}: lambda = {low.value:.4g} (residual {low.residual:.1g}), so f falls along a "
        "direction in which the gradient has no part.",
        {"eigenvalue": low.value, "residual": low.residual, "slope_at_start": slope},
        f"Go on from a point {away:.2g} along jgd.curvature(...).negative_direction.",
        {"x0": ahead, **({"method": newton()} if "newton" in e.family else {})},
    )


def newton_climbs(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """Newton-Raphson's full step led uphill."""
    values = e.result.history.get("value", np.zeros(0))
    if e.family != "newton_raphson" or values.size < 2:
        return None
    rises = np.diff(values)
    if not np.nanmax(rises) > 1e-6 * max(1.0, abs(e.result.first_value)):
        return None
    top = int(np.nanargmax(rises)) + 1
    step = int(e.result.history["step"][top])
    return Finding(
        "newton-climbs",
        f"Newton-Raphson's full step climbed: f rose from {values[top - 1]:.6g} to {values[top]:.6g} at "
        f"step {step:,}, where its model of degree 2 held no further than a part of the step, or was not "
        "convex.",
        {"before": float(values[top - 1]), "after": float(values[top]), "step": step},
        "jgd.newton() searches along the step and makes the Hessian definite.",
        {"method": newton()},
    )


def local_minimum(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """A minimum of a function that is seen not to be convex."""
    r = e.result
    if r.status != Status.CONVERGED or found or e.held.all() or not e.curvature.lowest.value > 0:
        return None
    moved = any(
        not np.array_equal(a, b) for a, b in zip(jax.tree.leaves(r.x0), jax.tree.leaves(r.x), strict=True)
    )
    if not moved:
        return None
    far = tree.add_scaled(r.x, 2.0, tree.subtract(r.x, r.x0))
    radius = max(e.length, float(tree.norm_inf(tree.subtract(r.x, r.x0))))
    looks = (
        along(e.objective, r.x0, r.x, 50),
        along(e.objective, r.x, far, 50),
        around(e.objective, r.x, radius, 50, 5, 0),
    )
    seen = min(looks, key=lambda look: look.eigenvalue)
    if not seen.violated:
        return None
    return Finding(
        "local-minimum",
        f"This is a minimum of its surroundings ({critical_kind(e.curvature.spectrum)}{e.where}). "
        f"Whether it is the lowest of all cannot be known from here: fun is not convex ({seen}).",
        {"lambda_min": e.curvature.lowest.value, "negative_curvature": seen.eigenvalue},
        "Other starts may end elsewhere: run several and keep the lowest.",
    )


def converged(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """Nothing to say."""
    if e.result.status != Status.CONVERGED or found:
        return None
    if e.held.all():
        return Finding(
            "converged",
            f"Converged where bounds hold all of x, max |grad| {float(tree.norm_inf(e.result.grad)):.2e} "
            "against them: f rises from here into the box, and there is nothing more to say.",
            {"held": e.held.size},
        )
    low = e.curvature.lowest.value
    curved = low > e.curvature.spectrum.zero
    error = float(e.grad @ e.grad) / (2 * low) if curved else float("nan")
    bound = f" If fun is convex near here, f - f* is at most some {error:.1e}." if curved else ""
    return Finding(
        "converged",
        f"Converged to a critical point, {critical_kind(e.curvature.spectrum)}{e.where}: nothing more to "
        f"say.{bound}",
        {"error_bound": error, "lambda_min": low},
    )


def target_reached(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """The run had what it was asked for, and looked no further."""
    r = e.result
    if r.status != Status.TARGET_REACHED or found:
        return None
    return Finding(
        "target-reached",
        f"The value {float(r.value):.6g} is at the target, {r.tolerances.target:.6g}, which ended the run. "
        f"This need be no minimum: max |grad| is {r.grad_norm:.2e}.",
        {"value": float(r.value), "target": r.tolerances.target, "grad_norm": r.grad_norm},
        "Without target= a run goes on to where the gradient test is met; start=result begins it here.",
    )


def cut_short(e: Evidence, found: tuple[str, ...]) -> Finding | None:
    """Nothing stands out of a run that its budget ended."""
    if found or e.result.status not in CUT_SHORT:
        return None
    steps = max(4 * e.result.steps, 10_000)
    return Finding(
        "cut-short",
        f"The run was cut short after {e.result.steps:,} steps with max |grad| {e.result.grad_norm:.2e}; "
        "nothing else stands out.",
        {"steps": e.result.steps, "grad_norm": e.result.grad_norm},
        f"Give more steps, max_steps={steps:,}, with start=result to go on from here; or use "
        f"{e.second_order[1]}.",
        {"max_steps": steps},
    )
