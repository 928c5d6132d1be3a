"""Figures of a sweep: steps against a number, or over the plane of two."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from jgd.core.words import plural
from jgd.study.canvas import canvas
from jgd.study.ink import COLORS
from jgd.study.scale import fit_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from jgd.study.swept import Sweep

BLUE, ORANGE, GREEN, RED, GREY = (COLORS[i] for i in (0, 1, 2, 4, 6))

MARKS = {
    "too slow": ("o", BLUE),
    "good": ("s", GREEN),
    "overshooting": ("^", ORANGE),
    "diverging": ("X", RED),
    "failed": ("P", GREY),
    "not made": (".", GREY),
}
"""Verdict -> marker and color."""

UNREACHED = "0.8"
"""The shade of runs that neither succeeded nor diverged."""

MARGIN = 0.05
"""The axes reach beyond the first and the last value by this part of their span."""


def curve(sweep: "Sweep") -> "Figure":
    """Steps of the runs that succeeded against the swept number; above them, those that did not.

    Where none succeeded, the values that the runs ended with. The rates of theory are lines.
    """
    name, ends = sweep.grid.names[0], sweep.ends
    across, reached = sweep.grid.columns[name].astype(float), bool(ends.success.any())
    diverged = _diverged(sweep)
    below = ends.success if reached else ~diverged
    heights = (ends.steps if reached else ends.value).astype(float)
    apart = {"not reached": ~below & ~diverged, "diverged": diverged}
    apart = {label: chosen for label, chosen in apart.items() if chosen.any()}
    figure = canvas(9.5, 5.6)
    *strips, main = np.atleast_1d(
        figure.subplots(1 + bool(apart), 1, sharex=True, height_ratios=[0.5 * len(apart), 6][not apart :])
    )
    order = np.argsort(across)
    main.plot(across[order], np.where(below, heights, np.nan)[order], color="0.75", linewidth=1.0, zorder=1)
    _points(main, sweep, across, heights, below)
    for strip in strips:
        for row, chosen in enumerate(apart.values()):
            _points(strip, sweep, across, np.full(len(sweep), row), chosen)
        strip.set_yticks(range(len(apart)), list(apart))
        strip.set_ylim(-0.6, len(apart) - 0.4)
    _lines(sweep, [*strips, main])
    if fit_scale(main, "x", across, 1.0) == "log":
        span = (across.max() / across.min()) ** MARGIN
        main.set_xlim(across.min() / span, across.max() * span)
    if reached:
        main.set_yscale("log")
        _counted(main.yaxis)
    else:
        fit_scale(main, "y", heights[below], 1.0)
    main.set_xlabel(name)
    main.set_ylabel("steps" if reached else "value where the run ended (none succeeded)")
    for axes in (*strips, main):
        axes.grid(color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
    _finish(figure, sweep, _entries(sweep) + main.get_legend_handles_labels()[0])
    return figure


def plane(sweep: "Sweep") -> "Figure":
    """Steps of the runs that succeeded by shade, over two swept numbers; the limit of theory is a line."""
    x_axis = 1 if sweep.rate_axis == 1 else 0
    names = sweep.grid.names[x_axis], sweep.grid.names[1 - x_axis]
    values = [np.asarray(sweep.grid.values[name], float) for name in names]
    order = [np.argsort(along) for along in values]

    def over(column: np.ndarray) -> np.ndarray:
        plane = column.reshape(sweep.shape)
        return (plane if x_axis == 1 else plane.T)[np.ix_(order[1], order[0])]

    figure = canvas(9.5, 5.6)
    axes = figure.subplots()
    scales = [fit_scale(axes, which, along, 1.0) for which, along in zip("xy", values, strict=True)]
    edges = [_edges(along[o], scale) for along, o, scale in zip(values, order, scales, strict=True)]
    diverged, success = over(_diverged(sweep)), over(sweep.ends.success)
    if not success.all():
        flat = np.ma.masked_array(diverged.astype(float), success)
        axes.pcolormesh(*edges, flat, cmap=ListedColormap([UNREACHED, RED]), vmin=0, vmax=1, zorder=1)
    if success.any():
        steps = np.ma.masked_array(np.maximum(over(sweep.ends.steps), 1).astype(float), ~success)
        norm = LogNorm(steps.min(), max(steps.max(), steps.min() + 1))
        drawn = axes.pcolormesh(*edges, steps, cmap="cividis", norm=norm, zorder=1)
        _counted(figure.colorbar(drawn, ax=axes, label="steps").ax.yaxis)
    handles: list[Any] = [Patch(color=UNREACHED, label="not reached"), Patch(color=RED, label="diverged")]
    best = [float(sweep.best[name]) for name in names]
    axes.plot(*best, "*", color="white", markeredgecolor="black", markersize=17, clip_on=False, zorder=4)
    star = Line2D([], [], linestyle="none", marker="*", markersize=13, color="white", markeredgecolor="black")
    star.set_label("best: " + _numbers(sweep))
    if sweep.rate_axis is not None and sweep.stable_rates is not None:
        limits = over(sweep.stable_rates)[:, 0]
        axes.plot(
            limits, values[1][order[1]], color="black", linewidth=1.6, linestyle=(0, (4, 1.5)), zorder=3
        )
        handles.append(
            Line2D([], [], color="black", linestyle=(0, (4, 1.5)), label="limit of stability by theory")
        )
    axes.set_xlim(edges[0][0], edges[0][-1])
    axes.set_ylim(edges[1][0], edges[1][-1])
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    _finish(figure, sweep, [star, *handles])
    return figure


def _counted(axis: "Axis") -> None:
    """Whole numbers beside a logarithmic axis."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    axis.set_minor_formatter(NullFormatter())


def _diverged(sweep: "Sweep") -> np.ndarray:
    return sweep.verdicts == "diverging"


def _points(axes: "Axes", sweep: "Sweep", across: np.ndarray, up: np.ndarray, shown: np.ndarray) -> None:
    """The runs that are shown, each in the mark of its verdict; the best one starred."""
    size = 6.5 if len(sweep) <= 100 else 4.0
    for verdict, (marker, color) in MARKS.items():
        chosen = shown & (sweep.verdicts == verdict)
        axes.plot(
            across[chosen], up[chosen], marker, color=color, markersize=size, linestyle="none", zorder=3
        )
    if shown[sweep.best_run]:
        best = across[sweep.best_run], up[sweep.best_run]
        axes.plot(*best, "*", color="black", markeredgecolor="white", markersize=17, zorder=5)


def _lines(sweep: "Sweep", panels: list["Axes"]) -> None:
    """The limit of stability and the best rate by theory."""
    stable = sweep.stable_rates
    if stable is None or np.unique(stable).size > 1 or sweep.rate_axis is None:
        return
    simple = sweep.families[0].name == "gradient_descent"
    limit = "$2/\\lambda_{max}$" if simple else "limit of stability"
    lines = [(stable[0], (0, (4, 1.5)), limit)]
    if np.isfinite(sweep.best_rate):
        lines.append((sweep.best_rate, (0, (1, 1.2)), "best, $2/(\\lambda_{max}+\\lambda_{min})$"))
    for rate, dashes, name in lines if np.isfinite(stable[0]) else ():
        for panel in panels:
            label = f"{name} = {rate:.6g}"
            panel.axvline(rate, color="black", linewidth=1.4, linestyle=dashes, label=label, zorder=2)


def _entries(sweep: "Sweep") -> list:
    """A legend entry for each verdict that occurs, and the best run."""
    made = []
    for verdict, (marker, color) in MARKS.items():
        count = int((sweep.verdicts == verdict).sum())
        if count:
            label = f"{verdict}: {plural(count, 'run')}"
            made.append(
                Line2D([], [], linestyle="none", marker=marker, color=color, markersize=8, label=label)
            )
    star = Line2D([], [], linestyle="none", marker="*", markersize=13, color="black")
    star.set_label("best: " + _numbers(sweep))
    return [*made, star]


def _numbers(sweep: "Sweep") -> str:
    """The best run's numbers."""
    return ", ".join(f"{name} = {value:.4g}" for name, value in sweep.best.items())


def _edges(values: np.ndarray, scale: str) -> np.ndarray:
    """The edges of cells around ascending values, on their scale."""
    places = np.log(values) if scale == "log" else values
    if len(places) == 1:
        places = places[0] + np.array([-0.5, 0.5])
    else:
        middle = (places[1:] + places[:-1]) / 2
        places = np.concatenate([[2 * places[0] - middle[0]], middle, [2 * places[-1] - middle[-1]]])
    return np.exp(places) if scale == "log" else places


def _finish(figure: "Figure", sweep: "Sweep", handles: list) -> None:
    """The title, and the legend under the axes."""
    run = sweep.best_run
    steps = plural(int(sweep.ends.steps[run]), "step")
    figure.suptitle(
        f"{sweep.name}: {plural(len(sweep), 'run')} of {sweep.method}; ★ the best, after {steps}",
        fontsize="medium",
    )
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
