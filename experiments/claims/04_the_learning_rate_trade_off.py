"""The learning-rate trade-off.

Too small a rate creeps, too large a one overshoots, and one larger still diverges. Near a minimum with
curvatures from λmin to λmax a step multiplies the error along the eigenvector of λ by 1 − ηλ, and three
things follow: for small rates the steps needed grow as 1/η, the best constant rate is 2/(λmax + λmin), and
above 2/λmax no run settles at this minimum, unless it lands on it exactly. **How sharp is that on ten
problems, and who can do without choosing?** Decaying rates, a line search, a rate from measured curvature and
Adam run on the same axes.
"""

import numpy as np
import optax

import jgd
from experiments.figures import COLORS, DASHES, legend, mark, panels
from experiments.report import Report
from jgd.problems import (
    Problem,
    beale,
    breast_cancer,
    himmelblau,
    quadratic,
    rosenbrock,
    saddle,
    two_slopes,
    valley,
)
from jgd.study.curvature import Curvature
from jgd.study.swept import Sweep

PROBLEMS = {
    "valley, κ = 4": lambda: valley(4.0),
    "quadratic, κ = 100": lambda: quadratic(np.linspace(1.0, 100.0, 10)),
    "quadratic, κ = 1,000": lambda: quadratic(np.geomspace(1.0, 1000.0, 10)),
    "quadratic, κ = 10⁴": lambda: quadratic(np.linspace(1.0, 10000.0, 10)),
    "Rosenbrock": rosenbrock,
    "Beale": beale,
    "Himmelblau": himmelblau,
    "two slopes": two_slopes,
    "saddle": saddle,
    "logistic": breast_cancer,
}
QUADRATIC = "quadratic, κ = 100"
TOLERANCE = 1e-8
"""By which the gradient is to shrink."""

CLOSE = np.array([0.95, 0.98, 0.99, 0.999])
"""Further rates in units of 2/λmax."""

BUDGET, HALVING = 20_000, 3_000
"""Of the methods that are compared: their steps, and in how many an exponential decay halves the rate."""


def _exponential(learning_rate):
    return optax.sgd(optax.exponential_decay(learning_rate, HALVING, 0.5))


def _cosine(learning_rate):
    return optax.sgd(optax.cosine_decay_schedule(learning_rate, BUDGET))


METHODS = {
    "constant": jgd.gradient_descent,
    "exponential decay": _exponential,
    "cosine decay": _cosine,
    "Adam": jgd.adam,
}
CHOOSING = {"Armijo": jgd.armijo(), "auto": "auto"}


def main(quick: bool = False) -> Report:
    """Steps against the rate on ten problems, and other methods against theirs on two."""
    report = Report()
    names = [QUADRATIC, "Rosenbrock"] if quick else list(PROBLEMS)
    grid = _grid(6 if quick else 12)
    finer = np.sort(np.concatenate([grid, CLOSE]))
    problems = {name: PROBLEMS[name]() for name in names}
    curvatures = {name: _at_minimum(problem) for name, problem in problems.items()}
    sweeps = {}
    for name, problem in problems.items():
        budget = BUDGET if name == "logistic" else 300_000 if quick else 2_000_000
        sweeps[name] = _sweep(problem, "constant", curvatures[name].stable_rate, finer, budget)
    _check_sweeps(report, finer, curvatures, sweeps)

    compared = [QUADRATIC] if quick else [QUADRATIC, "Rosenbrock"]
    others = {
        name: {
            method: _sweep(problems[name], method, curvatures[name].stable_rate, 10 * grid, BUDGET)
            for method in METHODS
        }
        for name in compared
    }
    chosen = {
        name: {
            label: _run(problems[name], jgd.gradient_descent(rate), BUDGET)
            for label, rate in CHOOSING.items()
        }
        for name in compared
    }
    _check_methods(report, grid, others[QUADRATIC], chosen[QUADRATIC])
    runs = [(name, "constant", sweep) for name, sweep in sweeps.items()] + [
        (name, method, sweep)
        for name, methods in others.items()
        for method, sweep in methods.items()
        if method != "constant"
    ]
    report.rows = [
        {"f": name, "method": method, "rate": rate, "steps": steps, "status": status}
        for name, method, sweep in runs
        for rate, steps, status in _told(sweep)
    ]
    report.draw(
        "problems",
        _problem_figure(curvatures, sweeps),
        "Steps against the rate: slope −1 down to 2/(λmax + λmin), then a wall at 2/λmax",
    )
    report.draw(
        "methods",
        _method_figure(problems[QUADRATIC], curvatures, others, chosen),
        "f along runs at four rates, and steps of other methods against theirs",
    )
    _conclude(report, curvatures, others, chosen)
    return report


def _grid(per_decade: int) -> np.ndarray:
    """Rates in units of 2/λmax, over six decades; none is 1."""
    return 10.0 ** ((np.arange(-5 * per_decade, per_decade) + 0.5) / per_decade)


def _at_minimum(problem: Problem) -> Curvature:
    found = (
        problem.minimizers[0]
        if problem.minimizers
        else jgd.minimize(problem.fun, problem.x0, args=problem.args).x
    )
    return jgd.curvature(problem.fun, found, args=problem.args)


def _run(problem: Problem, method, max_steps: int) -> jgd.Result:
    return jgd.minimize(
        problem.fun, problem.x0, method, args=problem.args, gtol=0.0, grtol=TOLERANCE, max_steps=max_steps
    )


def _sweep(problem: Problem, method: str, unit: float, grid: np.ndarray, budget: int) -> Sweep:
    """Runs at all rates, from the largest down."""
    given = {"learning_rate": unit * grid[::-1], "max_steps": budget, "gtol": 0.0, "grtol": TOLERANCE}
    return jgd.sweep(problem.fun, problem.x0, METHODS[method], args=problem.args, **given)


def _told(sweep: Sweep) -> list[tuple[float, int, str]]:
    """Rate, steps and status of every run."""
    columns = sweep.columns
    return list(zip(*(columns[name].tolist() for name in ("learning_rate", "steps", "status")), strict=True))


def _converged(sweep: Sweep) -> dict[float, int]:
    return {rate: steps for rate, steps, status in _told(sweep) if status == "CONVERGED"}


def _check_sweeps(report: Report, grid: np.ndarray, curvatures: dict[str, Curvature], sweeps: dict) -> None:
    converged = {name: _converged(sweep) for name, sweep in sweeps.items()}
    largest = {name: max(steps) / curvatures[name].stable_rate for name, steps in converged.items()}
    below, above = grid[grid < 1].max(), grid[grid > 1].min()
    at_edge = sum(bool(np.isclose(ratio, below)) for ratio in largest.values())
    report.same(
        f"problems of {len(sweeps)} where {below}·2/λmax converges, and nothing from {above:.2f}·2/λmax, the "
        "next rate of the grid, on",
        len(sweeps),
        at_edge,
    )
    best = {name: min(steps, key=steps.__getitem__) for name, steps in converged.items()}
    off = {name: abs(np.log(best[name] / curvatures[name].best_rate)) for name in sweeps}
    worst = max(off, key=off.__getitem__)
    report.at_most(
        f"largest factor between the grid's best rate and 2/(λmax + λmin) ({worst}): a spacing of the grid",
        grid[1] / grid[0],
        float(np.exp(off[worst])),
    )
    slopes = {name: _slope(steps, curvatures[name].stable_rate) for name, steps in converged.items()}
    worst = max(slopes, key=lambda name: abs(slopes[name] + 1))
    report.near(
        f"slope of log steps against log η below 0.1·2/λmax, at the worst problem ({worst})",
        -1.0,
        slopes[worst],
        abs=0.03,
    )
    ends = {name: _just_above(sweep, curvatures[name].stable_rate) for name, sweep in sweeps.items()}
    bounded = [name for name, status in ends.items() if status == "MAX_STEPS"]
    report.too_strong(
        "Above 2/λmax the run diverges.",
        "it does not settle at this minimum; on a quadratic it diverges, elsewhere it may jump about "
        "for ever (section 16).",
        f"at {above:.2f}·2/λmax: bounded on {', '.join(bounded)}",
        bool(bounded) and all(status == "DIVERGED" for name, status in ends.items() if "κ" in name),
    )


def _slope(steps: dict[float, int], stable: float) -> float:
    small = [rate for rate in steps if rate < 0.1 * stable]
    return float(np.polyfit(np.log(small), np.log([steps[rate] for rate in small]), 1)[0])


def _just_above(sweep: Sweep, stable: float) -> str:
    return min(run for run in _told(sweep) if run[0] > stable)[2]


def _check_methods(report: Report, grid: np.ndarray, others: dict, chosen: dict) -> None:
    """The slowest mode of the quadratic, λ = 1, shrinks by exp(−Σ η_k), and has to by 1e-8·100."""
    needed = np.log(1 / (100 * TOLERANCE))
    sums = {
        "constant": BUDGET,
        "exponential decay": HALVING / np.log(2) * (1 - 0.5 ** (BUDGET / HALVING)),
        "cosine decay": BUDGET / 2,
    }
    for method, total in sums.items():
        report.near(
            f"{QUADRATIC}, {method}: smallest first rate that arrives: Σ η_k = ln 10⁶ in {BUDGET:,} steps",
            needed / total,
            min(_converged(others[method])),
            rel=grid[1] / grid[0] - 1,
            digits=4,
        )
    counts = {method: len(_converged(others[method])) for method in ("constant", "Adam")}
    report.at_least(
        f"{QUADRATIC}: rates of the grid at which Adam arrives: more than of constant ones",
        counts["constant"] + 1,
        counts["Adam"],
    )
    fewest = min(_converged(others["constant"]).values())
    for label, r in chosen.items():
        report.at_most(
            f"{QUADRATIC}: steps of {label}: at most those of the grid's best rate (chosen)", fewest, r.steps
        )


def _conclude(report: Report, curvatures: dict, others: dict, chosen: dict) -> None:
    adam, constant = _converged(others[QUADRATIC]["Adam"]), _converged(others[QUADRATIC]["constant"])
    armijo, auto = chosen[QUADRATIC]["Armijo"], chosen[QUADRATIC]["auto"]
    report.tell(
        f"On the quadratic of κ = 100 constant rates from {min(constant):.2g} to {max(constant):.2g} arrive "
        f"(‖∇f‖∞ shrunk by 1e-8) within {BUDGET:,} steps, the best in {min(constant.values()):,}. "
        "Along λ = 1 the gradient starts κ times smaller, so there it has to shrink by 10⁶ only; the steps "
        "multiply it by Π(1 − η_k) ≈ exp(−Σ η_k), and so Σ η_k = ln 10⁶. Adam arrives at rates from "
        f"{min(adam):.2g} to {max(adam):.2g}, in {min(adam.values()):,} to {max(adam.values()):,} steps: the "
        "choice is easier, not gone. A decaying rate makes it harder: too large a first rate diverges before "
        "it has decayed, and too small a one has decayed before it arrives."
    )
    report.tell(
        f"Who does not want to choose: Armijo takes {armijo.steps:,} steps and {armijo.work.values:,} "
        f"evaluations, the rate from measured curvature {auto.steps:,} steps, {auto.work.values:,} "
        f"evaluations and {auto.work.hvps} products with the Hessian."
    )
    there = curvatures[QUADRATIC]
    best = there.best_rate
    at, half, beyond = (
        there.predicted("gradient_descent", rate).factor for rate in (best, best / 2, 1.02 * best)
    )
    report.ask(
        "The best rate lies close to the largest one. On which side of it should a careful person err?",
        f"Below. For κ = 100 the best rate is {best / there.stable_rate:.3f} of 2/λmax. Half of it costs "
        f"twice the steps: the error is multiplied by {half:.4f} a step in place of {at:.4f}. Two percent "
        f"more than it, and the factor is {beyond:.4f}: the error grows.",
    )


def _problem_figure(curvatures: dict[str, Curvature], sweeps: dict):
    rows = 1 if len(sweeps) < 3 else 2
    figure, axes = panels(rows, len(sweeps) // rows, (14 if rows == 2 else 10, 3.2 * rows + 0.8), sharey=True)
    for one, (name, sweep) in zip(axes, sweeps.items(), strict=True):
        unit, steps = curvatures[name].stable_rate, _converged(sweep)
        one.loglog(
            [rate / unit for rate in steps],
            list(steps.values()),
            "o-",
            color=COLORS[0],
            markersize=3,
            label="steps",
        )
        one.axvspan(1, 10, color=COLORS[4], alpha=0.12, linewidth=0, label="no run settles")
        mark(one, "x", 1, "2/λmax")
        best = curvatures[name].best_rate / unit
        one.axvline(best, color=COLORS[2], linestyle=DASHES[2], label="2/(λmax + λmin)")
        one.set(xlim=(1e-5, 10), title=name)
    for one in axes[-len(sweeps) // rows :]:
        one.set_xlabel("η, in units of 2/λmax")
    for one in axes[:: len(sweeps) // rows]:
        one.set_ylabel("steps")
    legend(figure, axes[0], columns=4)
    return figure


def _method_figure(problem: Problem, curvatures: dict[str, Curvature], others: dict, chosen: dict):
    figure, (loss, *axes) = panels(1, 1 + len(others), (5 * (1 + len(others)), 5))
    curvature = curvatures[QUADRATIC]
    rates = {
        "too small": 0.02 * curvature.stable_rate,
        "good": 0.9 * curvature.best_rate,
        "overshooting": 0.998 * curvature.stable_rate,
        "diverging": 1.05 * curvature.stable_rate,
    }
    for i, (name, rate) in enumerate(rates.items()):
        h = _run(problem, jgd.gradient_descent(float(rate)), 60).history
        loss.semilogy(
            h["step"],
            h["value"],
            color=COLORS[i],
            linestyle=(*DASHES, "-.")[i],
            label=f"{name}: {rate / curvature.stable_rate:.3g}·2/λmax",
        )
    loss.set(xlabel="steps", ylabel="f", title=f"{QUADRATIC}: four rates")
    loss.legend(frameon=False)
    for one, (name, methods) in zip(axes, others.items(), strict=True):
        for i, (method, sweep) in enumerate(methods.items()):
            steps = _converged(sweep)
            one.loglog(
                list(steps),
                list(steps.values()),
                "os^v"[i] + "-",
                color=COLORS[i],
                markersize=4,
                label=method,
            )
        for i, (label, r) in enumerate(chosen[name].items()):
            one.axhline(
                r.steps, color=COLORS[4 + i], linestyle=DASHES[1 + i], label=f"{label}: no rate to choose"
            )
        mark(one, "x", curvatures[name].stable_rate, "2/λmax")
        one.set_xlabel("learning rate")
        missing = [method for method, sweep in methods.items() if not _converged(sweep)]
        told = f"{' and '.join(missing)} do not arrive" if missing else "Adam bears larger rates"
        one.set_title(f"{name}: {told}", fontsize=10)
    axes[0].set_ylabel("steps until ‖∇f‖∞ has shrunk by 1e-8")
    legend(figure, axes[0], columns=4)
    return figure
