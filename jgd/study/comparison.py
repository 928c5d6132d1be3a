"""What a comparison found, and its scoreboard, figures, JSON and CSV."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jgd.core.objective import Objective
from jgd.result import Result
from jgd.study.canvas import matplotlib_needed, write
from jgd.study.files import write_csv, write_json
from jgd.study.row import Row, plain
from jgd.study.scoreboard import scoreboard

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """What `jgd.compare` returns: `print` it, `plot` it, `save` it.

    `rows` are sorted, failures last. `table[label]` is a method's Result, `results` holds all of them in
    the order given, `histories` their histories, the first 1,024 steps complete. `minimum` is f*: the
    known one, or the best value found if `best_found`.
    """

    name: str
    rows: tuple[Row, ...]
    results: Mapping[str, Result]
    histories: Mapping[str, Mapping[str, np.ndarray]]
    objective: Objective
    start: Any
    first_value: float
    minimum: float
    best_found: bool
    minimizers: tuple[Any, ...]
    note: str
    parameters: int
    dtype: str
    stopping: str
    provenance: Mapping[str, Any]

    def __str__(self) -> str:
        """The scoreboard."""
        return scoreboard(self)

    def __repr__(self) -> str:
        """The objective and the number of methods."""
        return f"Comparison({self.name}, {len(self.rows)} methods)"

    def __getitem__(self, label: str) -> Result:
        """The Result of a method by its label."""
        return self.results[label]

    def record(self) -> dict[str, Any]:
        """Everything but the histories, as plain values."""
        return {
            "objective": self.name,
            "parameters": self.parameters,
            "dtype": self.dtype,
            "first_value": plain(self.first_value),
            "minimum": plain(self.minimum),
            "minimum_is": "best found" if self.best_found else "known",
            "note": self.note,
            "stopping": self.stopping,
            "rows": [row.record() for row in self.rows],
            "provenance": dict(self.provenance),
        }

    def to_json(self, path: str | Path) -> None:
        """Write `record()` as JSON."""
        write_json(Path(path), self.record())

    def to_csv(self, path: str | Path) -> None:
        """Write the rows as CSV; objective, f* and provenance are columns of their own."""
        record = self.record()
        common = {name: record[name] for name in ("objective", "minimum", "minimum_is", "stopping")}
        common |= {f"provenance_{name}": value for name, value in self.provenance.items()}
        write_csv(Path(path), [row | common for row in record["rows"]])

    def figures(self) -> dict[str, "Figure"]:
        """`convergence`, and for two parameters `contour`, as Matplotlib figures.

        Raises ImportError without Matplotlib.
        """
        with matplotlib_needed():
            from jgd.study.plots import figures
        return figures(self)

    def plot(self, prefix: str | Path) -> list[Path]:
        """Write every figure as PREFIX-convergence.png and the like; the paths."""
        return write(self.figures(), prefix, self.provenance)

    def save(self, folder: str | Path) -> list[Path]:
        """Write comparison.json, comparison.csv and the figures into a folder; the paths."""
        prefix = Path(folder) / "comparison"
        rows = [prefix.with_suffix(".json"), prefix.with_suffix(".csv")]
        self.to_json(rows[0])
        self.to_csv(rows[1])
        return [*rows, *self.plot(prefix)]
