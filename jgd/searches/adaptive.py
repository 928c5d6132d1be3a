"""Rates that need no evaluation of their own: AdGD's and Polyak's."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import check, tree
from jgd.core.objective import Objective
from jgd.core.record import record
from jgd.core.types import Info, Point, Step


@record
class Adapted:
    """The point and the gradient before, the last rate, and its ratio to the one before it."""

    x: Any
    grad: Any
    rate: jax.Array
    ratio: jax.Array


@record
class Adaptive:
    """rate = min(sqrt(1 + ratio) rate_before, |x - x_before| / (2 |grad - grad_before|)).

    `ratio` is rate_before over the one before it, 1e12 at first, so that the first rate, `initial`, is
    forgotten at once. It needs no value of f and converges on any convex f whose gradient is locally
    Lipschitz. The state is `Adapted`. Memory: 2 copies of x.
    Reference: Malitsky & Mishchenko (2020), Adaptive gradient descent without descent, algorithm 1.
    """

    initial: Any = 1e-6
    same_objective = True

    def init(self, f: Objective, point: Point) -> Adapted:
        """No step yet, which a rate of 0 says."""
        zero = jnp.zeros((), tree.scalar_dtype(point.x))
        return Adapted(point.x, point.grad, zero, jnp.full_like(zero, 1e12))

    def __call__(self, f: Objective, p: Point, d: Any, s: Adapted) -> Step:
        """The step at the adapted rate."""
        dtype = s.rate.dtype
        move, change = tree.subtract(p.x, s.x), tree.subtract(p.grad, s.grad)
        bend = jnp.sqrt(tree.dot(change, change))
        grown = jnp.sqrt(1 + s.ratio) * s.rate
        bound = jnp.sqrt(tree.dot(move, move)) / (2 * jnp.where(bend > 0, bend, 1))
        following = jnp.where(bend > 0, jnp.minimum(grown, bound), grown)
        begun = s.rate > 0
        rate = jnp.where(begun, following, jnp.asarray(self.initial, dtype))
        ratio = jnp.where(begun, rate / jnp.where(begun, s.rate, 1), s.ratio)
        return Step(tree.add_scaled(p.x, rate, d), Adapted(p.x, p.grad, rate, ratio), Info(rate=rate))


def adgd(initial: Any = 1e-6) -> Adaptive:
    """Adaptive gradient descent without descent, for `gradient_descent(jgd.adgd())`: no rate, no search.

    `initial` is the first rate, which is forgotten at once. A run takes 16 copies of x.
    Raises TypeError or ValueError for a rate that is not positive.
    Reference: Malitsky & Mishchenko (2020), Adaptive gradient descent without descent, algorithm 1.
    """
    check.number("initial", initial, above=0)
    return Adaptive(initial)


@record
class Polyak:
    """rate = (f - minimum) / |grad f|^2, for a function whose minimum is known.

    Below `minimum` the rate is 0. No state.
    Reference: Polyak (1987), Introduction to Optimization, section 5.3.2.
    """

    minimum: Any

    def init(self, f: Objective, point: Point) -> None:
        """No state."""

    def __call__(self, f: Objective, p: Point, d: Any, s: None) -> Step:
        """The step at Polyak's rate."""
        dtype = tree.scalar_dtype(p.x)
        squared = tree.dot(p.grad, p.grad)
        left = jnp.maximum(p.value.astype(dtype) - jnp.asarray(self.minimum, dtype), 0)
        rate = left / jnp.where(squared > 0, squared, 1)
        return Step(tree.add_scaled(p.x, rate, d), None, Info(rate=rate))


def polyak(minimum: Any) -> Polyak:
    """Polyak's rate, for `gradient_descent(jgd.polyak(minimum))`: (f - minimum) / |grad f|^2.

    Raises TypeError or ValueError for a minimum that is not a finite number.
    """
    check.number("minimum", minimum)
    return Polyak(minimum)
