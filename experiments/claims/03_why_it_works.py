"""Why it works.

Near x a smooth f is its Taylor model of degree 1, f(x) + ∇f·d, up to an error of second order in the length
of d. In a unit direction at the angle θ to −∇f the model falls at the rate ‖∇f‖·cos θ: fastest against the
gradient. **How far may one go on the word of a model that is right only nearby?** If no curvature anywhere is
larger than L, f lies at most L‖d‖²/2 above the model, so a step of gradient descent keeps

f(x − η∇f) ≤ f(x) − η(1 − ηL/2)·‖∇f‖².

Where ∇f ≠ 0 that guarantees a decrease for every 0 < η < 2/L, and the largest guaranteed one at η = 1/L. On a
quadratic, along the direction of the largest curvature, it is no bound but an equality: there 2/L is exact.
"""

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from experiments.figures import COLORS, DASHES, legend, mark, panels
from experiments.report import Report
from jgd.problems import breast_cancer, rosenbrock
from jgd.problems.quadratics import quadratic_loss

DIRECTIONS = 10_000
LENGTHS = np.logspace(-6, -1, 21)
WINDOWS = {1: (1e-6, 1e-2), 2: (3e-4, 1e-2)}
"""For each degree the lengths where the error is above rounding and the next order below it."""

SPECTRUM = np.linspace(1.0, 10.0, 10)
STEEPEST = np.eye(10)[-1]
L = 10.0
"""The quadratic's curvatures, the direction of the largest and that."""


def main(quick: bool = False) -> Report:
    """Random directions, errors of Taylor's models, and the decrease of a step against its rate."""
    report = Report()
    narrow, logistic = rosenbrock(), breast_cancer()
    start = 0.1 * np.random.default_rng(0).standard_normal(logistic.n)
    points = {
        "n = 2, Rosenbrock": (narrow.fun, narrow.x0, ()),
        "n = 30, logistic": (logistic.fun, start, logistic.args),
    }
    models = {
        (name, degree): jgd.taylor(fun, x, degree, args=args)
        for name, (fun, x, args) in points.items()
        for degree in WINDOWS
    }
    falls = {name: _falls(models[name, 1]) for name in points}
    errors = {key: model.errors(models[key[0], 1].minimizer(1.0), LENGTHS) for key, model in models.items()}
    _check_directions(report, models, falls)
    _check_errors(report, models, errors)

    rates = np.linspace(0.1, 2.4, 24)
    decreases = _decreases(logistic, rates, 5 if quick else 40)
    _check_decreases(report, rates, decreases)
    runs = {h: _long_run(h, 60) for h in (1.9, 2.0, 2.1)}
    _check_runs(report, logistic)
    report.rows = (
        [
            {"what": f"error of degree {degree}", "f": name, "length": t, "error": error}
            for (name, degree), several in errors.items()
            for t, error in zip(LENGTHS, several, strict=True)
        ]
        + [
            {"what": "fall", "f": name, "angle": angle, "fall": fall}
            for name, pairs in falls.items()
            for angle, fall in pairs[:300]
        ]
        + [
            {"what": "decrease", "f": name, "rate_L": h, "least": several.min()}
            for name, table in decreases.items()
            for h, several in zip(rates, table.T, strict=True)
        ]
    )
    report.draw("directions", _direction_figure(falls, errors), "Fall against angle, error against length")
    report.draw(
        "decrease",
        _decrease_figure(rates, decreases, runs),
        "The decrease of a step against its rate, and runs",
    )
    lower = [_lower(models["n = 2, Rosenbrock", 1], length) for length in (0.1, 0.01, 0.001)]
    best = [pairs[:, 1].max() for pairs in falls.values()]
    report.tell(
        f"The best of {DIRECTIONS:,} random directions falls slower than the one against the gradient: in "
        f"two dimensions by {1 - best[0]:.1e} of its rate, in thirty by {1 - best[1]:.2f} of it. The more "
        "dimensions, the less is found by trying. One gradient finds it in any number of them."
    )
    report.ask(
        "Is −∇f also the direction in which a step of a given length reaches the lowest point?",
        f"No, only in the limit of short steps. On Rosenbrock's function {lower[0]} of {DIRECTIONS:,} random "
        f"directions reach lower than it at length 0.1, {lower[1]} at 0.01 and {lower[2]} at 0.001. The "
        "curvature turns the best direction away from −∇f, by an angle in proportion to the length.",
    )
    return report


def _directions(n: int) -> np.ndarray:
    directions = np.random.default_rng(1).standard_normal((DIRECTIONS, n))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def _falls(model) -> np.ndarray:
    """Angles of random directions to −∇f in degrees, and falls over ‖∇f‖ by forward differentiation."""
    f, x, grad = model.objective, model.point.x, np.asarray(model.point.grad)
    directions, size = _directions(grad.size), np.linalg.norm(grad)
    slopes = jax.jit(jax.vmap(lambda d: jax.jvp(f.value, (x,), (d,))[1]))(jnp.asarray(directions))
    return np.column_stack([np.degrees(np.arccos(-directions @ grad / size)), -np.asarray(slopes) / size])


def _lower(model, length: float) -> int:
    """How many random steps of that length reach lower than the one against the gradient."""
    steps = length * jnp.asarray(_directions(model.point.x.size))
    values = jax.jit(jax.vmap(lambda d: model.objective.value(model.point.x + d)))(steps)
    best = float(model.point.value) - model.actual_decrease(model.minimizer(length))
    return int(np.sum(np.asarray(values) < best))


def _check_directions(report: Report, models: dict, falls: dict[str, np.ndarray]) -> None:
    for name, pairs in falls.items():
        model = models[name, 1]
        size = float(jnp.linalg.norm(model.point.grad))
        _, slope = jax.jvp(model.objective.value, (model.point.x,), (model.minimizer(1.0),))
        steepest = -float(slope) / size
        report.near(f"{name}: fall along −∇f by jax.jvp, in units of ‖∇f‖", 1.0, steepest, rel=1e-13)
        faster = int(np.sum(pairs[:, 1] > 1.0))
        report.same(f"{name}: directions of {DIRECTIONS:,} that fall faster at first order", 0, faster)


def _check_errors(report: Report, models: dict, errors: dict[tuple[str, int], np.ndarray]) -> None:
    for (name, degree), several in errors.items():
        low, high = WINDOWS[degree]
        inside = np.abs(np.log(LENGTHS / np.sqrt(low * high))) < 0.51 * np.log(high / low)
        slope = np.polyfit(np.log(LENGTHS[inside]), np.log(several[inside]), 1)[0]
        report.near(
            f"{name}, degree {degree}: slope of log error against log length, {low:g} to {high:g}",
            degree + 1.0,
            slope,
            abs=0.02,
            digits=5,
        )


def _decreases(logistic: jgd.problems.Problem, rates: np.ndarray, points: int) -> dict[str, np.ndarray]:
    """L·(f(x) − f(x − η∇f))/‖∇f‖² with η = h/L, for each point and each h of the rates."""
    random = np.random.default_rng(2)
    everywhere = float(np.linalg.norm(logistic.args[0], 2)) ** 2 / 4 + 1
    losses = {
        "quadratic, largest curvature": (quadratic_loss, [STEEPEST], (SPECTRUM,), L),
        "quadratic, random points": (quadratic_loss, random.standard_normal((points, 10)), (SPECTRUM,), L),
        "logistic, random points": (
            logistic.fun,
            0.1 * random.standard_normal((points, logistic.n)),
            logistic.args,
            everywhere,
        ),
    }
    return {
        name: np.array([_decrease(jgd.taylor(fun, x, 1, args=args), rates, bound) for x in points])
        for name, (fun, points, args, bound) in losses.items()
    }


def _decrease(model, rates: np.ndarray, bound: float) -> list[float]:
    size = float(jnp.linalg.norm(model.point.grad))
    steps = [model.minimizer(h / bound * size) for h in rates]
    return [bound * model.actual_decrease(step) / size**2 for step in steps]


def _check_decreases(report: Report, rates: np.ndarray, decreases: dict[str, np.ndarray]) -> None:
    bound = rates - rates**2 / 2
    above = {name: table - bound for name, table in decreases.items()}
    exact = above.pop("quadratic, largest curvature")
    report.near(
        "decrease less the bound, times L/‖∇f‖², on a quadratic along its largest curvature, at most",
        0.0,
        float(np.abs(exact).max()),
        abs=1e-13,
        digits=2,
    )
    for name, table in above.items():
        report.at_least(f"the same, {name} ({table.size} steps), least", 0.0, float(table.min()), digits=3)


def _long_run(h: float, steps: int) -> jgd.Result:
    method = jgd.gradient_descent(h / L)
    return jgd.minimize(quadratic_loss, STEEPEST, method, args=(SPECTRUM,), max_steps=steps, gtol=1e-8)


def _check_runs(report: Report, logistic: jgd.problems.Problem) -> None:
    near_limit = (1.999, 2.0, 2.001)
    for h in near_limit:
        ratio = float(_long_run(h, 1).value) / (L / 2)
        report.near(f"quadratic, η = {h}/L: factor of f in a step, (1 − ηL)²", (1 - h) ** 2, ratio, rel=1e-14)
    ends = tuple(_long_run(h, 30_000).status.name for h in near_limit)
    report.same("and how 30,000 steps end", ("CONVERGED", "MAX_STEPS", "DIVERGED"), ends)
    everywhere = float(np.linalg.norm(logistic.args[0], 2)) ** 2 / 4 + 1
    method = jgd.gradient_descent(40 / everywhere)
    run = jgd.minimize(logistic.fun, logistic.x0, method, args=logistic.args, gtol=1e-8)
    there = jgd.curvature(logistic.fun, run.x, args=logistic.args)
    report.too_strong(
        "Above 2/L gradient descent diverges.",
        "below 2/L every step decreases f; above it some step of some f does not. At which minima a run "
        "can settle, λmax there decides.",
        f"logistic regression at η = 40/L: {run.status} after {run.steps:,} steps; L = {everywhere:,.1f}, "
        f"at the minimum λmax = {there.highest.value:.1f}, 2/λmax = {there.stable_rate * everywhere:.1f}/L",
        run.success and 40 / everywhere < there.stable_rate,
    )


def _direction_figure(falls: dict, errors: dict):
    figure, (angles, lengths) = panels(1, 2, (11, 5))
    degrees = np.linspace(0, 180, 181)
    angles.plot(degrees, np.cos(np.radians(degrees)), color="0.35", label="cos θ")
    for i, (name, pairs) in enumerate(falls.items()):
        angles.plot(*pairs[:300].T, "o^"[i], color=COLORS[i], markersize=4, alpha=0.6, label=name)
    angles.set(
        xlabel="angle θ of the direction to −∇f, in degrees",
        ylabel="first-order fall, in units of ‖∇f‖",
        title="No direction falls faster than −∇f",
    )
    angles.legend(frameon=False)
    for i, ((name, degree), several) in enumerate(errors.items()):
        lengths.loglog(
            LENGTHS,
            np.where(several > 0, several, np.nan),
            "os^v"[i],
            color=COLORS[i // 2],
            markersize=4,
            fillstyle=("full", "none")[degree - 1],
            label=f"{name}, degree {degree}",
        )
    for order in (2, 3):
        style = {"color": "0.35", "linestyle": DASHES[order - 1], "label": f"slope {order}"}
        lengths.plot(LENGTHS, 1e3 * LENGTHS**order, **style)
    lengths.set(
        xlabel="length t of the step",
        ylabel="|f(x + t·d) − model|",
        ylim=(1e-15, 1e3),
        title="The error is one order beyond the degree",
    )
    legend(figure, lengths)
    return figure


def _decrease_figure(rates: np.ndarray, decreases: dict, runs: dict):
    figure, (step, run) = panels(1, 2, (11, 5))
    h = np.linspace(0, 2.4, 121)
    step.plot(h, h - h**2 / 2, color="0.35", linestyle=DASHES[1], label="guaranteed: ηL(1 − ηL/2)")
    for i, (name, table) in enumerate(decreases.items()):
        for j, row in enumerate(table[:5]):
            step.plot(rates, row, "os^"[i], color=COLORS[i], markersize=4, label=name if j == 0 else None)
    step.axhline(0, color="0.6", linewidth=1)
    mark(step, "x", 2, "η = 2/L")
    step.set(
        xlabel="ηL",
        ylabel="L·(f(x) − f(x − η∇f))/‖∇f‖²",
        title="Below 2/L every step decreases f",
    )
    for i, (rate, r) in enumerate(runs.items()):
        run.semilogy(
            r.history["step"][:60], r.history["value"][:60], linestyle=DASHES[i], color=COLORS[3 + i]
        )
        beside = {"ha": "right" if rate > 2 else "left"}
        run.text(22, 2 * (1 - rate) ** 44 * L / 2, f"η = {rate:g}/L", **beside)
    run.set(xlabel="steps", ylabel="f", xlim=(0, 60), title="2/L is exact along the largest curvature")
    legend(figure, step)
    return figure
