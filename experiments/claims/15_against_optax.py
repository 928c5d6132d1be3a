"""Against optax.

Optax has some thirty optimizers that need one gradient a step. jgd runs each as it is, and sweeps its rate as
it sweeps its own. **Which of them is best, and what of this course holds for them?** Each has the same budget
on each of twelve problems: 25 rates from 1e-6 to 100, three a decade, 2,000 steps a rate, all else at its
default. Solved is f − f* ≤ 1e-6·(f₀ − f*), the cost is the number of evaluations of f and ∇f up to there, at
the best rate. (Exclusive or has higher minima as well, section 8: who ends there has not solved it.) A
performance profile shows on which share of the problems this cost is at most τ times that of the best. The
same profile has methods of jgd that choose their steps themselves: one run each, nothing tuned.

The problems are moved by a random vector, since some optimizers know the point 0: fromage, lamb and lars take
steps in proportion to ‖x‖, adamw and adamaxw pull x towards 0. With the minimum at 0 that is luck.

What holds is measured on valleys, ½(x − x*)ᵀH(x − x*) with curvatures 1 and κ along the coordinates or turned
by 45°. Steps that do not depend on the coordinates are the same in both. Section 4 says that the steps needed
grow as 1/η for small η, section 14 that Adam divides κ out along the coordinates only, and that at a constant
rate it hovers around the minimum at a distance in proportion to η; section 16 has the edges of stability.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import optax

import jgd
from experiments import exclusive_or
from experiments.figures import COLORS, DASHES, legend, panels
from experiments.optimizers import entrants
from experiments.report import Report
from jgd import problems
from jgd.problems import Problem

RATES = np.logspace(-6, 2, 25)
BUDGET, SOLVED = 2_000, 1e-6
DEFAULT = 1e-3
"""The rate that is most often left as it is, one of the rates."""

OWN = {
    "Armijo": jgd.gradient_descent(jgd.armijo()),
    "Barzilai–Borwein": jgd.gradient_descent(jgd.barzilai_borwein()),
    "conjugate gradients": jgd.conjugate_gradient(),
    "L-BFGS": jgd.lbfgs(),
}
TURNED = "κ = 100, rotated"
SHOWN = ("sgd", "sgd with momentum", "adam", "rprop", "lion")
QUICK = ("sgd", "adam", "adagrad", "rprop", "lion", "fromage")

Costs = dict[str, dict[str, np.ndarray]]
"""Evaluations until solved, by optimizer and problem, one for each rate; infinite where it is not."""


def _quadratic(kappa: float, rotate: bool) -> Problem:
    x0 = np.random.default_rng(1).standard_normal(10)
    return problems.quadratic(np.geomspace(1.0, kappa, 10), rotate=rotate, x0=x0)


def _exclusive_or() -> Problem:
    x0 = np.random.default_rng(0).standard_normal(9)
    return Problem("exclusive or", exclusive_or.loss, x0, minimum=0.12087290133)


PROBLEMS = {
    "two slopes": problems.two_slopes,
    "saddle": problems.saddle,
    "κ = 100": lambda: _quadratic(1e2, rotate=False),
    TURNED: lambda: _quadratic(1e2, rotate=True),
    "κ = 10⁴": lambda: _quadratic(1e4, rotate=False),
    "κ = 10⁴, rotated": lambda: _quadratic(1e4, rotate=True),
    "Rosenbrock": problems.rosenbrock,
    "Beale": problems.beale,
    "Himmelblau": problems.himmelblau,
    "logistic, λ = 1": problems.breast_cancer,
    "logistic, λ = 0.01": lambda: problems.breast_cancer(l2=0.01),
    "exclusive or": _exclusive_or,
}
EDGES = {"sgd": 2.0, "sgd with momentum": 3.8, "sgd with Nesterov": 3.8 / 2.8}
"""Largest stable ηλmax, momentum 0.9."""

KAPPAS = np.array([1e1, 1e2, 1e3, 1e4])
VALLEYS = {"aligned": (0.0, 1.0), "turned by 45°": (np.pi / 4, 1.0), "minimum at 0": (0.0, 0.0)}
"""The angle of each valley, and how far from 0 its minimum is, in units of ‖(1, 0.7)‖."""

HOVERING = np.array([1e-3, 1e-2])
"""Rates at which runs go on to the end of their budget."""


class Valleys(NamedTuple):
    """Steps by valley, κ and rate, infinite where too many; and how runs at `HOVERING` ended.

    The last of these runs is at the last of these rates, but with the minimum at 0.
    """

    steps: np.ndarray
    distances: np.ndarray
    statuses: np.ndarray


@functools.cache
def moved(fun: Callable) -> Callable:
    """f of x − shift, the same function for the same f."""
    return lambda x, shift, *args: fun(x - shift, *args)


def valley(x, h, at):
    return 0.5 * jnp.vdot(x - at, h @ (x - at))


def main(quick: bool = False) -> Report:
    """Twelve problems tuned by one budget, then valleys that tell what the optimizers have in common."""
    report = Report()
    taken, refused = entrants()
    factories = {name: taken[name] for name in QUICK} if quick else taken
    names = [TURNED, "κ = 10⁴, rotated"] if quick else list(PROBLEMS)
    costs: Costs = {name: {} for name in (*factories, *OWN)}
    for name in names:
        problem = PROBLEMS[name]()
        for entrant, cost in (_tuned(problem, factories) | _untuned(problem)).items():
            costs[entrant][name] = cost
    valleys = {name: _valleys(factory) for name, factory in factories.items()}
    rivals = list(factories)
    report.tell(
        f"{len(rivals)} take part: {', '.join(rivals)}. Not among them: "
        + "; ".join(f"{name}, which {why}" for name, why in refused.items())
        + ". The momentum of sgd is 0.9."
    )
    _check_same(report, {name: costs[name][TURNED] for name in rivals})
    _check_contest(report, {name: costs[name] for name in rivals}, {name: costs[name] for name in OWN})
    _check_edges(report, factories)
    _check_rates(report, valleys)
    _check_turning(report, valleys)
    _check_hovering(report, valleys)
    report.rows = [
        {
            "optimizer": name,
            "problem": problem,
            "evaluations": found.min(),
            "rate": RATES[found.argmin()] if found.size > 1 and np.isfinite(found.min()) else "",
            "rates that solve it": int(np.isfinite(found).sum()) if found.size > 1 else "",
        }
        for name, by in costs.items()
        for problem, found in by.items()
    ]
    report.draw(
        "profiles",
        _profile_figure(costs, rivals),
        "Left, performance profiles: jgd's conjugate gradients and L-BFGS, not tuned, are mostly left of all "
        "tuned optimizers. Right, how many problems one rate solves: narrow peaks for sgd, a broad one for "
        "adam, level for rprop",
    )
    report.draw(
        "valleys",
        _valley_figure(valleys),
        "Left, steps at κ = 10⁴: the same on the aligned and the turned valley for a few, more on the turned "
        "one for all others (no marker: not solved). Right, distance from the minimum in the end, two rates",
    )
    return report


def _setting(problem: Problem) -> dict[str, Any]:
    """What all runs on a problem have in common."""
    shift = np.random.default_rng(7).standard_normal(problem.x0.shape)
    first, lowest = float(problem.fun(problem.x0, *problem.args)), float(problem.minimum or 0.0)
    return {
        "fun": moved(problem.fun),
        "x0": problem.x0 + shift,
        "args": (shift, *problem.args),
        "gtol": 0.0,
        "target": lowest + SOLVED * (first - lowest),
        "max_steps": BUDGET,
    }


def _tuned(problem: Problem, factories: dict[str, Callable]) -> dict[str, np.ndarray]:
    """Evaluations until solved at each rate."""
    found = {}
    for name, factory in factories.items():
        ends = jgd.sweep(factory=factory, learning_rate=RATES, **_setting(problem)).ends
        found[name] = np.where(ends.success, ends.work["values"], np.inf)
    return found


def _untuned(problem: Problem) -> dict[str, np.ndarray]:
    """Evaluations until solved of jgd's own methods."""
    runs = {name: jgd.minimize(method=method, **_setting(problem)) for name, method in OWN.items()}
    return {name: np.array([run.work.values if run.success else np.inf]) for name, run in runs.items()}


def _valleys(factory: Callable) -> Valleys:
    """Runs on all valleys at all rates, one program."""
    lanes = [(*kind, kappa, rate, 1.0) for kind in VALLEYS.values() for kappa in KAPPAS for rate in RATES]
    lanes += [(*VALLEYS["aligned"], KAPPAS[0], rate, 0.0) for rate in HOVERING]
    lanes += [(*VALLEYS["minimum at 0"], KAPPAS[0], HOVERING[-1], 0.0)]
    angles, far, kappas, rates, wanted = np.array(lanes).T
    axes = np.array([[np.cos(angles), -np.sin(angles)], [np.sin(angles), np.cos(angles)]]).transpose(2, 0, 1)
    hessians = np.einsum("nij,nj,nkj->nik", axes, np.stack([np.ones_like(kappas), kappas], axis=1), axes)
    at, away = far[:, None] * (axes @ [1.0, 0.7]), axes @ [np.cos(0.3), np.sin(0.3)]
    first = 0.5 * np.einsum("ni,nij,nj->n", away, hessians, away)
    ends = jgd.minimize_many(
        valley,
        at + away,
        jgd.from_optax(factory, learning_rate=rates),
        args=(hessians, at),
        args_axis=0,
        gtol=0.0,
        target=np.where(wanted > 0, SOLVED * first, -1.0),
        max_steps=50_000,
    )
    steps, last = np.where(ends.success, ends.steps, np.inf), len(HOVERING) + 1
    return Valleys(
        steps[:-last].reshape(len(VALLEYS), len(KAPPAS), len(RATES)),
        np.linalg.norm(ends.x - at, axis=1)[-last:],
        ends.status[-last:],
    )


def _check_same(report: Report, costs: dict[str, np.ndarray]) -> None:
    """The optimizers that jgd has as well."""
    own = {"sgd": jgd.gradient_descent, "sgd with momentum": jgd.heavy_ball, "adam": jgd.adam}
    own = {name: factory for name, factory in own.items() if name in costs}
    found = _tuned(PROBLEMS[TURNED](), own)
    report.same(
        f"{TURNED}: {', '.join(own)} and jgd's own: evaluations until solved are the same at all rates",
        True,
        all(np.array_equal(found[name], costs[name]) for name in own),
    )


def _check_contest(report: Report, tuned: Costs, own: Costs) -> None:
    """Who solves what, and in how many evaluations."""
    best, mine = _best(tuned), _best(own)
    fewest = best.min(axis=0)
    solved = dict(zip(tuned, np.isfinite(best).sum(axis=1), strict=True))
    first = dict(zip(tuned, (best == fewest).sum(axis=1), strict=True))
    every, winners = best.shape[1], [name for name, count in first.items() if count]
    often, all_solved = (
        max(first, key=first.__getitem__),
        [n for n, count in solved.items() if count == every],
    )
    report.too_strong(
        "One optimizer is the best.",
        "each problem has its own.",
        f"{len(winners)} optimizers are the fastest on some of the {every} problems, {often} most often, on "
        f"{first[often]}",
        len(winners) > 1,
    )
    adam = np.array(list(tuned["adam"].values()))
    alone = np.isfinite(adam).sum(axis=0)
    usual, single = np.isclose(RATES, DEFAULT), int(alone.argmax())
    report.too_strong(
        f"{DEFAULT:g} is a good rate for Adam.",
        "a step is about η long, so 2,000 of them get about 2 far at the most.",
        f"adam at {DEFAULT:g} solves {alone[usual][0]} of {every}, at {RATES[single]:.2g} it solves "
        f"{alone[single]}, tuned for each {np.isfinite(adam).any(axis=1).sum()}",
        bool(alone[usual][0] < alone[single]),
    )
    for name, against, costs in (
        ("Barzilai–Borwein", "tuned adam", adam.min(axis=1)),
        ("conjugate gradients", "the best tuned optimizer of each problem", fewest),
    ):
        ratio = mine[list(own).index(name)] / costs
        report.at_most(
            f"jgd's {name}, not tuned: evaluations over those of {against}, geometric mean (chosen)",
            1.0,
            float(np.exp(np.mean(np.log(ratio)))),
            digits=3,
        )
    counts = ", ".join(f"{name} {np.isfinite(row).sum()}" for name, row in zip(own, mine, strict=True))
    report.tell(
        f"Tuned, {len(all_solved)} of {len(solved)} optimizers solve all {every} problems"
        f"{': ' + ', '.join(all_solved) if all_solved else ''}. Plain sgd solves {solved['sgd']}. Of jgd's "
        f"methods, which are given no rate and run once in place of {len(RATES)} times, {counts}."
    )


def _best(costs: Costs) -> np.ndarray:
    """Evaluations at the best rate, of shape (optimizers, problems)."""
    return np.array([[found.min() for found in by.values()] for by in costs.values()])


def _check_edges(report: Report, factories: dict[str, Callable]) -> None:
    """Section 16: the largest stable rates of the momentum methods."""
    rates = np.arange(33 / 64, 4.0, 1 / 32)
    for name in (name for name in EDGES if name in factories):
        given = {**_setting(PROBLEMS[TURNED]()), "learning_rate": rates / 100}
        report.near(
            f"{name}, {TURNED}: the largest of {rates.size} rates that arrives, times λmax",
            EDGES[name],
            100 * jgd.sweep(factory=factories[name], **given).stable_range[0],
            abs=1 / 32,
            digits=4,
        )


def _check_rates(report: Report, valleys: dict[str, Valleys]) -> None:
    """Section 4: steps against the rate, for small rates."""
    slopes = {name: _slope(found.steps[0, 0]) for name, found in valleys.items()}
    for name, law, slope, off in (
        ("sgd", "steps of η‖∇f‖", -1.0, 0.02),
        ("adagrad", "steps of about η/√k, k the number of steps", -2.0, 0.2),
        ("rprop", "η is the first step only", 0.0, 0.2),
    ):
        claim = f"{name}, κ = 10, the smallest rates that arrive: slope of log steps against log η: {law}"
        report.near(claim, slope, slopes[name], abs=off, digits=3)
    short = _slope(_valleys(functools.partial(optax.adam, b2=0.9)).steps[0, 0])
    claim = (
        f"adam with β₂ = 0.9, the same slope ({slopes['adam']:.2f} with 0.999, whose long memory costs more)"
    )
    report.near(claim, -1.0, short, abs=0.02, digits=3)
    usual = [name for name, slope in slopes.items() if abs(slope + 1) <= 0.1]
    report.too_strong(
        "Small rates need 1/η steps.",
        "where the steps are in proportion to η from the first to the last: not where they shrink by "
        "themselves, where η is only the first of them, or where a long memory has to fade besides.",
        f"{len(usual)} of {len(slopes)} have a slope within 0.1 of −1; {min(slopes, key=slopes.__getitem__)} "
        f"has {min(slopes.values()):.2f}, {max(slopes, key=slopes.__getitem__)} {max(slopes.values()):.2f}",
        len(usual) < len(slopes),
    )


def _slope(steps: np.ndarray) -> float:
    """Of log steps against log rate, at the four smallest rates that arrive."""
    there = np.flatnonzero(np.isfinite(steps))[:4]
    return float(np.polyfit(np.log(RATES[there]), np.log(steps[there]), 1)[0])


def _check_turning(report: Report, valleys: dict[str, Valleys]) -> None:
    """Sections 5, 10 and 14: what κ costs, along the coordinates and across them."""
    fewest = {name: found.steps.min(axis=2) for name, found in valleys.items()}
    blind = [name for name, (a, b, _) in fewest.items() if np.allclose(a, b, rtol=0.1)]
    others = {name: found for name, found in fewest.items() if name not in blind}
    loss = {name: found[1, -1] / found[0, -1] for name, found in others.items()}
    least = min(loss, key=loss.__getitem__)
    report.at_least(
        f"all others, κ = 10⁴: steps on the turned valley over those on the aligned one, least ({least})",
        1.0,
        loss[least],
        digits=3,
    )
    level = [name for name, found in others.items() if found[0, -1] <= 1.1 * found[0, 0]]
    grown = {name: others[name][1, -1] / others[name][1, 0] for name in level}
    worst, mildest = max(grown, key=grown.__getitem__), min(grown, key=grown.__getitem__)
    report.too_strong(
        "Dividing by the size of the gradient per coordinate removes bad scaling.",
        "along the coordinates it does; across them κ comes back.",
        f"steps of {len(level)} of {len(valleys)} optimizers do not grow by more than a tenth from κ = 10 to "
        f"10⁴ on the aligned valley; on the turned one they grow {grown[worst]:,.0f}-fold ({worst}), in the "
        f"median {np.median(list(grown.values())):,.1f}-fold, at least {grown[mildest]:.2g}-fold ({mildest})",
        bool(np.median(list(grown.values())) > 2),
    )
    near = {name: found[0, -1] / found[2, -1] for name, found in fewest.items() if np.isfinite(found[0, -1])}
    lucky = max(near, key=near.__getitem__)
    report.too_strong(
        "Where the origin is makes no difference.",
        "to steps that are made of gradients; those in proportion to ‖x‖ shrink on the way to 0.",
        f"{lucky}, κ = 10⁴: {fewest[lucky][2, -1]:,.0f} steps with the minimum at 0, "
        f"{fewest[lucky][0, -1]:,.0f} with it at (1, 0.7)",
        near[lucky] > 2,
    )
    report.tell(
        f"On valleys {', '.join(blind)} take as many steps, up to a tenth, whichever way they are turned: "
        "their steps are made of gradients and norms. All others treat the coordinates one by one, and gain "
        "by it where the axes of the curvature are those of the coordinates."
    )


def _check_hovering(report: Report, valleys: dict[str, Valleys]) -> None:
    """Section 14: where runs at a constant rate are in the end."""
    rate = HOVERING[-1]
    away = {name: float(found.distances[1]) / rate for name, found in valleys.items()}
    hovering = {name: distance for name, distance in away.items() if distance > 0.1}
    adam = valleys["adam"]
    report.at_most(
        f"sgd, κ = 10, η = {rate:g}: distance from the minimum in the end", 1e-12, away["sgd"] * rate
    )
    report.too_strong(
        "A run whose rate is small enough settles.",
        "if its steps shrink as the gradient does; steps that are divided by its present size do not.",
        f"κ = 10, η = {rate:g}, after 50,000 steps: {min(hovering.values()):.2g} η to "
        f"{max(hovering.values()):.2g} η away are {', '.join(hovering)}",
        bool(hovering),
    )
    report.ask(
        "By section 14 Adam hovers, too. Why is its run on the valley at the minimum in the end "
        f"({away['adam'] * rate:.0e} away at η = {rate:g})?",
        f"Because jgd stops it: {jgd.Status(adam.statuses[1]).name}. Adam's v remembers a thousand steps. "
        "While it still holds the first, large gradients, the steps are short and x gets to where rounding "
        "keeps it from changing. With the minimum at 0, where floating-point numbers are dense, the same "
        "run goes on, v forgets, the steps grow, and after 50,000 of them x is "
        f"{adam.distances[-1]:.0e} away.",
    )


def _profile_figure(costs: Costs, rivals: list[str]):
    figure, (profile, single) = panels(1, 2, (11.5, 5.2))
    best = _best(costs)
    ratios = best / best.min(axis=0)
    most = 1.5 * ratios[np.isfinite(ratios)].max()
    shown = [name for name in SHOWN if name in rivals]
    for name, ratio in zip(costs, ratios, strict=True):
        look = {"color": "0.8", "linewidth": 0.8, "zorder": 1}
        if name in shown:
            look = {"color": COLORS[shown.index(name)], "linewidth": 1.8, "label": f"optax {name}, tuned"}
        if name in OWN:
            i = list(OWN).index(name)
            color = (COLORS[7], COLORS[5], COLORS[6], COLORS[3])[i]
            look = {"color": color, "linewidth": 1.8, "linestyle": DASHES[1], "label": f"jgd {name}"}
        solved = np.sort(ratio[np.isfinite(ratio)])
        shares = np.append(np.arange(1, solved.size + 1), solved.size) / ratio.size
        profile.step([1.0, *solved, most], [0.0, *shares], where="post", **look)
    profile.plot([], [], color="0.8", label="optax, the others, tuned")
    profile.set(
        xscale="log",
        xlabel="τ: evaluations over the fewest of all",
        ylabel="share of problems solved within τ",
        title="Tuned for each problem, against not tuned",
        xlim=(1, most),
        ylim=(0, 1.02),
    )
    for name in rivals:
        solves = np.isfinite(np.array(list(costs[name].values()))).sum(axis=0)
        look = {"color": "0.8", "linewidth": 0.8, "zorder": 1}
        if name in shown:
            look = {"color": COLORS[shown.index(name)], "linewidth": 1.8}
        single.semilogx(RATES, solves, **look)
    single.set(
        xlabel="rate, the same for all problems", ylabel="problems solved", title="One rate for all problems"
    )
    legend(figure, profile, columns=4)
    return figure


def _valley_figure(valleys: dict[str, Valleys]):
    figure, (steps, ends) = panels(1, 2, (11.5, 1.6 + 0.26 * len(valleys)), sharey=True)
    order = sorted(valleys, key=lambda name: valleys[name].steps[0, -1].min())
    rows = np.arange(len(order))
    for i, (name, marker) in enumerate(zip(VALLEYS, "os", strict=False)):
        fewest = [valleys[one].steps[i, -1].min() for one in order]
        steps.semilogx(fewest, rows, marker, color=COLORS[i], fillstyle="none", label=f"{name}, κ = 10⁴")
    for i, rate in enumerate(HOVERING):
        away = [max(valleys[one].distances[i], 1e-16) for one in order]
        ends.semilogx(away, rows, "^v"[i], color=COLORS[2 + 2 * i], label=f"η = {rate:g}, κ = 10")
        ends.axvline(rate, color=COLORS[2 + 2 * i], linestyle=DASHES[1], linewidth=1)
    steps.set_yticks(rows, order)
    steps.set(xlabel="steps until solved, best rate", title="Turning the valley brings κ back")
    ends.set(xlabel="distance from the minimum after 50,000 steps", title="Who hovers (lines: distance η)")
    legend(figure, steps, ends, columns=4)
    return figure
