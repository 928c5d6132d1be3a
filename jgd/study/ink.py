"""Ink: one colour, line and legend entry a method, the same in every figure."""

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from jgd.study.comparison import Comparison

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#777777", "#000000")
"""Okabe and Ito's colours, which readers with any colour vision can tell apart; grey for yellow."""

DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)))
"""The colours come round again with the next of these."""


@dataclasses.dataclass(frozen=True)
class Ink:
    """How one method is drawn and named."""

    color: str
    dashes: Any
    entry: str
    failed: bool


def inks(comparison: "Comparison") -> dict[str, Ink]:
    """Each method's ink by label, in the order the methods were given."""
    rows = {row.label: row for row in comparison.rows}
    made = {}
    for i, label in enumerate(comparison.results):
        row = rows[label]
        entry = f"{label}: {row.verdict}, {row.steps:,} step{'s' * (row.steps != 1)}"
        turn = (i // len(COLORS)) % len(DASHES)
        made[label] = Ink(COLORS[i % len(COLORS)], DASHES[turn], entry, row.failed)
    return made


def legend(figure: "Figure", axes: "Axes", comparison: "Comparison", ink: dict[str, Ink]) -> None:
    """The legend, under the axes and over no data, in the order of the scoreboard."""
    from matplotlib.lines import Line2D

    labels = [row.label for row in comparison.rows if row.label in ink]
    handles = [
        Line2D([], [], color=ink[label].color, linestyle=ink[label].dashes, linewidth=2.2) for label in labels
    ]
    entries = [ink[label].entry for label in labels]
    entries += [f"{r.label}: {r.verdict}" for r in comparison.rows if r.label not in ink]
    handles += [Line2D([], [], linestyle="none") for _ in range(len(entries) - len(handles))]
    columns = 2 if len(entries) <= 4 or figure.get_figwidth() < 10 else 3
    figure.legend(handles, entries, loc="outside lower center", ncols=columns, frameon=False)
