"""The method that moves another one in scaled variables."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from jgd.core.box import Box
from jgd.core.examples import SumOf
from jgd.core.objective import Objective
from jgd.core.record import record
from jgd.core.residuals import WithResiduals
from jgd.core.types import Method, Point, Step, reported


@dataclass(frozen=True)
class Stretched:
    """(z, scale, *args) -> fun(scale z, *args)."""

    fun: Callable

    def __call__(self, z: Any, scale: Any, *args: Any) -> Any:
        """The function at x = scale z."""
        return self.fun(_times(scale, z), *args)


@dataclass(frozen=True)
class StretchedLoss:
    """(z, row, scale, *args) -> loss(scale z, row, *args)."""

    loss: Callable

    def __call__(self, z: Any, row: Any, scale: Any, *args: Any) -> Any:
        """The loss at x = scale z."""
        return self.loss(_times(scale, z), row, *args)


def _stretched(fun: Callable) -> Callable:
    """The function of z and the scale, of the same kind as that of x."""
    if isinstance(fun, WithResiduals):
        return WithResiduals(Stretched(fun.fun))
    if isinstance(fun, SumOf):
        return SumOf(StretchedLoss(fun.loss), fun.penalty and Stretched(fun.penalty), fun.batched)
    return Stretched(fun)


@record
class Scaled:
    """x = scale z: the method takes its steps in z, where one step length suits all variables.

    `scale` is a tree like x of powers of two, so that going from x to z and back loses nothing. What the
    driver sees, the history and the result are in x. In x, a method that follows d follows scale^2 d.
    """

    method: Method
    scale: Any

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
        return self.method.init(self._inner(f), self._down(point))

    def step(self, f: Objective, point: Point, state: Any) -> Step:
        """The method's step, back in x."""
        step = self.method.step(self._inner(f), self._down(point), state)
        to = self._up(step.to) if isinstance(step.to, Point) else _times(self.scale, step.to)
        return dataclasses.replace(step, to=to)

    def report(self, state: Any) -> dict[str, jax.Array]:
        """The method's own columns."""
        return reported(self.method, state)

    def _down(self, p: Point) -> Point:
        return Point(_over(p.x, self.scale), p.value, _times(self.scale, p.grad), p.aux)

    def _up(self, p: Point) -> Point:
        return Point(_times(self.scale, p.x), p.value, _over(p.grad, self.scale), p.aux)

    def _inner(self, f: Objective) -> Objective:
        """The objective as a function of z."""
        box = f.box and Box(_over(f.box.lower, self.scale), _over(f.box.upper, self.scale))
        return dataclasses.replace(f, fun=_stretched(f.fun), args=(self.scale, *f.args), box=box)


def _times(scale: Any, z: Any) -> Any:
    return jax.tree.map(lambda s, a: a * s, scale, z)


def _over(x: Any, scale: Any) -> Any:
    return jax.tree.map(lambda a, s: a / s, x, scale)
