"""The direction of steepest descent."""

from typing import Any

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.record import record
from jgd.core.types import Info, Point


@record
class Steepest:
    """d = -grad f(x): the direction in which f falls fastest at first order.

    Reference: Cauchy (1847), Methode generale pour la resolution des systemes d'equations simultanees.
    """

    def init(self, f: Objective, point: Point) -> None:
        """No state."""

    def __call__(self, f: Objective, p: Point, s: None) -> tuple[Any, None, Info]:
        """Minus the gradient."""
        return tree.negative(p.grad), None, Info()
