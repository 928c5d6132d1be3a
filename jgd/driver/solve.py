"""The driver: one loop that evaluates, decides and records.

The loop has two levels. The steps (`StepLoop.walk`) carry what one step changes, a `Motion`, and store
nothing else: the tests of every step stand in their predicate. A block of steps ends where a row of the
history or a check is due, and one step before; there the checks are made, the row is written and the
status decided (`settle`). A block that meets a point that is not finite is run again from its start to
the step before, and the best point of a run is found by running again the block that saw it. Where blocks
end depends on the number of the step alone, so a run in two pieces leads where the run in one does, to
the bit.
"""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jgd.core import tree
from jgd.core.status import Status
from jgd.driver.carry import GRID, Carry, Motion, Position, Program
from jgd.driver.recorder import has_row, steps_to_row
from jgd.driver.rule import Look
from jgd.driver.steps import StepLoop, empty_history, read_gauge, row_of
from jgd.driver.stop import Stop


def _to_edge(k: jax.Array, exponent: int) -> jax.Array:
    """How many steps the block that begins at step k has: to the next row, or to the step before it."""
    ahead = steps_to_row(k, exponent)
    return jnp.where(ahead > 1, ahead - 1, ahead)


def settle(steps: StepLoop, start: Carry, motion: Motion) -> tuple[Carry, jax.Array]:
    """The carry after a block from `start` to `motion`, and whether it is where the block began.

    This is the one place that decides the status. A block that met a point which is not finite leaves
    the run where the block began, to be run again to the step before. Where the best value was seen is for
    the loop to remember.
    """
    program = steps.program
    f, tests, checks = program.objective, *start.memory
    before, now = steps.complete(start.motion), steps.complete(motion)
    progress, x_norm = steps.progress(now), tree.norm_inf(now.point.x)
    good = jnp.isfinite(now.point.value) & jnp.isfinite(progress.grad_norm) & jnp.isfinite(x_norm)
    fresh = good & ((now.k > before.k) | (start.status == Status.NOT_STARTED))

    step_norm = tree.norm_inf(tree.subtract(now.point.x, before.point.x))
    due = fresh & has_row(now.k, GRID.exponent)
    size = (progress.grad_norm, x_norm, step_norm)
    look = Look(now.k, due, start.first_value, before.point, now.point, *size, now.rate, now.accepted)
    checked, memory = program.stop.check(f, look, checks)
    checked = jnp.where(due, checked, Status.RUNNING)
    checks = jax.tree.map(partial(jnp.where, due), memory, checks)
    history, recorder = start.history, program.recorder
    if recorder is not None and history is not None:
        recorded = fresh & has_row(now.k, recorder.exponent)
        measured, gauge = read_gauge(program, before, now, recorded)
        motion = dataclasses.replace(motion, gauge=gauge)
        row = row_of(program, now, progress.grad_norm, step_norm, measured)
        history = recorder.write(history, row, recorded)

    status = program.stop.verdict(f, progress, tests)
    for other in (now.status, checked):
        status = jnp.where(status == Status.RUNNING, other, status)
    back = ~good & (now.k > 0)
    status = jnp.where(good | back, jnp.where(back, Status.RUNNING, status), Status.NONFINITE_START)
    carry = dataclasses.replace(
        start,
        motion=tree.select(back, start.motion, motion),
        grad_norm=jnp.where(back, start.grad_norm, progress.grad_norm),
        status=status.astype(jnp.int32),
        discarded=start.discarded + jnp.where(back, now.counts - before.counts, 0),
        memory=(tests, checks),
        history=history,
    )
    return carry, back


def begin(program: Program, x0: Any) -> Carry:
    """The carry before the first step, not yet looked at."""
    x0, k = tree.strong(x0), jnp.zeros((), jnp.int32)
    f = program.objective.at(k)
    point = f.evaluate(x0)
    motion = Motion(
        at=Position(k, point, tree.strong(program.method.init(f, point))),
        rate=jnp.full((), jnp.nan, tree.scalar_dtype(x0)),
        accepted=jnp.ones((), bool),
        status=jnp.asarray(Status.RUNNING, jnp.int32),
        counts=jnp.asarray(np.array([1, 1, 0, 0, 0], np.int32)),
        best_value=point.value,
        gauge=None if program.gauge is None else program.gauge.init(f, point),
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
    steps = StepLoop(program, carry.motion)

    def going(state: tuple) -> jax.Array:
        carry, limit, _ = state
        running = (carry.status == Status.RUNNING) & (carry.motion.k < limit)
        return running | (carry.status == Status.NOT_STARTED)

    def block(state: tuple) -> tuple:
        start, limit, broken = state
        k = start.motion.k
        ahead = jnp.minimum(_to_edge(k, program.exponent), limit - k)
        end = jnp.where(start.status == Status.NOT_STARTED, k, k + ahead)
        motion = steps.walk(start.motion, end, floor, start.memory[0])
        carry, back = settle(steps, start, motion)
        improved = ~back & (motion.best_value < start.motion.best_value)
        origin = tree.select(improved, start.motion.at, start.best_origin)
        carry = dataclasses.replace(carry, best_origin=origin)
        limit = jnp.where(back, motion.k - 1, jnp.where(motion.point.value <= floor, motion.k, limit))
        return carry, limit, broken | back

    varying = dataclasses.replace(carry, motion=steps.vary(carry.motion))
    state = (varying, jnp.asarray(limit, jnp.int32), jnp.zeros((), bool))
    carry, _, broken = lax.while_loop(going, block, state)
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
    """The motion at the best value of the run, found by running its block again; counts start at 0.

    Should the block not come by that value again to the last bit, it is run a third time, to the best value
    it did come by.
    """
    program = dataclasses.replace(program, stop=Stop((), ()), recorder=None)
    origin, running = carry.best_origin, jnp.zeros_like(carry.status)
    start = dataclasses.replace(
        carry.motion,
        at=origin,
        status=running,
        counts=jnp.zeros_like(carry.motion.counts),
        best_value=origin.point.value,
        gauge=None,
    )

    def again(state: tuple[Motion, jax.Array]) -> tuple[Motion, jax.Array]:
        seen, floor = state
        motion = dataclasses.replace(start, counts=seen.counts)
        begun = dataclasses.replace(carry, motion=motion, status=running, memory=((), ()), history=None)
        seen = run(program, begun, carry.motion.k, floor).motion
        return seen, seen.best_value

    def above(state: tuple[Motion, jax.Array]) -> jax.Array:
        seen, floor = state
        return seen.point.value > floor

    return lax.while_loop(above, again, (start, carry.motion.best_value))[0]
