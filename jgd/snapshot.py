"""A snapshot: a run between two chunks of it."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.status import Status
from jgd.driver.carry import Carry, Program
from jgd.result import Result, history_of
from jgd.run import Run


@dataclass(frozen=True, eq=False, repr=False)
class Snapshot:
    """What a callback of `minimize` and a loop over `jgd.segments` see of a run.

    Numbers are there at no cost; `x`, `history` and `result` are made when they are first asked for.
    `seconds` have passed since the run began, those of compiling included, `steps_per_second` is the pace of
    the last chunk, `run` all that the run is. Under mini-batches `value` and `grad_norm` are those of one
    batch and `best_value` is that of all examples where they were looked at; `result` evaluates them all.
    """

    run: Run
    seconds: float
    steps_per_second: float

    @property
    def step(self) -> int:
        """The number of steps taken."""
        return self.run.step

    @property
    def status(self) -> Status:
        """RUNNING, or how the run has ended."""
        return self.run.status

    @property
    def ended(self) -> bool:
        """Whether the run has ended."""
        return self.run.end is not None

    @property
    def value(self) -> float:
        """The value at x."""
        return self.run.value

    @property
    def best_value(self) -> float:
        """The lowest value seen."""
        fixed = self.program.objective.fixed
        return float(self.carry.motion.best_value if fixed else self.carry.memory[1][0].lowest)

    @property
    def grad_norm(self) -> float:
        """The largest absolute entry of the gradient; under bounds of the projected one."""
        return float(self.carry.grad_norm)

    @property
    def tolerance(self) -> float:
        """What `grad_norm` is held against: gtol + grtol * (the same at the start)."""
        return self.run.tolerance

    @property
    def rate(self) -> float:
        """The rate of the last step, as the method tells it; NaN before the first."""
        return float(self.carry.motion.rate)

    @cached_property
    def x(self) -> Any:
        """Where the run is."""
        return jax.tree.map(jnp.asarray, self.carry.motion.point.x)

    @cached_property
    def history(self) -> dict[str, np.ndarray]:
        """The recorded rows so far, as in a Result."""
        return history_of(self.program, self.carry)

    @cached_property
    def result(self) -> Result:
        """What `minimize` would return if the run ended here; `start=` goes on from it."""
        return self.run.result()

    @property
    def carry(self) -> Carry:
        """All that is needed to go on."""
        assert self.run.carry is not None
        return self.run.carry

    @property
    def program(self) -> Program:
        """What it is a run of."""
        return self.run.program

    def stopped(self, status: Status) -> "Snapshot":
        """The snapshot of the run ended here, if it had not ended already."""
        return dataclasses.replace(self, run=self.run.stopped(status))

    def __repr__(self) -> str:
        """Where the run is, in one line."""
        return (
            f"Snapshot({self.status.name}, step={self.step}, value={self.value:.6g}, "
            f"grad_norm={self.grad_norm:.3g})"
        )
