"""Figures of what a curvature gauge measured along a run: rate times curvature, and sharpness."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from jgd.core.words import plural
from jgd.geometry.stability import FORMULAS, largest_stable_curvature
from jgd.result import Result
from jgd.study.canvas import canvas
from jgd.study.family import family
from jgd.study.ink import COLORS
from jgd.study.scale import fit_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, RED, BLACK = (COLORS[i] for i in (0, 1, 4, 7))


class Limit(NamedTuple):
    """The largest curvature that a method is stable under at its rate; `formula` is that of the product."""

    method: str
    rate: float
    curvature: float
    formula: str


def rate_figure(result: Result) -> "Figure":
    """eta R(g) against steps, with lines at 1 and 2; under it the cosines of successive gradients.

    The lines are those of gradient descent; heavy ball and Nesterov's method have one of their own.

    Raises ValueError for a run whose recorder had no curvature gauge, ImportError without Matplotlib.
    """
    curvatures, cosines = _column(result, "rate_curvature"), _column(result, "cosine")
    figure = canvas(9.5, 6.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    lines = _lines(limit(result))
    fit_scale(upper, "y", [*(height for height, _, _ in lines), *curvatures], 1.0)
    _curve(upper, result, curvatures)
    for line in lines:
        _line(upper, *line)
    upper.set_ylabel("$\\eta\\,R(g)$: rate times\ncurvature along $\\nabla f$")
    _curve(lower, result, cosines)
    lower.axhline(0, color="0.35", linewidth=1.0)
    lower.set_ylim(-1.08, 1.08)
    lower.set_yticks([-1, -0.5, 0, 0.5, 1])
    lower.set_ylabel("cosine of\nsuccessive gradients")
    _finish(figure, result)
    return figure


def sharpness_figure(result: Result) -> "Figure":
    """The highest eigenvalue against steps, with the largest that the method is stable under.

    The line is drawn for gradient descent, heavy ball and Nesterov's method with a constant rate;
    where the momentum grows towards 1, for 1.

    Raises ValueError for a run whose gauge had no sharpness, ImportError without Matplotlib.
    """
    sharpness = _column(result, "sharpness")
    figure = canvas(9.5, 4.6)
    axes = figure.subplots()
    stable = limit(result)
    sizes = np.abs(sharpness[np.isfinite(sharpness)])
    drawn = sharpness if stable is None else [*sharpness, stable.curvature]
    fit_scale(axes, "y", drawn, float(np.median(sizes)) if sizes.size else 1.0)
    _curve(axes, result, sharpness)
    if stable is not None:
        name = f"${stable.formula}/\\eta$ = {stable.curvature:.6g}: unstable above"
        _line(axes, stable.curvature, RED, name)
    axes.set_ylabel("sharpness: $\\lambda_{max}$ of the Hessian")
    _finish(figure, result)
    return figure


def limit(result: Result) -> Limit | None:
    """The largest stable curvature of a run's method; None where the rate is not constant."""
    made = family(result.program.method, result.method)
    if not made.descends or not np.isfinite(made.rate):
        return None
    formula = FORMULAS[made.name].replace("beta", "\\beta")
    stable = largest_stable_curvature(made.name, made.rate, made.momentum)
    return Limit(made.name, made.rate, stable, formula)


def _lines(stable: Limit | None) -> list[tuple[float, str, str]]:
    """Height, color and name of the lines of eta R."""
    plain = stable is not None and stable.method == "gradient_descent"
    whose = "" if plain else " for gradient descent"
    lines = [(1.0, ORANGE, f"1: monotone below{whose}"), (2.0, RED, f"2: unstable above{whose}")]
    if stable is not None and not plain:
        height = stable.rate * stable.curvature
        lines.append((height, BLACK, f"${stable.formula}$ = {height:.4g}: unstable above"))
    return lines


def _column(result: Result, name: str) -> np.ndarray:
    """A column of the history, infinity as NaN; ValueError if it is not there."""
    if name not in result.history:
        raise ValueError(
            f"The run has no column {name!r}: run it with "
            "recorder=jgd.Recorder(gauge=jgd.curvature_gauge(sharpness=10))."
        )
    values = result.history[name].astype(float)
    return np.where(np.isfinite(values), values, np.nan)


def _curve(axes: "Axes", result: Result, values: np.ndarray) -> None:
    axes.plot(result.history["step"], values, ".-", color=BLUE, linewidth=1.4, markersize=5)


def _line(axes: "Axes", height: float, color: str, name: str) -> None:
    axes.axhline(height, color=color, linewidth=1.4, linestyle=(0, (4, 1.5)), label=name)


def _finish(figure: "Figure", result: Result) -> None:
    """Grids, the label of the steps, the legend of the lines, and the run in the title."""
    for axes in figure.axes:
        axes.grid(color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
    figure.axes[-1].set_xlabel("steps")
    if figure.axes[0].get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(
        f"{result.method}: {result.status.name} after {plural(result.steps, 'step')}",
        fontsize="medium",
    )
