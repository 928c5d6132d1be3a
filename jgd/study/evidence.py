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
    """A run and what can be measured of it."""

    result: Result

    @cached_property
    def objective(self) -> Objective:
        """What was minimized."""
        return self.result.program.objective

    @cached_property
    def theory(self) -> Family:
        """The method as theory knows it."""
        return family(self.result.program.method, self.result.method)

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
        return isinstance(getattr(self.result.program.method, "search", None), Exact)

    @cached_property
    def broken(self) -> bool:
        """Whether the run left its point for worse: then the best point is looked at."""
        return self.result.status in (Status.DIVERGED, Status.NONFINITE)

    @cached_property
    def x(self) -> Any:
        """The point that is looked at."""
        return self.result.best_x if self.broken else self.result.x

    @cached_property
    def curvature(self) -> Curvature:
        """The curvature there."""
        o = self.objective
        return curvature(o.fun, self.x, args=o.args, has_aux=o.has_aux, gtol=self.result.tolerances.grad)

    @property
    def limit(self) -> float:
        """The largest stable constant rate there, of this method; infinite without positive curvature."""
        return self.theory.stable_rate(self.curvature.highest.value)

    @cached_property
    def eigen(self) -> tuple[np.ndarray, np.ndarray] | None:
        """All eigenvalues there, ascending, and eigenvectors as columns, if the Hessian is small."""
        if self.result.parameters > DENSE_LIMIT:
            return None
        return np.linalg.eigh(np.asarray(_hessian(self.objective, self.x), float))

    @cached_property
    def grad(self) -> np.ndarray:
        """The gradient there, as a vector."""
        return np.asarray(tree.ravel(self.curvature.grad)[0], float)

    @cached_property
    def trail(self) -> dict[str, np.ndarray]:
        """The run's history with its measures of curvature; empty for a long run that was not measured."""
        if "cosine" in self.result.history:
            return self.result.history
        if self.result.run_seconds > PATIENCE:
            return {}
        recorder = Recorder(TRAIL_ROWS, gauge=CurvatureGauge(product=False))
        program = dataclasses.replace(self.result.program, recorder=recorder)
        carry = _again(program, self.result.x0)
        return dataclasses.replace(self.result, carry=carry, program=program).history

    def last(self, name: str, share: float = 0.25) -> np.ndarray:
        """The measures of the last part of the trail that are numbers."""
        if not self.trail:
            return np.zeros(0)
        steps, column = self.trail["step"], self.trail[name]
        late = column[steps >= (1 - share) * steps[-1]]
        return late[np.isfinite(late)]

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
        parts, tolerance = vectors.T @ self.grad, self.result.tolerances.grad

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
        """f at another point."""
        return float(_value(self.objective, x))

    def moved(self, direction: Any, length: float) -> Any:
        """x + length * direction."""
        return tree.add_scaled(self.x, length, direction)

    @property
    def nearly_critical(self) -> bool:
        """Whether the gradient nearly met its test."""
        return self.result.grad_norm <= 100 * self.result.tolerances.grad

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
    return objective.value(x)


@compiled
def ray(objective: Objective, x: Any, scales: Any) -> tuple[jax.Array, jax.Array]:
    """f and x.grad f at the multiples of x."""

    def at(scale: jax.Array) -> tuple[jax.Array, jax.Array]:
        point = objective.evaluate(tree.scale(scale, x))
        return point.value, tree.dot(point.x, point.grad)

    return jax.lax.map(at, jnp.asarray(scales, tree.scalar_dtype(x)))
