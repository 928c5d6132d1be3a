"""A rule: what it sees of a run, and what it must have."""

from typing import Any, Protocol

import jax

from jgd.core.objective import Objective
from jgd.core.record import record
from jgd.core.status import Status
from jgd.core.types import Point


@record
class Progress:
    """What a test sees: the step number, the point and the size of its gradient, and two sums.

    `best_value` is the lowest value so far, `values` the number of values evaluated so far.
    """

    k: Any
    point: Point
    grad_norm: Any
    best_value: Any
    values: Any


@record
class Look:
    """What a check sees: two successive points, and of the step between them what the method said.

    `k` is the number of steps so far, `due` whether the checks are, `first_value` the value at the start;
    `grad_norm`, `x_norm` and `step_norm` are the largest entries of the new gradient and x and of the step,
    `rate` and `accepted` are those of `jgd.Info`.
    """

    k: Any
    due: Any
    first_value: Any
    old: Point
    new: Point
    grad_norm: Any
    x_norm: Any
    step_norm: Any
    rate: Any
    accepted: Any


class Test(Protocol):
    """A test of every step."""

    @property
    def status(self) -> Status:
        """What the run ends with when the test no longer holds."""
        ...

    def init(self, f: Objective, point: Point) -> Any:
        """What the test needs to know of the start."""
        ...

    def going(self, f: Objective, now: Progress, memory: Any) -> jax.Array:
        """Whether to go on; False for NaN."""
        ...


class Check(Protocol):
    """A check of the recorded steps."""

    def init(self, f: Objective, point: Point) -> Any:
        """The memory before the first step."""
        ...

    def check(self, f: Objective, look: Look, memory: Any) -> tuple[jax.Array, Any]:
        """(status, memory) after a step; at the start, where no step was made yet, the step is zero."""
        ...
