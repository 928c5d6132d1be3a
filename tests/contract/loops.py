"""The loop of every optimizer in a few lines, to hold the driver against."""

from collections.abc import Iterator
from typing import Any

import jax

from jgd.core.objective import Objective
from jgd.core.types import Point


def advance(objective: Objective, method: Any, point: Point, state: Any) -> tuple[Point, Any]:
    """One step."""
    step = method.step(objective, point, state)
    return objective.evaluate(step.to), step.state


compiled_advance = jax.jit(advance)


def points(objective: Objective, method: Any, x0: Any, compiled: bool = True) -> Iterator[Point]:
    """The start and every point after it, without end."""
    point = objective.evaluate(x0)
    state = method.init(objective, point)
    while True:
        yield point
        point, state = (compiled_advance if compiled else advance)(objective, method, point, state)
