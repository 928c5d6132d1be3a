"""Measured rates against swept ones: gradient descent with learning_rate="auto" on 20 problems.

For each problem: the constant rate that needs the fewest steps among 40, from 1e-4 to 10 times 2/lambda max
at the start on a logarithmic grid (the largest |lambda| where the start is a maximum), and what the measured
rate needs, its Hessian-vector products and rejected trials counted as steps. A run counts that meets
max |grad| <= 1e-6 within 30,000 steps, wherever it ends: now and then a large rate leaps to another minimum.
The median of the ratios is printed at the end.

    python -m experiments.benchmarks.auto [--quick] [--json FILE]
"""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from jgd.problems import Problem, get

GTOL = 1e-6
MOST = 30_000
RATES = 40
PROBLEMS = (
    "valley",
    "quadratic-100",
    "quadratic-100-rotated",
    "two-slopes",
    "saddle",
    "rosenbrock",
    "beale",
    "himmelblau",
    "breast-cancer",
    "mgh/helical-valley",
    "mgh/bard",
    "mgh/gaussian",
    "mgh/box",
    "mgh/kowalik-osborne",
    "mgh/trigonometric",
    "mgh/discrete-boundary-value",
    "mgh/discrete-integral-equation",
    "mgh/broyden-tridiagonal",
    "mgh/broyden-banded",
    "mgh/linear-full-rank",
)


@partial(jax.jit, static_argnames="fun")
def _constant(fun: Any, x0: Any, args: tuple, rate: Any) -> tuple[jax.Array, jax.Array]:
    """The status and the number of steps at a constant rate."""
    rules = jgd.stop.Stop((jgd.stop.Gradient(GTOL), jgd.stop.Divergence(), jgd.stop.Steps(MOST)))
    program = jgd.Program(jgd.Objective(fun, args), jgd.gradient_descent(rate), rules, recorder=None)
    carry = jgd.solve(program, x0)
    return carry.status, carry.motion.k


def compared(problem: Problem) -> dict[str, Any]:
    """The best of the sweep and the measured rate on one problem."""
    x0, args = jax.tree.map(jnp.asarray, (problem.x0, problem.args))
    found = jgd.curvature(problem.fun, x0, args=args)
    sharpness = max(abs(found.highest.value), abs(found.lowest.value))
    rates = np.geomspace(1e-4, 10 * 2 / sharpness, RATES)
    swept = [(_constant(problem.fun, x0, args, rate), rate) for rate in rates]
    met = [(int(k), float(rate)) for (status, k), rate in swept if int(status) == jgd.Status.CONVERGED]
    steps, rate = min(met, default=(MOST, float("nan")))
    auto = jgd.minimize(problem.fun, x0, jgd.gradient_descent("auto"), args=args, gtol=GTOL, max_steps=MOST)
    cost = auto.work.grads - 1 + auto.work.hvps
    return {
        "problem": problem.name,
        "best rate": rate,
        "best steps": steps,
        "auto": auto.status.name,
        "auto steps": auto.steps,
        "products": auto.work.hvps,
        "rejected": auto.work.discarded,
        "ratio": cost / steps if met or auto.success else float("nan"),
    }


def main(arguments: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Print the table and return its rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three problems")
    parser.add_argument("--json", type=Path, help="write the rows here")
    given = parser.parse_args(arguments)
    jax.config.update("jax_enable_x64", True)
    rows = []
    print(f"{'problem':34} {'best rate':>10} {'steps':>7}   {'auto':11} {'steps':>7} {'products':>8} "
          f"{'rejected':>8} {'ratio':>6}")  # fmt: skip
    for name in PROBLEMS[:3] if given.quick else PROBLEMS:
        row = compared(get(name))
        rows.append(row)
        print(
            f"{row['problem']:34} {row['best rate']:10.3g} {row['best steps']:7,}   {row['auto']:11} "
            f"{row['auto steps']:7,} {row['products']:8,} {row['rejected']:8,} {row['ratio']:6.2f}",
            flush=True,
        )
    median = float(np.nanmedian([row["ratio"] for row in rows]))
    print(f"median of the ratios: {median:.2f}")
    if given.json is not None:
        given.json.write_text(json.dumps({"median": median, "rows": rows}, indent=2) + "\n")
    return rows


if __name__ == "__main__":
    main()
