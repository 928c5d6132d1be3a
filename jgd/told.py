"""What the front door reads of a run."""

from typing import Any, NamedTuple

import jax

from jgd.core import tree
from jgd.core.record import record
from jgd.core.status import Status
from jgd.core.types import Point
from jgd.driver.carry import Carry, Program


class Told(NamedTuple):
    """The numbers of a run, `counts` and `discarded` in the order of `COUNTS`.

    `looks` is how often a run on mini-batches evaluated all examples, `fault` what kept data from being read.
    """

    status: Status
    steps: int
    counts: list[int]
    discarded: list[int]
    value: float
    best_value: float
    first_value: float
    grad_norm: float
    looks: int
    fault: str


@record
class Best:
    """Where the lowest value was seen, the value, and at which step."""

    x: Any
    value: jax.Array
    k: Any


@record
class Ended:
    """A run that has ended: its carry, the Point that it is judged by, the size of the gradient there.

    `best` is None where it is to be found by running its block again.
    """

    carry: Carry
    point: Point
    grad_norm: jax.Array
    best: Best | None = None

    @property
    def given(self) -> Any:
        """What users are given of it as arrays."""
        return self.point, self.carry.motion.point, self.best and (self.best.x, self.best.value)


def ended(program: Program, carry: Carry) -> Ended:
    """What there is to be told of a run; under mini-batches its Points are those of all examples."""
    f, motion = program.objective, carry.motion
    if f.fixed:
        return Ended(carry, motion.point, carry.grad_norm)
    point, seen = f.full.evaluate(motion.point.x), carry.memory[1][0]
    last, lowest = Best(point.x, point.value, motion.k), Best(seen.x, seen.lowest, seen.k)
    best = tree.select(lowest.value < last.value, lowest, last)
    return Ended(carry, point, tree.norm_inf(f.full.stationarity(point)), best)


def lowest(run: Ended) -> jax.Array:
    """The lowest value that the run has seen."""
    return run.carry.motion.best_value if run.best is None else run.best.value


def firsts(program: Program, carry: Carry) -> tuple[jax.Array, jax.Array]:
    """The value and the size of the gradient at the start."""
    if program.objective.fixed:
        return carry.first_value, carry.memory[0][0]
    seen = carry.memory[1][0]
    return seen.first_value, seen.first_grad_norm


def told(program: Program, run: Ended) -> Told:
    """The numbers of a run that has ended."""
    carry, value = run.carry, run.point.value.item()
    seen = None if program.objective.fixed else carry.memory[1][0]
    best, (first, _) = lowest(run), firsts(program, carry)
    fault = program.objective.fault()
    return Told(
        Status.DATA_FAILED if fault else Status(carry.status.item()),
        carry.motion.k.item(),
        carry.motion.counts.tolist(),
        carry.discarded.tolist(),
        value,
        best.item(),
        first.item(),
        run.grad_norm.item(),
        0 if seen is None else seen.times.item() + 1,
        fault,
    )
