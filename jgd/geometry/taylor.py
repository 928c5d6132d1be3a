"""Taylor's models of an objective at a point: what they predict, and what then happens."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import check, tree
from jgd.core.objective import Objective
from jgd.core.types import Point
from jgd.linalg.dense import solve_shifted


@dataclass(frozen=True, eq=False)
class Taylor:
    """m(d) = f(x) + grad.d, and + d.H d / 2 at degree 2.

    Gradient descent minimizes the model of degree 1 within a bound on the step, Newton-Raphson that of
    degree 2: `minimizer` gives both.
    """

    objective: Objective
    point: Point
    degree: int

    def __call__(self, d: Any) -> float:
        """m(d), d a pytree like x. Raises ValueError, as all that takes a d, for another."""
        return float(_model(self.objective, self.point, self._like(d), self.degree))

    def predicted_decrease(self, d: Any) -> float:
        """f(x) - m(d)."""
        return float(_decrease(self.objective, self.point, self._like(d), self.degree))

    def actual_decrease(self, d: Any) -> float:
        """f(x) - f(x + d)."""
        to = tree.add_scaled(self.point.x, 1.0, self._like(d))
        return float(self.point.value) - float(_value(self.objective, to))

    def ratio(self, d: Any) -> float:
        """The actual decrease as a multiple of the predicted one: 1 where the model is right."""
        predicted = self.predicted_decrease(d)
        return self.actual_decrease(d) / predicted if predicted else float("nan")

    def errors(self, d: Any, scales: Any) -> np.ndarray:
        """|f(x + t d) - m(t d)| for each t of `scales`: it falls as t to the power degree + 1."""
        check.number("scales", scales)
        ts = jnp.atleast_1d(jnp.asarray(scales, tree.scalar_dtype(self.point.x)))
        return np.asarray(_errors(self.objective, self.point, self._like(d), ts, self.degree))

    def minimizer(self, bound: float | None = None) -> Any:
        """Where the model is lowest: a step of length `bound` against the gradient, or Newton's step.

        At degree 1 a bound is needed. At degree 2 the Hessian is formed and must be positive definite.
        Raises ValueError where there is no minimizer.
        """
        if self.degree == 1:
            if bound is None:
                raise ValueError("bound is missing: a model of degree 1 is lowest at infinity without one.")
            check.scalar("bound", bound, least=0)
            length = float(jnp.sqrt(tree.dot(self.point.grad, self.point.grad)))
            return tree.scale(-bound / length if length else 0.0, self.point.grad)
        if bound is not None:
            raise ValueError("bound is for degree 1: Newton's step has a length of its own.")
        step, shift = _newton(self.objective, self.point)
        if float(shift) > 0:
            raise ValueError("The model has no minimizer: the Hessian is not positive definite here.")
        return step

    def _like(self, d: Any) -> Any:
        x = self.point.x
        if jax.tree.structure(d) != jax.tree.structure(x) or any(
            np.shape(a) != np.shape(b) for a, b in zip(jax.tree.leaves(d), jax.tree.leaves(x), strict=True)
        ):
            raise ValueError("d must be a pytree of the same structure and shapes as x.")
        return jax.tree.map(lambda a, b: jnp.asarray(a, b.dtype), d, x)


def taylor_model(objective: Objective, x: Any, degree: int) -> Taylor:
    """The model of that degree at x."""
    return Taylor(objective, jax.jit(Objective.evaluate)(objective, x), degree)


def _decrease(objective: Objective, point: Point, d: Any, degree: int) -> jax.Array:
    slope = tree.dot(point.grad, d)
    if degree == 1:
        return -slope
    return -slope - tree.dot(d, objective.hvp(point.x)(d)) / 2


_decrease = jax.jit(_decrease, static_argnames="degree")


@jax.jit
def _value(objective: Objective, x: Any) -> jax.Array:
    return objective.value(x)


def _model(objective: Objective, point: Point, d: Any, degree: int) -> jax.Array:
    decrease = _decrease(objective, point, d, degree)
    return point.value.astype(decrease.dtype) - decrease


def _errors(objective: Objective, point: Point, d: Any, scales: jax.Array, degree: int) -> jax.Array:
    def error(t: jax.Array) -> jax.Array:
        step = tree.scale(t, d)
        value = objective.value(tree.add_scaled(point.x, 1.0, step))
        return jnp.abs(value.astype(t.dtype) - _model(objective, point, step, degree).astype(t.dtype))

    return jax.lax.map(error, scales)


_errors = jax.jit(_errors, static_argnames="degree")


@jax.jit
def _newton(objective: Objective, point: Point) -> tuple[Any, jax.Array]:
    grad, unravel = tree.ravel(point.grad)
    hessian = objective.hessian(point.x)
    step, shift = solve_shifted(hessian, -grad.astype(hessian.dtype))
    return unravel(step.astype(grad.dtype)), shift
