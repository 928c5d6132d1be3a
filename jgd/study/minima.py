"""What a multistart found: critical points, each with its share of the starts, and a table, JSON and CSV."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jgd.core import tree
from jgd.core.status import counted
from jgd.core.words import abbreviated, plural
from jgd.ends import Ends
from jgd.study.files import write_csv, write_json
from jgd.study.provenance import provenance
from jgd.study.row import plain
from jgd.study.scoreboard import table
from jgd.study.solution import plain_leaves, save_solution

ROWS = 20
"""So many points are printed."""

LARGE = 1000
"""With more parameters than this x is left out of the record; the best one is in a file of its own."""


@dataclass(frozen=True, eq=False)
class Critical:
    """A critical point that runs ended at: that of them with the lowest value, which is run `run`.

    `kind` is what curvature makes of it, as `jgd.curvature` says it, `is_minimum` whether no negative
    curvature was found. `runs` ended there, `share` of all that were made, half of them in at most `steps`.
    """

    x: Any
    value: float
    grad_norm: float
    kind: str
    is_minimum: bool
    run: int
    runs: int
    share: float
    steps: int

    def record(self) -> dict[str, Any]:
        """All but x as plain values."""
        names = ("value", "kind", "is_minimum", "grad_norm", "runs", "share", "steps", "run")
        return {name: plain(getattr(self, name)) for name in names}


@dataclass(frozen=True, eq=False, repr=False)
class Minima:
    """What `jgd.multistart` returns: `print` it, `save` it, go on from `best.x`.

    `points` are the distinct critical points, minima first, each kind by value; `labels`, of shape (runs,),
    says at which of them a run ended, -1 for none. `starts` and `ends` are those of the runs.
    """

    name: str
    method: str
    points: tuple[Critical, ...]
    labels: np.ndarray
    starts: Any
    ends: Ends
    sampling: Mapping[str, Any]

    @property
    def minima(self) -> tuple[Critical, ...]:
        """The minima, the lowest first."""
        return tuple(point for point in self.points if point.is_minimum)

    @property
    def others(self) -> tuple[Critical, ...]:
        """Saddles and maxima."""
        return tuple(point for point in self.points if not point.is_minimum)

    @property
    def best(self) -> Critical | None:
        """The lowest minimum, None if none was found."""
        return next(iter(self.minima), None)

    @property
    def failures(self) -> dict[str, int]:
        """Status -> how many runs ended with it and at no critical point."""
        statuses = self.ends.status[self.labels < 0]
        return {status.name: count for status, count in counted(statuses).items()}

    def __str__(self) -> str:
        """The table."""
        return "\n".join(_table(self))

    def __repr__(self) -> str:
        """What was found in a line."""
        return f"Minima({plural(self.ends.count, 'run')}: {_counted(self)})"

    def __len__(self) -> int:
        """The number of runs."""
        return self.ends.count

    def record(self) -> dict[str, Any]:
        """Everything but the runs as plain values, with provenance."""
        x = self.ends.parts[0].batch.one[1]
        small = tree.size(x) <= LARGE
        return {
            "objective": self.name,
            "method": self.method,
            "parameters": tree.size(x),
            "dtype": tree.dtype(x).name,
            "starts": self.ends.count,
            **self.sampling,
            "minima": len(self.minima),
            "failures": self.failures,
            "points": [p.record() | ({"x": plain_leaves(p.x)} if small else {}) for p in self.points],
            "seconds": dict(zip(("compiling", "running"), self.ends.seconds, strict=True)),
            "provenance": provenance(tree.dtype(x).name, self.sampling.get("seed")),
        }

    def save(self, folder: str | Path) -> list[Path]:
        """Write multistart.json, multistart.csv with a row for each point, and solution.npz; the paths."""
        folder = Path(folder)
        paths = [
            write_json(folder / "multistart.json", self.record()),
            write_csv(folder / "multistart.csv", [point.record() for point in self.points]),
        ]
        if self.best is not None:
            paths.append(folder / "solution.npz")
            save_solution(paths[-1], self.best.x)
        return paths


def _counted(found: Minima) -> str:
    minima, others = found.minima, found.others
    told = "1 minimum" if len(minima) == 1 else f"{len(minima):,} minima"
    told += f", {plural(len(others), 'saddle or maximum')}" if len(others) == 1 else ""
    return told + (f", {len(others):,} saddles or maxima" if len(others) > 1 else "")


def _table(found: Minima) -> list[str]:
    x, ends = found.ends.parts[0].batch.one[1], found.ends
    rows = [
        [
            f"{place}" if point.is_minimum else "",
            point.kind,
            f"{point.value:.10g}",
            abbreviated(point.x),
            f"{point.runs:,}",
            f"{point.share:.1%}",
            f"{point.steps:,}",
        ]
        for place, point in enumerate(found.points[:ROWS], 1)
    ]
    lines = [
        f"{found.name}: {_counted(found)}, by {plural(ends.count, 'run')} of {found.method}, "
        f"{plural(tree.size(x), 'parameter')}, {tree.dtype(x).name}",
        "",
        *table(["", "kind", "value", "x", "runs", "share", "steps"], rows),
    ]
    if len(found.points) > ROWS:
        rest = found.points[ROWS:]
        runs = plural(sum(point.runs for point in rest), "run")
        lines.append(f"... and {len(rest):,} more, with {runs} together, up to {rest[-1].value:.6g}")
    missing = ", ".join(f"{count:,} {status}" for status, count in found.failures.items())
    lines += ["", f"  elsewhere    {missing or 'no run'}"]
    return [*lines, f"  time         {ends.seconds[0]:.3f} s compiling, {ends.seconds[1]:.6f} s running"]
