"""The map of basins: color for where a start ends, shade for in how many steps."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from jgd.core import tree
from jgd.study.canvas import canvas
from jgd.study.ink import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from jgd.study.basins import Basins
    from jgd.study.minima import Critical

OWN = 6
"""So many points have a color of their own; the others share one."""

SHARED, FAILED = "#777777", "#000000"

INK: dict[str, dict[str, Any]] = {
    "*": {"color": "white", "markeredgecolor": "black", "markeredgewidth": 1.3},
    "X": {"color": "white", "markeredgecolor": "black", "markeredgewidth": 1.3},
    "x": {"color": "black", "markeredgewidth": 1.8},
}
"""How the signs are drawn, on every color."""

PALEST = 0.75
"""How far to white the color of the slowest start goes."""

EXTREMES = (2, 98)
"""The shades span the steps between these percentiles."""


def basins_figure(basins: "Basins") -> "Figure":
    """The map, with the points that the starts end at marked, a legend and the scale of the shades."""
    labels = basins.labels
    colors = _colors(basins)
    norm = _norm(basins)
    pale = PALEST * np.clip(norm(np.maximum(basins.steps, 1).astype(float)), 0, 1)
    base = np.array([*map(to_rgb, colors), to_rgb(FAILED)])[labels]
    pale = np.where(labels < 0, 0.0, pale)[..., None]
    figure = canvas(8.6, 7.4)
    axes = figure.subplots()
    half = [(side[1] - side[0]) / 2 for side in (basins.across, basins.up)]
    extent = (
        basins.across[0] - half[0],
        basins.across[-1] + half[0],
        basins.up[0] - half[1],
        basins.up[-1] + half[1],
    )
    axes.imshow(
        base + (1 - base) * pale, origin="lower", extent=extent, aspect="auto", interpolation="nearest"
    )
    handles = _marks(axes, basins, colors, extent)
    _shades(figure, axes, norm)
    axes.set_xlim(extent[:2])
    axes.set_ylim(extent[2:])
    first, second = basins.coordinates
    axes.set_xlabel(f"x[{first}]")
    axes.set_ylabel(f"x[{second}]")
    figure.suptitle(
        f"{basins.found.name}, {basins.found.method}: where {labels.size:,} starts end", fontsize="medium"
    )
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    return figure


def _colors(basins: "Basins") -> list[str]:
    """A color for each point, those with the most starts having their own."""
    points = basins.found.points
    order = sorted(range(len(points)), key=lambda i: -points[i].runs)
    colors = [SHARED] * len(points)
    for color, i in zip(COLORS, sorted(order[:OWN]), strict=False):
        colors[i] = color
    return colors


def _norm(basins: "Basins") -> Normalize:
    """The scale of the steps of the starts that ended at a point."""
    steps = basins.steps[basins.labels >= 0]
    low, high = np.percentile(steps, EXTREMES) if steps.size else (1, 1)
    low = max(low, 1)
    return LogNorm(low, max(high, low + 1))


def _marks(axes: "Axes", basins: "Basins", colors: list[str], extent: tuple) -> list:
    """The points where they lie, those with a color of their own numbered, and the legend's entries."""
    handles, rest = [], []
    for saddle in () if basins.found.others else basins.saddles:
        _mark(axes, basins, saddle, "x", extent)
    for place, (point, color) in enumerate(zip(basins.found.points, colors, strict=True), 1):
        inside = _mark(axes, basins, point, "*" if point.is_minimum else "X", extent, str(place))
        if color == SHARED:
            rest.append(point)
            continue
        kind = "minimum" if point.is_minimum else point.kind.partition(" ")[0]
        where = "" if inside else ", outside of this view"
        label = f"{place}  {kind}, f = {point.value:.4g}: {point.share:.1%} of the starts{where}"
        handles.append(Patch(color=color, label=label))
    if rest:
        share = sum(point.share for point in rest)
        handles.append(Patch(color=SHARED, label=f"{len(rest):,} other points: {share:.1%} of the starts"))
    if (basins.labels < 0).any():
        share = (basins.labels < 0).mean()
        handles.append(Patch(color=FAILED, label=f"no critical point: {share:.1%} of the starts"))
    signs = {"*": "minimum", "X": "saddle or maximum where starts end", "x": "saddle or maximum"}
    drawn = [line.get_marker() for line in axes.lines]
    return handles + [_sign(marker, label) for marker, label in signs.items() if marker in drawn]


def _sign(marker: str, label: str) -> Line2D:
    return Line2D([], [], linestyle="none", marker=marker, markersize=11, label=label, **INK[marker])


def _mark(
    axes: "Axes", basins: "Basins", point: "Critical", marker: str, extent: tuple, name: str = ""
) -> bool:
    """The point where it lies, if that is in view, which is returned."""
    x = np.asarray(tree.ravel(point.x)[0], float)[list(basins.coordinates)]
    if not (extent[0] <= x[0] <= extent[1] and extent[2] <= x[1] <= extent[3]):
        return False
    axes.plot(*x, marker, markersize={"*": 17, "X": 11, "x": 7}[marker], **INK[marker])
    halo = [withStroke(linewidth=3, foreground="white")]
    axes.annotate(name, (x[0], x[1]), (8, 6), textcoords="offset points", path_effects=halo)
    return True


def _shades(figure: "Figure", axes: "Axes", norm: Normalize) -> None:
    """The scale of the shades, in grey."""
    grey = LinearSegmentedColormap.from_list("pale", ["0.25", str(0.25 + 0.75 * PALEST)])
    bar = figure.colorbar(
        ScalarMappable(norm, grey), ax=axes, label="steps: the paler, the more", extend="both"
    )
    ticks = np.unique(np.round(np.geomspace(float(norm.vmin or 1), float(norm.vmax or 1), 6)))
    bar.ax.yaxis.set_major_locator(FixedLocator(ticks.tolist()))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    bar.ax.yaxis.set_minor_locator(NullLocator())
