"""Rates that are known beforehand: constant, by a schedule, and silver."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core import check, tree
from jgd.core.objective import Objective
from jgd.core.record import record, static
from jgd.core.types import Info, Point, Step


@record
class Fixed:
    """x+ = x + rate d, the same rate at every step."""

    rate: Any

    def init(self, f: Objective, point: Point) -> None:
        """No state."""

    def __call__(self, f: Objective, p: Point, d: Any, s: None) -> Step:
        """The step of the given rate."""
        return Step(tree.add_scaled(p.x, self.rate, d), None, Info(rate=self.rate))


@record
class Scheduled:
    """x+ = x + schedule(k) d, the schedule a function of the number of steps taken, as optax's are.

    The schedule is compared by identity: hand over the same object to reuse a compiled program.
    The state is k.
    """

    schedule: Callable = static()

    def init(self, f: Objective, point: Point) -> jax.Array:
        """k = 0."""
        return jnp.zeros((), jnp.int32)

    def __call__(self, f: Objective, p: Point, d: Any, s: jax.Array) -> Step:
        """The step of the schedule's present rate."""
        dtype = tree.scalar_dtype(p.x)
        k = s.astype(jnp.int64) if dtype.itemsize == 8 else s  # optax computes as precisely as k
        with jax.numpy_dtype_promotion("standard"):
            rate = jnp.asarray(self.schedule(k)).astype(dtype)
        return Step(tree.add_scaled(p.x, rate, d), s + 1, Info(rate=rate))


@record
class Silver:
    """x+ = x + h_k d with the silver step sizes h_k = rate (1 + rho^(nu(k) - 1)), rho = 1 + sqrt 2.

    k = 1, 2, ... and nu(k) is the exponent of 2 in k; `rate` is 1/L. The best guarantee holds
    after 2^j - 1 steps; single steps may go uphill. The state is k.
    Reference: Altschuler & Parrilo (2023), Acceleration by stepsize hedging I, eq. 1.1 and 1.3.
    """

    rate: Any

    def init(self, f: Objective, point: Point) -> jax.Array:
        """k = 1."""
        return jnp.ones((), jnp.int32)

    def __call__(self, f: Objective, p: Point, d: Any, s: jax.Array) -> Step:
        """The k-th silver step."""
        dtype = tree.scalar_dtype(p.x)
        exponent = (lax.population_count((s & -s) - 1) - 1).astype(dtype)
        growth = jnp.asarray(1 + 2**0.5, dtype) ** exponent
        rate = jnp.asarray(self.rate, dtype) * (1 + growth)
        return Step(tree.add_scaled(p.x, rate, d), s + 1, Info(rate=rate))


def silver(rate: Any) -> Silver:
    """The silver schedule for an L-smooth convex function, `rate` = 1/L.

    >>> import jax.numpy as jnp, jgd
    >>> method = jgd.gradient_descent(jgd.silver(0.25))
    >>> result = jgd.minimize(lambda x: jnp.sum(2 * x**2), jnp.ones(3), method, max_steps=127)
    >>> bool(result.value <= 4 * 3 * 0.00104492923)  # the bound L R^2 / (1 + sqrt(4 rho^14 - 3))
    True
    """
    check.number("rate", rate, above=0)
    return Silver(rate)
