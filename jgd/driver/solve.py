"""The driver: one loop that evaluates, decides and records.

The loop has three levels. The steps (`_Steps.walk`) carry what one step changes, a `Motion`, and store
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

import chex
import jax
import jax.numpy as jnp
from jax import lax

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.record import record
from jgd.core.status import Status
from jgd.core.types import Info, Method, Point
from jgd.driver.recorder import COUNTS, Recorder, Row, next_row
from jgd.driver.stop import Look, Progress, Stop

GRID = Recorder()
"""The grid of checks and blocks where nothing is recorded."""


COLUMNS = ("value", "grad_norm", "step_norm", "rate", "accepted")
"""The real columns of every history; a method's own follow."""


@record
class Program:
    """What a run is made of; its leaves (data, rates, tolerances) may change without recompiling."""

    objective: Objective
    method: Method
    stop: Stop
    recorder: Recorder | None = GRID

    @property
    def exponent(self) -> int:
        """log2 of the number of rows, on whose grid blocks end and checks are made."""
        return (self.recorder or GRID).exponent


@record
class Position:
    """Where a run stands and all that its next step depends on."""

    k: jax.Array
    point: Point
    state: Any


@record
class Motion:
    """What one step changes: the position, what the method reported of the step, and sums.

    `counts` are the sums of `COUNTS` so far, `best_value` is the lowest value so far. Inside the loop the
    columns that no step changes are None.
    """

    at: Position
    rate: Any
    accepted: Any
    status: Any
    counts: Any
    best_value: jax.Array

    @property
    def k(self) -> jax.Array:
        """The number of steps taken."""
        return self.at.k

    @property
    def point(self) -> Point:
        """The point the run is at."""
        return self.at.point


@record
class Carry:
    """A run so far: where it is, its verdict, its memory and its history; a pytree, and all it takes to go on.

    `grad_norm` is the size of the gradient where it is, `best_origin` where the leg began in which the
    best value was seen, `discarded` the counts of evaluations that were made again, `memory` what the
    rules remember.
    """

    motion: Motion
    grad_norm: jax.Array
    best_origin: Position
    status: jax.Array
    discarded: jax.Array
    memory: Any
    history: Row | None
    first_value: jax.Array


def leg_length(x: Any) -> int:
    """How many steps lie between two snapshots: more where a step costs next to nothing."""
    return 4096 if tree.size(x) <= 64 else 256


def _on_row(k: jax.Array, exponent: int) -> jax.Array:
    """Whether step k has a row."""
    return next_row(k - 1, exponent) == k


def _next_edge(k: jax.Array, exponent: int) -> jax.Array:
    """Where the block that holds step k ends: at the next row, or at the step before it."""
    row = next_row(k, exponent)
    return jnp.where(row - 1 > k, row - 1, row)


def _advance(program: Program, at: Position) -> tuple[Position, Info, bool]:
    """One step: the method proposes, the objective evaluates. Also whether the driver paid for it."""
    f = program.objective
    step = program.method.step(f.at(at.k), at.point, at.state)
    point = f.at(at.k + 1).evaluate(step.to)
    return Position(at.k + 1, point, step.state), step.info, not isinstance(step.to, Point)


class _Steps:
    """The steps of a program: the loop that takes them, and the columns it need not carry.

    Those are the columns of Info that are Python numbers or the method's own hyper-parameters; the sums
    of counts follow from the number of steps if all counts are such.
    """

    def __init__(self, program: Program, start: Motion) -> None:
        self.program, self.start = program, start
        info, pays = _probe(program, start.at)
        own = jax.tree.leaves(program.method)
        columns = {name: getattr(info, name) for name in ("rate", "accepted", "status", *COUNTS)}
        fixed = {
            name: value
            for name, value in columns.items()
            if isinstance(value, bool | int | float) or any(value is leaf for leaf in own)
        }
        self.paid = jnp.array([pays, pays, 0, 0, 0], jnp.int32)
        self.settled = {
            name: fixed[name] for name in ("rate", "accepted", "status") if name in fixed
        }
        if all(name in fixed for name in COUNTS):
            self.settled["counts"] = self.paid + jnp.array(
                [fixed[name] for name in COUNTS], jnp.int32
            )

    def vary(self, motion: Motion) -> Motion:
        """The motion without the settled columns."""
        return dataclasses.replace(motion, **dict.fromkeys(self.settled))

    def complete(self, varying: Motion) -> Motion:
        """The motion with the settled columns."""
        start, known = self.start, dict(self.settled)
        if "counts" in known:
            known["counts"] = start.counts + (varying.k - start.k) * known["counts"]
        known = {
            name: jnp.asarray(value, getattr(start, name).dtype) for name, value in known.items()
        }
        return dataclasses.replace(varying, **known)

    def progress(self, now: Motion) -> Progress:
        """What the tests see."""
        grad_norm = tree.norm_inf(self.program.objective.stationarity(now.point))
        return Progress(now.k, now.point, grad_norm, now.best_value, now.counts[0])

    def walk(self, varying: Motion, end: jax.Array, floor: jax.Array, memories: Any) -> Motion:
        """Step until step `end`, a test that fails, or a value at or below `floor`."""

        def going(varying: Motion) -> jax.Array:
            now = self.complete(varying)
            holds = self.program.stop.going(self.program.objective, self.progress(now), memories)
            if "status" not in self.settled:
                holds = holds & (now.status == Status.RUNNING)
            return holds & (now.point.value > floor) & (now.k < end)

        return lax.while_loop(going, self.step, varying)

    def step(self, varying: Motion) -> Motion:
        """One step."""
        now, start = self.complete(varying), self.start
        following, info, _ = _advance(self.program, now.at)
        counts = now.counts
        if "counts" not in self.settled:
            own = jnp.stack([jnp.asarray(getattr(info, name), jnp.int32) for name in COUNTS])
            counts = counts + self.paid + own
        value = following.point.value
        return self.vary(
            Motion(
                at=following,
                rate=jnp.asarray(info.rate, start.rate.dtype),
                accepted=jnp.asarray(info.accepted, bool),
                status=jnp.asarray(info.status, jnp.int32),
                counts=counts,
                best_value=jnp.where(value < now.best_value, value, now.best_value),
            )
        )


def _probe(program: Program, at: Position) -> tuple[Info, bool]:
    """What a step reports, and whether the driver pays for its Point; checks what the method returns."""
    seen: list[tuple[Info, bool]] = []

    def probe(at: Position) -> Position:
        following, info, pays = _advance(program, at)
        seen.append((info, pays))
        return following

    following = jax.eval_shape(probe, at)
    try:
        chex.assert_trees_all_equal_structs(at, following)
        chex.assert_trees_all_equal_shapes_and_dtypes(at, following)
    except AssertionError as error:
        raise TypeError(
            "method: step() must return a point and a state of the structure, shapes and dtypes of those "
            f"it was given ({str(error).splitlines()[0]})."
        ) from None
    return seen[0]


def _report(program: Program, state: Any) -> dict[str, jax.Array]:
    """The method's own columns."""
    method = program.method
    return method.report(state) if hasattr(method, "report") else {}


def column_names(program: Program, carry: Carry) -> tuple[str, ...]:
    """The names of a history's real columns, in their order."""
    return (*COLUMNS, *_report(program, carry.motion.at.state))


def row_of(program: Program, motion: Motion, grad_norm: jax.Array, step_norm: jax.Array) -> Row:
    """The row of a step, the columns of `column_names`."""
    own = _report(program, motion.at.state).values()
    reals = [motion.point.value, grad_norm, step_norm, motion.rate, motion.accepted, *own]
    return (program.recorder or GRID).row(motion.k, motion.point, reals, motion.counts)


def _settle(steps: _Steps, carry: Carry, motion: Motion) -> Carry:
    """The carry after a block that ended at `motion`: the one place that decides the status."""
    program = steps.program
    f, tests, checks = program.objective, *carry.memory
    start, now = carry.motion, steps.complete(motion)
    progress, x_norm = steps.progress(now), tree.norm_inf(now.point.x)
    good = jnp.isfinite(now.point.value) & jnp.isfinite(progress.grad_norm) & jnp.isfinite(x_norm)
    due = good & _on_row(now.k, program.exponent)

    def look() -> tuple:
        step_norm = tree.norm_inf(tree.subtract(now.point.x, start.point.x))
        seen = Look(start.point, now.point, x_norm, step_norm)
        status, memory = program.stop.check(f, seen, checks)
        row = (
            None
            if program.recorder is None
            else row_of(program, now, progress.grad_norm, step_norm)
        )
        return status, memory, row

    def pass_by() -> tuple:
        blank = jax.tree.map(
            lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(look)[2]
        )
        return jnp.asarray(Status.RUNNING, jnp.int32), checks, blank

    checked, checks, row = lax.cond(due, look, pass_by)
    history = carry.history
    if program.recorder is not None:
        history = program.recorder.write(history, row, due)

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
    point = f.evaluate(x0)
    one, none = jnp.ones((), jnp.int32), jnp.zeros((), jnp.int32)
    motion = Motion(
        at=Position(none, point, program.method.init(f, point)),
        rate=jnp.full((), jnp.nan, tree.dtype(x0)),
        accepted=jnp.ones((), bool),
        status=jnp.asarray(Status.RUNNING, jnp.int32),
        counts=jnp.stack([one, one, none, none, none]),
        best_value=point.value,
    )
    history = None
    if program.recorder is not None:
        norm = jnp.zeros((), tree.dtype(x0))
        history = program.recorder.empty(
            jax.eval_shape(partial(row_of, program), motion, norm, norm)
        )
    return Carry(
        motion=motion,
        grad_norm=jnp.full((), jnp.nan, tree.dtype(x0)),
        best_origin=motion.at,
        status=jnp.asarray(Status.NOT_STARTED, jnp.int32),
        discarded=jnp.zeros_like(motion.counts),
        memory=program.stop.init(f, point),
        history=history,
        first_value=point.value,
    )


def run(program: Program, carry: Carry, limit: Any, floor: Any = -jnp.inf) -> Carry:
    """Go on from `carry` until a rule ends the run, step `limit`, or a value at or below `floor`.

    `run(program, run(program, carry, 17), 50)` leads where `run(program, carry, 50)` does, to the bit.
    """
    floor = jnp.asarray(floor, carry.motion.point.value.dtype)
    limit = jnp.asarray(limit, jnp.int32)
    length, exponent = leg_length(carry.motion.point.x), program.exponent
    steps = _Steps(program, carry.motion)

    def going(carry: Carry, end: jax.Array) -> jax.Array:
        running = (carry.status == Status.RUNNING) & (carry.motion.k < end)
        return running | (carry.status == Status.NOT_STARTED)

    def block(state: tuple) -> tuple:
        carry, end = state
        k = carry.motion.k
        edge = jnp.minimum(_next_edge(k, exponent), end)
        edge = jnp.where(carry.status == Status.NOT_STARTED, k, edge)
        carry = _settle(steps, carry, steps.walk(carry.motion, edge, floor, carry.memory[0]))
        return carry, jnp.where(carry.motion.point.value <= floor, carry.motion.k, end)

    def leg(state: tuple) -> tuple:
        start, limit, broken = state
        end = jnp.minimum((start.motion.k // length + 1) * length, limit)
        carry, _ = lax.while_loop(lambda state: going(*state), block, (start, end))
        bad = carry.status == Status.NONFINITE
        k, counts = carry.motion.k, steps.complete(carry.motion).counts
        waste = jnp.where(bad, counts - steps.complete(start.motion).counts, 0)
        limit = jnp.where(bad, k - 1, jnp.where(carry.motion.point.value <= floor, k, limit))
        history, carry, start = (
            carry.history,
            *(dataclasses.replace(c, history=None) for c in (carry, start)),
        )
        kept = tree.select(bad, start, carry)
        improved = kept.motion.best_value < start.motion.best_value
        origin = tree.select(improved, start.motion.at, start.best_origin)
        discarded = start.discarded + waste
        kept = dataclasses.replace(kept, best_origin=origin, discarded=discarded, history=history)
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
    """The motion at the best value of the run, found by running its leg again; counts start at 0."""
    origin = carry.best_origin
    running = jnp.zeros_like(carry.status)
    counts = jnp.zeros_like(carry.motion.counts)
    start = dataclasses.replace(
        carry.motion, at=origin, status=running, counts=counts, best_value=origin.point.value
    )
    again = dataclasses.replace(carry, motion=start, status=running)
    return run(program, again, carry.motion.k, floor=carry.motion.best_value).motion
