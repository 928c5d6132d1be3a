"""Where gradient descent stops being stable, found by running it, against 2/lambda max of `jgd.curvature`.

A rate counts as stable if 20,000 steps from x* + 1e-6 v, v the direction of the highest curvature, end
nearer to x* than they began. Its limit is found by halving or doubling the rate until it is bracketed, then
by bisection; all runs on a problem are one compiled program, the rate a leaf of it. x* is a known minimizer,
or that of `jgd.newton()`, brought to rounding by pure Newton steps. The curvature is found without forming
a Hessian, by at most 40 Hessian-vector products. Ends with status 1 where the two differ by more than 1e-3.

    python -m experiments.benchmarks.stability [--quick] [--json FILE]
"""

import argparse
import json
import math
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from jgd import problems
from jgd.driver.stop import Divergence, Gradient, Stall, Steps, Stop, Target
from jgd.problems import Problem

STEPS = 20_000

OFFSET = 1e-6
"""How far from x* the runs begin."""

WIDTH = 1e-5
"""The bisection ends when its bracket is this narrow, relatively."""

TOLERANCE = 1e-3
"""The largest relative difference between the limit that is found and the one that is predicted."""

PROBLEMS: dict[str, Callable[[], Problem]] = {
    "quadratic, condition 10": partial(problems.quadratic, np.linspace(1, 10, 10)),
    "quadratic, condition 1e3": partial(problems.quadratic, np.linspace(1, 1e3, 50), rotate=True),
    "quadratic, condition 1e6": partial(problems.quadratic, np.geomspace(1e-3, 1e3, 1000)),
    "rosenbrock": problems.rosenbrock,
    "rosenbrock, 100 variables": partial(problems.rosenbrock, 100),
    "breast cancer, l2 = 1": problems.breast_cancer,
    "breast cancer, l2 = 0.01": partial(problems.breast_cancer, l2=0.01),
    "beale": problems.beale,
    "wood": problems.PROBLEMS["mgh/wood"],
    "brown-dennis": problems.PROBLEMS["mgh/brown-dennis"],
}

QUICK = ("quadratic, condition 10", "rosenbrock", "brown-dennis")


def minimizer(problem: Problem) -> jax.Array:
    """x*, to rounding."""
    if problem.minimizers:
        x = jnp.asarray(problem.minimizers[0])
    else:
        x = jgd.minimize(problem.fun, problem.x0, jgd.newton(), args=problem.args).x
    polished = jgd.minimize(
        problem.fun, x, jgd.newton_raphson(), args=problem.args, gtol=0.0, max_steps=5, recorder=None
    )
    return polished.x


@jax.jit
def distance(objective: jgd.Objective, rate: Any, to: jax.Array, start: jax.Array, steps: Any) -> jax.Array:
    """How far from `to` gradient descent at that rate ends."""
    rules = Stop((Gradient(0.0), Target(-jnp.inf), Divergence(), Steps(steps)), (Stall(),))
    program = jgd.Program(objective, jgd.gradient_descent(rate), rules, recorder=None)
    return jnp.linalg.norm(jgd.solve(program, start).motion.point.x - to)


def limit(objective: jgd.Objective, x: jax.Array, direction: jax.Array, steps: int) -> tuple[float, int]:
    """The rate above which gradient descent leaves x, and how many runs found it."""
    start, runs = x + OFFSET * direction, 0
    nearness = float(jnp.linalg.norm(start - x))

    def stable(rate: float) -> bool:
        nonlocal runs
        runs += 1
        return float(distance(objective, rate, x, start, steps)) < nearness

    low = high = 1.0
    if stable(high):
        while stable(high := 2 * high):
            low = high
    else:
        while not stable(low := low / 2):
            high = low
    while high > (1 + WIDTH) * low:
        rate = math.sqrt(low * high)
        low, high = (rate, high) if stable(rate) else (low, rate)
    return math.sqrt(low * high), runs


def measure(names: Any, steps: int) -> dict[str, dict[str, float]]:
    """For each problem the limit that is found, 2/lambda max, and what they took."""
    found = {}
    print(f"{'problem':26}     n {'found':>13} {'2/lambda max':>13} {'products':>9} {'runs':>4} difference")
    for name in names:
        problem = PROBLEMS[name]()
        x = minimizer(problem)
        c = jgd.curvature(problem.fun, x, args=problem.args, dense=False)
        objective = jgd.Objective(problem.fun, jax.tree.map(jnp.asarray, problem.args))
        rate, runs = limit(objective, x, c.highest.vector, steps)
        difference = rate / c.stable_rate - 1
        found[name] = {
            "n": problem.n,
            "found": rate,
            "predicted": c.stable_rate,
            "products": c.products,
            "runs": runs,
            "difference": difference,
        }
        line = f"{name:26} {problem.n:5} {rate:13.9g} {c.stable_rate:13.9g} {c.products:9} {runs:4}"
        print(f"{line} {difference:+10.1e}", flush=True)
    return found


def main() -> None:
    """Measure and print; end with status 1 if a difference is too large."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="three problems, a tenth of the steps")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    names, steps = (QUICK, STEPS // 10) if options.quick else (PROBLEMS, STEPS)
    figures = measure(names, steps)
    worst = max(abs(row["difference"]) for row in figures.values())
    print(f"largest difference {worst:.1e}, of {TOLERANCE:g} allowed")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    sys.exit(worst > TOLERANCE)


if __name__ == "__main__":
    main()
