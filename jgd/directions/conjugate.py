"""Conjugate gradient directions for functions that are not quadratic."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.record import record, static
from jgd.core.types import Info, Point
from jgd.linalg.norm import first_rate


def polak_ribiere(grad: Any, before: Any, d: Any) -> jax.Array:
    """beta = max(grad.y / |grad before|^2, 0) with y the change of the gradient.

    Reference: Polak & Ribiere (1969); Gilbert & Nocedal (1992), eq. 1.3 with beta+.
    """
    return jnp.maximum((tree.dot(grad, grad) - tree.dot(grad, before)) / tree.dot(before, before), 0)


def hager_zhang(grad: Any, before: Any, d: Any) -> jax.Array:
    """beta = (y - 2 d |y|^2 / d.y).grad / d.y, but not below -1/(|d| min(0.01, |grad before|)).

    Reference: Hager & Zhang (2005), A new conjugate gradient method with guaranteed descent, eq. 7 to 10.
    """
    y = tree.subtract(grad, before)
    dy = tree.dot(d, y)
    safe = jnp.where(dy != 0, dy, 1)
    beta = (tree.dot(y, grad) - 2 * tree.dot(y, y) * tree.dot(d, grad) / safe) / safe
    sizes = jnp.sqrt(tree.dot(before, before)), jnp.sqrt(tree.dot(d, d))
    least = -1 / (sizes[1] * jnp.minimum(sizes[0], 0.01))
    return jnp.where(dy != 0, jnp.maximum(beta, least), 0)


@record
class Before:
    """The point, the gradient and the direction of the step before; `taken` is False where there is none."""

    x: Any
    grad: Any
    d: Any
    taken: jax.Array


@record
class Conjugate:
    """d = -grad + beta d_before, scaled so that its length is that which the step before suggests.

    The change of f in first order is taken to be that of the step before: rate = rate_before slope_before /
    slope. The first direction is -grad at its `first_rate`. Where d does not lead downhill it is -grad.
    Within bounds gradients and d are without what leads out of them.
    Memory: 4 copies of x. The state is `Before`.
    Reference: Nocedal & Wright (2006), Numerical Optimization, algorithm 5.4 and eq. 3.60.
    """

    beta: Callable = static(default=hager_zhang)
    remembers = True
    same_objective = True

    def init(self, f: Objective, point: Point) -> Before:
        """No step yet."""
        return Before(point.x, point.grad, tree.negative(point.grad), jnp.zeros((), bool))

    def __call__(self, f: Objective, p: Point, s: Before) -> tuple[Any, Before, Info]:
        """The direction conjugate to the one before."""
        zero = jnp.zeros((), tree.scalar_dtype(p.x))
        grad = tree.negative(f.tangent(p.x, tree.negative(p.grad)))
        beta = jnp.where(s.taken, self.beta(grad, s.grad, s.d), zero)
        slope = tree.dot(grad, f.tangent(p.x, tree.subtract(tree.scale(beta, s.d), grad)))
        squared = tree.dot(grad, grad)
        downhill = slope < 0
        beta = jnp.where(downhill, beta, zero)
        d = f.tangent(p.x, tree.subtract(tree.scale(beta, s.d), grad))
        slope = jnp.where(downhill, slope, -squared)
        rate = tree.dot(tree.subtract(p.x, s.x), s.d) / tree.dot(s.d, s.d)
        guess = rate * tree.dot(s.grad, s.d) / slope
        known = s.taken & (guess > 0) & jnp.isfinite(guess)
        scale = jnp.where(known, guess, first_rate(p.x, grad))
        return tree.scale(scale, d), Before(p.x, grad, d, jnp.ones((), bool)), Info()
