"""On an accelerator.

A step of gradient descent needs the one before, so the steps of a run cannot be shared out. What can be
shared out is what one step does: its n entries, its rows of data, or many runs that have nothing to say to
each other. The time of a step is therefore about t₀ + c·size: an overhead that no device does without, and
the work, which a device of many units does in less. (c grows where the numbers no longer fit the caches.)
**Where does an accelerator win?**

The same script runs on any device, in float64, by three kinds of work:

- one run of n parameters, f(x) = ½Σhᵢxᵢ², h from 1 to 10, at the rate 2/11: the slowest factor is 9/11 a
  step, so that ‖∇f‖∞ falls from 10 to 1e-8 in ln(1e9)/ln(11/9) steps, rounded up, whatever n is;
- many runs: logistic regressions of 20 rows and 3 parameters each, with data and a rate of their own,
  by one call of `jgd.minimize_many`;
- one logistic regression of 100 parameters and many rows.

Answers and steps do not depend on the device but for rounding: that is held. Seconds do, and on the load:
they are drawn, and held to no more than orders of magnitude. Times are of whole runs, compiled before, the
fastest of three, divided by their steps (of many runs by the steps of all). A machine keeps its figures in
`results/18_on_an_accelerator/*.json`, and every machine that is kept there is drawn:
`python -m experiments run 18` on a machine with an accelerator adds that, and with `JAX_PLATFORMS=cpu` before
it the CPU of the same machine.
"""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit

import jgd
from experiments import book, machines
from experiments.claims import NAMES
from experiments.figures import COLORS, legend, panels
from experiments.machines import Machine
from experiments.report import Report

ONE, MANY, DATA = "one run", "many runs", "one run on data"
SIZES = {
    ONE: ("parameters", (10, 100, 1_000, 10_000, 100_000, 1_000_000, 4_000_000)),
    MANY: ("runs", (1, 10, 100, 1_000, 10_000, 100_000)),
    DATA: ("rows", (1_000, 10_000, 100_000, 400_000)),
}
"""Kind of work -> what its size counts, and the sizes."""

BRIEF = {ONE: 5, MANY: 4, DATA: 2}
"""So many of the sizes the small version has."""

BOUNDS = {
    ONE: ("relative difference of f from the closed form", 1e-10),
    MANY: ("difference of f, 5 of the runs alone and among the others, equal steps", 1e-13),
    DATA: ("difference of f from that by Newton, 100·gtol²/(2·0.1)", 5e-14),
}
"""Kind of work -> what `off` of a row is, and how much it may be."""

SLOWEST = 9 / 11
STILL = 1e-6
"""Where seconds are measured the rate is so much of what it is else, so that no run arrives."""


def bowl(x, h):
    return 0.5 * jnp.sum(h * x**2)


def logistic(w, X, y):
    """The mean loss, and a penalty that makes every curvature at least 0.1."""
    return jnp.mean(jnp.logaddexp(0, -y * (X @ w))) + 0.05 * jnp.vdot(w, w)


def main(quick: bool = False) -> Report:
    """Measure this machine, and put it beside those that are kept."""
    report = Report()
    measure = {ONE: _one, MANY: _many, DATA: _data}
    rows = [
        {"of": what, "size": n, **measure[what](n)}
        for what, (_, sizes) in SIZES.items()
        for n in (sizes[: BRIEF[what]] if quick else sizes)
    ]
    machine = machines.here(rows)
    report.keep(machine.stem, dataclasses.asdict(machine))
    every = [machine, *machines.others(book.RESULTS / NAMES[18], but=machine)]
    report.rows = [{"machine": one.name, **row} for one in every for row in one.rows]
    _answers(report, machine)
    for other in every[1:]:
        _equal(report, machine, other)
    _seconds(report, machine)
    _winners(report, every)
    report.draw(
        "seconds",
        _figure(every),
        "Seconds of a step against the size, for one run, for each of many runs, and for a run on data; "
        "one line a machine",
    )
    return report


def _fastest(run: Callable[[], float]) -> float:
    """The least of three measured seconds, after a run that compiles."""
    run()
    return min(run() for _ in range(3))


def _timed(fun: Callable, x0: jax.Array, rate: float, args: tuple, steps: int) -> float:
    """Seconds of a step of gradient descent."""
    method, limits = jgd.gradient_descent(STILL * rate), {"gtol": 0.0, "max_steps": steps}
    return _fastest(lambda: jgd.minimize(fun, x0, method, args=args, **limits).run_seconds) / steps


def _one(n: int) -> dict[str, Any]:
    h, x0, rate = np.linspace(1.0, 10.0, num=n), jnp.ones(n), 2 / 11
    args = (jnp.asarray(h),)
    run = jgd.minimize(bowl, x0, jgd.gradient_descent(rate), args=args, gtol=1e-8)
    exact = 0.5 * np.sum(h * (1 - rate * h) ** (2 * run.steps))
    seconds = _timed(bowl, x0, rate, args, int(np.clip(10_000_000 // n, 20, 100_000)))
    return _row(run.steps, run.value, run.value / exact - 1, seconds)


def _row(steps: int, value: float, off: float, seconds: float) -> dict[str, Any]:
    return {"steps": int(steps), "value": float(value), "off": abs(float(off)), "seconds": seconds}


def _problems(count: int, rows: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of many logistic regressions."""
    random = np.random.default_rng(0)
    X = random.standard_normal((count, rows, size))
    return X, np.where(random.uniform(size=(count, rows)) < expit(X[..., 0]), 1.0, -1.0)


def _many(count: int) -> dict[str, Any]:
    X, y = _problems(count, 20, 3)
    rates = 1 / (0.1 + np.sum(X**2, axis=(1, 2)) / 80)  # at most 1/L

    def run() -> jgd.Ends:
        method = jgd.gradient_descent(rates)
        return jgd.minimize_many(logistic, np.zeros((count, 3)), method, args=(X, y), args_axis=0, gtol=1e-8)

    ends, off = run(), 0.0
    for i in range(min(count, 5)):
        method = jgd.gradient_descent(rates[i])
        alone = jgd.minimize(logistic, jnp.zeros(3), method, args=(X[i], y[i]), gtol=1e-8)
        off = max(off, abs(float(alone.value) - ends.value[i]) if alone.steps == ends.steps[i] else np.inf)
    steps = int(ends.steps.sum())
    return _row(steps, ends.value.mean(), off, _fastest(lambda: run().seconds[1]) / steps)


def _data(count: int) -> dict[str, Any]:
    X, y = (array[0] for array in _problems(1, count, 100))
    args, x0 = (jnp.asarray(X), jnp.asarray(y)), jnp.zeros(100)
    run, newton = (
        jgd.minimize(logistic, x0, method, args=args, gtol=1e-8)
        for method in (jgd.gradient_descent(1.0), jgd.newton())
    )
    seconds = _timed(logistic, x0, 1.0, args, int(np.clip(1_000_000 // count, 5, 1_000)))
    return _row(run.steps, run.value, run.value - newton.value, seconds)


def _answers(report: Report, machine: Machine) -> None:
    """Steps and answers of this machine."""
    steps = [row["steps"] for row in machine.of(ONE)]
    predicted = int(np.ceil(np.log(1e9) / np.log(1 / SLOWEST)))
    sizes = f"n = 10 to {machine.of(ONE)[-1]['size']:,}"
    report.same(f"one run, {sizes}: fewest and most steps", (predicted,) * 2, (min(steps), max(steps)))
    for what, (told, bound) in BOUNDS.items():
        off = max(row["off"] for row in machine.of(what))
        report.at_most(f"{what}: largest {told}", bound, off, digits=2)


def _equal(report: Report, machine: Machine, other: Machine) -> None:
    """Steps and answers of this machine against those of another."""
    theirs = {(row["of"], row["size"]): row for row in other.rows}
    pairs = [(row, theirs[key]) for row in machine.rows if (key := (row["of"], row["size"])) in theirs]
    same = sum(mine["steps"] == yours["steps"] for mine, yours in pairs)
    report.same(f"{machine.name} and {other.name}: sizes at which both take the same steps", len(pairs), same)
    off = max(abs(mine["value"] / yours["value"] - 1) for mine, yours in pairs)
    report.at_most(f"{machine.name} and {other.name}: largest relative difference of f", 1e-10, off, digits=2)


def _seconds(report: Report, machine: Machine) -> None:
    """What is true of the seconds of any machine, by orders of magnitude."""
    first, last = machine.of(MANY)[0], machine.of(MANY)[-1]
    report.at_most(
        f"{machine.name}: seconds of a step of one of {last['size']:,} runs, over those of one run by itself "
        "(chosen)",
        0.5,
        last["seconds"] / first["seconds"],
        digits=2,
    )
    if not machine.accelerator:
        small, large = machine.of(ONE)[0], machine.of(ONE)[-1]
        claim = f"{machine.name}: seconds of a step at n = {large['size']:,} over those at n = 10 (chosen)"
        report.at_least(claim, 100.0, large["seconds"] / small["seconds"], digits=2)
    (one, many, data), small = map(machine.of, SIZES), machine.of(ONE)[0]["seconds"]
    report.tell(
        f"On {machine.name}, a step took {_time(one[0])} at n = {one[0]['size']:,} and {_time(one[-1])} at "
        f"n = {one[-1]['size']:,}; that of a run by itself, with its part of the call, {_time(many[0])}, and "
        f"{_time(many[-1])} where it was one of {many[-1]['size']:,}; and on data {_time(data[0])} with "
        f"{data[0]['size']:,} rows, {_time(data[-1])} with {data[-1]['size']:,}."
    )
    report.ask(
        "A run of 10 parameters takes a million steps. What would more cores, or an accelerator, do for it?",
        f"Nothing. Every step needs the one before, and in a step of {_time(one[0])} there is next to "
        f"nothing to share out: the million takes {1e6 * small:.2g} s. What does help is to have many such "
        "runs to make at once, or to need fewer steps (sections 5 and 13).",
    )


def _time(row: dict[str, Any]) -> str:
    """Seconds of a step in a unit that suits."""
    unit, name = next(
        (unit, name)
        for unit, name in ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
        if row["seconds"] >= unit
    )
    return f"{row['seconds'] / unit:.3g} {name}"


def _winners(report: Report, every: list[Machine]) -> None:
    """Where an accelerator wins against a CPU; if none was measured, that."""
    fast, plain = ([one for one in every if one.accelerator is kind] for kind in (True, False))
    if not fast or not plain:
        missing = "a CPU beside it" if fast else "any accelerator"
        report.tell(
            f"Not measured: {missing}. No figures of one are kept, so that nothing is said here of where it "
            "wins. The answers above are those that it is held against."
        )
        return
    for one, other in itertools.product(fast, plain):
        told, worst = [], np.inf
        for what, (counts, _) in SIZES.items():
            cpu = {row["size"]: row["seconds"] for row in other.of(what)}
            both = [row for row in one.of(what) if row["size"] in cpu]
            gains = {row["size"]: cpu[row["size"]] / row["seconds"] for row in both}
            wins, last = [size for size, gain in gains.items() if gain > 1], max(gains)
            where = f"first at {min(wins):,} {counts}" if wins else "at no size"
            told.append(f"{what}: {where}; at {last:,} it is {gains[last]:.2g} times as fast")
            worst = min(worst, *gains.values())
        report.tell(f"Where {one.name} is faster than {other.name}. {'. '.join(told)}.")
        report.too_strong(
            "An accelerator is faster.",
            "where a step has enough to do: many entries, many rows, many runs.",
            f"{one.name}, at its worst here: {worst:.2g} times as fast as {other.name}",
            bool(worst < 1),
        )


def _figure(every: list[Machine]):
    figure, panes = panels(1, 3, (12, 4.6))
    for axes, (what, (counts, _)) in zip(panes, SIZES.items(), strict=True):
        for i, machine in enumerate(every):
            rows = machine.of(what)
            axes.loglog(
                [row["size"] for row in rows],
                [row["seconds"] for row in rows],
                "os^D"[i % 4] + "-",
                color=COLORS[i % len(COLORS)],
                label=machine.name if what == ONE else None,
            )
        axes.set(xlabel=counts, title=what.capitalize())
    panes[0].set(ylabel="seconds of a step")
    panes[1].set(ylabel="seconds of a step of one of them")
    legend(figure, panes[0], columns=4)
    return figure
