"""Lanes: many runs side by side, each lane taking the next problem of a queue when its run has ended.

All lanes step together. A lane whose run has ended waits, without effect, until a sixteenth of the lanes do;
then what they found is put in its place and they begin with the next problems. So few steps are made in
vain, however different the lengths of the runs are.
"""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core import tree
from jgd.core.record import record
from jgd.core.status import Status
from jgd.driver.carry import Carry, Program
from jgd.driver.queue import End, Queue
from jgd.driver.solve import begin, settle
from jgd.driver.steps import StepLoop

WAITING = 16
"""One lane in so many may wait for its next problem."""


@record
class Lanes:
    """The state of many runs: which problem is in which lane (-1: none), its own leaves and its carry.

    `best` is where each lane saw its lowest value: made again in other company, a run may not come by it.
    `next` is the problem that a lane takes next, `rounds` how often all lanes stepped, `ends` what is
    known of the problems, in their order.
    """

    which: jax.Array
    own: list[jax.Array]
    carries: Carry
    best: Any
    next: jax.Array
    rounds: jax.Array
    ends: End

    @property
    def width(self) -> int:
        """The number of lanes."""
        return self.which.shape[0]

    @property
    def group(self) -> int:
        """How many lanes take their next problems at once."""
        return max(1, self.width // WAITING)


def _runs(queue: Queue, carry: Carry) -> jax.Array:
    """Whether the run of a carry, or of many, is to step."""
    return (carry.status == Status.RUNNING) & (carry.motion.k < jnp.asarray(queue.limit, jnp.int32))


def running(queue: Queue, state: Lanes) -> jax.Array:
    """Which lanes are still to step."""
    return (state.which >= 0) & _runs(queue, state.carries)


def waiting(queue: Queue, state: Lanes) -> jax.Array:
    """Which lanes hold a run that has ended."""
    return (state.which >= 0) & ~running(queue, state)


def _opened(queue: Queue, own: list[jax.Array]) -> Carry:
    """The run at its start, looked at."""
    program, x0 = queue.problem(own)
    carry = dataclasses.replace(begin(program, x0), best_origin=None)
    return settle(StepLoop(program, carry.motion), carry, carry.motion)[0]


def _stepped(queue: Queue, own: list[jax.Array], start: Carry) -> Carry:
    """The run after a step; as it is where it has ended."""
    program: Program = queue.problem(own)[0]
    steps, runs = StepLoop(program, start.motion), _runs(queue, start)
    still = dataclasses.replace(start, motion=steps.vary(start.motion))
    motion = jax.tree.map(partial(jnp.where, runs), steps.step(still.motion), still.motion)
    carry, back = settle(steps, still, motion)
    status = jnp.where(back, Status.NONFINITE, carry.status)
    return dataclasses.replace(
        carry,
        motion=steps.complete(carry.motion),
        status=jnp.where(runs, status, start.status).astype(jnp.int32),
    )


def empty(queue: Queue, width: int) -> Lanes:
    """So many lanes, with no problem in them yet."""
    first = queue.take(jnp.zeros((), jnp.int32))
    carry = jax.eval_shape(partial(_opened, queue), first)
    carries, own = jax.tree.map(lambda leaf: jnp.zeros((width, *leaf.shape), leaf.dtype), (carry, first))
    zero = jnp.zeros((), jnp.int32)
    best, ends = carries.motion.point.x, queue.blank()
    ends = dataclasses.replace(ends, best_x=ends.x)
    return Lanes(jnp.full(width, -1, jnp.int32), own, carries, best, zero, zero, ends)


def _refilled(queue: Queue, state: Lanes, count: jax.Array) -> Lanes:
    """A group of lanes, first those that wait: their ends put in place, the next problems begun in them."""
    idle = ~running(queue, state)
    order = jnp.where(waiting(queue, state), 0, jnp.where(idle, 1, 2))
    chosen = jnp.argsort(order, stable=True)[: state.group]
    free, which = idle[chosen], state.which[chosen]

    def put(kept: Any, there: jax.Array, at: jax.Array, new: Any) -> Any:
        def set_rows(all: jax.Array, some: jax.Array) -> jax.Array:
            return all.at[jnp.where(there, at, all.shape[0])].set(some, mode="drop")

        return jax.tree.map(set_rows, kept, new)

    def end(own: list[jax.Array], carry: Carry, best: Any) -> End:
        return dataclasses.replace(queue.kept(queue.problem(own)[0], carry), best_x=best)

    ended = jax.tree.map(lambda leaf: leaf[chosen], (state.own, state.carries, state.best))
    ends = put(state.ends, free & (which >= 0), which, jax.vmap(end)(*ended))
    following = state.next + jnp.cumsum(free, dtype=jnp.int32) - 1
    there = free & (following < count)
    own = queue.take(following)
    opened = jax.vmap(partial(_opened, queue))(own)
    return Lanes(
        which=put(state.which, free, chosen, jnp.where(there, following, -1)),
        own=put(state.own, there, chosen, own),
        carries=put(state.carries, there, chosen, opened),
        best=put(state.best, there, chosen, opened.motion.point.x),
        next=state.next + jnp.sum(there, dtype=jnp.int32),
        rounds=state.rounds,
        ends=ends,
    )


def side_by_side(queue: Queue, width: int, count: Any) -> Lanes:
    """The first `count` problems run to their ends in so many lanes."""
    count = jnp.asarray(count, jnp.int32)

    def undone(state: Lanes) -> jax.Array:
        return (state.next < count) | jnp.any(state.which >= 0)

    def turn(state: Lanes) -> Lanes:
        state = _refilled(queue, state, count)
        enough = jnp.where(state.next < count, width - state.group, 0)

        def stepping(state: Lanes) -> jax.Array:
            return jnp.sum(running(queue, state), dtype=jnp.int32) > enough

        def step(state: Lanes) -> Lanes:
            carries = jax.vmap(partial(_stepped, queue))(state.own, state.carries)
            fell = carries.motion.best_value < state.carries.motion.best_value
            best = jax.vmap(tree.select)(fell, carries.motion.point.x, state.best)
            return dataclasses.replace(state, carries=carries, best=best, rounds=state.rounds + 1)

        return lax.while_loop(stepping, step, state)

    return lax.while_loop(undone, turn, empty(queue, width))
