"""The steps of a program: the innermost loop, the evaluation line, and what a step reports."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import jaxpr_as_fun

from jgd.core import tree
from jgd.core.status import Status
from jgd.core.types import Info, Point, reported
from jgd.driver.carry import GRID, Carry, Motion, Position, Program
from jgd.driver.recorder import COUNTS, Row
from jgd.driver.rule import Progress

COLUMNS = ("value", "grad_norm", "step_norm", "rate", "accepted")
"""The real columns of every history; a method's own follow."""


def _advance(program: Program, at: Position) -> tuple[Position, Info, bool]:
    """One step: the method proposes, the objective evaluates. Also whether the driver paid for it."""
    f = program.objective
    step = program.method.step(f.at(at.k), at.point, at.state)
    point = f.at(at.k + 1).evaluate(step.to)
    pays = not isinstance(step.to, Point) or not f.fixed
    return Position(at.k + 1, point, step.state), step.info, pays


class StepLoop:
    """The steps of a program: the loop that takes them, and the columns it need not carry.

    Those are the columns of Info that are Python numbers or the method's own hyper-parameters; the sums
    of counts follow from the number of steps if all counts are such.
    """

    def __init__(self, program: Program, start: Motion) -> None:
        self.program, self.start = program, start
        self._take, fixed, pays = _traced(program, start.at)
        self.paid = jnp.array([pays, pays, 0, 0, 0], jnp.int32)
        self.settled = {name: fixed[name] for name in ("rate", "accepted", "status") if name in fixed}
        if all(name in fixed for name in COUNTS):
            self.settled["counts"] = self.paid + jnp.array([fixed[name] for name in COUNTS], jnp.int32)

    def vary(self, motion: Motion) -> Motion:
        """The motion without the settled columns."""
        return dataclasses.replace(motion, **dict.fromkeys(self.settled))

    def complete(self, varying: Motion) -> Motion:
        """The motion with the settled columns."""
        start, known = self.start, dict(self.settled)
        if "counts" in known:
            known["counts"] = start.counts + (varying.k - start.k) * known["counts"]
        known = {name: jnp.asarray(value, getattr(start, name).dtype) for name, value in known.items()}
        return dataclasses.replace(varying, **known)

    def progress(self, now: Motion) -> Progress:
        """What the tests see."""
        grad_norm = tree.norm_inf(self.program.objective.stationarity(now.point))
        return Progress(now.k, now.point, grad_norm, now.best_value, now.counts[0])

    def walk(self, varying: Motion, end: jax.Array, floor: jax.Array, memories: Any) -> Motion:
        """Step until step `end`, a test that fails, or a value at or below `floor`."""

        def going(varying: Motion) -> jax.Array:
            now = self.complete(varying)
            progress = self.progress(now)
            holds = self.program.stop.going(self.program.objective, progress, memories)
            if "status" not in self.settled:
                holds = holds & (now.status == Status.RUNNING)
            value = now.point.value
            finite = (progress.grad_norm < jnp.inf) & (value < jnp.inf)
            return holds & finite & (value > floor) & (now.k < end)

        return lax.while_loop(going, self.step, varying)

    def step(self, varying: Motion) -> Motion:
        """One step."""
        now, start = self.complete(varying), self.start
        following, columns = self._take(now.at)
        counts = now.counts
        if "counts" not in self.settled:
            own = jnp.stack([jnp.asarray(columns[name], jnp.int32) for name in COUNTS])
            counts = counts + self.paid + own
        value, gauge = following.point.value, now.gauge
        if self.program.gauge is not None:
            gauge = self.program.gauge.follow(now.point, following.point, gauge)
        return self.vary(
            Motion(
                at=following,
                rate=jnp.asarray(columns["rate"], start.rate.dtype),
                accepted=jnp.asarray(columns["accepted"], bool),
                status=jnp.asarray(columns["status"], jnp.int32),
                counts=counts,
                best_value=jnp.where(value < now.best_value, value, now.best_value),
                gauge=gauge,
            )
        )


def _traced(program: Program, at: Position) -> tuple[Callable[[Position], tuple], dict[str, Any], bool]:
    """A step, traced once and checked: Position -> (the next one, the columns of Info).

    With it the columns that are the same at every step, and whether the driver pays for its Point.
    """
    seen: list[tuple[Info, bool]] = []

    def probe(at: Position) -> tuple[Position, dict[str, Any]]:
        following, info, pays = _advance(program, at)
        seen.append((info, pays))
        return following, dict(vars(info))

    closed, shapes = jax.make_jaxpr(probe, return_shape=True)(at)
    (info, pays), following = seen[0], shapes[0]
    try:
        chex.assert_trees_all_equal_structs(at, following)
        chex.assert_trees_all_equal_shapes_and_dtypes(at, following)
    except AssertionError as error:
        raise TypeError(
            "method: step() must return a point and a state of the structure, shapes and dtypes of those "
            f"it was given ({str(error).splitlines()[0]})."
        ) from None
    for field in dataclasses.fields(info):
        shape = jnp.shape(getattr(info, field.name))
        if shape != ():
            raise TypeError(
                f"method: the {field.name} of a step must be one number, got shape {shape}; for several "
                "rates at once use jax.vmap over jgd.solve."
            )
    own, run, structure = jax.tree.leaves(program.method), jaxpr_as_fun(closed), jax.tree.structure(shapes)
    fixed = {
        name: value
        for name, value in vars(info).items()
        if isinstance(value, bool | int | float) or any(value is leaf for leaf in own)
    }

    def take(at: Position) -> tuple[Position, dict[str, Any]]:
        following, columns = jax.tree.unflatten(structure, run(*jax.tree.leaves(at)))
        return following, columns | fixed

    return take, fixed, pays


def _report(program: Program, state: Any) -> dict[str, jax.Array]:
    """The method's own columns."""
    return reported(program.method, state)


def names(program: Program, carry: Carry) -> tuple[str, ...]:
    """The names of a history's real columns, in their order."""
    measured = () if program.gauge is None else program.gauge.columns
    return (*COLUMNS, *_report(program, carry.motion.at.state), *measured)


def _reals(program: Program, motion: Motion, grad_norm: Any, step_norm: Any, measured: Any) -> list[Any]:
    """The real columns of a step, those of `names`."""
    own = _report(program, motion.at.state).values()
    return [motion.point.value, grad_norm, step_norm, motion.rate, motion.accepted, *own, *measured]


def row_of(program: Program, motion: Motion, grad_norm: Any, step_norm: Any, measured: Any) -> Row:
    """The row of a step."""
    reals = _reals(program, motion, grad_norm, step_norm, measured)
    return (program.recorder or GRID).row(motion.k, motion.point, reals, motion.counts)


def read_gauge(program: Program, old: Motion, new: Motion, due: jax.Array) -> tuple[list[jax.Array], Any]:
    """What the gauge measures of a step that is to be recorded, and its memory; nothing without one."""
    gauge, f = program.gauge, program.objective
    if gauge is None:
        return [], new.gauge
    dtype = tree.scalar_dtype(new.point.x)

    def read() -> tuple[list[jax.Array], Any]:
        measured, memory = gauge.read(f, old.point, new.point, new.rate, new.gauge)
        return [jnp.asarray(one, dtype) for one in measured], memory

    return lax.cond(due, read, lambda: ([jnp.zeros((), dtype)] * len(gauge.columns), new.gauge))


def last_row(program: Program, carry: Carry) -> Row:
    """The row of the step that a run is at, in NumPy; what was not measured of it is NaN."""
    motion, history = carry.motion, carry.history
    unknown = [np.nan] * (0 if program.gauge is None else len(program.gauge.columns))
    reals = jax.device_get(_reals(program, motion, carry.grad_norm, np.nan, unknown))
    wholes = np.concatenate([[motion.k], motion.counts])
    x = [np.ravel(leaf) for leaf in jax.tree.leaves(motion.point.x)]
    recorded = history is not None and history.x is not None
    return Row(np.array(reals, float), wholes, np.concatenate(x) if recorded else None)


def empty_history(program: Program, motion: Motion) -> Row | None:
    """The history before its first row; None if nothing is recorded."""
    if program.recorder is None:
        return None
    one = jnp.zeros((), tree.scalar_dtype(motion.point.x))
    measured = [] if program.gauge is None else [one] * len(program.gauge.columns)
    return program.recorder.empty(jax.eval_shape(partial(row_of, program), motion, one, one, measured))
