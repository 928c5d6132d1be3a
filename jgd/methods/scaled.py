"""The method that moves another one in scaled variables, or in any that x is a linear function of."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from jgd.core.box import Box
from jgd.core.examples import SumOf
from jgd.core.linear import Linear, transposed
from jgd.core.objective import Objective
from jgd.core.record import record
from jgd.core.residuals import WithResiduals
from jgd.core.types import Method, Point, Step, reported


@dataclass(frozen=True)
class Stretched:
    """(z, T, *args) -> fun(T z, *args)."""

    fun: Callable

    def __call__(self, z: Any, T: Linear, *args: Any) -> Any:
        """The function at x = T z."""
        return self.fun(T.forward(z), *args)


@dataclass(frozen=True)
class StretchedLoss:
    """(z, row, T, *args) -> loss(T z, row, *args)."""

    loss: Callable

    def __call__(self, z: Any, row: Any, T: Linear, *args: Any) -> Any:
        """The loss at x = T z."""
        return self.loss(T.forward(z), row, *args)


def stretched(fun: Callable) -> Callable:
    """The function of z and T, of the same kind as that of x."""
    if isinstance(fun, WithResiduals):
        return WithResiduals(Stretched(fun.fun))
    if isinstance(fun, SumOf):
        return SumOf(StretchedLoss(fun.loss), fun.penalty and Stretched(fun.penalty), fun.batched)
    return Stretched(fun)


@record
class Scaled:
    """x = T z: the method takes its steps in z, where one step length suits all variables.

    `map` is T. What the driver sees, the history and the result are in x. In x, a method that follows d
    follows T T^T d. A diagonal of powers of two loses nothing on the way from x to z and back.
    """

    method: Method
    map: Linear

    @property
    def name(self) -> str:
        """The method's own."""
        return getattr(self.method, "name", type(self.method).__name__)

    @property
    def remark(self) -> str:
        """What a summary says beside the name."""
        return ", ".join(filter(None, (getattr(self.method, "remark", ""), "in scaled variables")))

    def init(self, f: Objective, point: Point) -> Any:
        """The state of the method in z."""
        return self.method.init(self.inner(f), self._down(point))

    def step(self, f: Objective, point: Point, state: Any) -> Step:
        """The method's step, back in x."""
        step = self.method.step(self.inner(f), self._down(point), state)
        to = self._up(step.to) if isinstance(step.to, Point) else self.map.forward(step.to)
        return dataclasses.replace(step, to=to)

    def report(self, state: Any) -> dict[str, jax.Array]:
        """The method's own columns."""
        return reported(self.method, state)

    def _down(self, p: Point) -> Point:
        return Point(self.map.inverse(p.x), p.value, transposed(self.map.forward, p.grad), p.aux)

    def _up(self, p: Point) -> Point:
        return Point(self.map.forward(p.x), p.value, transposed(self.map.inverse, p.grad), p.aux)

    def inner(self, f: Objective) -> Objective:
        """The objective as a function of z; a box is one of z too where T is diagonal."""
        box = f.box and Box(self.map.inverse(f.box.lower), self.map.inverse(f.box.upper))
        return dataclasses.replace(f, fun=stretched(f.fun), args=(self.map, *f.args), box=box)
