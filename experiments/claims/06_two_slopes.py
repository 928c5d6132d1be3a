"""One dimension, two slopes.

f(w) = exp(s·w) − s·w − 1 is almost straight on the left, where f′ → −s, and explodes on the right, where f′ =
s·(exp(s·w) − 1). The minimum is w = 0, with f″(0) = s²; here s = 4, and Adam has the rate 0.1. Start R to the
left of it, or R to the right. **Is there one learning rate for both sides, and do Newton–Raphson, a line
search and Adam serve both?**

Write u = s·w. Gradient descent at η = 1/f″(0) is u₊ = u − (exp(u) − 1), Newton–Raphson is u₊ = u − (1 −
exp(−u)): put −u for u in one, and it is the other. So each has an easy side, where it walks in steps of 1 in
u and needs about s·R of them, and a hard side, where the first step throws it across the minimum and it
walks back: about exp(s·R) − 1 − s·R steps, which is f(R). In exact numbers Newton–Raphson walks back too; but
it lands at u = f(R), where f is about exp(f(R)): 3e21 at R = 1, which jgd calls DIVERGED, and beyond float64
at R = 2.
"""

import jax.numpy as jnp
import numpy as np

import jgd
from experiments.figures import COLORS, DASHES, legend, mark, panels
from experiments.report import Report
from jgd.problems import two_slopes

S = 4.0
SLOPES = two_slopes(S)
SIDES = {"left": -1.0, "right": 1.0}
METHODS = {
    "gradient descent": jgd.gradient_descent(1 / S**2),
    "Newton–Raphson": jgd.newton_raphson(),
    "Newton, backtracking": jgd.newton(),
    "Armijo": jgd.gradient_descent(jgd.armijo()),
    "auto": jgd.gradient_descent("auto"),
    "Adam": jgd.adam(0.1),
}
NEAR, MIDDLE = 0.75, 2.0
"""Distances of the start: for the paths, and for the sweep over rates."""


def run(method, start: float, max_steps: int = 1_000_000) -> jgd.Result:
    x0, recorder = jnp.array([start]), jgd.Recorder(x=True)
    return jgd.minimize(
        SLOPES.fun, x0, method, args=SLOPES.args, gtol=1e-8, max_steps=max_steps, recorder=recorder
    )


def main(quick: bool = False) -> Report:
    """Mirrored paths, steps against the rate, and steps against the distance for six methods."""
    report = Report()
    paths = {
        (name, side): _path(name, side) for name in ("gradient descent", "Newton–Raphson") for side in SIDES
    }
    for side, other in (("left", "right"), ("right", "left")):
        off = np.abs(paths["gradient descent", side] + paths["Newton–Raphson", other]).max()
        report.near(
            f"gradient descent at 1/f″(0) from the {side} is Newton–Raphson from the {other}, mirrored: "
            f"largest difference in {len(paths['gradient descent', side]) - 1} steps from R = {NEAR}",
            0.0,
            off,
            abs=1e-13,
            digits=2,
        )
    distances = np.arange(0.5, MIDDLE + 0.1 if quick else 3.1, 0.5)
    results = {
        (name, side): [run(method, sign * R) for R in distances]
        for name, method in METHODS.items()
        for side, sign in SIDES.items()
    }
    _check_sides(report, results, distances)
    rates = np.logspace(-4 if quick else -5, 0, 41 if quick else 101)
    steps = _sweep(rates, 20_000 if quick else 200_000)
    _check_rates(report, rates, steps)
    report.rows = [
        {
            "method": name,
            "side": side,
            "R": R,
            "steps": r.steps,
            "values": r.work.values,
            "status": r.status.name,
        }
        for (name, side), runs in results.items()
        for R, r in zip(distances, runs, strict=True)
    ] + [
        {"method": "gradient descent", "side": side, "R": MIDDLE, "rate": rate, "steps": count}
        for side in SIDES
        for rate, count in zip(rates, steps[side], strict=True)
    ]
    report.draw("rates", _rates(paths, rates, steps), "Paths of both methods, and steps against the rate")
    report.draw("methods", _methods(distances, results), "Steps of six methods against R, from both sides")
    worst = {name: max(results[name, side][-1].steps for side in SIDES) for name in METHODS}
    fewest = {side: np.nanmin(counts) for side, counts in steps.items()}
    beside = run(jgd.gradient_descent(_landing() * (1 + 1e-4)), MIDDLE)
    report.tell(
        "It is worse than 'no rate for both sides': from the right no range of rates is good. One single "
        "rate, η = R/f′(R), lands at once, but only those who know the minimum know it, and 1e-4 beside it "
        f"(relatively) the run needs {beside.steps:,} steps. At R = {MIDDLE:g} the best of {len(rates)} "
        f"rates needs {fewest['right']:,.0f} steps from the right, {fewest['left']:,.0f} from the left. At a "
        "larger rate the run is thrown farther and walks back faster; at a smaller one it is thrown less far "
        "and creeps."
    )
    report.tell(
        f"A step that is tried before it is taken serves both sides: at R = {distances[-1]:g} Newton with "
        f"backtracking needs at most {worst['Newton, backtracking']} steps, Armijo {worst['Armijo']}, the "
        f"rate from measured curvature {worst['auto']}."
    )
    shorter, shortest = (run(jgd.adam(0.1, b2=b2), distances[-1], 100_000) for b2 in (0.99, 0.9))
    report.ask(
        f"No step of Adam's explodes. Why does it need {results['Adam', 'right'][-1].steps:,} steps from R = "
        f"{distances[-1]:g} on the right, and {results['Adam', 'left'][-1].steps:,} on the left?",
        "It divides by the root of the mean squared gradient, and the first gradient, "
        f"{S * np.expm1(S * distances[-1]):,.0f}, stays in that mean. The mean fades by β₂ = 0.999 a step: "
        f"every unit of s·R costs 2/ln(1/β₂) = {_fading():,.0f} steps more. "
        f"With β₂ = 0.99 the same start takes {shorter.steps:,} steps. With 0.9 the memory is too short "
        f"to settle: after {shortest.steps:,} steps w is still "
        f"{abs(float(shortest.x[0])):.1g} off ({shortest.status}).",
    )
    return report


def _path(name: str, side: str) -> np.ndarray:
    return run(METHODS[name], SIDES[side] * NEAR).history["x"][:, 0]


def _landing() -> float:
    """The rate whose first step from the right ends at the minimum."""
    return MIDDLE / (S * np.expm1(S * MIDDLE))


def _fading() -> float:
    return 2 / np.log(1 / 0.999)


def _sweep(rates: np.ndarray, budget: int) -> dict[str, np.ndarray]:
    """Steps of gradient descent from both sides at each rate; NaN where it does not converge."""
    given = {"learning_rate": rates, "args": SLOPES.args, "gtol": 1e-8, "max_steps": budget}
    sweeps = {
        side: jgd.sweep(SLOPES.fun, jnp.array([sign * MIDDLE]), jgd.gradient_descent, **given)
        for side, sign in SIDES.items()
    }
    return {side: np.where(sweep.ends.success, sweep.steps, np.nan) for side, sweep in sweeps.items()}


def _check_sides(report: Report, results: dict, distances: np.ndarray) -> None:
    last, loss = distances[-1], np.expm1(S * distances[-1]) - S * distances[-1]
    easy = [r.steps for r in results["gradient descent", "left"]]
    report.near("from the left: steps for each further unit of R: s", S, (easy[-1] - easy[-3]) / 1.0)
    report.near(
        f"from the right, R = {last:g}: steps to walk back and settle: f(R), and less than 10",
        loss + 5,
        results["gradient descent", "right"][-1].steps,
        abs=5,
        digits=7,
    )
    beyond = [results["Newton–Raphson", "left"][i] for i in (1, 3)]
    report.too_strong(
        "Newton–Raphson divides by the curvature, so it serves both sides.",
        "it serves the side that gradient descent does not, and the other way round.",
        f"from the left it ends {beyond[0].status} at R = {distances[1]:g} and {beyond[1].status} at R = "
        f"{distances[3]:g}",
        all(r.status.failed for r in beyond),
    )
    serve = tuple(
        name
        for name in METHODS
        if all(
            results[name, side][-1].success and results[name, side][-1].steps <= 10 * S * last
            for side in SIDES
        )
    )
    report.same(
        f"methods that need at most 10·s·R = {10 * S * last:.0f} steps (chosen), either side, R = {last:g}",
        ("Newton, backtracking", "Armijo", "auto"),
        serve,
    )
    far = [run(METHODS["Adam"], R).steps for R in (4.0, 5.0)]
    report.near(
        "Adam from the right: steps for each further unit of s·R: 2/ln(1/β₂)",
        _fading(),
        (far[1] - far[0]) / S,
        rel=0.01,
    )


def _check_rates(report: Report, rates: np.ndarray, steps: dict[str, np.ndarray]) -> None:
    loss = np.expm1(S * MIDDLE) - S * MIDDLE
    spacing = rates[1] / rates[0] - 1
    for side, counts in steps.items():
        largest = rates[np.isfinite(counts)].max()
        report.near(
            f"from the {side}: the largest rate of {len(rates)} that converges: 2/f″(0), up to the grid",
            2 / S**2,
            largest,
            rel=spacing,
        )
    small = rates < 0.02 / S**2
    slope = np.polyfit(np.log(rates[small]), np.log(steps["left"][small]), 1)[0]
    report.near("from the left: slope of log steps against log η, η < 0.01·2/f″(0)", -1.0, slope, abs=0.02)
    report.near(
        f"from the right, R = {MIDDLE:g}: fewest steps at the {len(rates)} rates: about f(R)",
        loss,
        float(np.nanmin(steps["right"])),
        abs=15,
    )
    once = run(jgd.gradient_descent(_landing()), MIDDLE).steps
    report.same(f"from the right, R = {MIDDLE:g}: steps at the single rate η = R/f′(R)", 1, once)


def _rates(paths: dict, rates: np.ndarray, steps: dict[str, np.ndarray]):
    figure, (walk, sweep) = panels(1, 2, (11, 5))
    for i, ((name, side), path) in enumerate(paths.items()):
        walk.plot(
            path,
            "os^v"[i] + "-",
            color=COLORS[i],
            markersize=4,
            linewidth=1.2,
            label=f"{name} from the {side}",
        )
    walk.set(xlabel="steps", ylabel="w", title="One method is the other's mirror image")
    for i, (side, counts) in enumerate(steps.items()):
        sweep.loglog(
            rates, counts, "os"[i] + "-", color=COLORS[i], markersize=3, label=f"steps from the {side}"
        )
    mark(sweep, "x", 2 / S**2, "2/f″(0), the largest stable rate")
    sweep.axhline(np.expm1(S * MIDDLE) - S * MIDDLE, color=COLORS[4], linestyle=DASHES[2], label="f(R)")
    sweep.set(
        xlabel="learning rate η of gradient descent",
        ylabel="steps until |f′| ≤ 1e-8",
        title="Right: about f(R) steps at the grid's best rate",
    )
    walk.legend(frameon=False)
    legend(figure, sweep, columns=4)
    return figure


def _methods(distances: np.ndarray, results: dict):
    figure, axes = panels(1, 2, (11, 5), sharey=True)
    titles = {
        "left": "From the left: Newton–Raphson fails",
        "right": "From the right: gradient descent needs f(R) steps",
    }
    for one, side in zip(axes, SIDES, strict=True):
        for i, name in enumerate(METHODS):
            counts = np.array([r.steps if r.success else np.nan for r in results[name, side]])
            one.semilogy(
                distances,
                counts,
                "os^vD*"[i] + "-",
                color=COLORS[i],
                markersize=9 if name == "Newton–Raphson" else 5,
                label=name,
            )
            failed = distances[np.isnan(counts)]
            one.plot(failed, np.full(len(failed), 2.0), "x", color=COLORS[i], markersize=8)
        one.plot(
            distances,
            np.expm1(S * distances) - S * distances,
            color="0.35",
            linestyle=DASHES[1],
            label="f(R): predicted for the hard side",
        )
        one.set(xlabel="distance R of the start", title=titles[side])
    axes[0].set_ylabel("steps until |f′| ≤ 1e-8 (×: the run fails)")
    legend(figure, axes[0], columns=4)
    return figure
