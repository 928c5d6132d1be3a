"""The loop of every optimizer in a few lines, to hold the driver against."""

from collections.abc import Callable, Iterator
from typing import Any

from jgd.core.objective import Objective
from jgd.core.types import Point


def points(objective: Objective, method: Any, x0: Any, wrap: Callable = lambda f: f) -> Iterator[Point]:
    """The start and every point after it, without end; `wrap` may compile the step."""

    def advance(objective: Objective, method: Any, point: Point, state: Any) -> tuple[Point, Any]:
        step = method.step(objective, point, state)
        return objective.evaluate(step.to), step.state

    advance = wrap(advance)
    point = objective.evaluate(x0)
    state = method.init(objective, point)
    while True:
        yield point
        point, state = advance(objective, method, point, state)
