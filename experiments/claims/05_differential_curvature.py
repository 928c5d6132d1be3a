"""Differential curvature.

One learning rate serves all directions, and curvature differs between them. On f(x, y) = ½(x² + 4y²) a step
of gradient descent multiplies x by 1 − η and y by 1 − 4η. The rate that is best along x, η = 1, multiplies y
by −3. Below ½, where y is stable, the run zigzags across the valley; and the narrower the valley, the smaller
the rate that y bears, and the more the run creeps along it. **How much does that cost?** The theory says that
the steps to a tolerance grow as κ for gradient descent, as √κ with momentum (heavy ball,
x₊ = x − η∇f(x) + β(x − x₋)), and not at all for Newton–Raphson, which divides by the curvature.
"""

import jax.numpy as jnp
import numpy as np

import jgd
from experiments.figures import COLORS, contours, legend, panels
from experiments.report import Report

KAPPA = 4.0
AXES = (("x", "1 − η", 1.0), ("y", "1 − 4η", KAPPA))
RATE = 0.45
"""Between 1/4, with which y is at 0 at once, and the limit ½."""

METHODS = {
    "gradient descent": lambda k: jgd.gradient_descent(2 / (k + 1)),
    "heavy ball": lambda k: jgd.heavy_ball(
        4 / (np.sqrt(k) + 1) ** 2, ((np.sqrt(k) - 1) / (np.sqrt(k) + 1)) ** 2
    ),
    "Newton–Raphson": lambda k: jgd.newton_raphson(),
}
SLOPES = {"gradient descent": 1.0, "heavy ball": 0.5, "Newton–Raphson": 0.0}


def valley(x, h):
    return 0.5 * jnp.sum(h * x**2)


def main(quick: bool = False) -> Report:
    """Factors along both axes of one valley, and steps against κ over six decades."""
    report = Report()
    path = _path(RATE)
    for i, (name, factor, curvature) in enumerate(AXES):
        measured = path[1:6, i] / path[:5, i]
        report.near(
            f"factor of {name} in a step at η = {RATE}: {factor}",
            1 - curvature * RATE,
            measured.mean(),
            rel=1e-12,
        )
    report.same("y changes its sign at every step (zigzag), x never", (True, True), _signs(path))

    kappas = np.logspace(0, 4 if quick else 6, 5 if quick else 13)
    steps = {name: _steps(name, kappas) for name in METHODS}
    report.rows = [
        {"kappa": k, **{name: int(steps[name][i]) for name in steps}} for i, k in enumerate(kappas)
    ]
    wide = kappas >= 100
    for name, slope in SLOPES.items():
        fitted = np.polyfit(np.log(kappas[wide]), np.log(steps[name][wide]), 1)[0]
        report.near(f"{name}: slope of log steps against log κ, κ ≥ 100", slope, fitted, abs=0.03, digits=3)
    report.draw(
        "valley",
        _valley(path),
        "The path at η = 0.45 on the contours of ½(x² + 4y²), and |x| and |y| against steps",
    )
    report.draw(
        "steps", _against_kappa(kappas, steps), "Steps against κ: slope 1, ½ and 0 on logarithmic axes"
    )
    widest = report.rows[-1]
    report.tell(
        f"At κ = {kappas[-1]:,.0f} gradient descent at its best constant rate needs "
        f"{widest['gradient descent']:,} steps, heavy ball with its best constants "
        f"{widest['heavy ball']:,}, Newton–Raphson {widest['Newton–Raphson']}."
    )
    report.ask(
        "On ½(x² + 4y²) at η = 0.45, which of the two coordinates decides how many steps the run needs?",
        f"The factors are {1 - RATE:.2f} for x and {1 - KAPPA * RATE:.2f} for y: y, which zigzags, is the "
        "slower one, since 0.8 > 0.55. At the best rate 2/(1 + 4) = 0.4 both are 0.6 in size: after 20 steps "
        f"|y| is {abs(_path(0.4)[20, 1]):.1e} there and {abs(path[20, 1]):.1e} at 0.45.",
    )
    return report


def _path(rate: float) -> np.ndarray:
    start, h = jnp.array([4.0, 1.0]), jnp.array([1.0, KAPPA])
    recorder = jgd.Recorder(x=True)
    method = jgd.gradient_descent(rate)
    return jgd.minimize(valley, start, method, args=(h,), max_steps=20, recorder=recorder).history["x"]


def _signs(path: np.ndarray) -> tuple[bool, bool]:
    changes = np.sign(path[1:]) != np.sign(path[:-1])
    return bool(changes[:, 1].all()), bool(not changes[:, 0].any())


def _steps(name: str, kappas: np.ndarray) -> np.ndarray:
    """Steps on ½(x² + κy²) from (κ, 1) until ‖∇f‖ has shrunk by 1e-8."""
    h = np.stack([np.ones_like(kappas), kappas], axis=1)
    limits = {"gtol": 1e-8, "grtol": 0.0, "max_steps": 100_000_000}
    return jgd.minimize_many(valley, 1 / h, METHODS[name](kappas), args=(h,), args_axis=0, **limits).steps


def _valley(path: np.ndarray):
    figure, (plane, sizes) = panels(1, 2, (10, 4.2), width_ratios=(3, 2))
    contours(
        plane,
        lambda x: valley(x, jnp.array([1.0, KAPPA])),
        (-1.0, 4.5),
        (-1.6, 1.6),
        np.geomspace(0.05, 20, 12),
    )
    plane.plot(*path.T, "o-", color=COLORS[0], markersize=4)
    plane.set(
        xlabel="x (curvature 1)",
        ylabel="y (curvature 4)",
        title="Across: zigzag. Along: no change of sign",
    )
    for i, (name, factor, curvature) in enumerate(AXES):
        k = np.arange(21)
        sizes.semilogy(
            k, np.abs(path[:21, i]), "os"[i], color=COLORS[2 * i], markersize=5, label=f"|{name}| measured"
        )
        predicted = np.abs(path[0, i] * (1 - curvature * RATE) ** k)
        sizes.semilogy(k, predicted, "-", color=COLORS[2 * i], linewidth=1, label=f"({factor})ᵏ predicted")
    sizes.set(
        xlabel="steps", ylabel="distance from the minimum", title="Each direction has a factor of its own"
    )
    legend(figure, sizes, columns=4)
    return figure


def _against_kappa(kappas: np.ndarray, steps: dict[str, np.ndarray]):
    figure, (axes,) = panels(1, 1, (8, 4.8))
    for i, (name, counted) in enumerate(steps.items()):
        axes.loglog(kappas, counted, "os^"[i] + "-", color=COLORS[i], label=f"{name}: slope {SLOPES[name]:g}")
    axes.set(
        xlabel="condition number κ",
        ylabel="steps until ‖∇f‖∞ has shrunk by 1e-8",
        title="What a narrow valley costs",
    )
    legend(figure, axes)
    return figure
