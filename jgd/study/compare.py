"""Compare methods: one objective, one start, one stopping test, a row for each method."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from jgd.api import minimize
from jgd.core import tree
from jgd.core.words import method_name
from jgd.driver.recorder import Recorder
from jgd.prepare import prepare, start_of
from jgd.problems.problem import Problem
from jgd.result import Result
from jgd.rules import MAX_STEPS
from jgd.study.comparison import Comparison
from jgd.study.entrants import labelled
from jgd.study.provenance import provenance
from jgd.study.row import Row, measured, rank

FRACTIONS = (1e-4, 1e-8)
"""Of f0 - f*: the first step at or below each is told."""

HISTORY_ROWS = 1024
"""Every one of the first so many steps has a row, and later steps at growing intervals."""

WARM_LIMIT = 1.0
"""Runs shorter than this many seconds are timed once more, without the first call's overheads."""


def compare(
    fun: Callable | Problem,
    x0: Any = None,
    methods: Mapping[str, Any] | Sequence[Any] | None = None,
    *,
    args: tuple | None = None,
    minimum: float | None = None,
    name: str | None = None,
    seed: int | None = None,
    progress: Callable[[str], None] | None = None,
    **options: Any,
) -> Comparison:
    """Run methods on one objective from one start under one stopping test, which jgd evaluates.

    Args:
      fun: a JAX function as for `jgd.minimize`, or a `jgd.problems.Problem`, which brings its
        start, data and known minimum; x0, args and minimum replace its own.
      x0: the start, a pytree of float arrays; None for that of a `jgd.models` model.
      methods: label -> method, or a list of methods; optax transformations are methods too. None:
        Armijo gradient descent, Newton where the Hessian is small, and optax's L-BFGS.
      args: further arguments of `fun`.
      minimum: f*, where it is known; otherwise the best value that any method finds stands for it.
      name: what to call the objective.
      seed: goes into the provenance; nothing here is random.
      progress: called with each method's label before its run.
      options: `gtol`, `max_steps` and further options of `jgd.minimize`, the same for all methods.

    A method's run is made more than once: to time it warm if it is short, and if it is longer than
    1,024 steps, up to the steps that the scoreboard tells. None of that is counted.

    Returns:
      A `Comparison`: print it, `.save(folder)` it, or read its `.rows` and `.results`.

    Raises:
      TypeError, ValueError: for bad input, before the first run. A method that refuses this
        objective with one of these becomes a row that says so, unless all do.

    >>> import jax.numpy as jnp, jgd
    >>> table = jgd.compare(lambda x: jnp.sum(x**2), jnp.ones(2), {
    ...     "slow": jgd.gradient_descent(0.01), "newton": jgd.newton()}, max_steps=50)
    >>> [(row.label, row.verdict) for row in table.rows]
    [('newton', 'CONVERGED'), ('slow', 'MAX_STEPS')]
    """
    problem = _problem(fun, x0, args, minimum, name)
    _refuse_own(options)
    aux = options.get("has_aux", False)
    objective, start, _ = prepare(problem.fun, problem.x0, None, problem.args, aux)
    entrants = labelled(methods, start)

    recorder = Recorder(rows=HISTORY_ROWS, x=tree.size(start) == 2)
    run = partial(minimize, problem.fun, start, args=problem.args, recorder=recorder, **options)
    results, refusals = _run_all(run, entrants, progress)
    minimum, best_found, note = _minimum(problem.minimum, results)
    rows = [Row(label, method_name(entrants[label]), {}, None, why) for label, why in refusals.items()]
    histories = {}
    for label, result in results.items():
        again = partial(run, entrants[label])
        histories[label] = _history(result, again)
        steps_to = _first_steps(result, histories[label], minimum, again)
        rows.append(measured(label, entrants[label], result, histories[label], minimum, steps_to))
    first = next(iter(results.values()))
    return Comparison(
        name=problem.name,
        rows=tuple(sorted(rows, key=rank)),
        results=results,
        histories=histories,
        objective=objective,
        start=start,
        first_value=first.first_value,
        minimum=minimum,
        best_found=best_found,
        minimizers=problem.minimizers,
        note=note,
        parameters=first.parameters,
        dtype=first.dtype,
        stopping=_stopping(first, options),
        provenance=provenance(first.dtype, seed),
    )


def _problem(
    fun: Callable | Problem, x0: Any, args: tuple | None, minimum: float | None, name: str | None
) -> Problem:
    """What was given, as a Problem."""
    given = {"x0": x0, "args": args, "minimum": minimum, "name": name}
    given = {key: value for key, value in given.items() if value is not None}
    if isinstance(fun, Problem):
        return dataclasses.replace(fun, **given)
    given["x0"] = start_of(fun, x0)
    return Problem(**{"name": getattr(fun, "__name__", "objective"), "fun": fun, **given})


def _refuse_own(options: Mapping[str, Any]) -> None:
    """Raise for the options of `minimize` that a comparison sets itself, or has no use for."""
    for own in ("recorder", "start", "method"):
        if own in options:
            raise TypeError(f"{own} cannot be given: compare sets it, the same for every method.")
    if options.get("checkpoint") is not None:
        raise TypeError(
            "checkpoint cannot be given: compare makes runs more than once. Save each by jgd.minimize, in a "
            "folder of its own."
        )


def _run_all(
    run: Callable[..., Result],
    entrants: Mapping[str, Any],
    progress: Callable[[str], None] | None,
) -> tuple[dict[str, Result], dict[str, str]]:
    """The results, and why some methods refused; raises what the first says if all did."""
    results: dict[str, Result] = {}
    refusals: dict[str, Exception] = {}
    for label, method in entrants.items():
        if progress is not None:
            progress(label)
        try:
            results[label] = _timed(partial(run, method))
        except (TypeError, ValueError) as error:
            refusals[label] = error
    if not results:
        raise next(iter(refusals.values()))
    return results, {label: str(error) for label, error in refusals.items()}


def _timed(run: Callable[[], Result]) -> Result:
    """The result; a short run is made again, and the shorter time is told."""
    result = run()
    if result.run_seconds >= WARM_LIMIT:
        return result
    return dataclasses.replace(result, run_seconds=min(result.run_seconds, run().run_seconds))


def _minimum(known: float | None, results: Mapping[str, Result]) -> tuple[float, bool, str]:
    """f*, whether it is merely the best value found, and a note where a known one was undercut."""
    found = [float(result.best_value) for result in results.values()]
    best = min((value for value in found if math.isfinite(value)), default=math.nan)
    if known is None:
        return best, True, ""
    resolution = math.sqrt(jnp.finfo(next(iter(results.values())).dtype).eps)
    if best < known - resolution * max(1.0, abs(known)):
        return best, True, f"f*: {known:.10g} was given, but a lower value was found."
    return float(known), False, ""


def _history(result: Result, run: Callable[..., Result]) -> dict[str, np.ndarray]:
    """The history, with every one of its first steps: those of a long run are made again."""
    history = result.history
    if result.steps < HISTORY_ROWS:
        return history
    opening = run(max_steps=HISTORY_ROWS - 1).history
    later = history["step"] >= HISTORY_ROWS
    return {name: np.concatenate([opening[name], history[name][later]]) for name in history}


def _first_steps(
    result: Result, history: Mapping[str, np.ndarray], minimum: float, run: Callable[..., Result]
) -> dict[float, int | None]:
    """For each fraction, the first step with (f - f*) / (f0 - f*) at most that, None for never."""
    scale = result.first_value - minimum
    if not scale > 0:
        return dict.fromkeys(FRACTIONS)
    return {part: _first_step(result, history["value"], minimum + part * scale, run) for part in FRACTIONS}


def _first_step(
    result: Result, values: np.ndarray, threshold: float, run: Callable[..., Result]
) -> int | None:
    """The first step with a value of at most `threshold`, exactly; `values` are the history's.

    Read off the history's first rows, which hold every step; beyond them the run is made again with
    the threshold for its target, which changes no step of it and compiles nothing. Under mini-batches the
    rows hold values of batches, and the step is that of a look at all examples.
    """
    if not float(result.best_value) <= threshold:
        return None
    reached = values[:HISTORY_ROWS] <= threshold
    if result.program.objective.fixed and reached.any():
        return int(np.argmax(reached))
    again = run(target=max(threshold, result.tolerances.target))
    return again.steps if float(again.value) <= threshold else None


def _stopping(result: Result, options: Mapping[str, Any]) -> str:
    """The stopping test in words."""
    t = result.tolerances
    parts = [f"max |grad| <= {t.grad:.3g} (gtol {t.gtol:g} + grtol {t.grtol:g} x start)"]
    parts += [f"{name} {getattr(t, name):g}" for name in ("ftol", "xtol") if getattr(t, name) > 0]
    parts += [f"target {t.target:.10g}"] if math.isfinite(t.target) else []
    if options.get("max_evaluations") is not None:
        parts.append(f"at most {options['max_evaluations']:,} evaluations")
    return "; ".join([*parts, f"at most {options.get('max_steps', MAX_STEPS):,} steps"])
