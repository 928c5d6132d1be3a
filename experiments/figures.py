"""Figures of the experiments: panels of one style, and a check that no two labels overlap."""

from itertools import combinations
from typing import Any

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from jgd.study.ink import COLORS, DASHES

__all__ = ["COLORS", "DASHES", "contours", "legend", "mark", "overlaps", "panels"]


def panels(
    rows: int = 1, columns: int = 1, size: tuple[float, float] = (10.0, 4.8), **given: Any
) -> tuple[Figure, np.ndarray]:
    """A figure of that size in inches and its axes, a flat array; `given` is passed to `subplots`."""
    figure = Figure(figsize=size, layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns, **given)).ravel()
    for one in axes:
        one.grid(color="0.9", linewidth=0.6)
        one.set_axisbelow(True)
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes


def legend(figure: Figure, *axes: Axes, columns: int = 3) -> None:
    """One legend of these axes, under the figure and over no data."""
    entries = [entry for one in axes for entry in zip(*one.get_legend_handles_labels(), strict=True)]
    handles, labels = zip(*entries, strict=True)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def mark(axes: Axes, which: str, at: float, name: str, color: str = "0.35") -> None:
    """A line across the axes at x or y = `at`, named in the legend."""
    line = axes.axvline if which == "x" else axes.axhline
    line(at, color=color, linewidth=1.2, linestyle=DASHES[1], label=name)


def contours(axes: Axes, fun: Any, across: tuple[float, float], up: tuple[float, float], levels: Any) -> None:
    """Lines of equal f of two variables over the rectangle."""
    u, v = np.meshgrid(np.linspace(*across, num=241), np.linspace(*up, num=241))
    values = jax.vmap(jax.vmap(fun))(np.stack([u, v], axis=-1))
    axes.contour(u, v, values, levels=levels, colors="0.75", linewidths=0.7)
    axes.set_xlim(*across)
    axes.set_ylim(*up)


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """The pairs of texts in a figure that lie over one another."""
    FigureCanvasAgg(figure).draw()
    beyond = {text for axes in figure.axes for text in _beyond(axes)}
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    shown = [(text.get_text(), text.get_window_extent()) for text in texts if text not in beyond]
    return [(a, b) for (a, one), (b, other) in combinations(shown, 2) if _over(one, other)]


def _beyond(axes: Axes) -> list[Text]:
    """The labels of ticks beyond the limits, which Matplotlib keeps and does not draw."""
    found = []
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low <= tick.get_loc() <= high:
                found += [tick.label1, tick.label2]
    return found


def _over(one: Any, other: Any) -> bool:
    """Whether two boxes share more than a pixel's border."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return width > 1 and height > 1
