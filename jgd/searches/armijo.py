"""Backtracking to a sufficient decrease."""

from typing import Any

import jax.numpy as jnp

from jgd.core import check, tree
from jgd.core.objective import Objective
from jgd.core.record import record, static
from jgd.core.status import Status
from jgd.core.types import Point, Step
from jgd.searches.trials import backtrack, change, noise, slope, told, unit


@record
class Armijo:
    """Shrink the rate until f(x + rate d) <= f(x) + decrease * rate * grad.d.

    Where two values differ by no more than rounding, the slope decides instead of the value: such a
    trial is accepted if its slope is at most (2 decrease - 1) grad.d, which is the same on quadratics,
    and above grad.d unless the value fell: a trial too short to change anything is none. `decrease` is
    taken to be 4 roundings at least, which in 16 bits is more than its default.

    The first rate tried is `initial`, and after that the last accepted one times `growth` (always
    `initial` if `growth` is None, for directions whose natural length is 1: one shorter than the rounding
    of x is the limit of precision). Trials are evaluated with their gradients, so the accepted one is
    the next Point at no further cost. The state is the rate to try first.

    Reference: Armijo (1966), Minimization of functions having Lipschitz continuous first partial
    derivatives; Hager & Zhang (2005), A new conjugate gradient method, eq. 27 (approximate Wolfe).
    """

    initial: Any = 1.0
    decrease: Any = 1e-4
    shrink: Any = 0.5
    growth: Any = 2.0
    max_trials: int = static(default=60)
    may_fail = True

    def init(self, f: Objective, point: Point) -> Any:
        """The first rate."""
        return jnp.asarray(self.initial, tree.scalar_dtype(point.x))

    def __call__(self, f: Objective, p: Point, d: Any, s: Any) -> Step:
        """The first trial of sufficient decrease, as a Point; the old Point if there is none."""
        dtype = s.dtype
        decrease = jnp.maximum(jnp.asarray(self.decrease, dtype), 4 * unit(p, dtype))
        value, rounding = p.value.astype(dtype), noise(p, dtype)
        here = slope(f, p, d).astype(dtype)

        def acceptable(rate: Any, trial: Point) -> Any:
            new, there = trial.value.astype(dtype), slope(f, trial, d).astype(dtype)
            fell = new <= value + decrease * change(f, p, trial, rate, here).astype(dtype)
            flattens = (there <= (2 * decrease - 1) * here) & ((there > here) | (new < value))
            return jnp.where(jnp.abs(new - value) <= rounding, flattens, fell)

        shrink = jnp.asarray(self.shrink, dtype)
        rate, trial, accepted, trials, finite = backtrack(
            f, p, d, s, shrink, acceptable, self.max_trials, here < 0
        )
        beneath = (here < 0) & finite & (-s * here <= rounding)
        if self.growth is None:
            beneath = beneath | ((here < 0) & tree.is_within_bits(p.x, tree.add_scaled(p.x, s, d)))
        failure = jnp.where(beneath, Status.PRECISION_LIMIT, Status.SEARCH_FAILED)
        following = s if self.growth is None else rate * jnp.asarray(self.growth, dtype)
        return Step(
            tree.select(accepted, trial, p),
            jnp.where(accepted, following, jnp.asarray(self.initial, dtype)),
            told(rate, accepted, trials, failure),
        )


def armijo(
    initial: Any = 1.0,
    decrease: Any = 1e-4,
    shrink: Any = 0.5,
    growth: Any = 2.0,
    max_trials: int = 60,
) -> Armijo:
    """Backtracking line search to a sufficient decrease, for `gradient_descent(jgd.armijo())`.

    x+ = x + rate d with the first rate in initial, initial*shrink, ... for which
    f(x+) <= f(x) + decrease * rate * grad.d; the next search starts at growth times that rate.
    `decrease` and `shrink` lie in (0, 1), `growth` is at least 1 or None (always start at `initial`).
    Raises ValueError for values out of range.
    """
    check.number("initial", initial, above=0)
    check.number("decrease", decrease, above=0, below=1)
    check.number("shrink", shrink, above=0, below=1)
    if growth is not None:
        check.number("growth", growth, least=1)
    return Armijo(initial, decrease, shrink, growth, check.whole("max_trials", max_trials))
