"""When to stop under mini-batches: looks at the objective of all examples every few epochs."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.record import record
from jgd.core.status import Status
from jgd.core.types import Point
from jgd.driver.rule import Look


@record
class Seen:
    """What the objective of all examples was: at the start, and where its value was lowest.

    `x` and `k` are where and at which step that was, `due` is the step from which on it is to be seen again,
    `times` how often it was seen, `stale` how often in a row the value had not fallen.
    """

    first_value: jax.Array
    first_grad_norm: jax.Array
    lowest: jax.Array
    x: Any
    k: jax.Array
    due: jax.Array
    times: jax.Array
    stale: jax.Array


@record
class Epochs:
    """Under mini-batches: look at the objective of all examples every few epochs, and stop by that.

    CONVERGED when the largest entry of its gradient is <= gtol + grtol * (the same at the start),
    TARGET_REACHED when its value is <= target, STALLED when `patience` times in a row it has not fallen by
    more than ftol * max(|f|, 1) below the lowest so far. `steps` is the number of steps between two looks.
    """

    gtol: Any
    grtol: Any
    ftol: Any
    target: Any
    steps: Any
    patience: Any = np.int32(5)

    def init(self, f: Objective, point: Point) -> Seen:
        """Not seen yet, and due at once."""
        infinite, zero = jnp.full((), jnp.inf, tree.scalar_dtype(point.value)), jnp.zeros((), jnp.int32)
        norm = jnp.full((), jnp.inf, tree.scalar_dtype(point.x))
        return Seen(infinite, norm, infinite, point.x, zero, zero, zero, zero)

    def check(self, f: Objective, look: Look, memory: Seen) -> tuple[jax.Array, Seen]:
        """The verdict of a look where one is due."""
        running = jnp.asarray(Status.RUNNING, jnp.int32)

        def seen() -> tuple[jax.Array, Seen]:
            point = f.full.evaluate(look.new.x)
            norm = tree.norm_inf(f.full.stationarity(point))
            begun = memory.times > 0
            first = jnp.where(begun, memory.first_grad_norm, norm)
            gtol, grtol = (jnp.asarray(part, norm.dtype) for part in (self.gtol, self.grtol))
            value = point.value.astype(memory.lowest.dtype)
            ftol, target = (jnp.asarray(part, value.dtype) for part in (self.ftol, self.target))
            fell = value < memory.lowest - ftol * jnp.maximum(jnp.abs(value), 1)
            stale = jnp.where(fell, 0, memory.stale + 1)
            status = jnp.where(stale >= jnp.asarray(self.patience, jnp.int32), Status.STALLED, Status.RUNNING)
            status = jnp.where(value <= target, Status.TARGET_REACHED, status)
            status = jnp.where(norm <= gtol + grtol * first, Status.CONVERGED, status)
            after = Seen(
                first_value=jnp.where(begun, memory.first_value, value),
                first_grad_norm=first,
                lowest=jnp.minimum(memory.lowest, value),
                x=tree.select(value < memory.lowest, look.new.x, memory.x),
                k=jnp.where(value < memory.lowest, look.k, memory.k),
                due=look.k + jnp.asarray(self.steps, jnp.int32),
                times=memory.times + 1,
                stale=stale,
            )
            return status.astype(jnp.int32), after

        return lax.cond(look.due & (look.k >= memory.due), seen, lambda: (running, memory))
