"""Newton's directions: the pure one, and the one that is always of descent."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.record import record, static
from jgd.core.types import Info, Point
from jgd.linalg.dense import solve_shifted
from jgd.linalg.free import reduced
from jgd.linalg.symmetric import solve

NEAR = 0.01
"""A bound holds entries that are at most so near, and no farther than the point is from stationary."""


@record
class NewtonRaphson:
    """d = -H(x)^-1 grad f(x), whatever the signs of H's eigenvalues.

    Where H is indefinite d may lead uphill or to a saddle; where it is singular d is not finite.
    Reference: Nocedal & Wright (2006), Numerical Optimization, eq. 2.15.
    """

    def init(self, f: Objective, point: Point) -> None:
        """No state."""

    def __call__(self, f: Objective, p: Point, s: None) -> tuple[Any, None, Info]:
        """The solution of H d = -grad."""
        hessian = reduced(f.hessian(p.x), f.ravelled_free(p))
        d = solve(hessian, -tree.vector(p.grad))
        return tree.unravelled(d, p.x), None, Info(hessians=1)


@record
class SafeNewton:
    """d = -(H(x) + tau D^2)^-1 grad f(x), with the smallest tried tau >= 0 that makes d a descent direction.

    D has the roots of H's diagonal, so that the units of x do not matter. `curvature` gives the products
    v -> H v that H is made of. Entries that are pressed against a bound, or almost, go along their own
    gradient instead. The state is tau, reported for every step as `shift`.
    Reference: Nocedal & Wright (2006), Numerical Optimization, algorithms 3.2 and 3.3; Bertsekas (1982),
    Projected Newton methods for optimization problems with simple constraints, eq. 32.
    """

    curvature: Callable = static(default=Objective.ravelled_hvp)

    def init(self, f: Objective, point: Point) -> jax.Array:
        """No shift yet."""
        return jnp.zeros((), tree.scalar_dtype(point.x))

    def __call__(self, f: Objective, p: Point, s: jax.Array) -> tuple[Any, jax.Array, Info]:
        """The solution of (H + tau D^2) d = -grad."""
        near = jnp.minimum(tree.norm_inf(f.stationarity(p)), NEAR)
        hessian = reduced(f.hessian(p.x, self.curvature), f.ravelled_free(p, near))
        d, shift = solve_shifted(hessian, -tree.vector(p.grad))
        return tree.unravelled(d, p.x), shift.astype(s.dtype), Info(hessians=1)

    def report(self, state: jax.Array) -> dict[str, jax.Array]:
        """What was added to the Hessian's diagonal, as a part of it."""
        return {"shift": state}
