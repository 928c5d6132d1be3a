"""The driver: one loop that evaluates, decides and records.

The loop has three levels. The steps (`StepLoop.walk`) carry what one step changes, a `Motion`, and store
nothing else: the tests of every step stand in their predicate. A block of steps ends where a row of the
history is due, and one step before; there the slow checks are made, the row is written and the status
decided (`_settle`). A leg of blocks begins with a snapshot: a leg that meets a point that is not finite
is run again from its snapshot to the step before, and the best point of a run is found by running again
the leg that saw it. Where blocks and legs end depends on the number of the step alone, so a run in two
pieces leads where the run in one does, to the bit.
"""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core import tree
from jgd.core.status import Status
from jgd.driver.carry import GRID, Carry, Motion, Position, Program
from jgd.driver.recorder import has_row, steps_to_row
from jgd.driver.steps import StepLoop, empty_history, row_of
from jgd.driver.stop import Look, Stop


def leg_length(program: Program, x: Any) -> int:
    """How many steps lie between two snapshots: many where parameters and data are few, so steps cheap."""
    entries = sum(jnp.size(leaf) for leaf in jax.tree.leaves((x, program.objective.args)))
    return 8192 if entries <= 64 else 256


def _to_edge(k: jax.Array, exponent: int) -> jax.Array:
    """How many steps the block that begins at step k has: to the next row, or to the step before it."""
    ahead = steps_to_row(k, exponent)
    return jnp.where(ahead > 1, ahead - 1, ahead)


def _settle(steps: StepLoop, carry: Carry, motion: Motion) -> Carry:
    """The carry after a block that ended at `motion`: the one place that decides the status."""
    program = steps.program
    f, tests, checks = program.objective, *carry.memory
    start, now = carry.motion, steps.complete(motion)
    progress, x_norm = steps.progress(now), tree.norm_inf(now.point.x)
    good = jnp.isfinite(now.point.value) & jnp.isfinite(progress.grad_norm) & jnp.isfinite(x_norm)
    fresh = good & ((now.k > start.k) | (carry.status == Status.NOT_STARTED))

    step_norm = tree.norm_inf(tree.subtract(now.point.x, start.point.x))
    look = Look(start.point, now.point, x_norm, step_norm, now.rate, now.accepted)
    due = fresh & has_row(now.k, GRID.exponent)
    checked, memory = program.stop.check(f, look, checks)
    checked = jnp.where(due, checked, Status.RUNNING)
    checks = jax.tree.map(partial(jnp.where, due), memory, checks)
    history, recorder = carry.history, program.recorder
    if recorder is not None and history is not None:
        row = row_of(program, now, progress.grad_norm, step_norm)
        history = recorder.write(history, row, fresh & has_row(now.k, recorder.exponent))

    status = program.stop.verdict(f, progress, tests)
    for other in (now.status, checked):
        status = jnp.where(status == Status.RUNNING, other, status)
    broken = jnp.where(now.k > 0, Status.NONFINITE, Status.NONFINITE_START)
    return dataclasses.replace(
        carry,
        motion=motion,
        grad_norm=progress.grad_norm,
        status=jnp.where(good, status, broken).astype(jnp.int32),
        memory=(tests, checks),
        history=history,
    )


def begin(program: Program, x0: Any) -> Carry:
    """The carry before the first step, not yet looked at."""
    f = program.objective
    x0 = tree.strong(x0)
    point = f.evaluate(x0)
    one, none = jnp.ones((), jnp.int32), jnp.zeros((), jnp.int32)
    motion = Motion(
        at=Position(none, point, tree.strong(program.method.init(f, point))),
        rate=jnp.full((), jnp.nan, tree.scalar_dtype(x0)),
        accepted=jnp.ones((), bool),
        status=jnp.asarray(Status.RUNNING, jnp.int32),
        counts=jnp.stack([one, one, none, none, none]),
        best_value=point.value,
    )
    return Carry(
        motion=motion,
        grad_norm=jnp.full((), jnp.nan, tree.scalar_dtype(x0)),
        best_origin=motion.at,
        status=jnp.asarray(Status.NOT_STARTED, jnp.int32),
        discarded=jnp.zeros_like(motion.counts),
        memory=program.stop.init(f, point),
        history=empty_history(program, motion),
        first_value=point.value,
    )


def run(program: Program, carry: Carry, limit: Any, floor: Any = -jnp.inf) -> Carry:
    """Go on from `carry` until a rule ends the run, step `limit`, or a value at or below `floor`.

    `run(program, run(program, carry, 17), 50)` leads where `run(program, carry, 50)` does, to the bit.
    """
    floor = jnp.asarray(floor, carry.motion.point.value.dtype)
    limit = jnp.asarray(limit, jnp.int32)
    length, exponent = leg_length(program, carry.motion.point.x), program.exponent
    steps = StepLoop(program, carry.motion)

    def going(carry: Carry, end: jax.Array) -> jax.Array:
        running = (carry.status == Status.RUNNING) & (carry.motion.k < end)
        return running | (carry.status == Status.NOT_STARTED)

    def block(state: tuple) -> tuple:
        carry, end = state
        k = carry.motion.k
        ahead = jnp.minimum(_to_edge(k, exponent), end - k)
        edge = jnp.where(carry.status == Status.NOT_STARTED, k, k + ahead)
        carry = _settle(steps, carry, steps.walk(carry.motion, edge, floor, carry.memory[0]))
        return carry, jnp.where(carry.motion.point.value <= floor, carry.motion.k, end)

    def leg(state: tuple) -> tuple:
        start, limit, broken = state
        k = start.motion.k
        end = k + jnp.minimum(length - k % length, limit - k)
        carry, _ = lax.while_loop(lambda state: going(*state), block, (start, end))
        bad = carry.status == Status.NONFINITE
        k, counts = carry.motion.k, steps.complete(carry.motion).counts
        waste = jnp.where(bad, counts - steps.complete(start.motion).counts, 0)
        limit = jnp.where(bad, k - 1, jnp.where(carry.motion.point.value <= floor, k, limit))
        kept = tree.select(bad, *(dataclasses.replace(c, history=None) for c in (start, carry)))
        improved = kept.motion.best_value < start.motion.best_value
        origin = tree.select(improved, start.motion.at, start.best_origin)
        discarded = start.discarded + waste
        kept = dataclasses.replace(kept, best_origin=origin, discarded=discarded, history=carry.history)
        return kept, limit, broken | bad

    varying = dataclasses.replace(carry, motion=steps.vary(carry.motion))
    state = (varying, limit, jnp.zeros((), bool))
    carry, _, broken = lax.while_loop(lambda state: going(*state[:2]), leg, state)
    ended = broken & (carry.status == Status.RUNNING)
    status = jnp.where(ended, Status.NONFINITE, carry.status).astype(jnp.int32)
    return dataclasses.replace(carry, motion=steps.complete(carry.motion), status=status)


def solve(program: Program, x0: Any, limit: Any = 2**31 - 1) -> Carry:
    """The functional core: run `program` from `x0`. Pure: may be jitted, vmapped, put inside a program.

    `carry.motion.point` is the last finite point, `carry.status` the verdict, `carry.motion.k` the number
    of steps. Under `jax.vmap`, leave out the history with `recorder=None`.
    """
    return run(program, begin(program, x0), limit)


def best(program: Program, carry: Carry) -> Motion:
    """The motion at the best value of the run, found by running its leg again; counts start at 0.

    Should the leg not come by that value again to the last bit, it is run a third time, to the best value
    it did come by.
    """
    program = dataclasses.replace(program, stop=Stop((), ()))
    origin, running = carry.best_origin, jnp.zeros_like(carry.status)
    start = dataclasses.replace(
        carry.motion,
        at=origin,
        status=running,
        counts=jnp.zeros_like(carry.motion.counts),
        best_value=origin.point.value,
    )

    def again(state: tuple[Motion, jax.Array]) -> tuple[Motion, jax.Array]:
        seen, floor = state
        motion = dataclasses.replace(start, counts=seen.counts)
        begun = dataclasses.replace(carry, motion=motion, status=running, memory=((), ()))
        seen = run(program, begun, carry.motion.k, floor).motion
        return seen, seen.best_value

    def above(state: tuple[Motion, jax.Array]) -> jax.Array:
        seen, floor = state
        return seen.point.value > floor

    return lax.while_loop(above, again, (start, carry.motion.best_value))[0]
