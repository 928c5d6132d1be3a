"""A run under way: its methods in turn, where it stands, and the Result that it comes to."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.clock import compile_seconds
from jgd.core.check import MOST
from jgd.core.compiled import compiled
from jgd.core.packed import Packed, packed, unpacked
from jgd.core.status import Status
from jgd.core.words import method_name
from jgd.driver import solve as driver
from jgd.driver.carry import Carry, Program
from jgd.interrupts import wait
from jgd.methods.default import Stage
from jgd.result import Result, Tolerances, Work
from jgd.resume import taken_over
from jgd.told import Best, Ended, Told, ended, firsts, told


@compiled
def _whole(program: Program, x0: Any, limit: Any) -> Packed:
    return _closed(program, driver.solve(program, x0, limit))


@compiled
def _begin(program: Program, x0: Any) -> Packed:
    return _packed(_apart(driver.begin(program, x0)))


@compiled
def _take_over(before: Program, carry: Carry, program: Program) -> Packed:
    return _packed(_apart(taken_over(before, carry, program)))


@compiled
def _go_on(program: Program, carry: Carry, limit: Any) -> Packed:
    return _packed(driver.run(program, carry, limit))


@compiled
def _close(program: Program, carry: Carry) -> Packed:
    return _closed(program, carry)


@compiled
def _best(program: Program, carry: Carry) -> Packed:
    motion = driver.best(program, carry)
    return packed(motion, motion.point)


def _apart(carry: Carry) -> Carry:
    """The carry with no leaf in two places, as after any step: otherwise what goes on is compiled twice."""
    return jax.tree.map(jnp.copy, carry)


def _packed(carry: Carry) -> Packed:
    """The carry, its point as arrays on the device, and the value once more among the numbers."""
    return packed((carry, jnp.copy(carry.motion.point.value)), carry.motion.point)


def _closed(program: Program, carry: Carry) -> Packed:
    run = ended(program, carry)
    return packed(run, run.given)


GIVES_WAY = (Status.RUNNING, Status.SEARCH_FAILED, Status.STALLED)
"""How a method ends that another one follows, if there is one; RUNNING: its share of steps is used up.

At the limit of precision another one does not get further: it was never seen to on the problems of CUTEst.
"""


def _timed(move: Callable[..., "Run"]) -> Callable[..., "Run"]:
    """A move of a run that adds the seconds it took."""

    @wraps(move)
    def moved(self: "Run", *args: Any) -> "Run":
        began = time.perf_counter()
        run = move(self, *args)
        compiling = compile_seconds(began)
        running = time.perf_counter() - began - compiling
        spent = (self.seconds[0] + compiling, self.seconds[1] + running)
        return run.changed(seconds=spent)

    return moved


@dataclass(frozen=True, eq=False)
class Run:
    """Where a run stands. Its moves make another one and leave this one as it is.

    `program` is that of the first stage of `turn`, the method that is running and those that follow where it
    fails. `carry` is None before it has begun, `value` that of the carry's point, here rather than on the
    device. `end` is there once it has ended, `best` once that was looked for. `origin` is that of `Result`,
    `seconds` were spent on compiling and on running.
    """

    program: Program
    turn: tuple[Stage, ...]
    x0: Any
    tolerances: dict[str, float]
    carry: Carry | None = None
    value: float = np.nan
    end: tuple[Ended, Told] | None = None
    best: Best | None = None
    origin: tuple[str, ...] = ()
    seconds: tuple[float, float] = (0.0, 0.0)

    def changed(self, **fields: Any) -> "Run":
        """The run with these fields in place of its own; `dataclasses.replace` takes three times as long."""
        run = object.__new__(Run)
        vars(run).update(vars(self), **fields)
        return run

    @property
    def step(self) -> int:
        """The number of steps taken."""
        return 0 if self.carry is None else int(self.carry.motion.k)

    @property
    def status(self) -> Status:
        """The verdict so far."""
        return Status.RUNNING if self.end is None else self.end[1].status

    @property
    def share(self) -> int:
        """The step at which the method gives way to the next one."""
        steps = self.turn[0].steps
        return MOST if steps is None else steps

    @property
    def tolerance(self) -> float:
        """What the size of the gradient is held against."""
        assert self.carry is not None
        _, first = firsts(self.program, self.carry)
        return float(self.tolerances["gtol"] + self.tolerances["grtol"] * float(first))

    @_timed
    def whole(self) -> "Run":
        """The run at its end: one compiled call, and two more for each method that takes over."""
        run = self
        if run.carry is None:
            last = unpacked(_whole(run.program, run.x0, run.share))
            run = run.changed(carry=last.carry)._settled(last)
        while run.end is None:
            run = run.advanced(MOST)
        return run

    @_timed
    def advanced(self, steps: int) -> "Run":
        """The run so many steps further, or at its end, or where the next method takes over."""
        carry = _here(_begin(self.program, self.x0))[0] if self.carry is None else self.carry
        limit = min(int(carry.motion.k) + steps, self.share)
        carry, value = _here(_go_on(self.program, carry, np.int32(limit)))
        run = self.changed(carry=carry, value=value.item())
        if carry.status == Status.RUNNING and carry.motion.k < self.share:
            return run
        return run._settled(run._closed())

    @_timed
    def stopped(self, status: Status) -> "Run":
        """The run ended where it stands, unless it has ended already."""
        if self.end is not None or self.carry is None:
            return self
        code = np.asarray(status, self.carry.status.dtype)
        run = self.changed(carry=dataclasses.replace(self.carry, status=code))
        last = run._closed()
        return run.changed(end=(last, told(run.program, last)))

    def result(self) -> Result:
        """What the run has come to."""
        run = self.stopped(Status.RUNNING) if self.end is None else self
        return _result(run._with_best())

    def _closed(self) -> Ended:
        """What there is to be told; under mini-batches all examples are evaluated for it."""
        assert self.carry is not None
        if self.program.objective.fixed:
            return ended(self.program, self.carry)
        return unpacked(_close(self.program, self.carry))

    def _settled(self, last: Ended) -> "Run":
        """The run whose method has ended: at its end, or with the next method in its place."""
        numbers = told(self.program, last)
        if not self.turn[1:] or numbers.status not in GIVES_WAY:
            return self.changed(end=(last, numbers))
        following = self.following()
        carry, value = _here(_take_over(self.program, last.carry, following.program))
        origin = (*self.origin, _handed_over(self.program, numbers, self.turn[1]))
        return following.changed(carry=carry, value=value.item(), origin=origin)

    def following(self) -> "Run":
        """The run with the next method in its place, which has all steps that are left."""
        stage, *others = self.turn[1:]
        program = dataclasses.replace(self.program, method=stage.method)
        return self.changed(program=program, turn=(stage._replace(why=""), *others))

    @_timed
    def _with_best(self) -> "Run":
        """The ended run with its best point, for which a block is run again if it is not the last one."""
        assert self.end is not None
        last, numbers = self.end
        best = last.best or Best(last.point.x, last.point.value, numbers.steps)
        if last.best is not None or not numbers.best_value < numbers.value:
            return self.changed(best=best)
        motion = unpacked(_best(self.program, last.carry))
        discarded = last.carry.discarded + motion.counts
        carry = dataclasses.replace(last.carry, best_origin=motion.at, discarded=discarded)
        return self.changed(
            end=(dataclasses.replace(last, carry=carry), numbers._replace(discarded=discarded.tolist())),
            best=Best(motion.point.x, motion.point.value, motion.k),
        )


def _here(given: Packed) -> Any:
    """What a compiled call hands back, once it is there; signals are heard meanwhile."""
    wait(given.vectors)
    return unpacked(given)


def _handed_over(program: Program, numbers: Told, stage: Stage) -> str:
    """What is said of a method that another one takes over from."""
    spent = numbers.status == Status.RUNNING
    how = "had used up its share of steps" if spent else f"ended with {numbers.status.name}"
    return (
        f"{method_name(program.method)} {how} at step {numbers.steps:,}, with max |gradient| "
        f"{numbers.grad_norm:.3g}: {method_name(stage.method)} went on, since {stage.why}."
    )


def _result(run: Run) -> Result:
    assert run.end is not None
    assert run.best is not None
    last, numbers = run.end
    point, best = last.point, run.best
    values, grads, hvps, hessians, rejected = numbers.counts
    again_values, again_grads, again_hvps, again_hessians, _ = numbers.discarded
    return Result(
        x=point.x,
        value=point.value,
        grad=point.grad,
        aux=point.aux,
        grad_norm=numbers.grad_norm,
        status=numbers.status,
        steps=numbers.steps,
        best_x=best.x,
        best_value=best.value,
        best_step=int(best.k),
        first_value=numbers.first_value,
        work=Work(
            values + again_values,
            grads + again_grads,
            hvps + again_hvps,
            hessians + again_hessians,
            discarded=rejected + again_values,
            looks=numbers.looks,
        ),
        tolerances=Tolerances(grad=run.tolerance, **run.tolerances),
        method=method_name(run.program.method),
        compile_seconds=run.seconds[0],
        run_seconds=run.seconds[1],
        carry=last.carry,
        program=run.program,
        x0=run.x0,
        origin=run.origin,
        turn=run.turn,
        fault=numbers.fault,
    )
