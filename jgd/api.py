"""The front door: `minimize`, which checks, wraps, chooses defaults, runs, and tells."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from jgd.clock import compile_seconds
from jgd.core import tree
from jgd.core.check import MOST
from jgd.core.compiled import compiled
from jgd.core.packed import Packed, packed, unpacked
from jgd.core.status import Status
from jgd.driver import solve as driver
from jgd.driver.carry import GRID, Carry, Program
from jgd.driver.recorder import Recorder
from jgd.methods.default import Stage
from jgd.prepare import prepare
from jgd.result import Result, Tolerances, Work
from jgd.resume import resumed, taken_over
from jgd.rules import MAX_STEPS, rules
from jgd.sums import FiniteSum
from jgd.told import Best, Ended, Told, ended, told


@compiled
def _start(program: Program, x0: Any, limit: Any) -> Packed:
    return _packed(program, driver.solve(program, x0, limit))


@compiled
def _go_on(program: Program, carry: Carry, limit: Any) -> Packed:
    return _packed(program, driver.run(program, carry, limit))


@compiled
def _take_over(before: Program, carry: Carry, program: Program) -> Packed:
    return _packed(program, driver.run(program, taken_over(before, carry, program), MOST))


@compiled
def _best(program: Program, carry: Carry) -> Packed:
    motion = driver.best(program, carry)
    return packed(motion, motion.point)


def _packed(program: Program, carry: Carry) -> Packed:
    run = ended(program, carry)
    return packed(run, run.given)


GIVES_WAY = (Status.RUNNING, Status.SEARCH_FAILED, Status.STALLED, Status.PRECISION_LIMIT)
"""How a method ends that another one follows, if there is one; RUNNING: its share of steps is used up."""


def minimize(
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
) -> Result:
    """Minimize `fun(x, *args)` over x, starting at `x0`.

    Args:
      fun: a pure JAX function of a pytree of floats that returns a scalar (or `(scalar, aux)` with
        `has_aux`), or a `jgd.finite_sum`. Hand over the same function object again and the compiled program
        is reused, also with other data, another rate or another start.
      x0: the start, a pytree of float arrays; its dtypes are those of the run.
      method: `jgd.gradient_descent(...)` and its like, any optax transformation, or None: the exact
        `trust_region` up to 32 parameters, for `jgd.residuals` first `levenberg_marquardt`, and above 32
        `trust_region_cg`; `newton` up to 2,000 for `jgd.models`; where it fails `lbfgs` goes on (`notes`). On
        mini-batches `adam`.
      args: further arguments of `fun`; data belongs here and not in a closure.
      gtol: CONVERGED is max|grad| <= gtol + grtol * (the same at x0); by default 1e-8 in float64, 1e-4 in
        float32, 1e-2 in 16 bits.
      grtol: see gtol; by default 1e-12, 1e-6 and 1e-2, and 0 if only gtol is given.
      ftol: STALLED when at 8 checks in a row the value changes by less than ftol * max(|f|, 1); 0 is never.
      xtol: STALLED when at 8 checks in a row no entry of x changes by more than xtol * max|x|; with 0, when
        x stays the same to the last bit.
      target: TARGET_REACHED when the value is at most this.
      max_steps: the budget of steps.
      max_evaluations: the budget of evaluations of `fun`; None for none.
      stop: further rules: a function of a `jgd.Point` that returns a boolean, a rule of `jgd.stop`, or a
        tuple of them.
      recorder: how much history to keep; None for none.
      has_aux: whether `fun` returns `(value, aux)`; the Result has the aux of its x.
      bounds: `(lower, upper)`, each None, a number, or a tree like x of arrays that broadcast to its leaves,
        infinite where there is no bound. x0 and every x are moved inside, the gradient test is made of
        x - project(x - gradient), and `active` in the Result says where x is held.
      x_scale: the size that x typically has, a number or a tree like x of arrays that broadcast to its
        leaves, rounded to powers of two: the method moves in x / x_scale, where one step length suits all
        entries. It is a diagonal preconditioner: descent follows x_scale^2 times the gradient. None for 1.
        Or what `jgd.standardize` returns, x = T z: the method moves in z, and descent follows T T^T times the
        gradient. Within bounds T must be diagonal, and is rounded too.
      start: an earlier Result to go on from, in place of x0, its method if none is named. With the same
        function object, data and kind of method the run goes on as if it had never stopped, max_steps
        counted from its beginning; with others it starts anew at that Result's x. The summary says which.

    Returns:
      A `Result`; how a run ended is said there and never raised.

    Raises:
      TypeError, ValueError: for bad input, before anything is compiled, naming the argument.

    >>> import jax.numpy as jnp, jgd
    >>> result = jgd.minimize(lambda x: jnp.sum((x - 1.0) ** 2), jnp.zeros(3))
    >>> result.status.name, result.steps
    ('CONVERGED', 1)
    """
    if isinstance(x0, Result):
        raise TypeError("x0 is a Result: write start=result to go on from it, or x0=result.x.")
    if x0 is None and start is None:
        x0 = fun.start if isinstance(fun, FiniteSum) else None
    if x0 is None and start is None:
        raise ValueError("x0 is missing: give a start, a float array or a pytree of them.")
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
    objective, x0, stages = prepare(fun, x0, method, args, has_aux, bounds, x_scale)
    limits, tolerances = rules(
        tree.dtype(x0), gtol, grtol, ftol, xtol, target, max_steps, max_evaluations, stop, objective.between
    )
    if recorder is not None and not isinstance(recorder, Recorder):
        raise TypeError(f"recorder must be a jgd.Recorder or None, got {type(recorder).__name__}.")
    programs = [Program(objective, stage.method, limits, recorder) for stage in stages]
    program = programs[0]

    began, carry, origin = time.perf_counter(), None, ()
    if start is not None:
        carry, why = resumed(start.program, start.carry, program)
        if carry is None:
            origin = (f"Started anew at the x of the earlier run: {why}.",)
        else:
            _check_left(start.steps, max_steps)
            origin, x0 = (f"Went on from step {start.steps:,} of an earlier run.",), start.x0
    chosen = stages[0].why
    limit = MOST if stages[0].steps is None else stages[0].steps
    ran = _start(program, x0, limit) if carry is None else _go_on(program, carry, MOST)
    run = unpacked(ran)
    numbers = told(program, run)
    for stage, following in zip(stages[1:], programs[1:], strict=True):
        if numbers.status not in GIVES_WAY:
            break
        origin, chosen = (*origin, _handed_over(program, numbers, stage)), ""
        run = unpacked(_take_over(program, run.carry, following))
        program, numbers = following, told(following, run)
    best = run.best or Best(run.point.x, run.point.value, numbers.steps)
    if run.best is None and numbers.best_value < numbers.value:
        motion = unpacked(_best(program, run.carry))
        best = Best(motion.point.x, motion.point.value, motion.k)
        discarded = run.carry.discarded + motion.counts
        carry = dataclasses.replace(run.carry, best_origin=motion.at, discarded=discarded)
        run = dataclasses.replace(run, carry=carry)
        numbers = numbers._replace(discarded=discarded.tolist())
    elapsed, compiling = time.perf_counter() - began, compile_seconds(began)
    seconds = (compiling, elapsed - compiling)
    return _result(program, run, numbers, best, tolerances, seconds, x0, origin, chosen)


def _handed_over(program: Program, numbers: Told, stage: Stage) -> str:
    """What is said of a method that another one takes over from."""
    spent = numbers.status == Status.RUNNING
    how = "had used up its share of steps" if spent else f"ended with {numbers.status.name}"
    return (
        f"{method_name(program.method)} {how} at step {numbers.steps:,}, with max |gradient| "
        f"{numbers.grad_norm:.3g}: {method_name(stage.method)} went on, since {stage.why}."
    )


def _check_left(steps: int, max_steps: int) -> None:
    if max_steps <= steps:
        raise ValueError(
            f"max_steps={max_steps:,} counts from the beginning of the run, which is at step {steps:,}: "
            "give more."
        )


def _result(
    program: Program,
    run: Ended,
    numbers: Told,
    best: Best,
    tolerances: dict[str, float],
    seconds: tuple[float, float],
    x0: Any,
    origin: tuple[str, ...],
    chosen: str,
) -> Result:
    point = run.point
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
        tolerances=Tolerances(
            grad=float(tolerances["gtol"] + tolerances["grtol"] * numbers.first_grad_norm), **tolerances
        ),
        method=method_name(program.method),
        dtype=tree.dtype(point.x).name,
        parameters=tree.size(point.x),
        compile_seconds=seconds[0],
        run_seconds=seconds[1],
        carry=run.carry,
        program=program,
        x0=x0,
        origin=origin,
        chosen=chosen,
        fault=numbers.fault,
    )


def method_name(method: Any) -> str:
    """What a summary calls the method."""
    return getattr(method, "name", type(method).__name__)
