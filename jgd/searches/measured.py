"""The rate that measured curvature allows."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.record import record
from jgd.core.status import Status
from jgd.core.types import Point, Step
from jgd.linalg import lanczos
from jgd.searches.trials import noise, slope, told

PRODUCTS = 6
"""Hessian-vector products of a measurement."""

FIRST = 8
"""Steps between the first measurement and the second; each later interval is half of the steps so far."""

TRIALS = 60
"""A step is halved at most so many times less one."""


@record
class Measurement:
    """What was measured of the curvature, the number of steps, and the step when it is due again.

    `high` bounds the highest eigenvalue, `low` is the lowest seen, 0 if negative; `vector` is where the next
    measurement begins; `products` is what the last one took.
    """

    high: jax.Array
    low: jax.Array
    vector: Any
    k: jax.Array
    due: jax.Array
    products: jax.Array


@record
class Measured:
    """rate = scale / (high + tilt low), with high and low the ends of the Hessian's spectrum as measured.

    A measurement takes 6 Hessian-vector products of Lanczos' method from the vector found before; high
    includes the residual. It is made at the start, 8 steps later, again after half as many steps as have
    been made, and whenever the run says that it must be: when the curvature along a step, by the change of
    the gradient or of f, is above high. Without curvature the step is of length 1. A step that raises f is
    not taken, but one of half its rate, and none along a direction that leads uphill: a direction that
    remembers is then started afresh.

    For steepest descent scale = 2 and tilt = 1 is the best constant rate on a quadratic; with a scale a
    little below, the error along the steepest direction, whose gradient is the largest, dies out first. The
    state is a `Measurement`.
    Reference: Lanczos (1950); Nocedal & Wright (2006), Numerical Optimization, theorem 3.4.
    """

    scale: Any = 2.0
    tilt: Any = 1.0
    may_fail = True

    def init(self, f: Objective, point: Point) -> Measurement:
        """Nothing measured yet; the first look begins along a random vector."""
        dtype = tree.scalar_dtype(point.x)
        zero, none = jnp.zeros((), dtype), jnp.zeros((), jnp.int32)
        vector = jax.random.normal(jax.random.key(0), (tree.size(point.x),), dtype)
        return Measurement(zero, zero, vector, none, none, none)

    def __call__(self, f: Objective, p: Point, d: Any, s: Measurement) -> Step:
        """The step at the measured rate, evaluated."""
        due = s.k >= s.due
        s = lax.cond(due, lambda: _measure(f, p.x, s), lambda: s)
        dtype = s.high.dtype
        curved, down = s.high > 0, slope(f, p, d)
        size = jnp.sqrt(tree.dot(d, d))
        of_length_one = 1 / jnp.where(size > 0, size, jnp.ones_like(size))
        bound = s.high + jnp.asarray(self.tilt, dtype) * s.low
        measured = jnp.asarray(self.scale, dtype) / jnp.where(curved, bound, 1)
        rate = jnp.where(curved, measured, of_length_one)
        value = p.value.astype(dtype)
        rounding = noise(p, p.value.dtype).astype(dtype)

        def attempt(carry: tuple) -> tuple:
            rate, _, _, bend, trials = carry
            rate = jnp.where(trials == 0, rate, rate / 2)
            trial = f.evaluate(tree.add_scaled(p.x, rate, d))
            rise = trial.value.astype(dtype) - value
            good = jnp.isfinite(rise) & tree.all_finite(trial.grad) & (rise <= rounding)
            bent = 2 * (rise - rate * down) / (rate * size) ** 2
            return rate, trial, good, jnp.where(rise > rounding, jnp.maximum(bend, bent), bend), trials + 1

        def searching(carry: tuple) -> Any:
            _, _, good, _, trials = carry
            return ~good & (trials < TRIALS) & (down < 0)

        start = (rate, p, jnp.zeros((), bool), jnp.zeros((), dtype), jnp.zeros((), jnp.int32))
        rate, trial, good, bend, trials = lax.while_loop(searching, attempt, start)
        step = tree.subtract(trial.x, p.x)
        squared = tree.dot(step, step)
        along = tree.dot(step, tree.subtract(trial.grad, p.grad)) / jnp.where(squared > 0, squared, 1)
        again = ~curved | (jnp.maximum(along, bend) > s.high)
        k = s.k + 1
        info = told(rate, good, trials, Status.SEARCH_FAILED, jnp.where(due, s.products, 0))
        following = Measurement(s.high, s.low, s.vector, k, jnp.where(again, k, s.due), s.products)
        return Step(tree.select(good, trial, p), following, info)


def _measure(f: Objective, x: Any, s: Measurement) -> Measurement:
    """Both ends of the spectrum at x."""
    t = lanczos.extend(f.ravelled_hvp(x), lanczos.begin(s.vector, PRODUCTS), PRODUCTS)
    values, weights = lanczos.small_eigh(t)
    last = jnp.maximum(t.done - 1, 0)
    residual = jnp.abs(t.below[last] * weights[last, -1])
    lowest = values[PRODUCTS - t.done]
    due = s.k + jnp.maximum(FIRST, s.k // 2)
    return Measurement(
        high=jnp.maximum(values[-1] + residual, 0),
        low=jnp.clip(lowest, 0, None),
        vector=weights[:, -1] @ t.basis[:-1] + weights[:, PRODUCTS - t.done] @ t.basis[:-1],
        k=s.k,
        due=due,
        products=t.done,
    )
