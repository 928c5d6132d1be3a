"""The method made of a direction and a search."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.record import record, static
from jgd.core.status import Status
from jgd.core.types import Direction, Info, Point, Search, Step, is_search, reported


def search_or(usual: Search, given: Any) -> Search:
    """The search that was given, or the usual one for None; raises for anything else."""
    if given is None:
        return usual
    if not is_search(given):
        raise TypeError(f"search must be one of jgd's, such as jgd.armijo(), or None, got {given!r}.")
    return given


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

    If a search that may fail does so along a direction that remembers earlier steps, the step is not
    accepted and the direction is started afresh for the next one; if that fails too, the failure is reported.
    A mini-batch without a gradient gives no step, which is no failure.
    The state is that of the direction and of the search, and where such a search may fail, whether it did.
    """

    direction: Direction
    search: Search
    name: str = static(default="descent")

    def _may_fail(self) -> bool:
        return getattr(self.search, "may_fail", False)

    def _restarts(self) -> bool:
        return getattr(self.direction, "remembers", False) and self._may_fail()

    def init(self, f: Objective, point: Point) -> tuple[Any, ...]:
        """The states of the direction and of the search."""
        fresh = (jnp.ones((), bool),) if self._restarts() else ()
        return self.direction.init(f, point), self.search.init(f, point), *fresh

    def step(self, f: Objective, point: Point, state: tuple[Any, ...]) -> Step:
        """One step along the direction."""
        remembered, searched, *fresh = state
        d, remembered, found = self.direction(f, point, remembered)
        step = self.search(f, point, d, searched)
        info = _together(found, step.info)
        if not f.fixed and self._may_fail():
            idle = tree.norm_inf(point.grad) == 0
            status = jnp.where(idle, Status.RUNNING, info.status).astype(jnp.int32)
            info = dataclasses.replace(info, status=status)
        if not fresh:
            return Step(step.to, (remembered, step.state), info)
        failed = info.status != Status.RUNNING
        again = failed & ~fresh[0]
        status = jnp.where(again, Status.RUNNING, info.status).astype(jnp.int32)
        remembered = tree.select(again, self.direction.init(f, point), remembered)
        return Step(step.to, (remembered, step.state, failed), dataclasses.replace(info, status=status))

    def report(self, state: tuple[Any, ...]) -> dict[str, jax.Array]:
        """What the direction and the search say of themselves."""
        return reported(self.direction, state[0]) | reported(self.search, state[1])
