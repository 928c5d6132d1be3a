"""What is known of a run, measured when it is asked for: what findings are made of."""

import dataclasses
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import tree
from jgd.core.compiled import compiled
from jgd.core.objective import Objective
from jgd.core.status import Status
from jgd.core.words import plural
from jgd.driver.carry import Program
from jgd.driver.recorder import Recorder
from jgd.driver.solve import solve
from jgd.geometry.gauge import CurvatureGauge
from jgd.geometry.spectrum import DENSE_LIMIT
from jgd.methods.curved_recipes import lbfgs, newton
from jgd.methods.default import NEWTON
from jgd.result import Result
from jgd.searches.exact import Exact
from jgd.study.curvature import Curvature, curvature
from jgd.study.family import Family, family
from jgd.study.frame import Frame

TRAIL_ROWS = 1024
"""Rows of the history that is measured of a run made again."""

PATIENCE = 10.0
"""Runs longer than this many seconds are not made again."""

SAFE = 0.95
"""The share of a theoretical best rate that is advised."""

CUT_SHORT = (
    Status.MAX_STEPS,
    Status.MAX_EVALUATIONS,
    Status.STOPPED_BY_RULE,
    Status.TIME_LIMIT,
    Status.STOPPED_BY_CALLBACK,
    Status.INTERRUPTED,
    Status.STALLED,
)
"""The ways to end before anything was reached."""


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """A run and what can be measured of it, its curvature in the variables of its `frame`."""

    result: Result

    @cached_property
    def objective(self) -> Objective:
        """What was minimized."""
        return self.result.program.objective

    @cached_property
    def theory(self) -> Family:
        """The method as theory knows it."""
        return family(self.program.method, self.result.method)

    @property
    def family(self) -> str:
        """`gradient_descent`, `heavy_ball`, `nesterov`, `newton_raphson`, `newton`, `adam` and the like."""
        return self.theory.name

    @property
    def descends(self) -> bool:
        """Whether this is gradient descent, perhaps with momentum."""
        return self.theory.descends

    @property
    def rate(self) -> float:
        """The constant learning rate; NaN if it is none."""
        return self.theory.rate

    @property
    def exact_search(self) -> bool:
        """Whether it searches exactly."""
        return isinstance(getattr(self.program.method, "search", None), Exact)

    @cached_property
    def broken(self) -> bool:
        """Whether the run left its point for worse: then the best point is looked at."""
        return self.result.status in (Status.DIVERGED, Status.NONFINITE)

    @cached_property
    def x(self) -> Any:
        """The point that is looked at."""
        return self.result.best_x if self.broken else self.result.x

    @cached_property
    def held(self) -> np.ndarray:
        """Which entries of the ravelled x a bound holds there."""
        held = np.asarray(tree.ravel(self.result.active)[0], bool)
        return held & (not self.broken)

    @property
    def where(self) -> str:
        """What is to be known of bounds beside the kind of a point."""
        count = int(self.held.sum())
        return f", {count:,} of {plural(self.held.size, 'parameter')} held by a bound" if count else ""

    @cached_property
    def frame(self) -> Frame:
        """The variables in which curvature is measured; where bounds hold all of x, all of them."""
        return Frame(self.result.program, ~self.held | self.held.all())

    @property
    def program(self) -> Program:
        """What was run, in these variables."""
        return self.frame.program

    @cached_property
    def curvature(self) -> Curvature:
        """The curvature there."""
        f, at = self.frame.about(self.x)
        return curvature(f.fun, at, args=f.args, has_aux=f.has_aux)

    @property
    def downhill(self) -> Any:
        """The unit direction of x along which curvature is most negative; None if none is."""
        direction = self.curvature.negative_direction
        return None if direction is None else self.frame.outer(direction, self.x)

    @property
    def limit(self) -> float:
        """The largest stable constant rate there, of this method; infinite without positive curvature."""
        return self.theory.stable_rate(self.curvature.highest.value)

    @cached_property
    def eigen(self) -> tuple[np.ndarray, np.ndarray] | None:
        """All eigenvalues there, ascending, and eigenvectors as columns, if the Hessian is small."""
        if self.result.parameters > DENSE_LIMIT:
            return None
        values, vectors = np.linalg.eigh(np.asarray(_hessian(*self.frame.about(self.x)), float))
        return values, self.frame.whole(vectors)

    @cached_property
    def grad(self) -> np.ndarray:
        """The gradient there, as a vector; 0 where a bound holds x."""
        return self.frame.whole(tree.ravel(self.curvature.grad)[0])

    @cached_property
    def trail(self) -> dict[str, np.ndarray]:
        """The run's history with its measures of curvature; empty for a long run that was not measured."""
        if "cosine" in self.result.history and self.frame.scaled is None:
            return self.result.history
        if self.result.run_seconds > PATIENCE:
            return {}
        recorder = Recorder(TRAIL_ROWS, gauge=CurvatureGauge(product=False))
        program = dataclasses.replace(self.program, recorder=recorder)
        carry = _again(program, self.frame.inner(self.result.x0), self.result.steps)
        return dataclasses.replace(self.result, carry=carry, program=program).history

    def last(self, name: str, share: float = 0.25) -> np.ndarray:
        """The measures of the last part of the trail that are numbers."""
        if not self.trail:
            return np.zeros(0)
        steps, column = self.trail["step"], self.trail[name]
        late = column[steps >= (1 - share) * steps[-1]]
        return late[np.isfinite(late)]

    def falls(self, name: str, share: float = 0.25) -> bool:
        """Whether of the measures of the last part the later half lies clearly below the earlier one."""
        late = self.last(name, share)
        half = late.size // 2
        return bool(half and np.median(late[half:]) < 0.9 * np.median(late[:half]))

    @cached_property
    def backwards(self) -> float:
        """The share of late steps after which the gradient pointed against the one before."""
        cosines = self.last("cosine")
        return float(np.mean(cosines < 0)) if cosines.size else float("nan")

    def steps_left(self, rate: float) -> float:
        """Steps of gradient descent from here to the gradient test, were f quadratic; infinite for never."""
        if self.eigen is None:
            return float("inf")
        values, vectors = self.eigen
        parts = vectors.T @ self.grad
        tolerance = self.result.tolerances.grad / self.result.grad_norm * np.max(np.abs(self.grad))

        def met(steps: float) -> bool:
            return float(np.max(np.abs(vectors @ (parts * (1 - rate * values) ** steps)))) <= tolerance

        if not np.all(np.abs(1 - rate * values) < 1):
            return float("inf")
        low, high = 0, 1
        while not met(high):
            low, high = high, 2 * high
            if high > 2**40:
                return float("inf")
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if met(middle) else (middle, high)
        return float(high)

    def value(self, x: Any) -> float:
        """f at another point, moved inside of bounds."""
        return float(_value(self.objective, x))

    def sinks(self, values: np.ndarray) -> bool:
        """Whether values of f in a row never rise beyond rounding."""
        rounding = 8 * float(jnp.finfo(self.result.dtype).eps) * np.abs(values[:-1])
        return bool(np.all(np.diff(values) <= rounding))

    def moved(self, direction: Any, length: float) -> Any:
        """x + length * direction."""
        return tree.add_scaled(self.x, length, direction)

    @property
    def nearly_critical(self) -> bool:
        """Whether the gradient nearly met its test, and not for bounds that hold all of x."""
        return self.result.grad_norm <= 100 * self.result.tolerances.grad and not self.held.all()

    @property
    def second_order(self) -> tuple[Any, str]:
        """A method that knows of curvature, by the number of parameters, and how it is written."""
        if self.result.parameters <= NEWTON:
            return newton(), "jgd.newton()"
        return lbfgs(), "jgd.lbfgs()"

    @property
    def length(self) -> float:
        """The largest entry of x, 1 at least: what a small step is measured against."""
        return max(1.0, float(tree.norm_inf(self.x)))


_again = compiled(solve)


@compiled
def _hessian(objective: Objective, x: Any) -> jax.Array:
    return objective.hessian(x)


@compiled
def _value(objective: Objective, x: Any) -> jax.Array:
    return objective.value(objective.inside(x))
