"""Figures of a comparison: convergence against steps, work and seconds; paths on the contours.

Matplotlib is used without pyplot's global state, here and elsewhere.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jgd.study.contour import contour
from jgd.study.ink import Ink, inks, legend
from jgd.study.row import gradient_equivalents

if TYPE_CHECKING:
    from jgd.study.comparison import Comparison

Curve = tuple[np.ndarray, np.ndarray]

RISE = 1e3
"""The panels end this far above f0 - f*; what rises further is cut there and marked."""

DEPTH = 1e-18
"""The panels end this far below f0 - f*."""


def figures(comparison: "Comparison") -> dict[str, Figure]:
    """`convergence`, and `contour` where there are two parameters."""
    made = {"convergence": convergence(comparison)}
    if comparison.parameters == 2:
        made["contour"] = contour(comparison)
    return made


def convergence(comparison: "Comparison") -> Figure:
    """f - f* against steps, work and seconds, on logarithmic axes."""
    c = comparison
    figure = Figure(figsize=(12, 5.2), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    labels = (
        "steps",
        "work, in gradient evaluations",
        "seconds, without compiling\n(run time shared out by work)",
    )
    ink = inks(c)
    low, high = _limits(c)
    for panel, label, across in zip(panels, labels, _abscissas(c), strict=True):
        for name in c.results:
            gaps = _gaps(c, name)
            _draw(panel, (across[name], gaps), ink[name], (low, high))
        panel.set_xlabel(label)
        panel.set_yscale("log")
        panel.set_ylim(low, high)
        panel.grid(color="0.9", linewidth=0.6)
        panel.set_axisbelow(True)
    panels[0].set_xscale("symlog", linthresh=1, linscale=0.3)
    panels[0].set_xlim(left=0)
    for panel in panels[1:]:
        panel.set_xscale("log")
    panels[0].set_ylabel("$f - f^*$" + (" ($f^*$ the best value found)" if c.best_found else ""))
    figure.suptitle(
        f"{c.name}: {c.parameters:,} parameters, {c.dtype}, $f^*$ = {c.minimum:.8g}\n"
        "● end of a run    ✖ end of a failed one    ▲ cut at the frame    ▼ below the frame",
        fontsize="medium",
    )
    legend(figure, panels[0], c, ink)
    return figure


def _abscissas(c: "Comparison") -> list[dict[str, np.ndarray]]:
    """For each panel and method, where its rows stand: steps, work, seconds."""
    steps = {name: history["step"] for name, history in c.histories.items()}
    work = {name: _work(history, c.parameters) for name, history in c.histories.items()}
    seconds = {name: c.results[name].run_seconds * done / done[-1] for name, done in work.items()}
    return [steps, work, seconds]


def _work(history: Mapping[str, np.ndarray], parameters: int) -> np.ndarray:
    values, grads, hvps, hessians = (
        history[name].astype(float) for name in ("values", "grads", "hvps", "hessians")
    )
    return gradient_equivalents(values, grads, hvps, hessians, parameters)


def _gaps(c: "Comparison", name: str) -> np.ndarray:
    """f - f* along a run."""
    return c.histories[name]["value"].astype(float) - c.minimum


def _limits(c: "Comparison") -> tuple[float, float]:
    """The ends of the axis of f - f*: all that converges, and not all of what diverges."""
    resolution = float(jnp.finfo(c.dtype).eps) * abs(c.minimum)
    start = c.first_value - c.minimum
    gaps = np.concatenate([_gaps(c, name) for name in c.results])
    gaps = gaps[np.isfinite(gaps) & (gaps > 0)]
    if not gaps.size:
        return 1e-1, 1e1
    start = start if np.isfinite(start) and start > 0 else float(gaps.max())
    low = max(float(gaps.min()), start * DEPTH, resolution)
    high = min(float(gaps.max()), start * RISE)
    return low / 5, max(high, low * 10) * 5


def _draw(panel: Axes, curve: Curve, ink: Ink, limits: tuple[float, float]) -> None:
    """One curve; its end marked, at the frame where it leaves it."""
    across, gaps = curve
    low, high = limits
    floored = np.where(gaps <= low, low, gaps)
    outside = ~(floored <= high)
    end = int(np.argmax(outside)) if outside.any() else len(gaps) - 1
    x, y = np.asarray(across[: end + 1], float), floored[: end + 1].copy()
    marker = "X" if ink.failed else "o"
    if outside.any():
        x[-1], y[-1], marker = _crossing(x, y, high), high, "^"
    elif gaps[end] <= low:
        marker = "v"
    panel.plot(x, y, color=ink.color, linestyle=ink.dashes, linewidth=1.6)
    panel.plot(
        x[-1:],
        y[-1:],
        marker,
        color=ink.color,
        markersize=8,
        markeredgecolor="white",
        clip_on=False,
        zorder=5,
    )


def _crossing(x: np.ndarray, y: np.ndarray, high: float) -> float:
    """Where the last piece of a curve passes `high`, on the logarithmic axis of y."""
    if len(x) < 2 or not np.isfinite(y[-1]):
        return float(x[-1])
    before, after = np.log(y[-2:])
    return float(x[-2] + (x[-1] - x[-2]) * (np.log(high) - before) / (after - before))
