"""Rates from the two last points, in the sense of least squares."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core import check, tree
from jgd.core.objective import Objective
from jgd.core.record import record, static
from jgd.core.status import Status
from jgd.core.types import Point, Step
from jgd.linalg.norm import first_rate
from jgd.searches.trials import backtrack, change, noise, slope, told

TRIALS = 60


@record
class Before:
    """The point and the gradient before, the last values, and the rate; `k` counts the steps."""

    x: Any
    grad: Any
    values: jax.Array
    rate: jax.Array
    k: jax.Array


@record
class BarzilaiBorwein:
    """rate = s.s/s.y ("long") or s.y/y.y ("short"), with s and y the last changes of x and of the gradient.

    On a quadratic the long one is the exact step of the point before. f may rise, but not above the highest
    of the last `window` values less decrease rate |grad.d|: until it does, the rate is halved. Where s.y <= 0
    the rate is |s|/|y|. The first rate is `initial`, or for None the `first_rate` along d. The state is
    `Before`. Memory: 2 copies of x.

    Reference: Barzilai & Borwein (1988), Two-point step size gradient methods, eq. 5 and 6; Raydan (1997),
    The Barzilai and Borwein gradient method for the large scale unconstrained minimization problem.
    """

    initial: Any = None
    long: bool = static(default=True)
    window: int = static(default=10)
    decrease: Any = 1e-4
    may_fail = True
    same_objective = True

    def init(self, f: Objective, point: Point) -> Before:
        """No step yet."""
        dtype = tree.scalar_dtype(point.x)
        values = jnp.full(self.window, -jnp.inf, dtype)
        return Before(point.x, point.grad, values, jnp.zeros((), dtype), jnp.zeros((), jnp.int32))

    def __call__(self, f: Objective, p: Point, d: Any, s: Before) -> Step:
        """The first trial that is low enough."""
        dtype = s.rate.dtype
        value, down = p.value.astype(dtype), slope(f, p, d)
        values = lax.dynamic_update_index_in_dim(s.values, value, s.k % self.window, 0)
        highest, rounding = jnp.max(values), noise(p, dtype)
        decrease = jnp.asarray(self.decrease, dtype)

        def acceptable(rate: jax.Array, trial: Point) -> jax.Array:
            demanded = decrease * change(f, p, trial, rate, down)
            return trial.value.astype(dtype) <= highest + demanded + rounding

        first, half = self._rate(p, d, s), jnp.asarray(0.5, dtype)
        rate, trial, good, trials, _ = backtrack(f, p, d, first, half, acceptable, TRIALS, down < 0)
        info = told(rate, good, trials, Status.SEARCH_FAILED)
        return Step(tree.select(good, trial, p), Before(p.x, p.grad, values, rate, s.k + 1), info)

    def _rate(self, p: Point, d: Any, s: Before) -> jax.Array:
        """The rate to try first."""
        initial = self.initial
        first = first_rate(p.x, d) if initial is None else jnp.asarray(initial, s.rate.dtype)
        move, change = tree.subtract(p.x, s.x), tree.subtract(p.grad, s.grad)
        ss, sy, yy = tree.dot(move, move), tree.dot(move, change), tree.dot(change, change)
        bent = sy > 0
        over = jnp.where(bent, sy, 1)
        known = ss / over if self.long else sy / jnp.where(yy > 0, yy, 1)
        unbent = jnp.where(yy > 0, jnp.sqrt(ss / jnp.where(yy > 0, yy, 1)), s.rate)
        rate = jnp.where(bent, known, unbent)
        return jnp.where((s.k > 0) & (rate > 0) & jnp.isfinite(rate), rate, jnp.where(s.k > 0, s.rate, first))


def barzilai_borwein(initial: Any = None, step: str = "long", window: int = 10) -> BarzilaiBorwein:
    """Barzilai and Borwein's rates, for `gradient_descent(jgd.barzilai_borwein())`.

    `step` is "long" (s.s/s.y) or "short" (s.y/y.y). f never rises above the highest of its last `window`
    values; window=1 makes the method monotone. `initial` is the first rate, None
    for a step of length 1 at most, or where x is large of a hundredth of its largest entry.
    A run takes 18 copies of x.
    Raises TypeError or ValueError for values out of range.
    """
    if initial is not None:
        check.number("initial", initial, above=0)
    if step not in ("long", "short"):
        raise ValueError(f'step must be "long" or "short", got {step!r}.')
    return BarzilaiBorwein(initial, step == "long", check.whole("window", window))
