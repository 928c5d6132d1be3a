"""How many runs ended: one row of every array is one run."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np

from jgd.batch import Batch, solved
from jgd.core import tree
from jgd.core.status import Status, counted
from jgd.core.words import method_name, plural
from jgd.driver.queue import End, columns
from jgd.driver.recorder import COUNTS, recorded
from jgd.methods.default import Stage
from jgd.rules import with_numbers


@dataclass(frozen=True)
class Part:
    """Runs by one method: the problems, which of all runs they are, their ends, and the steps executed."""

    batch: Batch
    rows: np.ndarray
    end: End
    executed: int
    stage: Stage


@dataclass(frozen=True, eq=False, repr=False)
class Ends:
    """What `minimize_many` returns: arrays of NumPy whose first axis counts the runs.

    `parts` are the runs by the methods that had a share in them, `tolerances` those that were given,
    `seconds` those of compiling and of running, `fault` is why data could not be read.
    """

    parts: list[Part]
    tolerances: dict[str, float]
    seconds: tuple[float, float]
    fault: str = ""

    @property
    def count(self) -> int:
        """The number of runs."""
        return self.parts[0].batch.count

    def _last(self, name: str) -> Any:
        """What is kept of the runs under this name, by the method that was the last."""
        first, *others = self.parts
        found = jax.tree.map(np.array, getattr(first.end, name))
        for part in others:
            _put(found, part.rows, getattr(part.end, name))
        return found

    def _sum(self, name: str) -> np.ndarray:
        found = np.zeros_like(np.asarray(getattr(self.parts[0].end, name)))
        for part in self.parts:
            found[part.rows] += getattr(part.end, name)
        return found

    @cached_property
    def x(self) -> Any:
        """The last finite points, a pytree like x0s."""
        return self._last("x")

    @cached_property
    def value(self) -> np.ndarray:
        """The values there."""
        return self._last("value")

    @cached_property
    def grad_norm(self) -> np.ndarray:
        """The largest absolute entries of the gradients there."""
        return self._last("grad_norm")

    @cached_property
    def status(self) -> np.ndarray:
        """Why each run ended: whole numbers, the `jgd.Status` of which is `Status(ends.status[i])`."""
        return self._last("status")

    @cached_property
    def steps(self) -> np.ndarray:
        """The steps of each run."""
        return self._sum("steps")

    @property
    def made(self) -> np.ndarray:
        """Which runs were made to their end, before time was over or an interrupt came."""
        return ~np.isin(self.status, (Status.TIME_LIMIT, Status.INTERRUPTED))

    @property
    def success(self) -> np.ndarray:
        """Which runs met the gradient test or the target."""
        return np.isin(self.status, [status for status in Status if status.ok])

    @cached_property
    def work(self) -> dict[str, np.ndarray]:
        """What each run evaluated, and how many of the values led nowhere (`discarded`).

        On mini-batches these are steps' evaluations; the looks at all examples are not among them.
        """
        led, again = self._sum("counts"), self._sum("discarded")
        columns = {name: led[:, i] + again[:, i] for i, name in enumerate(COUNTS[:-1])}
        return {**columns, "discarded": led[:, -1] + again[:, 0]}

    @property
    def executed(self) -> int:
        """How many steps were executed: those of the runs, and those of lanes that waited."""
        return sum(part.executed for part in self.parts)

    @property
    def first_value(self) -> np.ndarray:
        """The values at the starts."""
        return np.asarray(self.parts[0].end.first_value)

    @cached_property
    def best_value(self) -> np.ndarray:
        """The lowest value that each run has seen."""
        found = np.array(self.parts[0].end.best_value)
        for part in self.parts[1:]:
            found[part.rows] = np.fmin(found[part.rows], part.end.best_value)
        return found

    @cached_property
    def best_x(self) -> Any:
        """Where that was; runs that ended higher are made again up to there when this is first asked for."""
        found = jax.tree.map(np.array, self.x)
        for part in self.parts:
            best = self.best_value[part.rows]
            behind = np.flatnonzero((part.end.best_value <= best) & (best < self.value[part.rows]))
            if behind.size:
                known = part.end.best_x
                x = _to_best(part, behind) if known is None else _rows(known, behind)
                _put(found, part.rows[behind], x)
        return found

    def history(self, run: int) -> dict[str, np.ndarray]:
        """The recorded rows of a run by column; empty if nothing was recorded.

        Of a run that another method went on with they are those of that method. Raises ValueError for a run
        that there is not.
        """
        if not 0 <= run < self.count:
            raise ValueError(f"run must be a whole number from 0 to {self.count - 1:,}, got {run}.")
        part = next(part for part in reversed(self.parts) if run in part.rows)
        if part.end.history is None:
            return {}
        row = int(np.flatnonzero(part.rows == run)[0])
        kept = _rows(part.end.history, row)
        return recorded(kept, columns(*part.batch.one))

    def __len__(self) -> int:
        """The number of runs."""
        return self.count

    def __repr__(self) -> str:
        """The verdicts in one line."""
        told = ", ".join(f"{count:,} {status.name}" for status, count in counted(self.status).items())
        return f"Ends({plural(self.count, 'run')}: {told})"

    def __str__(self) -> str:
        """The summary."""
        return "\n".join(_summary(self))


def _rows(kept: Any, rows: Any) -> Any:
    """What is known of these runs."""
    return jax.tree.map(lambda leaf: leaf[rows], kept)


def _put(kept: Any, rows: np.ndarray, new: Any) -> None:
    """Write what is known of these runs into the arrays of all."""
    for leaf, some in zip(jax.tree.leaves(kept), jax.tree.leaves(new), strict=True):
        leaf[rows] = some


def _to_best(part: Part, rows: np.ndarray) -> Any:
    """Where these runs saw their lowest values: each is run again, to that value.

    Should one not come by that value again to the last bit, they are run a third time, to the lowest values
    they did come by.
    """
    batch, targets = part.batch.pick(rows), part.end.best_value[rows]
    program, x0 = batch.many
    while True:
        stop = with_numbers(program.stop, {"target": targets})
        many = (dataclasses.replace(program, stop=stop), x0)
        end = solved(dataclasses.replace(batch, many=many), 1)
        if (end.value <= targets).all():
            return end.x
        if fault := program.objective.fault():
            raise RuntimeError(fault)
        targets = end.best_value


def _summary(ends: Ends) -> list[str]:
    program, x = ends.parts[0].batch.one
    name, size = method_name(program.method), plural(tree.size(x), "parameter")
    why = ends.parts[0].stage.why
    lines = [
        f"{plural(ends.count, 'run')} of {name}{f' ({why})' if why else ''}, {size}, {tree.dtype(x).name}"
    ]
    for status, count in counted(ends.status).items():
        steps = ends.steps[ends.status == status]
        low, middle, high = (int(np.quantile(steps, q)) for q in (0, 0.5, 1))
        spread = plural(high, "step")
        if low < high:
            spread = f"{low:,} to {spread}, half of them in {middle:,}"
        lines.append(f"  {status.name:16} {count:>9,}   {spread}")
    lines += [f"  data             {ends.fault}"] if ends.fault else []
    finite = np.where(np.isfinite(ends.best_value), ends.best_value, np.inf)
    lowest = int(np.argmin(finite))
    lines.append(f"  lowest value     {ends.best_value[lowest]:.10g} (run {lowest:,})")
    for part in ends.parts[1:]:
        lines.append(
            f"  handed over      {plural(len(part.rows), 'run')} to {method_name(part.stage.method)}"
        )
    work = {key: int(column.sum()) for key, column in ends.work.items()}
    parts = [plural(work["values"], "value"), plural(work["grads"], "gradient")]
    parts += [plural(work["hvps"], "Hessian-vector product")] if work["hvps"] else []
    parts += [plural(work["hessians"], "Hessian")] if work["hessians"] else []
    lines.append(f"  work             {', '.join(parts)}")
    lines.append(f"  time             {ends.seconds[0]:.3f} s compiling, {ends.seconds[1]:.6f} s running")
    return lines
