"""The driver: one loop that evaluates, decides and records.

The fast loop carries what one step changes (`Motion`) and stores nothing else: the tests of every step
stand in its predicate. It runs in blocks that end where a row of the history is due, or after
`block_length` steps; the slow checks, the row and the snapshot belong to the block. A block that ends
at a point that is not finite is run again from its snapshot to the step before. Where blocks begin and
end depends on the number of the step alone, so a run in two pieces is the run in one, to the bit.
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
from jgd.driver.recorder import COUNTS, History, Recorder, Row, next_row
from jgd.driver.stop import Progress, Stop

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
class Motion:
    """What one step changes: the step number, the point, the method's state, what it reported, sums.

    `counts` are the sums of `COUNTS` so far, `best_value` the lowest value so far.
    """

    k: jax.Array
    point: Point
    state: Any
    rate: jax.Array
    accepted: jax.Array
    status: jax.Array
    counts: jax.Array
    best_value: jax.Array


@record
class Carry:
    """A run so far: where it is, what it would go back to, its verdict, its memory and its history.

    `origin` is the motion at the start of the present block, `best_origin` at the start of the block
    with the best value; `discarded` are the counts of evaluations made again. A Carry is a pytree of
    arrays and all that is needed to go on.
    """

    motion: Motion
    origin: Motion
    best_origin: Motion
    status: jax.Array
    discarded: jax.Array
    memory: Any
    history: History | None
    first_value: jax.Array


def block_length(x: Any) -> int:
    """The longest block: long where a step costs next to nothing, as blocks then cost more than steps."""
    return 4096 if tree.size(x) <= 64 else 256


def _on_row(k: jax.Array, exponent: int) -> jax.Array:
    """Whether step k has a row."""
    return next_row(k - 1, exponent) == k


def _next_edge(k: jax.Array, exponent: int, length: int) -> jax.Array:
    """Where the block that holds step k ends: the row, the step before it, or a multiple of `length`."""
    row = next_row(k, exponent)
    return jnp.minimum(jnp.where(row - 1 > k, row - 1, row), (k // length + 1) * length)


def _finite(point: Point) -> jax.Array:
    """Whether value, gradient and position are finite."""
    return jnp.isfinite(point.value) & tree.all_finite(point.grad) & tree.all_finite(point.x)


def _advance(program: Program, motion: Motion) -> tuple[Point, Any, Info, bool]:
    """One step: the method proposes, the objective evaluates. Also whether the driver paid for it."""
    f = program.objective
    step = program.method.step(f.at(motion.k), motion.point, motion.state)
    point = f.at(motion.k + 1).evaluate(step.to)
    return point, step.state, step.info, not isinstance(step.to, Point)


def _constants(program: Program, motion: Motion) -> tuple[dict[str, Any], bool]:
    """The columns of Info that no step changes, and whether the driver pays for each Point.

    They are Python numbers and the method's own hyper-parameters: the loop need not carry them. Also
    checks that the method's state keeps its structure and dtypes.
    """
    seen: list[tuple[Info, bool]] = []

    def probe(motion: Motion) -> tuple[Point, Any]:
        point, state, info, pays = _advance(program, motion)
        seen.append((info, pays))
        return point, state

    before, after = (motion.point, motion.state), jax.eval_shape(probe, motion)
    try:
        chex.assert_trees_all_equal_structs(before, after)
        chex.assert_trees_all_equal_shapes_and_dtypes(before, after)
    except AssertionError as error:
        raise TypeError(
            "method: step() must return a point and a state of the structure, shapes and dtypes of those "
            f"it was given ({str(error).splitlines()[0]})."
        ) from None
    info, pays = seen[0]
    own = jax.tree.leaves(program.method)
    columns = {name: getattr(info, name) for name in ("rate", "accepted", "status", *COUNTS)}
    return {
        name: value
        for name, value in columns.items()
        if isinstance(value, bool | int | float) or any(value is leaf for leaf in own)
    }, pays


def _walk(program: Program, start: Motion, end: jax.Array, floor: jax.Array, memories: Any) -> Motion:
    """Step from `start` until step `end`, a test that fails, or a value at or below `floor`."""
    f = program.objective
    constants, pays = _constants(program, start)
    settled = {name: constants[name] for name in ("rate", "accepted", "status") if name in constants}
    own_cost = jnp.array([pays, pays, 0, 0, 0], jnp.int32)
    if all(name in constants for name in COUNTS):
        cost = own_cost + jnp.array([constants[name] for name in COUNTS], jnp.int32)
        settled["counts"] = None

    def vary(motion: Motion) -> Motion:
        """The motion without the columns that are known without carrying them."""
        return dataclasses.replace(motion, **dict.fromkeys(settled))

    def complete(varying: Motion) -> Motion:
        """The motion with them."""
        known = {
            name: jnp.asarray(value, getattr(start, name).dtype)
            for name, value in settled.items()
            if name != "counts"
        }
        if "counts" in settled:
            known["counts"] = start.counts + (varying.k - start.k) * cost
        return dataclasses.replace(varying, **known)

    def going(varying: Motion) -> jax.Array:
        now = complete(varying)
        progress = Progress(now.k, now.point, now.best_value, now.counts[0])
        holds = program.stop.going(f, progress, memories)
        if "status" not in settled:
            holds = holds & (now.status == Status.RUNNING)
        return holds & (now.point.value > floor) & (now.k < end)

    def step(varying: Motion) -> Motion:
        now = complete(varying)
        point, state, info, _ = _advance(program, now)
        counts = now.counts
        if "counts" not in settled:
            own = jnp.stack([jnp.asarray(getattr(info, name), jnp.int32) for name in COUNTS])
            counts = counts + own_cost + own
        return vary(
            Motion(
                k=now.k + 1,
                point=point,
                state=state,
                rate=jnp.asarray(info.rate, start.rate.dtype),
                accepted=jnp.asarray(info.accepted, bool),
                status=jnp.asarray(info.status, jnp.int32),
                counts=counts,
                best_value=jnp.where(point.value < now.best_value, point.value, now.best_value),
            )
        )

    return complete(lax.while_loop(going, step, vary(start)))


def _verdict(program: Program, motion: Motion, memories: Any) -> jax.Array:
    """What the tests of every step say of a finite point, then what the method says."""
    progress = Progress(motion.k, motion.point, motion.best_value, motion.counts[0])
    status = program.stop.verdict(program.objective, progress, memories)
    return jnp.where(status == Status.RUNNING, motion.status, status)


def _report(program: Program, motion: Motion) -> dict[str, jax.Array]:
    """The method's own columns."""
    method = program.method
    return method.report(motion.state) if hasattr(method, "report") else {}


def _row(program: Program, old: Point, motion: Motion) -> Row:
    """The row of a step from `old`: the columns of `column_names`."""
    point = motion.point
    size = tree.norm_inf(program.objective.stationarity(point))
    step = tree.norm_inf(tree.subtract(point.x, old.x))
    reals = [point.value, size, step, motion.rate, motion.accepted, *_report(program, motion).values()]
    return (program.recorder or GRID).row(point, reals, motion.counts)


def last_row(program: Program, carry: Carry) -> Row:
    """The row of where the run is now; its step_norm is NaN if the point before is not at hand."""
    row = _row(program, carry.origin.point, carry.motion)
    known = carry.motion.k - carry.origin.k <= 1
    step = COLUMNS.index("step_norm")
    reals = row.reals.at[step].set(jnp.where(known, row.reals[step], jnp.nan))
    return dataclasses.replace(row, reals=reals)


def column_names(program: Program, carry: Carry) -> tuple[str, ...]:
    """The names of a history's real columns, in their order."""
    own = jax.eval_shape(lambda motion: _report(program, motion), carry.motion)
    return (*COLUMNS, *own)


def _settle(program: Program, carry: Carry, origin: Motion, motion: Motion, due: jax.Array) -> Carry:
    """The carry after a block: its verdict, its row and its snapshots."""
    tests, checks = carry.memory
    old = origin.point

    def look() -> tuple:
        status, memory = program.stop.check(program.objective, old, motion.point, checks)
        row = None if program.recorder is None else _row(program, old, motion)
        return status, memory, row

    def pass_by() -> tuple:
        blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(look)[2])
        return jnp.asarray(Status.RUNNING, jnp.int32), checks, blank

    checked, checks, row = lax.cond(due, look, pass_by)
    history = carry.history
    if program.recorder is not None:
        history = program.recorder.write(history, motion.k, row, due)
    status = _verdict(program, motion, tests)
    return Carry(
        motion=motion,
        origin=origin,
        best_origin=tree.select(motion.best_value < origin.best_value, origin, carry.best_origin),
        status=jnp.where(status == Status.RUNNING, checked, status),
        discarded=carry.discarded,
        memory=(tests, checks),
        history=history,
        first_value=carry.first_value,
    )


def begin(program: Program, x0: Any) -> Carry:
    """The carry before the first step; its status tells a start that is an end."""
    f = program.objective
    point = f.evaluate(x0)
    one, none = jnp.ones((), jnp.int32), jnp.zeros((), jnp.int32)
    motion = Motion(
        k=none,
        point=point,
        state=program.method.init(f, point),
        rate=jnp.full((), jnp.nan, tree.dtype(x0)),
        accepted=jnp.ones((), bool),
        status=jnp.asarray(Status.RUNNING, jnp.int32),
        counts=jnp.stack([one, one, none, none, none]),
        best_value=point.value,
    )
    memory = program.stop.init(f, point)
    status = jnp.where(_finite(point), _verdict(program, motion, memory[0]), Status.NONFINITE_START)
    history = program.recorder.init(_row(program, point, motion)) if program.recorder else None
    return Carry(
        motion=motion,
        origin=motion,
        best_origin=motion,
        status=status.astype(jnp.int32),
        discarded=jnp.zeros_like(motion.counts),
        memory=memory,
        history=history,
        first_value=point.value,
    )


def run(program: Program, carry: Carry, limit: Any, floor: Any = -jnp.inf) -> Carry:
    """Go on from `carry` until a rule ends the run, step `limit`, or a value at or below `floor`.

    `run(program, run(program, carry, 17), 50)` is `run(program, carry, 50)`, to the bit.
    """
    floor = jnp.asarray(floor, carry.motion.point.value.dtype)
    limit = jnp.asarray(limit, jnp.int32)
    length = block_length(carry.motion.point.x)

    def unfinished(state: tuple) -> jax.Array:
        carry, limit, _ = state
        return (carry.status == Status.RUNNING) & (carry.motion.k < limit)

    def block(state: tuple) -> tuple:
        carry, limit, broken = state
        start, exponent = carry.motion, program.exponent
        at_edge = (start.k == 0) | (_next_edge(start.k - 1, exponent, length) == start.k)
        origin = jax.tree.map(partial(jnp.where, at_edge), start, carry.origin)
        end = jnp.minimum(_next_edge(start.k, exponent, length), limit)
        motion = _walk(program, start, end, floor, carry.memory[0])

        good = _finite(motion.point)
        waste = jnp.where(good, 0, motion.counts - origin.counts)
        last = jnp.where(good, jnp.where(motion.point.value <= floor, motion.k, limit), motion.k - 1)
        motion = tree.select(good, motion, origin)
        carry = dataclasses.replace(carry, discarded=carry.discarded + waste)
        carry = _settle(program, carry, origin, motion, good & _on_row(motion.k, exponent))
        return carry, last, broken | ~good

    carry, _, broken = lax.while_loop(unfinished, block, (carry, limit, jnp.zeros((), bool)))
    ended = broken & (carry.status == Status.RUNNING)
    return dataclasses.replace(carry, status=jnp.where(ended, Status.NONFINITE, carry.status))


def solve(program: Program, x0: Any, limit: Any = 2**31 - 1) -> Carry:
    """The functional core: run `program` from `x0`. Pure: may be jitted, vmapped, put inside a program.

    `carry.motion.point` is the last finite point, `carry.status` the verdict, `carry.motion.k` the number
    of steps. Under `jax.vmap`, leave out the history with `recorder=None`.
    """
    return run(program, begin(program, x0), limit)


def best(program: Program, carry: Carry) -> Motion:
    """The motion at the best value of the run, found by going over its block again."""
    origin = carry.best_origin
    start = dataclasses.replace(
        carry, motion=origin, origin=origin, status=jnp.zeros_like(carry.status)
    )
    return run(program, start, carry.motion.k, floor=carry.motion.best_value).motion
