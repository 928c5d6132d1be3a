"""How a run begins: from what `minimize` is given, or from an earlier Result."""

import dataclasses
from collections.abc import Callable
from typing import Any

from jgd.core import tree
from jgd.driver.carry import GRID, Program
from jgd.driver.recorder import Recorder
from jgd.prepare import prepare, start_of
from jgd.result import Result
from jgd.resume import resumed
from jgd.rules import MAX_STEPS, rules
from jgd.run import Run


def begun(
    fun: Callable,
    x0: Any = None,
    method: Any = None,
    *,
    args: tuple = (),
    gtol: float | None = None,
    grtol: float | None = None,
    ftol: float = 0.0,
    xtol: float = 0.0,
    target: float | None = None,
    max_steps: int = MAX_STEPS,
    max_evaluations: int | None = None,
    stop: Any = (),
    recorder: Recorder | None = GRID,
    has_aux: bool = False,
    bounds: Any = None,
    x_scale: Any = None,
    start: Result | None = None,
) -> Run:
    """The run that `minimize` is asked for, before its first step; raises for bad input."""
    if isinstance(x0, Result):
        raise TypeError("x0 is a Result: write start=result to go on from it, or x0=result.x.")
    if start is None:
        x0 = start_of(fun, x0)
    named = method is not None
    if start is not None:
        if not isinstance(start, Result):
            raise TypeError(f"start must be the Result of an earlier run, got {type(start).__name__}.")
        if x0 is not None:
            raise ValueError("x0 and start are two starts: give one of them.")
        if x_scale is not None and method is None:
            raise ValueError("x_scale: the method of start has its own; name a method beside x_scale.")
        x0, method = start.x, start.program.method if method is None else method
        box = start.program.objective.box
        bounds = (box.lower, box.upper) if bounds is None and box is not None else bounds
    objective, x0, turn = prepare(fun, x0, method, args, has_aux, bounds, x_scale)
    limits, tolerances = rules(
        tree.dtype(x0), gtol, grtol, ftol, xtol, target, max_steps, max_evaluations, stop, objective.between
    )
    if recorder is not None and not isinstance(recorder, Recorder):
        raise TypeError(f"recorder must be a jgd.Recorder or None, got {type(recorder).__name__}.")
    run = Run(Program(objective, turn[0].method, limits, recorder), turn, x0, tolerances)
    return run if start is None else _following(run, start, max_steps, named)


def _following(run: Run, start: Result, max_steps: int, named: bool) -> Run:
    """The run that goes on from an earlier one where it can, or starts anew at its x."""
    carry, why = resumed(start.program, start.carry, run.program)
    if carry is None:
        return dataclasses.replace(run, origin=(f"Started anew at the x of the earlier run: {why}.",))
    if max_steps <= start.steps:
        raise ValueError(
            f"max_steps={max_steps:,} counts from the beginning of the run, which is at step "
            f"{start.steps:,}: give more."
        )
    return dataclasses.replace(
        run,
        carry=carry,
        x0=start.x0,
        turn=run.turn if named else start.turn,
        origin=(f"Went on from step {start.steps:,} of an earlier run.",),
    )
