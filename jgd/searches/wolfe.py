"""The search for a step that decreases f enough and flattens it enough."""

from typing import Any

import jax
import jax.core
import jax.numpy as jnp
from jax import lax

from jgd.core import check, tree
from jgd.core.objective import Objective
from jgd.core.record import record, static
from jgd.core.status import Status
from jgd.core.types import Point, Step
from jgd.searches.trials import change, noise, slope, told, unit

LONGER = 10.0
"""A trial is at most so many times as long as the one before."""

EDGE = 0.1
"""A trial between two others keeps this part of their distance from either."""

NOISY = 10.0
"""Values are noise where they change so many times more than the slope says."""


@record
class Side:
    """One end of the bracket: a rate, and f's value and slope along d there."""

    rate: jax.Array
    value: jax.Array
    slope: jax.Array


@record
class Bracket:
    """What a search knows: the next rate to try, both ends, the last trial, and how it went.

    `low` decreased f enough and goes on down; `high` is infinitely far until a trial went too far. `width`
    is the distance of the ends two trials ago; `noisy` is whether a value changed far more than the slopes
    at both its ends allow.
    """

    rate: jax.Array
    low: Side
    high: Side
    width: jax.Array
    noisy: jax.Array
    trial: Point
    trials: jax.Array
    accepted: jax.Array


@record
class Wolfe:
    """x+ = x + rate d under the strong Wolfe conditions.

    With phi(rate) = f(x + rate d) they are phi(rate) <= phi(0) + decrease rate phi'(0) and
    |phi'(rate)| <= curvature |phi'(0)|.

    Where two values differ by no more than rounding the first is replaced by phi'(rate) <=
    (2 decrease - 1) phi'(0), which is the same on quadratics (the approximate Wolfe condition), so that the
    search goes on to the precision of the gradient, in float32 too. The first trial is `initial`; while phi
    still falls steeply the trials grow, at most tenfold; once the minimum along d is bracketed, they are the
    minimizers of cubics, and bisections where these do not shrink the bracket. If `max_trials` do not find
    such a step, the last trial that decreased f enough is taken. A trial where value and slope are the same
    as at x is no step. The search ends with PRECISION_LIMIT where d promises less than rounding or is shorter
    than that of x, or a value changed far more than the slopes at both its ends allow, else with
    SEARCH_FAILED. Directions are scaled so that 1 is their natural length. Within bounds the path is bent
    along them, and phi'(rate) is its one-sided slope. No state.

    Reference: Nocedal & Wright (2006), Numerical Optimization, algorithms 3.5 and 3.6, eq. 3.59; Hager &
    Zhang (2005), A new conjugate gradient method with guaranteed descent, eq. 23 and 27.
    """

    initial: Any = 1.0
    decrease: Any = 1e-4
    curvature: Any = 0.9
    max_trials: int = static(default=30)
    may_fail = True

    def init(self, f: Objective, point: Point) -> None:
        """No state."""

    def __call__(self, f: Objective, p: Point, d: Any, s: None) -> Step:
        """The first trial that will do, as a Point; the old Point if there is none."""
        dtype = tree.scalar_dtype(p.x)
        down = slope(f, p, d).astype(dtype)
        value, rounding = p.value.astype(dtype), noise(p, dtype)
        decrease = jnp.maximum(jnp.asarray(self.decrease, dtype), 4 * unit(p, dtype))
        flat = jnp.asarray(self.curvature, dtype) * jnp.abs(down)
        zero, infinite = jnp.zeros((), dtype), jnp.full((), jnp.inf, dtype)

        def searching(b: Bracket) -> jax.Array:
            return ~b.accepted & (b.trials < self.max_trials) & (down < 0) & (b.rate > 0)

        def attempt(b: Bracket) -> Bracket:
            trial = f.evaluate(tree.add_scaled(p.x, b.rate, d))
            here = Side(b.rate, trial.value.astype(dtype), slope(f, trial, d).astype(dtype))
            finite = jnp.isfinite(here.value) & jnp.isfinite(here.slope)
            fell = here.value <= value + decrease * change(f, p, trial, b.rate, down).astype(dtype)
            level = jnp.abs(here.value - value) <= rounding
            changed = (here.slope > down) | (here.value < value)
            flattens = here.slope <= (2 * decrease - 1) * down
            enough = finite & changed & (fell | (level & flattens))
            trials = b.trials + 1
            resort = (trials >= self.max_trials) & (b.rate == b.low.rate)
            accepted = enough & ((jnp.abs(here.slope) <= flat) | resort)
            below = enough & (here.slope < 0)
            low, high = _choose(below, here, b.low), _choose(below, b.high, here)
            rate = _following(low, high, b, finite, level, below)
            rate = jnp.where(trials >= self.max_trials - 1, low.rate, rate)
            width = jnp.where(b.high.rate < infinite, b.high.rate - b.low.rate, infinite)
            steady = (here.slope > 2 * down) & (here.slope < down / 2)
            noisy = b.noisy | (steady & (jnp.abs(here.value - value) > -NOISY * b.rate * down))
            rate = jnp.where(accepted, b.rate, rate)
            return Bracket(rate, low, high, width, noisy, trial, trials, accepted)

        start = Bracket(
            rate=jnp.asarray(self.initial, dtype),
            low=Side(zero, value, down),
            high=Side(infinite, infinite, zero),
            width=infinite,
            noisy=jnp.zeros((), bool),
            trial=p,
            trials=jnp.zeros((), jnp.int32),
            accepted=jnp.zeros((), bool),
        )
        b = lax.while_loop(searching, attempt, start)
        short = tree.is_within_bits(p.x, tree.add_scaled(p.x, start.rate, d))
        beneath = (down < 0) & (b.noisy | short | (-start.rate * down <= rounding))
        failure = jnp.where(beneath, Status.PRECISION_LIMIT, Status.SEARCH_FAILED)
        return Step(tree.select(b.accepted, b.trial, p), None, told(b.rate, b.accepted, b.trials, failure))


def _choose(condition: jax.Array, one: Side, other: Side) -> Side:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), one, other)


def _following(low: Side, high: Side, before: Bracket, finite: Any, level: Any, below: Any) -> jax.Array:
    """The next rate to try, given the new ends."""
    bracketed = jnp.isfinite(high.rate)
    # Outside: where the slope, going on as from the last end to this one, would vanish.
    gone = low.rate - before.low.rate
    rising = low.slope - before.low.slope
    further = jnp.where(rising > 0, -low.slope * gone / jnp.where(rising > 0, rising, 1), jnp.inf)
    outside = low.rate + jnp.clip(further, 1.1 * gone, (LONGER - 1) * gone)
    # Inside: the minimizer of the cubic through both ends, by the slopes alone where the values are noise.
    width = high.rate - low.rate
    width = jnp.where(bracketed, width, 1)
    bend = low.slope + high.slope - 3 * (high.value - low.value) / width
    root = jnp.sqrt(bend**2 - low.slope * high.slope)
    cubic = high.rate - width * (high.slope + root - bend) / (high.slope - low.slope + 2 * root)
    secant = low.rate - low.slope * width / (high.slope - low.slope)
    inside = jnp.where(level, secant, cubic)
    shrunk = width <= 0.66 * before.width
    inside = jnp.where(jnp.isfinite(inside) & shrunk, inside, low.rate + 0.5 * width)
    inside = jnp.clip(inside, low.rate + EDGE * width, high.rate - EDGE * width)
    inside = jnp.where(finite | below, inside, low.rate + EDGE * width)
    return jnp.where(bracketed, inside, outside)


def wolfe(initial: Any = 1.0, decrease: Any = 1e-4, curvature: Any = 0.9, max_trials: int = 30) -> Wolfe:
    """Strong Wolfe line search: a step that decreases f enough and flattens it enough.

    `initial` is the first rate tried; 0 < decrease < curvature < 1: a small curvature makes the search exact.
    Raises ValueError for values out of range.
    """
    check.number("initial", initial, above=0)
    check.number("decrease", decrease, above=0, below=0.5)
    check.number("curvature", curvature, above=0, below=1)
    known = not any(isinstance(given, jax.core.Tracer) for given in (decrease, curvature))
    if known and not decrease < curvature:
        raise ValueError(f"decrease must be less than curvature, got {decrease!r} and {curvature!r}.")
    return Wolfe(initial, decrease, curvature, check.whole("max_trials", max_trials, least=2))
