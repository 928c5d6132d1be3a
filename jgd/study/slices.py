"""Slices of an objective through a point: f along a few telling directions, and its model of degree 2."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.types import Point
from jgd.geometry.taylor import taylor_model

if TYPE_CHECKING:
    from jgd.study.curvature import Curvature

POINTS = 201

NEAR = 0.05
"""Where the model names no length, a slice goes this part of |x| to each side, and 1 where x is 0."""

FAR = 10.0
"""Along an eigenvector no slice goes further than this many |x|."""


@dataclass(frozen=True, eq=False)
class Slice:
    """f(x + t d) at many t, `slope` = grad.d, `bend` = d.H d, `curvature` = bend/d.d.

    `values` are NaN where f is not finite; `minimizer` is the model's t, None where it has none.
    """

    name: str
    t: np.ndarray
    values: np.ndarray
    value: float
    slope: float
    bend: float
    curvature: float
    minimizer: float | None

    @property
    def model(self) -> np.ndarray:
        """f(x) + t slope + t^2 bend / 2."""
        return self.at(self.t)

    def at(self, t: Any) -> Any:
        """The model at t."""
        return self.value + t * self.slope + t**2 * self.bend / 2


def slices(c: "Curvature") -> list[Slice]:
    """Along -grad, Newton's step, v max and v min; the first two only where x is not critical.

    Newton's step is there where all eigenvalues are known and positive. The eigenvectors point downhill.
    """
    directions = {}
    if c.grad_norm > c.gtol:
        directions["gradient"] = tree.negative(c.grad)
        newton = _newton(c)
        if newton is not None:
            directions["newton"] = newton
    directions["highest"] = _downhill(c.highest.vector, c.grad)
    if c.parameters > 1:
        directions["lowest"] = _downhill(c.lowest.vector, c.grad)
    return [_slice(c, name, d) for name, d in directions.items()]


def _newton(c: "Curvature") -> Any:
    """Newton's step, None where the model has no minimizer that is known to be one."""
    if not c.spectrum.dense:
        return None
    try:
        return taylor_model(c.objective, c.x, 2).minimizer()
    except ValueError:
        return None


def _downhill(d: Any, grad: Any) -> Any:
    return tree.negative(d) if float(tree.dot(d, grad)) > 0 else d


def _slice(c: "Curvature", name: str, d: Any) -> Slice:
    point = c.spectrum.point
    slope, bend, length = (float(it) for it in _measures(c.objective, point, d))
    size = float(jnp.sqrt(tree.dot(c.x, c.x)))
    minimizer = -slope / bend if bend > c.spectrum.zero * length**2 else None
    low, high = _range(name, minimizer, size, length)
    if name == "gradient" and np.isfinite(c.stable_rate):
        high = max(high, 1.25 * c.stable_rate)
    t = np.linspace(low, high, POINTS)
    values = np.asarray(_values(c.objective, point.x, d, jnp.asarray(t, tree.scalar_dtype(c.x))), float)
    values = np.where(np.isfinite(values), values, np.nan)
    return Slice(name, t, values, c.value, slope, bend, bend / length**2, minimizer)


def _range(name: str, minimizer: float | None, size: float, length: float) -> tuple[float, float]:
    """Both ends of t: around the model's minimizer, or near x where that is none or too near along v.

    `size` is that of x, `length` that of the direction.
    """
    along = name in ("highest", "lowest")
    near = (NEAR * size or 1.0) / length
    if minimizer is None or minimizer <= (near / 100 if along else 0):
        return -near, near
    if not along:
        return -minimizer / 2, 2.5 * minimizer
    reach = min(minimizer, FAR * size / length) if size else minimizer
    return -reach, 3 * reach


@jax.jit
def _measures(objective: Objective, point: Point, d: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    bend = tree.dot(d, objective.hvp(point.x)(d))
    return tree.dot(point.grad, d), bend, jnp.sqrt(tree.dot(d, d))


@jax.jit
def _values(objective: Objective, x: Any, d: Any, ts: jax.Array) -> jax.Array:
    return jax.lax.map(lambda t: objective.value(tree.add_scaled(x, t, d)), ts)
