"""Differential curvature.

One learning rate serves all directions, and curvature differs between them. On f(x, y) = ½(x² + 4y²) a step
of gradient descent multiplies x by 1 − η and y by 1 − 4η. The rate that is best along x, η = 1, multiplies y
by −3. Below ½, where y is stable, the run zigzags across the valley; and the narrower the valley, the smaller
the rate that y bears, and the more the run creeps along it. **How much does that cost?** The theory says that
the steps to a tolerance grow as κ for gradient descent, as √κ with momentum (heavy ball,
x₊ = x − η∇f(x) + β(x − x₋), x₋ the point before), and not at all for Newton–Raphson, which divides by the
curvature. That is held to on ½(x² + κy²) from (1, 1/κ), until ‖∇f‖∞ ≤ 1e-8.

All that takes constants from one who knows the curvatures. **Who does without, and does it pay?** Some
measure as they go. With s the last step and d the change of the gradient in it:

- Exact line search goes to the lowest point along −∇f (section 10).
- Barzilai and Borwein (1988) take the rate sᵀs/sᵀd (BB1) or sᵀd/dᵀd (BB2). Here the first rate is 1/L, and a
  step is cut if f would rise above its last 100 values.
- AdGD (Malitsky & Mishchenko, 2020) takes ‖s‖/(2‖d‖), or the rate before times √(1 + r) if that is less, r
  being the rate before over the one before it. It begins at 1e-6 and needs no value of f.

Others remember: heavy ball; Nesterov, which takes the gradient at x + β(x − x₋), here at the rate 1/L with
β = (√κ − 1)/(√κ + 1); and conjugate gradients, which choose directions p with pᵢᵀHpⱼ = 0: a step along one
does not undo what the others won, so that n curvatures take n exact steps, whatever κ is. All run on ten
curvatures, evenly from 1 to κ, from (1, …, 1) until ‖∇f‖∞ ≤ 1e-8.
"""

import math

import jax.numpy as jnp
import numpy as np

import jgd
from experiments.figures import COLORS, contours, legend, panels
from experiments.report import Report, words
from jgd.problems import rosenbrock

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

TEN = {
    "rate 1/L": (lambda k: jgd.gradient_descent(1 / k), (1833, 184_198)),
    "rate 2/(L + μ)": (METHODS["gradient descent"], (1152, 138_156)),
    "exact line search": (lambda k: jgd.gradient_descent(jgd.exact()), (917, 91_489)),
    "AdGD": (lambda k: jgd.gradient_descent(jgd.adgd()), (568, 53_981)),
    "Nesterov": (lambda k: jgd.nesterov(1 / k, (np.sqrt(k) - 1) / (np.sqrt(k) + 1)), (204, 2143)),
    "heavy ball": (METHODS["heavy ball"], (143, 1791)),
    "BB1": (lambda k: jgd.gradient_descent(jgd.barzilai_borwein(1 / k, "long", window=100)), (127, 1453)),
    "BB2": (lambda k: jgd.gradient_descent(jgd.barzilai_borwein(1 / k, "short", window=100)), (52, 1364)),
    "conjugate gradients": (lambda k: jgd.conjugate_gradient(search=jgd.exact()), (10, 10)),
}
"""Name -> the method for curvatures from 1 to κ, and reference values of its steps at both `CONDITIONS`."""

CONDITIONS = (1e2, 1e4)
FORMULAS = {
    "rate 1/L": "ln(1e8)/−ln(1 − 1/κ), rounded up",
    "rate 2/(L + μ)": "ln(1e8·κ)/ln((κ + 1)/(κ − 1)), rounded up",
}
CHAOTIC = {"AdGD": 1.1, "BB1": 3.0, "BB2": 3.0}
"""Methods whose steps depend on the last bits, and how many times the reference value they may be."""


def valley(x, h):
    return 0.5 * jnp.sum(h * x**2)


def main(quick: bool = False) -> Report:
    """Factors along both axes of one valley, steps against κ over six decades, and nine methods at two κ."""
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
    ten = {name: tuple(_run(method(k), k).steps for k in CONDITIONS) for name, (method, _) in TEN.items()}
    report.rows += [{"kappa": k, **{name: ten[name][i] for name in TEN}} for i, k in enumerate(CONDITIONS)]
    _check_ten(report, ten)
    report.draw(
        "valley",
        _valley(path),
        "The path at η = 0.45 on the contours of ½(x² + 4y²), and |x| and |y| against steps",
    )
    report.draw(
        "steps",
        _costs(kappas, steps, ten),
        "Left, steps against κ: slope 1, ½ and 0 on logarithmic axes. Right, steps of nine methods: a κ a "
        "hundred times as large costs four of them about a hundred times the steps, four others 8 to 24 "
        "times, and conjugate gradients none",
    )
    report.tell(
        f"At κ = {kappas[-1]:,.0f} gradient descent at its best constant rate needs "
        f"{steps['gradient descent'][-1]:,} steps, heavy ball with its best constants "
        f"{steps['heavy ball'][-1]:,}, Newton–Raphson {steps['Newton–Raphson'][-1]}."
    )
    report.tell(
        "On a quadratic BB1's rate is that of exact line search, used one step late (BB2's is the one that "
        "would have made ‖∇f‖ least), and that is what helps: in place of the zigzag there are long steps "
        "now and then, on which f may rise. On ten curvatures with κ = 10⁴ "
        f"it takes {ten['BB1'][1]:,} steps, exact line search {ten['exact line search'][1]:,}. AdGD, which "
        f"knows nothing beforehand, takes {ten['AdGD'][1]:,}, fewer than the best constant rate with its "
        f"{ten['rate 2/(L + μ)'][1]:,}; to measure is not enough to escape κ. (The steps of AdGD, BB1 and "
        "BB2 depend on the last bits, so that they are held to a multiple of the reference values only.)"
    )
    report.ask(
        "On ½(x² + 4y²) at η = 0.45, which of the two coordinates decides how many steps the run needs?",
        f"The factors are {1 - RATE:.2f} for x and {1 - KAPPA * RATE:.2f} for y: y, which zigzags, is the "
        "slower one, since 0.8 > 0.55. At the best rate 2/(1 + 4) = 0.4 both are 0.6 in size: after 20 steps "
        f"|y| is {abs(_path(0.4)[20, 1]):.1e} there and {abs(path[20, 1]):.1e} at 0.45.",
    )
    return report


def _run(method, kappa: float, **given) -> jgd.Result:
    """A run on ten curvatures."""
    limits = {"gtol": 1e-8, "grtol": 0.0, "max_steps": 1_000_000} | given
    return jgd.minimize(valley, np.ones(10), method, args=(_ten(kappa),), **limits)


def _ten(kappa: float) -> np.ndarray:
    """Ten curvatures, evenly from 1 to κ."""
    return np.linspace(1.0, kappa, 10)


def _check_ten(report: Report, ten: dict[str, tuple[int, ...]]) -> None:
    """Steps against reference values; rates of BB1 and AdGD against their formulas."""
    for name, (_, counts) in TEN.items():
        claim = f"ten curvatures, {name}: steps at κ = 100 and 10⁴"
        if name in CHAOTIC:
            most = tuple(math.floor(CHAOTIC[name] * count) for count in counts)
            said = f"{CHAOTIC[name]:g} times (chosen) the reference values {words(counts)}"
            report.at_most(f"{claim}, {said}", most, ten[name])
        else:
            said = FORMULAS.get(name, "reference values")
            report.near(f"{claim}, {said}", counts, ten[name], abs=2)
    kappa = CONDITIONS[0]
    h = _ten(kappa)
    recorder = jgd.Recorder(rows=64, x=True)
    x, rate = _history(_run(TEN["BB1"][0](kappa), kappa, max_steps=50, recorder=recorder))
    exact = np.sum((h * x) ** 2, axis=1) / np.sum(h * (h * x) ** 2, axis=1)
    report.at_most(
        "BB1, κ = 100, 50 steps: its rate less that of exact line search a step before, relatively",
        1e-6,
        np.max(np.abs(rate[2:] / exact[:-2] - 1)),
        digits=2,
    )
    x, rate = _history(_run(TEN["AdGD"][0](kappa), kappa, max_steps=50, recorder=recorder))
    s = np.diff(x, axis=0)
    local = np.linalg.norm(s, axis=1) / (2 * np.linalg.norm(h * s, axis=1))
    theta = np.concatenate([[np.inf], rate[2:] / rate[1:-1]])
    formula = np.minimum(np.sqrt(1 + theta[:-1]) * rate[1:-1], local[:-1])
    report.at_most(
        "AdGD, the same: its rate less that of its formula, relatively",
        1e-6,
        np.max(np.abs(rate[2:] / formula - 1)),
        digits=2,
    )
    bent = rosenbrock()
    method = jgd.gradient_descent(jgd.adgd())
    report.near(
        "AdGD, Rosenbrock from (−1.2, 1): steps to ‖∇f‖∞ ≤ 1e-6 (reference value)",
        8470,
        jgd.minimize(bent.fun, bent.x0, method, gtol=1e-6, max_steps=100_000).steps,
        rel=0.03,
    )


def _history(run: jgd.Result) -> tuple[np.ndarray, np.ndarray]:
    """The points of a run, and at each the rate of the step that led there."""
    return run.history["x"], run.history["rate"]


def _path(rate: float) -> np.ndarray:
    start, h = jnp.array([4.0, 1.0]), jnp.array([1.0, KAPPA])
    recorder = jgd.Recorder(x=True)
    method = jgd.gradient_descent(rate)
    return jgd.minimize(valley, start, method, args=(h,), max_steps=20, recorder=recorder).history["x"]


def _signs(path: np.ndarray) -> tuple[bool, bool]:
    changes = np.sign(path[1:]) != np.sign(path[:-1])
    return bool(changes[:, 1].all()), bool(not changes[:, 0].any())


def _steps(name: str, kappas: np.ndarray) -> np.ndarray:
    """Steps on ½(x² + κy²) from (1, 1/κ), where both entries of ∇f are 1, until ‖∇f‖∞ ≤ 1e-8."""
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
        sizes.semilogy(
            k, predicted, "-", color=COLORS[2 * i], linewidth=1, label=f"|{name}₀({factor})ᵏ| predicted"
        )
    sizes.set(
        xlabel="steps", ylabel="distance from the minimum", title="Each direction has a factor of its own"
    )
    legend(figure, sizes, columns=4)
    return figure


def _costs(kappas: np.ndarray, steps: dict[str, np.ndarray], ten: dict[str, tuple[int, ...]]):
    figure, (axes, methods) = panels(1, 2, (11, 5))
    for i, (name, counted) in enumerate(steps.items()):
        axes.loglog(kappas, counted, "os^"[i] + "-", color=COLORS[i], label=f"{name}: slope {SLOPES[name]:g}")
    axes.set(
        xlabel="condition number κ",
        ylabel="steps until ‖∇f‖∞ ≤ 1e-8",
        title="What a narrow valley costs",
    )
    rows = np.arange(len(ten))[::-1]
    low, high = np.array(list(ten.values())).T
    methods.hlines(rows, low, high, color="0.8")
    for counted, marker, color, kappa in ((low, "o", COLORS[4], "100"), (high, "D", COLORS[3], "10⁴")):
        methods.plot(counted, rows, marker, color=color, label=f"κ = {kappa}")
    methods.set_xscale("log")
    methods.set_yticks(rows, list(ten))
    methods.set(xlabel="steps until ‖∇f‖∞ ≤ 1e-8", title="Nine methods, ten curvatures")
    legend(figure, axes, methods)
    return figure
