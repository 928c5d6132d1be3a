"""The exact step along a direction of a quadratic."""

from typing import Any

import jax.numpy as jnp

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.record import record
from jgd.core.status import Status
from jgd.core.types import Info, Point, Step


@record
class Exact:
    """rate = -grad.d / d.Hd, the minimizer along d if f is a convex quadratic; one Hessian-vector product.

    On other functions it is one Newton step along d. Where d.Hd <= 0 there is no minimizer along d
    and the search fails. Within bounds d is taken without the part that leads out of them. No state.
    Reference: Cauchy (1847); Nocedal & Wright (2006), Numerical Optimization, eq. 3.25.
    """

    may_fail = True

    def init(self, f: Objective, point: Point) -> None:
        """No state."""

    def __call__(self, f: Objective, p: Point, d: Any, s: None) -> Step:
        """The minimizer along d."""
        d = f.tangent(p.x, d)
        curvature = tree.dot(d, f.hvp(p.x)(d))
        convex = curvature > 0
        rate = jnp.where(convex, -tree.dot(p.grad, d) / curvature, jnp.zeros_like(curvature))
        status = jnp.where(convex, Status.RUNNING, Status.SEARCH_FAILED).astype(jnp.int32)
        info = Info(rate=rate, accepted=convex, hvps=1, status=status)
        return Step(tree.add_scaled(p.x, rate, d), None, info)


def exact() -> Exact:
    """The exact line search on quadratics, for `gradient_descent(jgd.exact())`."""
    return Exact()
