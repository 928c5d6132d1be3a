"""Newton's direction by truncated conjugate gradients."""

from typing import Any

import jax.numpy as jnp

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.record import record, static
from jgd.core.types import Info, Point
from jgd.linalg.free import among, apart, part
from jgd.linalg.truncated import forcing, normalized, steihaug

LONGEST = 10.0
"""A direction is at most so many times as long as x, or as 1 where x is shorter."""


@record
class NewtonCG:
    """d ~ -H(x)^-1 grad, by conjugate gradients until the residual is min(1/2, sqrt |grad|) |grad|.

    Where f bends downward along one of their directions, d goes that way, to the greatest length allowed: 10
    max(|x|, 1). At most `most` Hessian-vector products. Memory: 5 copies of x. No state.
    Reference: Dembo & Steihaug (1983), Truncated-Newton algorithms for large-scale unconstrained
    optimization; Nocedal & Wright (2006), Numerical Optimization, algorithm 7.1.
    """

    most: int = static(default=100)

    def init(self, f: Objective, point: Point) -> None:
        """No state."""

    def __call__(self, f: Objective, p: Point, s: None) -> tuple[Any, None, Info]:
        """The end of the conjugate gradients."""
        x, grad = tree.vector(p.x), tree.vector(p.grad)
        radius = LONGEST * jnp.maximum(jnp.linalg.norm(x), 1)
        free = f.ravelled_free(p)
        product, g, unit = normalized(among(f.ravelled_hvp(p.x), free), part(grad, free))
        ended = steihaug(product, g, radius, forcing(g, unit), min(self.most, 2 * x.size))
        return tree.unravelled(apart(ended.d, grad, free), p.x), None, Info(hvps=ended.products)
