"""The table of a sweep: a line for each run, or for each verdict where they are many."""

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from jgd.core import tree
from jgd.core.status import Status
from jgd.core.words import plural
from jgd.study.scoreboard import table as aligned
from jgd.study.verdicts import VERDICTS

if TYPE_CHECKING:
    from jgd.study.swept import Sweep

ROWS = 20
"""Up to so many runs have a line of their own."""


def table(sweep: "Sweep") -> str:
    """The runs, the best one, and what theory says of the rates."""
    count, x = sweep.ends.count, sweep.ends.parts[0].batch.one[1]
    grid = " x ".join(f"{len(values):,} {name}" for name, values in sweep.grid.values.items())
    runs = np.arange(count)
    together = count > ROWS
    groups = [runs[sweep.verdicts == verdict] for verdict in VERDICTS] if together else list(runs[:, None])
    rows = [_cells(sweep, group) for group in groups if group.size]
    counts = ["runs", *(f"{group.size:,}" for group in groups if group.size)]
    heads = ["verdict", "status", *sweep.grid.names, "steps", "value"]
    if together:
        for row, number in zip([heads, *rows], counts, strict=True):
            row.insert(2, number)
    lines = [
        f"{sweep.name}: {plural(count, 'run')} of {sweep.method} ({grid}), "
        f"{plural(tree.size(x), 'parameter')}, {tree.dtype(x).name}",
        "",
        *aligned(heads, rows),
        "",
        *_notes(sweep),
    ]
    return "\n".join(lines)


def _cells(sweep: "Sweep", group: np.ndarray) -> list[str]:
    columns = sweep.columns
    statuses = Counter(columns["status"][group].tolist()).most_common()
    return [
        str(columns["verdict"][group[0]]),
        ", ".join(name if len(statuses) == 1 else f"{count:,} {name}" for name, count in statuses),
        *(_range(columns[name][group], "{:.4g}") for name in sweep.grid.names),
        _range(columns["steps"][group], "{:,}"),
        _range(columns["value"][group], "{:.3g}"),
    ]


def _range(numbers: np.ndarray, form: str) -> str:
    """From the least to the greatest, or the one number."""
    low, high = (form.format(end) for end in (numbers.min(), numbers.max()))
    return low if low == high else f"{low} to {high}"


def _notes(sweep: "Sweep") -> list[str]:
    run, ends = sweep.best_run, sweep.ends
    numbers = ", ".join(f"{name}={_number(value)}" for name, value in sweep.best.items())
    how = "" if ends.success[run] else "none succeeded; the lowest end is that of "
    notes = [
        f"  best         {how}{numbers}: {Status(ends.status[run]).name} after "
        f"{plural(int(ends.steps[run]), 'step')}, value {ends.value[run]:.6g}",
        *_theory(sweep),
    ]
    compiling, running = ends.seconds
    return [*notes, f"  time         {compiling:.3f} s compiling, {running:.6f} s running"]


def _theory(sweep: "Sweep") -> list[str]:
    """What the curvature says of a sweep over the rate alone."""
    c, (highest, following) = sweep.curvature, sweep.stable_range
    lines = []
    if np.isfinite(highest):
        beyond = (
            f"; the next one, {following:.6g}, did not" if np.isfinite(following) else ", the highest tried"
        )
        lines.append(f"  highest      {highest:.6g} succeeded{beyond}")
    stable = sweep.stable_rates
    if c is None or stable is None:
        return lines
    ends = f"lambda max {c.highest.value:.6g}, lambda min {c.lowest.value:.6g} where the best run ended"
    lines.append(f"  curvature    {ends}")
    if np.unique(stable).size == 1 and np.isfinite(stable[0]):
        lines.append(f"  theory       stable below {stable[0]:.6g}" + _best(sweep))
    return lines


def _best(sweep: "Sweep") -> str:
    theirs = sweep.best_rate
    if not np.isfinite(theirs):
        return ""
    ratio = sweep.families[sweep.best_run].rate / theirs
    return f", best 2/(lambda max + lambda min) = {theirs:.6g}: the best one found is {ratio:.4g} times that"


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
