"""The method made of a direction and a search."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.objective import Objective
from jgd.core.record import record, static
from jgd.core.status import Status
from jgd.core.types import Direction, Info, Point, Search, Step, reported


def _together(first: Info, second: Info) -> Info:
    """The second Info with the work of both."""
    return Info(
        rate=second.rate,
        accepted=second.accepted,
        values=first.values + second.values,
        grads=first.grads + second.grads,
        hvps=first.hvps + second.hvps,
        hessians=first.hessians + second.hessians,
        rejected=first.rejected + second.rejected,
        status=second.status,
    )


@record
class Descent:
    """d = direction(x), x+ = x + rate d with rate = search(x, d).

    If a search fails along a direction that remembers earlier steps, the direction is started afresh
    once, and only then is the failure reported. The state is that of the direction and of the search.
    """

    direction: Direction
    search: Search
    name: str = static(default="descent")

    def init(self, f: Objective, point: Point) -> tuple[Any, Any]:
        """The states of the direction and of the search."""
        return self.direction.init(f, point), self.search.init(f, point)

    def step(self, f: Objective, point: Point, state: tuple[Any, Any]) -> Step:
        """One step along the direction."""
        remembered, searched = state
        step = self._along(f, point, remembered, searched)
        may_fail = isinstance(step.info.status, jax.Array)
        if not (may_fail and getattr(self.direction, "remembers", False)):
            return step

        def again() -> Step:
            afresh = self._along(f, point, self.direction.init(f, point), searched)
            return Step(afresh.to, afresh.state, _as_arrays(_together(step.info, afresh.info)))

        failed = step.info.status != Status.RUNNING
        first = Step(step.to, step.state, _as_arrays(step.info))
        return jax.lax.cond(failed, again, lambda: first)

    def _along(self, f: Objective, p: Point, remembered: Any, searched: Any) -> Step:
        d, remembered, found = self.direction(f, p, remembered)
        step = self.search(f, p, d, searched)
        return Step(step.to, (remembered, step.state), _together(found, step.info))

    def report(self, state: tuple[Any, Any]) -> dict[str, jax.Array]:
        """What the direction and the search say of themselves."""
        return reported(self.direction, state[0]) | reported(self.search, state[1])


def _as_arrays(info: Info) -> Info:
    """Every column an array, so that two branches can be of one type."""
    integer = jnp.int32
    return Info(
        rate=jnp.asarray(info.rate),
        accepted=jnp.asarray(info.accepted, bool),
        values=jnp.asarray(info.values, integer),
        grads=jnp.asarray(info.grads, integer),
        hvps=jnp.asarray(info.hvps, integer),
        hessians=jnp.asarray(info.hessians, integer),
        rejected=jnp.asarray(info.rejected, integer),
        status=jnp.asarray(info.status, integer),
    )
