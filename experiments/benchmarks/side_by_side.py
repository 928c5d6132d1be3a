"""First calls and warm runs of jgd and of the quickest peers, in turns, on problems of CUTEst that all solve.

    python -m experiments.benchmarks.side_by_side [--largest 100] [--seconds 600]

The runs of `cutest.py` are made one contender after another, hours apart; here each problem is given to all
of them before the next one, in a changing order, in one process. A first call traces, compiles and runs; a
warm one is the quickest of seven. jgd has its defaults, the peers 100,000 steps and a gradient tolerance of
1e-5. Which problems all solve is read from the runs in `runs/`; those where a warm run of one takes more than
0.2 s are left out.
"""

import argparse
import time
from pathlib import Path
from statistics import median
from typing import Any

import jax

from experiments.benchmarks.collection import cutest, objective
from experiments.benchmarks.contenders import CONTENDERS
from experiments.benchmarks.cutest import lines
from experiments.benchmarks.profiles import geometric_mean, outcomes
from experiments.benchmarks.worker import CAP

RUNS = sorted((Path(__file__).parent / "runs").glob("cutest-*.gz"))
COMPARED = {"jgd": "own", "optax L-BFGS": "raised", "optimistix L-BFGS": "raised"}
SIZES = ((1, 2), (3, 4), (5, 12), (13, 100), (101, 10_000))
WARM = 7
SLOW = 0.2

Times = dict[str, tuple[float, float]]


def solved_by_all(largest: int) -> list[str]:
    """The problems that all of them solve and none of them takes long for."""
    found = outcomes(lines(RUNS))
    theirs = [found[contender, setting] for contender, setting in COMPARED.items()]

    def is_fair(name: str) -> bool:
        runs = [by[name] for by in theirs if name in by]
        return len(runs) == len(theirs) and all(one.solved and one.run["warm_s"] < SLOW for one in runs)

    return [name for name, one in theirs[0].items() if one.run["n"] <= largest and is_fair(name)]


def timed(solve: Any, x0: Any) -> float:
    """Seconds of one run."""
    began = time.perf_counter()
    jax.block_until_ready(solve(x0)[0])
    return time.perf_counter() - began


def times(problem: Any, turn: int) -> tuple[int, Times]:
    """The number of variables, and each contender's first and quickest warm run."""
    names, found = list(COMPARED), {}
    for i in range(len(names)):
        name = names[(turn + i) % len(names)]
        fun, x0 = objective(problem)
        solve = CONTENDERS[name](fun, x0.size, None if COMPARED[name] == "own" else CAP)
        found[name] = timed(solve, x0), min(timed(solve, x0) for _ in range(WARM))
    return int(objective(problem)[1].size), found


def report(rows: list[tuple[int, Times]]) -> None:
    """Print the peers' times over jgd's."""
    for part, what in enumerate(("first call", "warm run")):
        own = ", ".join(f"{name} {1e3 * median(by[name][part] for _, by in rows):.3g}" for name in COMPARED)
        print(f"{what}, median of {len(rows)} problems in ms: {own}")
        for name in list(COMPARED)[1:]:
            ratios = [(n, by[name][part] / by["jgd"][part]) for n, by in rows]
            whole = [ratio for _, ratio in ratios]
            parts = [
                f"n {low} to {high}: {geometric_mean(some):.2f} ({len(some)})"
                for low, high in SIZES
                if (some := [ratio for n, ratio in ratios if low <= n <= high])
            ]
            print(
                f"  {name} over jgd: median {median(whole):.2f}, geometric mean {geometric_mean(whole):.2f}; "
                + ", ".join(parts)
            )


def main() -> None:
    """Take the times and print them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--largest", type=int, default=100, help="the most variables")
    parser.add_argument("--seconds", type=float, default=600.0, help="begin no further problem after these")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    problems, rows, began = cutest(), [], time.perf_counter()
    for turn, name in enumerate(solved_by_all(options.largest)):
        if time.perf_counter() - began < options.seconds:
            rows.append(times(problems[name], turn))
    report(rows)


if __name__ == "__main__":
    main()
