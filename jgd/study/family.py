"""Which method of the theory a run's method is, and its constants."""

from dataclasses import dataclass
from typing import Any

from jgd.core.types import Method
from jgd.directions.momentum import Accelerated, HeavyBall, LookAhead
from jgd.directions.newton import NewtonRaphson, SafeNewton
from jgd.directions.steepest import Steepest
from jgd.geometry.stability import FORMULAS, largest_stable_curvature
from jgd.methods.descent import Descent
from jgd.methods.optax import OptaxMethod
from jgd.methods.scaled import Scaled
from jgd.searches.fixed import Fixed

NAMES: dict[type, str] = {
    Steepest: "gradient_descent",
    HeavyBall: "heavy_ball",
    LookAhead: "nesterov",
    Accelerated: "nesterov",
    NewtonRaphson: "newton_raphson",
    SafeNewton: "newton",
}
"""Direction -> the method it makes."""


@dataclass(frozen=True)
class Family:
    """A method as theory names it.

    `rate` is its constant learning rate, NaN if it is none; `momentum` 0 for none, and 1 where it grows
    towards 1.
    """

    name: str
    rate: float
    momentum: float

    @property
    def descends(self) -> bool:
        """Whether this is gradient descent, perhaps with momentum."""
        return self.name in FORMULAS

    def stable_rate(self, curvature: float) -> float:
        """The largest stable constant rate there; infinite without positive curvature."""
        if not curvature > 0 or not self.descends:
            return float("inf")
        return largest_stable_curvature(self.name, 1.0, self.momentum) / curvature


def family(method: Method, name: str) -> Family:
    """The family of a method of that name; any that theory does not know keeps its name.

    In scaled variables it is that of the method that moves there.
    """
    if isinstance(method, Scaled):
        return family(method.method, name)
    if isinstance(method, Descent):
        direction = method.direction
        rate = float(method.search.rate) if isinstance(method.search, Fixed) else float("nan")
        momentum = 1.0 if isinstance(direction, Accelerated) else float(getattr(direction, "momentum", 0.0))
        return Family(NAMES.get(type(direction), name), rate, momentum)
    name = name.removeprefix("optax.")
    if not isinstance(method, OptaxMethod):
        return Family(name, float("nan"), 0.0)
    constants = {**dict(method.constants), **method.hyper}
    rate = _number(constants.get("learning_rate"))
    if name != "sgd":
        return Family(name, rate, 0.0)
    momentum = _number(constants.get("momentum"), 0.0)
    if not momentum:
        return Family("gradient_descent", rate, 0.0)
    return Family("nesterov" if constants.get("nesterov") else "heavy_ball", rate, momentum)


def _number(value: Any, otherwise: float = float("nan")) -> float:
    """The value as a number; `otherwise` for a schedule or for none."""
    return otherwise if value is None or callable(value) else float(value)
