"""The update for logistic regression.

Rows xᵢ, labels yᵢ ∈ {0, 1}, scores zᵢ = xᵢᵀw, and pᵢ = σ(zᵢ) = 1/(1 + e^(−zᵢ)) for the probability of yᵢ = 1.
The cross-entropy of a row is −yᵢ log pᵢ − (1 − yᵢ) log(1 − pᵢ). **What is its gradient, and how do we know?**

1. σ′ = σ(1 − σ), since σ′ = e^(−z)/(1 + e^(−z))² and 1 − σ = e^(−z)/(1 + e^(−z)).
2. So a row's loss has the derivative, with respect to zᵢ, −yᵢ(1 − pᵢ) + (1 − yᵢ)pᵢ = pᵢ − yᵢ: prediction
   less label.
3. zᵢ = xᵢᵀw has the gradient xᵢ, and the rows add up: ∇f(w) = Σᵢ (pᵢ − yᵢ)xᵢ = Xᵀ(σ(Xw) − y).
4. Once more by step 1: the Hessian is Xᵀ diag(p(1 − p))X, at w = 0 just XᵀX/4.

The update is w₊ = w − η·Xᵀ(σ(Xw) − y). A derivation can be wrong, so this one is held against a pencil,
against automatic differentiation, and against differences (f(w + hd) − f(w − hd))/2h along directions d. The
error of these is h²/6 times the third derivative, by Taylor's series, and about ε·f/h by rounding,
ε = 2.2e-16. Pencil: rows (1, x), x = −2, −1, 1, 2, 3, labels 0, 1, 0, 1, 1; from w = 0 with η = 0.2.
"""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit

import jgd
from experiments.figures import COLORS, DASHES, contours, legend, panels
from experiments.report import Report

PENCIL_X = np.array([[1.0, x] for x in (-2.0, -1.0, 1.0, 2.0, 3.0)])
PENCIL_Y = np.array([0.0, 1.0, 0.0, 1.0, 1.0])
EPS = np.finfo(float).eps


def cross_entropy(w, X, y):
    """log(1 + eᶻ) − yz, the cross-entropy in a form that does not overflow."""
    z = X @ w
    return jnp.sum(jax.nn.softplus(z) - y * z)


def as_written(w, X, y):
    """The same, as one would write it first."""
    z = X @ w
    return jnp.sum(jnp.log(1 + jnp.exp(z)) - y * z)


def formula(w: np.ndarray, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Xᵀ(σ(Xw) − y) in NumPy."""
    return X.T @ (expit(X @ w) - y)


def main(quick: bool = False) -> Report:
    """A step with a pencil, then the formula against automatic differentiation, a run, and differences."""
    report = Report()
    path = _trace(jnp.zeros(2), 0.2, PENCIL_X, PENCIL_Y)
    report.same("with a pencil: all pᵢ = ½, ∇f = (−½, −2½), η = 0.2: w₁", (0.1, 0.5), tuple(path[1]))
    problem = jgd.problems.breast_cancer()
    X, y = problem.args[0], (problem.args[1] + 1) / 2
    _automatic(report, X, y, 20 if quick else 500)

    steps, central, forward, taylor, value = _differences(X, y, 40 if quick else 400)
    report.rows = [
        {"h": h, "central": c, "forward": f, "predicted": t}
        for h, c, f, t in zip(steps, central, forward, taylor, strict=True)
    ]
    long, short = (steps > 3e-4) & (steps < 3e-2), steps < 1e-7
    for name, errors, where, range_, order, abs in (
        ("central", central, long, "3e-4 < h < 3e-2", 2, 0.001),
        ("forward", forward, long, "3e-4 < h < 3e-2", 1, 0.002),
        ("central", central, short, "h < 1e-7", -1, 0.05),
    ):
        slope = np.polyfit(np.log(steps[where]), np.log(errors[where]), 1)[0]
        report.near(f"{name} differences, {range_}: slope of log error against log h", order, slope, abs=abs)
    at = np.abs(steps - 1e-3).argmin()
    report.near("central differences, h = 1e-3: error over h²/6·f‴", 1, central[at] / taylor[at], abs=1e-5)
    rounding = (central * steps)[short].max() / (EPS * value)
    report.at_most("central differences, h < 1e-7: largest error over ε·f/h", 1.0, rounding)
    report.draw(
        "update",
        _figure(path, report.rows, EPS * value),
        "Left: the step by hand on contours. Right: errors of differences against h, a V of slopes 2 and −1",
    )
    best = central.argmin()
    report.tell(
        f"At the best h of those tried, {steps[best]:.0e}, central differences err by {central[best]:.0e}, "
        f"forward ones at their best by {forward.min():.0e}. At smaller h two values near {value:.0f} that "
        "agree in nearly all digits are subtracted. Automatic differentiation applies steps 1 to 3 to "
        f"numbers, with no h to choose, in one sweep; central differences take {2 * X.shape[1]} values of f."
    )
    large, label = jnp.array([1000.0]), jnp.array([0.0])
    naive, sound = (jax.value_and_grad(f)(large, jnp.eye(1), label) for f in (as_written, cross_entropy))
    report.ask(
        "Differentiate log(1 + eᶻ) − yz at z = 1000, y = 0, by machine. Which of the steps 1 to 4 fails?",
        f"None, but the machine says f = {naive[0]:.0f} and f′ = {naive[1][0]:.0f}: e¹⁰⁰⁰ is infinite in "
        "float64, and f′ is computed as eᶻ/(1 + eᶻ). Equal formulas are not equal programs. Written as "
        f"max(z, 0) + log(1 + e^(−abs(z))) the same loss gives f = {sound[0]:.0f}, f′ = {sound[1][0]:.0f}; "
        f"σ(z) − y is {formula(np.array(large), np.eye(1), np.array(label))[0]:.0f}.",
    )
    return report


def _trace(w: jax.Array, rate: float, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The first 40 iterates of gradient descent."""
    recorder, method = jgd.Recorder(x=True), jgd.gradient_descent(rate)
    run = jgd.minimize(cross_entropy, w, method, args=(X, y), gtol=0.0, max_steps=40, recorder=recorder)
    return run.history["x"]


def _automatic(report: Report, X: np.ndarray, y: np.ndarray, points: int) -> None:
    """Held against the first-order bound of rounding in sums of n terms."""
    n, p = X.shape

    def terms(w: np.ndarray) -> np.ndarray:
        return np.abs(X).T @ np.abs(expit(X @ w) - y)

    grad = jax.jit(jax.grad(cross_entropy))
    drawn = np.random.default_rng(0).standard_normal((points, p))
    off = max((np.abs(grad(w, X, y) - formula(w, X, y)) / terms(w)).max() for w in drawn) / EPS
    report.at_most(
        f"jax.grad at {points} random w, less the formula, in units of ε·Σᵢ abs((pᵢ − yᵢ)xᵢ) "
        "(bound: the number of rows)",
        n,
        off,
    )
    highest = jgd.curvature(cross_entropy, jnp.zeros(p), args=(X, y)).highest.value
    report.near(
        "largest curvature at w = 0: λmax(XᵀX)/4", float(np.linalg.norm(X, 2)) ** 2 / 4, highest, rel=1e-12
    )
    path, rate = _trace(jnp.zeros(p), 1 / highest, X, y), 1 / highest
    off = max(
        (np.abs(new - (w - rate * formula(w, X, y))) / (np.abs(w) + rate * terms(w))).max()
        for w, new in pairwise(path)
    )
    report.at_most(
        "40 steps of jgd.minimize, less the update by the formula, in units of ε·(abs(w) + η·the same sum) "
        "(bound: the number of rows)",
        n,
        off / EPS,
    )


def _differences(X: np.ndarray, y: np.ndarray, directions: int) -> tuple:
    """h; RMS over random unit directions d of the errors, central and forward, and of h²/6·|f‴|; and f."""
    random = np.random.default_rng(1)
    w = 0.3 * random.standard_normal(X.shape[1])
    d = random.standard_normal((directions, X.shape[1]))
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    steps = np.logspace(-12, 0, 49)
    h = steps[:, None]
    values = jax.jit(lambda moved: jax.lax.map(lambda one: cross_entropy(one, X, y), moved))
    ahead, behind = (
        np.asarray(values((w + s * h[..., None] * d).reshape(-1, w.size))).reshape(len(h), -1)
        for s in (1, -1)
    )
    here, slope, p = float(cross_entropy(w, X, y)), d @ formula(w, X, y), expit(X @ w)
    third = (d @ X.T) ** 3 @ (p * (1 - p) * (1 - 2 * p))
    errors = ((ahead - behind) / (2 * h) - slope, (ahead - here) / h - slope, h**2 / 6 * third)
    return steps, *(np.sqrt(np.mean(error**2, axis=1)) for error in errors), here


def _figure(path: np.ndarray, rows: list[dict], rounding: float):
    figure, (plane, errors) = panels(1, 2, (11, 4.8), width_ratios=(4, 5))
    contours(plane, lambda w: cross_entropy(w, PENCIL_X, PENCIL_Y), (-0.35, 0.65), (-0.1, 1.1), 14)
    plane.plot(*path.T, "o-", color=COLORS[0], markersize=3, linewidth=1)
    plane.annotate("", path[1], path[0], arrowprops={"arrowstyle": "-|>", "color": COLORS[4], "linewidth": 2})
    plane.text(*(path[0] + (0.03, -0.01)), "w₀ = (0, 0)", va="top")
    plane.text(*(path[1] + (-0.03, 0.0)), "w₁ = (0.1, 0.5)", ha="right")
    plane.plot(*path[-1], "k*", markersize=9)
    plane.set(xlabel="intercept", ylabel="slope", title="One step with a pencil, η = 0.2")
    h = np.array([row["h"] for row in rows])
    for i, (name, label) in enumerate(
        (("central", "central differences"), ("forward", "forward differences"))
    ):
        errors.loglog(h, [row[name] for row in rows], "os"[i], color=COLORS[i], markersize=4, label=label)
    errors.loglog(h, [row["predicted"] for row in rows], color="0.35", label="h²/6·|f‴|: Taylor")
    errors.loglog(h, rounding / h, color="0.35", linestyle=DASHES[1], label="ε·f/h: rounding")
    errors.set(
        xlabel="step h of the difference",
        ylabel="error of the slope along d, RMS over d",
        ylim=(1e-11, 1e3),
        title="Differences: too long a step, or too short a one",
    )
    legend(figure, errors, columns=4)
    return figure
