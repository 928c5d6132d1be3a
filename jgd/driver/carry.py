"""The carry: all that a run is and needs to go on, as records."""

from typing import Any

import jax

from jgd.core.objective import Objective
from jgd.core.record import record
from jgd.core.types import Gauge, Method, Point
from jgd.driver.recorder import Recorder, Row
from jgd.driver.stop import Stop

GRID = Recorder()
"""What is recorded by default; the checks are made on its grid, whatever is recorded."""


@record
class Program:
    """What a run is made of; its leaves (data, rates, tolerances) may change without recompiling."""

    objective: Objective
    method: Method
    stop: Stop
    recorder: Recorder | None = GRID

    @property
    def exponent(self) -> int:
        """The finer one of the grids of rows and of checks, on which blocks end."""
        return max((self.recorder or GRID).exponent, GRID.exponent)

    @property
    def gauge(self) -> Gauge | None:
        """What measures the run, if anything does."""
        return None if self.recorder is None else self.recorder.gauge


@record
class Position:
    """Where a run stands and all that its next step depends on."""

    k: jax.Array
    point: Point
    state: Any


@record
class Motion:
    """What one step changes: the position, what the method reported of the step, and sums.

    `counts` are the sums of `COUNTS` so far, `best_value` is the lowest value so far, `gauge` what the
    recorder's gauge remembers. Inside the loop the columns that no step changes are None.
    """

    at: Position
    rate: Any
    accepted: Any
    status: Any
    counts: Any
    best_value: jax.Array
    gauge: Any = None

    @property
    def k(self) -> jax.Array:
        """The number of steps taken."""
        return self.at.k

    @property
    def point(self) -> Point:
        """The point the run is at."""
        return self.at.point


@record
class Carry:
    """A run so far: where it is, its verdict, its memory and its history; a pytree, all it takes to go on.

    `grad_norm` is the size of the gradient where it is, `best_origin` where the block began in which
    the best value was seen, `discarded` the counts of evaluations that were made again, `memory` what the
    rules remember.
    """

    motion: Motion
    grad_norm: jax.Array
    best_origin: Position
    status: jax.Array
    discarded: jax.Array
    memory: Any
    history: Row | None
    first_value: jax.Array
