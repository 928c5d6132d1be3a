"""All trial lengths at once."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import check, tree
from jgd.core.objective import Objective
from jgd.core.record import record, static
from jgd.core.status import Status
from jgd.core.types import Info, Point, Step
from jgd.searches.trials import noise, slope, unit


@record
class Lengths:
    """The longest of `trials` rates, each `shrink` times the one before, that decreases f enough.

    As `Armijo`, but all values are computed at once, without a loop: a step takes the same time whatever rate
    it ends with, which suits many runs side by side and objectives that leave an accelerator idle. The first
    rate is the last one taken over shrink. Where none will do x stays, and the next search begins where this
    one ended, until what the longest trial could gain is below rounding. It compares values alone, and so
    comes no nearer to a minimum than these can tell. The state is the first rate.
    Reference: Armijo (1966), Minimization of functions having Lipschitz continuous first partial derivatives.
    """

    initial: Any = 1.0
    decrease: Any = 1e-4
    shrink: Any = 0.5
    trials: int = static(default=8)
    may_fail = True

    def init(self, f: Objective, point: Point) -> jax.Array:
        """The first rate."""
        return jnp.asarray(self.initial, tree.scalar_dtype(point.x))

    def __call__(self, f: Objective, p: Point, d: Any, s: jax.Array) -> Step:
        """The longest trial of sufficient decrease; the driver evaluates its gradient."""
        dtype = s.dtype
        shrink = jnp.asarray(self.shrink, dtype)
        rates = s * shrink ** jnp.arange(self.trials).astype(dtype)
        down, value = slope(f, p, d), p.value.astype(dtype)

        def trial(rate: jax.Array) -> tuple[jax.Array, jax.Array]:
            x = f.inside(tree.add_scaled(p.x, rate, d))
            return f.value(x).astype(dtype), tree.dot(p.grad, tree.subtract(x, p.x))

        found, moves = jax.vmap(trial)(rates)
        rounding = noise(p, dtype)
        decrease = jnp.maximum(jnp.asarray(self.decrease, dtype), 4 * unit(p, dtype))
        bound = value + decrease * moves + jnp.where(-moves <= 2 * rounding, rounding, 0)
        low = (found <= bound) & jnp.isfinite(found) & (down < 0)
        hopeless = ~(down < 0) | (-s * down <= 1e-3 * rounding)
        good, first = jnp.any(low), jnp.argmax(low)
        rate = jnp.where(good, rates[first], jnp.zeros((), dtype))
        info = Info(
            rate=rate,
            accepted=good,
            values=self.trials,
            rejected=self.trials,
            status=jnp.where(good | ~hopeless, Status.RUNNING, Status.SEARCH_FAILED).astype(jnp.int32),
        )
        following = jnp.where(good, rate / shrink, jnp.where(down < 0, rates[-1] * shrink, s))
        return Step(tree.add_scaled(p.x, rate, d), following, info)


def lengths(initial: Any = 1.0, decrease: Any = 1e-4, shrink: Any = 0.5, trials: int = 8) -> Lengths:
    """A backtracking search whose trials are all evaluated at once, for `gradient_descent(jgd.lengths())`.

    `decrease` and `shrink` lie in (0, 1). Raises TypeError or ValueError for values out of range.
    """
    check.number("initial", initial, above=0)
    check.number("decrease", decrease, above=0, below=1)
    check.number("shrink", shrink, above=0, below=1)
    return Lengths(initial, decrease, shrink, check.whole("trials", trials))
