"""What a sweep found, and its table, figure, JSON and CSV."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jgd.core import tree
from jgd.core.status import Status
from jgd.core.words import method_name
from jgd.ends import Ends
from jgd.study.canvas import matplotlib_needed, write
from jgd.study.curvature import Curvature
from jgd.study.family import Family, family
from jgd.study.files import write_csv, write_json
from jgd.study.grid import Grid
from jgd.study.provenance import provenance
from jgd.study.row import plain
from jgd.study.solution import plain_leaves
from jgd.study.swept_table import table
from jgd.study.verdicts import ranks, rate_axis, verdicts

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """What `jgd.sweep` returns: `print` it, `figure()` it, `save` it.

    `ends` has how each run ended, in the order of the grid, the last number changing fastest;
    `columns["steps"].reshape(shape)` is the grid itself. `methods` are those of the runs.
    """

    name: str
    grid: Grid
    methods: tuple[Any, ...]
    ends: Ends
    curvature_at: Callable[[Any], Curvature] | None

    @property
    def method(self) -> str:
        """What the method is called."""
        return method_name(self.methods[0])

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """The methods as theory names them."""
        return tuple(family(method, self.method) for method in self.methods)

    @property
    def shape(self) -> tuple[int, ...]:
        """How many values each swept number has."""
        return self.grid.shape

    @property
    def steps(self) -> np.ndarray:
        """The steps of each run."""
        return self.ends.steps

    @cached_property
    def rate_axis(self) -> int | None:
        """Which of the swept numbers is the learning rate; None if none is."""
        return rate_axis(self.grid, self.families)

    @cached_property
    def verdicts(self) -> np.ndarray:
        """A word for each run, by the rules that `jgd.sweep` states."""
        axis = self.rate_axis
        rates = np.zeros(self.ends.count) if axis is None else self.grid.columns[self.grid.names[axis]]
        return verdicts(self.ends, rates, self.shape, axis)

    @cached_property
    def best_run(self) -> int:
        """Which run was the best."""
        return int(np.argmin(ranks(self.ends)))

    @property
    def best(self) -> dict[str, Any]:
        """The swept numbers of the best run, arguments for the factory."""
        return self.grid.points[self.best_run]

    @cached_property
    def columns(self) -> dict[str, np.ndarray]:
        """The swept numbers, how each run ended, and its verdict, all of shape (runs,)."""
        ends = self.ends
        return {
            **self.grid.columns,
            "verdict": self.verdicts,
            "status": np.array([Status(status).name for status in ends.status]),
            "steps": ends.steps,
            "value": ends.value,
            "grad_norm": ends.grad_norm,
            "best_value": ends.best_value,
        }

    @cached_property
    def curvature(self) -> Curvature | None:
        """That of the Hessian where the best run ended, measured when it is first asked for.

        None where theory has nothing to say: for methods other than gradient descent, heavy ball and
        Nesterov's with constant numbers, on mini-batches, within bounds and with an x_scale.
        """
        known = all(one.descends and np.isfinite(one.rate) for one in self.families)
        if self.curvature_at is None or not known or not np.isfinite(self.ends.value[self.best_run]):
            return None
        return self.curvature_at(jax.tree.map(lambda leaf: leaf[self.best_run], self.ends.x))

    @property
    def stable_rates(self) -> np.ndarray | None:
        """The largest rate that each run's method bears there by theory: 2/lambda max and its like."""
        if self.curvature is None:
            return None
        return np.array([one.stable_rate(self.curvature.highest.value) for one in self.families])

    @property
    def best_rate(self) -> float:
        """2/(lambda max + lambda min), the best rate of gradient descent by theory; NaN with momentum."""
        simple = all(one.name == "gradient_descent" for one in self.families)
        return self.curvature.best_rate if simple and self.curvature is not None else float("nan")

    @property
    def stable_range(self) -> tuple[float, float]:
        """The highest learning rate that succeeded, and the next one of the sweep, infinite if there is none.

        Of a sweep over the rate alone; NaN where no run succeeded.
        """
        if self.grid.names != self.grid.names[:1] or self.rate_axis is None or not self.ends.success.any():
            return float("nan"), float("nan")
        rates = self.grid.columns[self.grid.names[0]]
        highest = rates[self.ends.success].max()
        return float(highest), float(rates[rates > highest].min(initial=np.inf))

    def __str__(self) -> str:
        """The table."""
        return table(self)

    def __repr__(self) -> str:
        """The number of runs and the best one."""
        return f"Sweep({self.ends.count:,} runs of {self.method}, best {self.best})"

    def __len__(self) -> int:
        """The number of runs."""
        return self.ends.count

    def record(self) -> dict[str, Any]:
        """Everything as plain values, the runs in rows, with provenance."""
        c, (highest, following) = self.curvature, self.stable_range
        x = jax.tree.map(lambda leaf: leaf[self.best_run], self.ends.x)
        dtype, stable = tree.dtype(x).name, self.stable_rates
        return {
            "objective": self.name,
            "method": self.method,
            "parameters": tree.size(x),
            "dtype": dtype,
            "swept": {name: [plain(v) for v in values] for name, values in self.grid.values.items()},
            "constants": {name: _told(value) for name, value in self.grid.constants.items()},
            "tolerances": {name: plain(float(value)) for name, value in self.ends.tolerances.items()},
            "best_run": self.best_run,
            "best": self.best,
            "x": plain_leaves(x),
            "lambda_max": None if c is None else c.highest.value,
            "lambda_min": None if c is None else c.lowest.value,
            "stable_rate": None if stable is None else plain(float(stable[self.best_run])),
            "best_rate": plain(float(self.best_rate)),
            "highest_that_succeeded": plain(highest),
            "next_higher": plain(following),
            "seconds": dict(zip(("compiling", "running"), self.ends.seconds, strict=True)),
            "rows": self.rows(),
            "provenance": provenance(dtype),
        }

    def rows(self) -> list[dict[str, Any]]:
        """A row of plain values for every run."""
        columns = {name: column.tolist() for name, column in self.columns.items()}
        return [
            {name: plain(value) for name, value in zip(columns, row, strict=True)}
            for row in zip(*columns.values(), strict=True)
        ]

    def figure(self) -> "Figure":
        """Steps against the swept number, or over the plane of two.

        Raises ValueError for more than two swept numbers, ImportError without Matplotlib.
        """
        if len(self.shape) > 2:
            raise ValueError(
                f"A figure is of one or two swept numbers, here are {', '.join(self.grid.names)}."
            )
        with matplotlib_needed():
            from jgd.study.sweep_plots import curve, plane
        return curve(self) if len(self.shape) == 1 else plane(self)

    def save(self, folder: str | Path) -> list[Path]:
        """Write sweep.json, sweep.csv and, for one or two numbers, sweep-steps.png; the paths."""
        prefix, record = Path(folder) / "sweep", self.record()
        figures: Mapping[str, Figure] = {"steps": self.figure()} if len(self.shape) <= 2 else {}
        return [
            write_json(prefix.with_suffix(".json"), record),
            write_csv(prefix.with_suffix(".csv"), record["rows"]),
            *write(figures, prefix, record["provenance"]),
        ]


def _told(value: Any) -> Any:
    """A constant as JSON knows it."""
    return value if isinstance(value, int | float | str | bool | None) else str(value)
