"""The result of a run: where it ended, why, what it took, and its history."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np

from jgd.core import tree
from jgd.core.status import Status
from jgd.core.words import abbreviated, plural
from jgd.driver.carry import Carry, Program
from jgd.driver.recorder import read
from jgd.driver.steps import last_row, names
from jgd.methods.default import Stage
from jgd.notes import largest, notes


@dataclass(frozen=True)
class Work:
    """What a run evaluated: everything that was executed, and how much of it led nowhere.

    `values`, `grads`, `hvps` (Hessian-vector products) and `hessians` are what a counting objective
    would have counted. `discarded` of the values were thrown away: rejected trials of searches, and
    steps taken twice to come back to the last finite or the best point. Under mini-batches all these are
    evaluations of one batch each, those of all examples that a method needs counted as the batches of an
    epoch; `looks` counts the evaluations of all examples by which the run is judged.
    """

    values: int
    grads: int
    hvps: int
    hessians: int
    discarded: int
    looks: int = 0


@dataclass(frozen=True)
class Tolerances:
    """What the measures of a run were held against; `grad` is gtol + grtol * (gradient at the start)."""

    grad: float
    gtol: float
    grtol: float
    ftol: float
    xtol: float
    target: float


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """What `minimize` returns.

    `x`, `value`, `grad` and `aux` belong to one point: the last one, or the last finite one. `best_x`
    and `best_value` are those of the lowest value seen, at step `best_step`; for a method that always
    descends they are the same. `history` maps column names to NumPy arrays of at most `rows` rows that
    span the run. `grad_norm` is the largest absolute entry. `x0` is where the run began, `origin` says of
    a run that followed an earlier one how it did, `fault` why data could not be read. `carry` is all that is
    needed to go on, `program` what it was a run of, `turn` its method and those that were to follow.
    """

    x: Any
    value: Any
    grad: Any
    aux: Any
    grad_norm: float
    status: Status
    steps: int
    best_x: Any
    best_value: Any
    best_step: int
    first_value: float
    work: Work
    tolerances: Tolerances
    method: str
    compile_seconds: float
    run_seconds: float
    carry: Carry
    program: Program
    x0: Any
    origin: tuple[str, ...]
    turn: tuple[Stage, ...]
    fault: str = ""

    @cached_property
    def history(self) -> dict[str, np.ndarray]:
        """The recorded rows by column; empty if nothing was recorded."""
        return history_of(self.program, self.carry)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What is to be known beside the status, in sentences; empty for most runs."""
        return notes(self)

    @cached_property
    def active(self) -> Any:
        """Where x is held by a bound: a tree of booleans like x, all False without bounds."""
        box = self.program.objective.box
        if box is None:
            return jax.tree.map(lambda leaf: np.zeros(np.shape(leaf), bool), self.x)
        return jax.tree.map(lambda free: ~np.asarray(free), box.free(self.x, self.grad))

    @property
    def dtype(self) -> str:
        """The name of the widest dtype in x."""
        return tree.dtype(self.x).name

    @property
    def parameters(self) -> int:
        """The number of entries of x."""
        return tree.size(self.x)

    @property
    def success(self) -> bool:
        """Whether the gradient test or the target was met."""
        return self.status.ok

    @property
    def message(self) -> str:
        """Why the run ended, in a sentence; of data that could not be read also where."""
        return f"{self.status.message} {self.fault}".rstrip()

    def raise_if_failed(self) -> "Result":
        """This result; RuntimeError if the run did not reach what it was asked for."""
        if not self.success:
            raise RuntimeError(f"{self.status.name}: {self.message}")
        return self

    def __repr__(self) -> str:
        """The verdict in one line."""
        return (
            f"Result({self.status.name}, value={float(self.value):.6g}, "
            f"grad_norm={self.grad_norm:.3g}, steps={self.steps})"
        )

    def __str__(self) -> str:
        """The summary."""
        return "\n".join(_summary(self))


def history_of(program: Program, carry: Carry) -> dict[str, np.ndarray]:
    """The recorded rows of a run by column; empty if nothing was recorded."""
    if carry.history is None:
        return {}
    return read(carry.history, last_row(program, carry), names(program, carry))


def _held(measure: float, tolerance: float) -> str:
    if tolerance == 0:
        return f"{measure:.3e}"
    sign = "≤" if measure <= tolerance else "≰"
    return f"{measure:.3e} {sign} {tolerance:.3e}"


def _summary(r: Result) -> list[str]:
    remark = ", ".join(filter(None, (r.turn[0].why, getattr(r.program.method, "remark", ""))))
    method = f"{r.method} ({remark})" if remark else r.method
    box = r.program.objective.box
    lines = [
        f"{r.status.name}: {r.message}",
        f"  method       {method}, {plural(r.parameters, 'parameter')}, {r.dtype}",
        f"  steps        {r.steps:,}",
        f"  x            {abbreviated(r.x)}",
        f"  value        {float(r.value):.10g}  (first {r.first_value:.10g}, best {float(r.best_value):.10g}"
        f" at step {r.best_step:,})",
        f"  {'|gradient|' if box is None else '|projected|':12} {_held(r.grad_norm, r.tolerances.grad)}"
        f"  (gtol {r.tolerances.gtol:g} + grtol {r.tolerances.grtol:g} x start)",
    ]
    if box is not None:
        held = sum(int(leaf.sum()) for leaf in jax.tree.leaves(r.active))
        lines.append(f"  bounds       {held:,} of {plural(r.parameters, 'parameter')} held by a bound")
    if np.isfinite(r.tolerances.target):
        lines.append(f"  target       {_held(float(r.value), r.tolerances.target)}")
    if r.program.objective.fixed and len(r.history.get("step", ())) > 1:
        lines += _last_step(r)
    w = r.work
    parts = [plural(w.values, "value"), plural(w.grads, "gradient")]
    parts += [plural(w.hvps, "Hessian-vector product")] if w.hvps else []
    parts += [plural(w.hessians, "Hessian")] if w.hessians else []
    thrown = f" ({w.discarded:,} of the values thrown away)" if w.discarded else ""
    lines.append(f"  work         {', '.join(parts)}{thrown}")
    lines += _batches(r)
    lines.append(f"  time         {r.compile_seconds:.3f} s compiling, {r.run_seconds:.6f} s running")
    return lines + [f"  note         {note}" for note in r.notes]


def _batches(r: Result) -> list[str]:
    """What the steps saw of the examples; nothing where they saw all."""
    objective = r.program.objective
    if objective.batches is None:
        return []
    count, batches = objective.args[-1].count, objective.batches
    epochs = r.steps / objective.epoch
    return [
        f"  examples     {batches.size:,} of {count:,} a step, {epochs:,.1f} epochs; work is of batches, "
        f"value and gradient are of all examples, evaluated {plural(r.work.looks, 'time')}"
    ]


def _last_step(r: Result) -> list[str]:
    """The measures of the last recorded steps against xtol and ftol."""
    h, t = r.history, r.tolerances
    known = np.flatnonzero(np.isfinite(h["step_norm"]))[-1]
    steps, values = np.diff(h["step"][-2:])[0], np.diff(h["value"][-2:])[0]
    return [
        f"  |step|       {_held(float(h['step_norm'][known]), t.xtol * largest(r.x))}"
        f"  (recorded at step {h['step'][known]:,}; {_test('xtol', t.xtol, 'max|x|')})",
        f"  |change|     {_held(abs(float(values / steps)), t.ftol * max(abs(float(r.value)), 1.0))}"
        f"  (of the value in a step; {_test('ftol', t.ftol, 'max(|value|, 1)')})",
    ]


def _test(name: str, tolerance: float, scale: str) -> str:
    return f"{name} {tolerance:g} x {scale}" if tolerance else f"{name} is 0: not tested"
