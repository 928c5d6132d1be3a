"""The contour figure: the paths of several methods over one landscape of two parameters."""

from typing import TYPE_CHECKING

import jax
import numpy as np
from jax import lax
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from jgd.core import tree
from jgd.study.ink import Ink, inks, legend

if TYPE_CHECKING:
    from jgd.study.comparison import Comparison

Box = tuple[np.ndarray, np.ndarray]
"""The lower left and the upper right corner."""

GRID = (321, 241)

MARKED_STEPS = 100
"""Up to this step a path has a dot at every recorded step."""

REACH = 1.0
"""How far beyond starts and ends a path may stretch the view, in sizes of the box of those."""

DEPTH = 1e-5
"""The lowest contour, as a part of the highest value in view."""

LEVELS_A_DECADE = 3


def contour(comparison: "Comparison") -> Figure:
    """Logarithmically spaced contours of f - f*, each method's path, the start and the minimum."""
    c = comparison
    figure = Figure(figsize=(9.5, 6.2), layout="constrained")
    axes = figure.subplots()
    box = view(c)
    _landscape(axes, c, box)
    ink = inks(c)
    for label, history in c.histories.items():
        _path(axes, history["x"].astype(float), history["step"], ink[label], box)
    start = _flat(c.start)
    axes.plot(*start, "o", color="black", markersize=9, markeredgecolor="white", zorder=6)
    halo = [withStroke(linewidth=3, foreground="white")]
    axes.annotate(
        "start",
        (start[0], start[1]),
        (9, 7),
        textcoords="offset points",
        zorder=7,
        path_effects=halo,
    )
    for minimizer in _minimizers(c):
        if _inside(minimizer, box):
            axes.plot(*minimizer, "*", color="black", markersize=16, markeredgecolor="white", zorder=6)
    axes.set_xlim(box[0][0], box[1][0])
    axes.set_ylim(box[0][1], box[1][1])
    axes.set_xlabel("first parameter")
    axes.set_ylabel("second parameter")
    axes.set_title(
        f"{c.name}: a dot for each step up to step {MARKED_STEPS} (○), ★ minimum, lines of f - f*",
        fontsize="medium",
    )
    legend(figure, axes, c, ink)
    return figure


def view(c: "Comparison") -> Box:
    """The box to look at: the start, the ends of the runs that converged, and what lies between.

    The paths of all that did not fail may stretch that box by `REACH` of its size to each side.
    """
    converged = [row.label for row in c.rows if row.status is not None and row.status.ok]
    ends = [_flat(c.start), _minimizers(c)[0], *(_flat(c.results[name].x) for name in converged)]
    ends = np.stack(ends)
    low, high = ends.min(axis=0), ends.max(axis=0)
    size = np.maximum(high - low, 0.5 * (high - low).max())
    size = np.where(size > 0, size, 1.0)
    for row in c.rows:
        if not row.failed:
            path = c.histories[row.label]["x"].astype(float)
            low = np.minimum(low, np.maximum(path.min(axis=0), ends.min(axis=0) - REACH * size))
            high = np.maximum(high, np.minimum(path.max(axis=0), ends.max(axis=0) + REACH * size))
    size = np.maximum(high - low, size)
    middle = (low + high) / 2
    return middle - 0.57 * size, middle + 0.57 * size


def _minimizers(c: "Comparison") -> list[np.ndarray]:
    """The known minimizers, that nearest to the best point first; else the best point itself."""
    best = min(c.results.values(), key=lambda result: float(result.best_value))
    found = _flat(best.best_x)
    known = [_flat(minimizer) for minimizer in c.minimizers]
    return sorted(known, key=lambda x: float(np.linalg.norm(x - found))) or [found]


def _flat(x: object) -> np.ndarray:
    return np.asarray(tree.ravel(x)[0], float)


def _inside(x: np.ndarray, box: Box) -> bool:
    return bool(np.all(x >= box[0]) and np.all(x <= box[1]))


def _landscape(axes: Axes, c: "Comparison", box: Box) -> None:
    """Shades and lines of f - f* at logarithmically spaced levels."""
    across, up = (np.linspace(box[0][i], box[1][i], GRID[i]) for i in (0, 1))
    gaps = _values(c, across, up)
    finite = gaps[np.isfinite(gaps)]
    gaps = np.ma.masked_invalid(gaps) - np.fmin(c.minimum, finite.min(initial=np.inf))
    high = float(gaps.max()) if finite.size else 0.0
    if not high > 0:
        return  # flat, or nowhere finite
    low = max(float(np.ma.masked_less_equal(gaps, 0).min()), high * DEPTH)
    levels = _levels(low, high)
    axes.contourf(
        *(across, up, np.ma.maximum(gaps, low), levels),
        norm=LogNorm(low, high),
        cmap="Blues_r",
        alpha=0.45,
        extend="both",
    )
    lines = axes.contour(across, up, gaps, levels, colors="0.45", linewidths=0.5)
    decades = [level for level in lines.levels if _whole(np.log10(level)) and level > high / 1e3]
    axes.clabel(lines, decades, fmt="%g", fontsize="x-small")


def _whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-9


def _levels(low: float, high: float) -> np.ndarray:
    """Levels at every power of ten in the range and between, on a logarithmic scale."""
    first, last = (LEVELS_A_DECADE * np.log10(end) for end in (low, high))
    levels = 10 ** (np.arange(np.ceil(first), np.floor(last) + 1) / LEVELS_A_DECADE)
    return levels if len(levels) > 2 else np.linspace(low, high, 8)[1:-1]


def _values(c: "Comparison", across: np.ndarray, up: np.ndarray) -> np.ndarray:
    """f on the grid, of shape (up, across)."""
    flat, unravel = tree.ravel(c.start)
    points = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2).astype(flat.dtype)
    f = jax.jit(lambda x: lax.map(lambda v: c.objective.value(unravel(v)), x, batch_size=1024))
    return np.asarray(f(points), float).reshape(len(up), len(across))


def _path(axes: Axes, path: np.ndarray, steps: np.ndarray, ink: Ink, box: Box) -> None:
    """A path with a dot at each of its first steps; where it leaves for good, an arrowhead."""
    outside = ~np.all((path >= box[0]) & (path <= box[1]), axis=1)
    if outside[-1]:
        last = int(np.argmax(outside)) - 1 if ink.failed else int(np.nonzero(~outside)[0][-1])
        _arrow(axes, path[last], path[last + 1], box, ink)
        path, steps = path[: last + 1], steps[: last + 1]
    early, late = path[steps <= MARKED_STEPS], path[steps >= MARKED_STEPS]
    axes.plot(*early.T, ".-", color=ink.color, linewidth=1.5, markersize=6, zorder=4)
    axes.plot(*late.T, color=ink.color, linestyle=ink.dashes, linewidth=0.8, zorder=3)
    axes.plot(*late[:1].T, "o", color=ink.color, markerfacecolor="white", markersize=8, zorder=5)


def _arrow(axes: Axes, inner: np.ndarray, outer: np.ndarray, box: Box, ink: Ink) -> None:
    """An arrowhead at the frame, where the piece from `inner` to `outer` crosses it."""
    piece = outer - inner
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(piece > 0, (box[1] - inner) / piece, (box[0] - inner) / piece)
    share = float(np.nanmin(np.where(piece == 0, np.inf, shares)))
    tip = inner + share * piece
    axes.annotate(
        "",
        (tip[0], tip[1]),
        (inner[0], inner[1]),
        zorder=6,
        annotation_clip=False,
        arrowprops={"arrowstyle": "-|>", "color": ink.color, "lw": 1.5, "mutation_scale": 22},
    )
