"""What the gauge of curvature costs: with every step measured, and as a history is recorded by default.

Times are per step, in units of one evaluation of value and gradient; each round runs all variants in turn
and medians over rounds are printed. "every step" records (and so measures) each of the steps; "as recorded"
is the default history of 64 rows over a long run.

    python -m experiments.benchmarks.gauge [--quick] [--json FILE]
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from jgd.problems import get

STEPS = 2000
LONG = 20_000
GAUGES = {
    "none": None,
    "free": jgd.curvature_gauge(product=False),
    "product": jgd.curvature_gauge(),
}


def chained_rosenbrock(x: jax.Array) -> jax.Array:
    """The chained Rosenbrock function."""
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def objectives(quick: bool) -> dict[str, tuple[jgd.Objective, Any, float]]:
    """Name -> objective, start and a rate that is stable."""
    cancer = get("breast-cancer")
    rng = np.random.default_rng(0)
    rows, labels = rng.standard_normal((20_000, 100)), np.sign(rng.standard_normal(20_000))
    n = 1000 if quick else 100_000
    made = {
        "logistic, 569 x 30": (
            jgd.Objective(cancer.fun, jax.tree.map(jnp.asarray, cancer.args)),
            cancer.x0,
            1e-4,
        ),
        f"Rosenbrock, n = {n:,}": (jgd.Objective(chained_rosenbrock), np.resize([-1.2, 1.0], n), 1e-5),
    }
    if not quick:
        data = (jnp.asarray(rows), jnp.asarray(labels), jnp.asarray(1.0))
        made["logistic, 20,000 x 100"] = (jgd.Objective(cancer.fun, data), np.zeros(100), 1e-6)
    return made


@partial(jax.jit, static_argnames=("rows",))
def _run(objective: Any, x: Any, rate: Any, gauge: Any, rows: int, steps: Any) -> Any:
    rules = jgd.stop.Stop((jgd.stop.Gradient(0.0), jgd.stop.Divergence(), jgd.stop.Steps(steps)))
    program = jgd.Program(objective, jgd.gradient_descent(rate), rules, jgd.Recorder(rows, gauge=gauge))
    return jgd.solve(program, x).motion.point.value


@jax.jit
def _gradients(objective: Any, x: Any, steps: Any) -> Any:
    """So many evaluations of value and gradient one after another, as a bare loop."""

    def body(_: Any, state: tuple) -> tuple:
        x, _ = state
        point = objective.evaluate(x)
        return x - 1e-12 * point.grad, point.value

    return jax.lax.fori_loop(0, steps, body, (x, jnp.zeros((), x.dtype)))


def _seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - began


def measured(objective: Any, x: Any, rate: float, rounds: int, every: int, long: int) -> dict[str, float]:
    """Gradients' worth of time that a step takes, and what the gauges add to it."""
    x = jnp.asarray(x)
    rows = 1 << (every - 1).bit_length()
    calls = {"gradient": lambda: _gradients(objective, x, every)}
    for name, gauge in GAUGES.items():
        calls[f"every step, {name}"] = partial(_run, objective, x, rate, gauge, rows, every)
        calls[f"as recorded, {name}"] = partial(_run, objective, x, rate, gauge, 64, long)
    for call in calls.values():
        jax.block_until_ready(call())
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(_seconds(call))
    steps = {name: long if name.startswith("as") else every for name in calls}
    each = {name: np.array(times[name]) / steps[name] for name in calls}
    return {name: float(np.median(each[name] / each["gradient"])) for name in calls if name != "gradient"}


def main(arguments: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    """Print the table and return its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two objectives, few rounds, short runs")
    parser.add_argument("--json", type=Path, help="write the figures here")
    given = parser.parse_args(arguments)
    jax.config.update("jax_enable_x64", True)
    every, long, rounds = (256, 2000, 3) if given.quick else (STEPS, LONG, 7)
    found = {}
    for name, (objective, x, rate) in objectives(given.quick).items():
        short = every if name.startswith("logistic, 569") else max(1, every // 20)
        found[name] = measured(objective, x, rate, rounds, short, max(1, long * short // every))
        print(name)
        for kind in ("every step", "as recorded"):
            base = found[name][f"{kind}, none"]
            added = {gauge: found[name][f"{kind}, {gauge}"] - base for gauge in ("free", "product")}
            print(
                f"  {kind:12} a step {base:6.2f} gradients; the gauge adds {added['free']:6.2f} (free), "
                f"{added['product']:6.2f} (with a product)",
                flush=True,
            )
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=2) + "\n")
    return found


if __name__ == "__main__":
    main()
