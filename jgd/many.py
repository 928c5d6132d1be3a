"""Many problems at once: starts, data, tolerances and rates of their own, one program for all."""

import dataclasses
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.batch import Batch, written
from jgd.checkpoint.keeper import EVERY
from jgd.chunks import limit_of
from jgd.clock import compile_seconds
from jgd.core import check, tree
from jgd.core.status import Status
from jgd.course import Course
from jgd.driver.carry import Program
from jgd.driver.queue import End
from jgd.driver.recorder import Recorder
from jgd.ends import Ends, Part
from jgd.methods.default import Stage
from jgd.prepare import prepare
from jgd.rules import MAX_STEPS, rules, with_numbers
from jgd.run import GIVES_WAY
from jgd.sums import FiniteSum


def minimize_many(
    fun: Callable,
    x0s: Any,
    method: Any = None,
    *,
    args: tuple = (),
    args_axis: Any = None,
    gtol: Any = None,
    grtol: float | None = None,
    ftol: float = 0.0,
    xtol: float = 0.0,
    target: Any = None,
    max_steps: int = MAX_STEPS,
    max_evaluations: int | None = None,
    stop: Any = (),
    recorder: Recorder | None = None,
    has_aux: bool = False,
    bounds: Any = None,
    x_scale: Any = None,
    lanes: int | None = None,
    progress: bool = False,
    time_limit: float | None = None,
    checkpoint: Any = None,
    every: float = EVERY,
) -> Ends:
    """Minimize many times: from many starts, on many data sets, to many tolerances, by many rates.

    Every run is what `minimize` makes of it alone, and one that goes wrong spoils no other; where another
    method goes on, its steps are counted anew by the checks for a stall, which may end it some steps
    earlier. It is compiled once, and the runs are shared out to the devices of this process; `jgd doctor`
    says how to have one for each core.

    Args:
      fun: as for `minimize`.
      x0s: the starts, a pytree of float arrays whose first axis counts the runs.
      method: as for `minimize`; its numbers may be arrays, one for each run (`jgd.gradient_descent(rates)`).
      args: further arguments of `fun`.
      args_axis: 0 where all arrays of args have a first axis of runs, None where none has; or a tuple of one
        of these for each of args.
      gtol: as for `minimize`, or an array of one for each run.
      grtol: as for `minimize`, as are ftol, xtol, max_steps, max_evaluations, stop, bounds and x_scale.
      ftol: see grtol.
      xtol: see grtol.
      target: as for `minimize`, or an array of one for each run.
      max_steps: see grtol.
      max_evaluations: see grtol.
      stop: see grtol.
      recorder: how much history to keep of each run; None for none.
      has_aux: whether `fun` returns `(value, aux)`; aux is not kept.
      bounds: see grtol.
      x_scale: see grtol.
      lanes: how many runs go side by side on a device, each lane taking the next one when its run has ended;
        1 for one after another, None for what is fastest there.
      progress: as for `minimize`; it shows how many runs have ended, and how.
      time_limit: as for `minimize`. Once it is over no further run begins: those that are left end as
        TIME_LIMIT after no step, at their starts.
      checkpoint: as for `minimize`; what is saved are the runs that have ended, so that tolerances and
        budgets must be the same, too.
      every: as for `minimize`.

    With `progress`, `time_limit` or `checkpoint` the runs are made some at a time, and Ctrl-C or SIGTERM (in
    the main thread) let those under way end, the others as INTERRUPTED after no step.

    Returns:
      `Ends`: status, x, value, steps and work of every run, arrays with a first axis of runs.

    Raises:
      TypeError, ValueError: for bad input, before anything is compiled, naming the argument.

    >>> import jax.numpy as jnp, jgd
    >>> ends = jgd.minimize_many(lambda x: (x**2 - 1) ** 2, jnp.array([-3.0, 0.5, 2.0]))
    >>> ends.x.round(3).tolist(), ends.success.all().item()
    ([-1.0, 1.0, 1.0], True)
    """
    count = _count(x0s)
    one_method, one_args = _one_method(method, count), _one_args(args, args_axis, count)
    first = _finite(x0s, count)
    x0 = jax.tree.map(lambda leaf: np.asarray(leaf)[first, ...], x0s)
    began = time.perf_counter()
    objective, x, stages = prepare(fun, x0, one_method, one_args, has_aux, bounds, x_scale, "x0s")
    many = prepare(fun, x0, method, one_args, has_aux, bounds, x_scale)[2]
    numbers = (_first("gtol", gtol, count), grtol, ftol, xtol, _first("target", target, count))
    limits, told = rules(tree.dtype(x), *numbers, max_steps, max_evaluations, stop, objective.between)
    if recorder is not None and not isinstance(recorder, Recorder):
        raise TypeError(f"recorder must be a jgd.Recorder or None, got {type(recorder).__name__}.")
    width = None if lanes is None else check.whole("lanes", lanes)
    check.flag("progress", progress)
    check.scalar("every", every, least=0)
    limit = limit_of(time_limit)
    if not objective.fixed and width not in (None, 1):
        raise ValueError("lanes: runs on mini-batches go one after another (lanes=1).")

    own: dict[str, Any] = {**told, "max_steps": max_steps, "max_evaluations": max_evaluations}
    own |= {name: given for name, given in (("gtol", gtol), ("target", target)) if given is not None}
    own = {name: np.broadcast_to(own[name], count) for name, given in own.items() if given is not None}
    starts = jax.tree.map(lambda leaf, one: np.asarray(leaf, one.dtype), x0s, x)
    spread = dataclasses.replace(objective, args=_all_args(objective.args, args, fun))
    batch = Batch(
        (Program(objective, stages[0].method, limits, recorder), x),
        (Program(spread, many[0].method, with_numbers(limits, own), recorder), starts),
        count,
    )
    width = 1 if not objective.fixed else width
    with Course(batch, stages, width, progress, limit, checkpoint, every) as course:
        parts = _by_stages(course, batch, stages, own)
        ends = Ends(parts, told, (0.0, 0.0), course.fault)
        course.finish(ends.status)
    elapsed, compiling = time.perf_counter() - began, compile_seconds(began)
    return dataclasses.replace(ends, seconds=(compiling, elapsed - compiling))


def _by_stages(course: Course, batch: Batch, stages: tuple[Stage, ...], own: dict[str, Any]) -> list[Part]:
    """The runs, and those that another method went on with where the default one gave way."""
    end, executed = course.ran(0, batch, stages[0])
    if course.cut is not None:
        found, left = written(None, end, 0, batch.count), _not_begun(batch, end, course.cut)
        end = written(found, left, len(end.status), batch.count)
    parts = [Part(batch, np.arange(batch.count), end, executed, stages[0])]
    for turn, stage in enumerate(stages[1:], 1):
        left = np.flatnonzero(np.isin(end.status, GIVES_WAY))
        if not left.size:
            break
        rows, gone = parts[-1].rows[left], jax.tree.map(lambda leaf, left=left: leaf[left], end)
        batch, own = _following(batch, left, gone, own, stage)
        before, (end, executed) = end, course.ran(turn, batch, stage)
        done = len(end.status)
        if course.cut is not None:
            status = before.status.copy()  # what was saved of it stays
            status[left[done:]] = course.cut
            parts[-1] = dataclasses.replace(parts[-1], end=dataclasses.replace(before, status=status))
        parts.append(Part(batch.pick(np.arange(done)), rows[:done], end, executed, stage))
    return parts


def _not_begun(batch: Batch, end: End, status: Status) -> End:
    """The ends of the runs after those of `end`, which were not made: they stay at their starts."""
    done = len(end.status)
    count = batch.count - done

    def filled(leaf: np.ndarray, integer: int) -> np.ndarray:
        empty = np.nan if jnp.issubdtype(leaf.dtype, jnp.floating) else integer
        return np.full((count, *leaf.shape[1:]), empty, leaf.dtype)

    x = jax.tree.map(lambda leaf: leaf[done:], batch.many[1])
    return dataclasses.replace(
        jax.tree.map(partial(filled, integer=0), end),
        x=x,
        best_x=None if end.best_x is None else x,
        status=np.full(count, status, np.int32),
        history=jax.tree.map(partial(filled, integer=-1), end.history),
    )


def _following(
    batch: Batch, left: np.ndarray, end: End, own: dict[str, Any], stage: Stage
) -> tuple[Batch, dict[str, Any]]:
    """The runs that are left, to go on where they stand with what is left of their budgets."""
    (one, x), (many, _) = batch.one, batch.pick(left).many
    own = {name: numbers[left] for name, numbers in own.items()}
    own["gtol"] = own["gtol"] + own["grtol"] * end.first_grad_norm
    own["grtol"] = np.zeros_like(own["grtol"])
    own["max_steps"] = own["max_steps"] - end.steps
    if "max_evaluations" in own:
        own["max_evaluations"] = own["max_evaluations"] - end.counts[:, 0]
    many = dataclasses.replace(many, method=stage.method, stop=with_numbers(many.stop, own))
    one = dataclasses.replace(one, method=stage.method)
    return Batch((one, x), (many, end.x), len(left)), own


def _count(x0s: Any) -> int:
    """The number of runs, the length of the first axis of x0s."""
    lengths = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(x0s)}
    if len(lengths) != 1 or lengths == {()} or lengths == {(0,)}:
        found = ", ".join(str(np.shape(leaf)) for leaf in jax.tree.leaves(x0s)) or "no arrays"
        raise ValueError(
            f"x0s must have a first axis that counts the starts, for all its leaves, got {found}."
        )
    return lengths.pop()[0]


def _finite(x0s: Any, count: int) -> int:
    """A start without NaN; the first one if all have. What is no number is left to be refused later."""
    leaves = [np.asarray(leaf).reshape(count, -1) for leaf in jax.tree.leaves(x0s)]
    finite = [np.isfinite(leaf).all(axis=1) for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.number)]
    return int(np.argmax(np.all(finite, axis=0))) if finite else 0


def _one_method(method: Any, count: int) -> Any:
    """The method of the first run: its numbers that are arrays have one for each."""

    def first(leaf: Any) -> Any:
        if not np.ndim(leaf):
            return leaf
        if np.shape(leaf) != (count,):
            raise ValueError(
                f"method has numbers of shape {np.shape(leaf)} for {count:,} runs: give one, or one for each."
            )
        return leaf[0]

    return jax.tree.map(first, method)


def _one_args(args: tuple, axes: Any, count: int) -> tuple:
    """The further arguments of the first run."""
    if not isinstance(args, tuple):
        raise TypeError(f"args must be a tuple of further arguments, got {type(args).__name__}.")
    axes = axes if isinstance(axes, tuple) else (axes,) * len(args)
    if len(axes) != len(args) or not all(isinstance(axis, int | None) and not axis for axis in axes):
        raise ValueError(f"args_axis must be 0 or None, or a tuple of these for each of args, got {axes!r}.")
    taken = []
    for i, (arg, axis) in enumerate(zip(args, axes, strict=True)):
        for leaf in jax.tree.leaves(arg) if axis == 0 else ():
            if np.shape(leaf)[:1] != (count,):
                raise ValueError(f"args[{i}] has an array of shape {np.shape(leaf)} for {count:,} runs.")
            if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
                raise TypeError(
                    f"args[{i}] has random keys, which are no numbers: give jax.random.key_data(keys), and "
                    "take jax.random.wrap_key_data of each in fun."
                )
        taken.append(arg if axis is None else jax.tree.map(lambda leaf: np.asarray(leaf)[0], arg))
    return tuple(taken)


def _all_args(given: tuple, args: tuple, fun: Any) -> tuple:
    """The arguments of the objective of one run, made those of all."""
    start = len(fun.args) if isinstance(fun, FiniteSum) else 0
    mine = given[start : start + len(args)]
    spread = jax.tree.map(
        lambda leaf, all: np.asarray(all, leaf.dtype) if np.ndim(all) > np.ndim(leaf) else leaf, mine, args
    )
    return (*given[:start], *spread, *given[start + len(args) :])


def _first(name: str, given: Any, count: int) -> Any:
    """The number of the first run."""
    if not np.ndim(given):
        return given
    if np.shape(given) != (count,):
        raise ValueError(
            f"{name} must be one number or one for each of {count:,} runs, got {np.shape(given)}."
        )
    check.number(name, given, least=0 if name == "gtol" else None)
    return float(given[0])
