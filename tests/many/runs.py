"""Many runs on Rosenbrock's function, and what is held against the single ones."""

import dataclasses
from typing import Any

import numpy as np

import jgd
from tests.contract.squares import rosenbrock

ROSENBROCK = rosenbrock()
FUN, ARGS = ROSENBROCK.fun, ROSENBROCK.args
STARTS = np.random.default_rng(0).uniform(-2, 2, (24, 2))
LANES = 5


def alone(run: int, made: Any, **options: Any) -> jgd.Result:
    return jgd.minimize(FUN, STARTS[run], made, args=ARGS, **options)


def work_of(single: jgd.Result) -> dict[str, int]:
    """The columns that `Ends.work` has of a run."""
    work = dataclasses.asdict(single.work)
    del work["looks"]
    return work


def work_at(ends: jgd.Ends, run: int) -> dict[str, int]:
    return {name: int(column[run]) for name, column in ends.work.items()}
