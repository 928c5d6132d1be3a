"""When to stop: tests made at every step, and checks made at the recorded steps.

A test stands in the predicate of the loop and stores nothing; `going` is written so that NaN ends the
run. A check sees two successive points and may remember; it is made at every step up to 64, then at
every 2nd, 4th, ... so never later than by a 32nd of the steps taken.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.record import record, static
from jgd.core.status import Status
from jgd.core.types import Point
from jgd.driver.rule import Check, Look, Progress, Test

__all__ = [
    "Check",
    "Divergence",
    "Evaluations",
    "Gradient",
    "Look",
    "Progress",
    "Stall",
    "Steps",
    "Stop",
    "Target",
    "Test",
    "When",
]


@record
class Gradient:
    """Stop when the largest entry of the gradient is <= gtol + grtol * (the same at the start)."""

    gtol: Any
    grtol: Any = 0.0
    status = Status.CONVERGED

    def init(self, f: Objective, point: Point) -> jax.Array:
        """The size of the gradient at the start."""
        return tree.norm_inf(f.stationarity(point))

    def tolerance(self, memory: jax.Array) -> jax.Array:
        """What the gradient is held against."""
        gtol, grtol = (jnp.asarray(part, memory.dtype) for part in (self.gtol, self.grtol))
        return gtol + grtol * memory

    def going(self, f: Objective, now: Progress, memory: jax.Array) -> jax.Array:
        """Whether the gradient is still larger than the tolerance."""
        return now.grad_norm > self.tolerance(memory)


@record
class Target:
    """Stop when the value is <= target."""

    target: Any
    status = Status.TARGET_REACHED

    def init(self, f: Objective, point: Point) -> None:
        """No memory."""

    def going(self, f: Objective, now: Progress, memory: None) -> jax.Array:
        """Whether the value is still above the target."""
        return now.point.value > jnp.asarray(self.target, now.point.value.dtype)


@record
class Divergence:
    """Stop when the value is above the best one seen by more than factor * max(1, |f(x0)|)."""

    factor: Any = 1e8
    status = Status.DIVERGED

    def init(self, f: Objective, point: Point) -> jax.Array:
        """The rise that is called divergence, at most a hundredth of what the dtype can hold."""
        dtype = tree.scalar_dtype(point.value)
        rise = jnp.asarray(self.factor, dtype) * jnp.maximum(jnp.abs(point.value).astype(dtype), 1)
        return jnp.minimum(rise, jnp.asarray(float(jnp.finfo(dtype).max) / 100, dtype))

    def going(self, f: Objective, now: Progress, memory: jax.Array) -> jax.Array:
        """Whether the value is still near the best one."""
        value, best = (it.astype(memory.dtype) for it in (now.point.value, now.best_value))
        return value - best < memory


@record
class Evaluations:
    """Stop when the objective was evaluated `limit` times."""

    limit: Any
    status = Status.MAX_EVALUATIONS

    def init(self, f: Objective, point: Point) -> None:
        """No memory."""

    def going(self, f: Objective, now: Progress, memory: None) -> jax.Array:
        """Whether evaluations are left."""
        return now.values < jnp.asarray(self.limit, jnp.int32)


@record
class Steps:
    """Stop after `limit` steps."""

    limit: Any
    status = Status.MAX_STEPS

    def init(self, f: Objective, point: Point) -> None:
        """No memory."""

    def going(self, f: Objective, now: Progress, memory: None) -> jax.Array:
        """Whether steps are left."""
        return now.k < jnp.asarray(self.limit, jnp.int32)


@record
class When:
    """Stop when `condition(point)` holds, a pure function of a Point that returns a boolean scalar."""

    condition: Callable[[Point], Any] = static()
    status = Status.STOPPED_BY_RULE

    def init(self, f: Objective, point: Point) -> None:
        """No memory."""

    def going(self, f: Objective, now: Progress, memory: None) -> jax.Array:
        """Whether the condition does not hold yet."""
        holds = jnp.asarray(self.condition(now.point))
        if holds.shape != () or holds.dtype != bool:
            raise TypeError(
                "stop must return one boolean, such as `point.value < 1e-3`, got "
                f"{holds.dtype} of shape {holds.shape}."
            )
        return ~holds


@record
class Stall:
    """Stop when the value or the step no longer moves at `patience` checks in a row.

    The step does not move if it changes no entry of x by more than xtol * (the largest entry of x):
    with xtol = 0, if x is the same to the last bit, or if each entry moves by its last 4 bits at most while
    both value and gradient have been as low before; on mini-batches, where these are of other functions, if x
    is the same. The value does not move if it changes by less than ftol * max(|f|, 1). A step that the method
    did not accept, that it made at rate 0 before x ever moved, or that a mini-batch without a gradient made,
    does not count. STALLED, or PRECISION_LIMIT if x moves by those bits at most after the value had fallen,
    at a rate that is not 0.
    """

    ftol: Any = 0.0
    xtol: Any = 0.0
    patience: Any = np.int32(8)

    def init(self, f: Objective, point: Point) -> tuple[jax.Array, ...]:
        """How many checks failed, whether x ever moved, the lowest value and the lowest gradient.

        The look at the start fails too, hence the one to spare.
        """
        value, grad = (
            jnp.full((), jnp.inf, kind) for kind in (point.value.dtype, tree.scalar_dtype(point.x))
        )
        return -jnp.ones((), jnp.int32), jnp.zeros((), bool), value, grad

    def check(self, f: Objective, look: Look, memory: Any) -> tuple[jax.Array, Any]:
        """Whether this step was one too many that did not move."""
        count, moved, least_value, least_grad = memory
        value, step = look.new.value, look.step_norm
        moved = moved | (step > 0)
        tiny = tree.is_within_bits(look.old.x, look.new.x) if f.fixed else step == 0
        dithers = tiny & (value >= least_value) & (look.grad_norm >= least_grad)
        still = (step <= jnp.asarray(self.xtol, step.dtype) * look.x_norm) | dithers
        ftol = jnp.asarray(self.ftol, value.dtype)
        flat = jnp.abs(value - look.old.value) < ftol * jnp.maximum(jnp.abs(value), 1)
        failed = jnp.where(still | flat, count + 1, jnp.zeros_like(count))
        counts = look.accepted & (moved | (look.rate != 0))
        if not f.fixed:
            counts = counts & (tree.norm_inf(look.old.grad) > 0)
        count = jnp.where(counts, failed, count)
        exhausted = tiny & (value < look.first_value) & (look.rate != 0)
        reason = jnp.where(exhausted, Status.PRECISION_LIMIT, Status.STALLED)
        fires = counts & (count >= jnp.asarray(self.patience, count.dtype))
        lowest = (jnp.minimum(least_value, value), jnp.minimum(least_grad, look.grad_norm))
        return jnp.where(fires, reason, Status.RUNNING).astype(jnp.int32), (count, moved, *lowest)


@record
class Stop:
    """The rules of a run: the first test that fails gives the status, else the first check that fires."""

    tests: tuple[Any, ...]
    checks: tuple[Any, ...] = (Stall(),)

    def init(self, f: Objective, point: Point) -> tuple[tuple, tuple]:
        """The memories of the tests and of the checks."""
        return (
            tuple(test.init(f, point) for test in self.tests),
            tuple(check.init(f, point) for check in self.checks),
        )

    def resume(self, before: "Stop", memories: tuple[tuple, tuple], f: Objective, point: Point) -> Any:
        """The memories of rules that follow those of `before`: a rule that was there keeps its own."""
        pairs = zip((before.tests, before.checks), memories, strict=True)
        left = [
            (jax.tree.structure(rule), memory) for kind in pairs for rule, memory in zip(*kind, strict=True)
        ]

        def take(rule: Any) -> Any:
            for i, (structure, memory) in enumerate(left):
                if structure == jax.tree.structure(rule):
                    del left[i]
                    return memory
            return rule.init(f, point)

        return tuple(map(take, self.tests)), tuple(map(take, self.checks))

    def going(self, f: Objective, now: Progress, memories: tuple) -> jax.Array:
        """Whether every test holds."""
        holds = jnp.ones((), bool)
        for test, memory in zip(self.tests, memories, strict=True):
            holds = holds & test.going(f, now, memory)
        return holds

    def verdict(self, f: Objective, now: Progress, memories: tuple) -> jax.Array:
        """The status of the first test that does not hold; RUNNING if all do."""
        status = jnp.asarray(Status.RUNNING, jnp.int32)
        for test, memory in reversed(list(zip(self.tests, memories, strict=True))):
            holds = test.going(f, now, memory)
            status = jnp.where(holds, status, jnp.asarray(test.status, jnp.int32))
        return status

    def check(self, f: Objective, look: Look, memories: tuple) -> tuple[jax.Array, tuple]:
        """The status of the first check that fires, and the memories of all."""
        status, kept = jnp.asarray(Status.RUNNING, jnp.int32), []
        for rule, memory in zip(self.checks, memories, strict=True):
            fired, memory = rule.check(f, look, memory)
            status = jnp.where(status == Status.RUNNING, fired, status)
            kept.append(memory)
        return status, tuple(kept)
