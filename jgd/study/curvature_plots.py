"""Figures of the curvature at a point: the spectrum of the Hessian, and slices of f through the point."""

from typing import TYPE_CHECKING, Any

import numpy as np

from jgd.study.canvas import canvas
from jgd.study.ink import COLORS
from jgd.study.scale import fit_scale
from jgd.study.slices import Slice, slices

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from jgd.geometry.density import Density
    from jgd.study.curvature import Curvature

BLUE, ORANGE, GREEN, RED, GREY = (COLORS[i] for i in (0, 1, 2, 4, 6))

RUG = 0.07
"""Under a density the eigenvalues' stems have this part of the height."""

MIDDLE = 1e-3
"""Between eigenvalues of both signs the axis is linear up to about this part of the largest."""

DEPTH = 1e-4
"""The density's axis begins at this part of its peak."""

APART = 0.25
"""The names of two lines stand side by side if the lines are this part of the axes apart."""

BROKEN = "f is not finite"

AXES = {
    "gradient": ("along $-\\nabla f$", "t, the rate:  $x - t\\,\\nabla f(x)$"),
    "newton": ("along Newton's step p", "t:  $x + t\\,p$"),
    "highest": ("along $v_{max}$", "t, the distance:  $x + t\\,v_{max}$"),
    "lowest": ("along $v_{min}$", "t, the distance:  $x + t\\,v_{min}$"),
}


def spectrum_figure(curvature: "Curvature", density: "Density | None" = None) -> "Figure":
    """The eigenvalues found, lambda min, lambda max and zero marked; a `Density` is drawn over them.

    Where all eigenvalues are known the height of a stem is the eigenvalue's rank; Ritz values have stems of
    one height. The axis is symmetric-logarithmic where the eigenvalues span decades and no density, whose
    width is everywhere the same, is drawn.
    """
    c = curvature
    figure = canvas(9.5, 4.6)
    axes = figure.subplots()
    values = np.asarray(c.spectrum.eigenvalues, float)
    if density is None:
        fit_scale(axes, "x", [0.0, *values], _unit(c, values))
        _stems(axes, c, values)
    else:
        _density(axes, density)
        _stems(axes, c, values, rug=True)
    _ends(axes, c)
    axes.set_xlabel("eigenvalue $\\lambda$ of the Hessian")
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    figure.suptitle(f"{c.kind}\n{c.parameters:,} parameters, {c.dtype}, {c.found}", fontsize="medium")
    figure.legend(loc="outside lower center", ncols=5, frameon=False)
    return figure


def _unit(c: "Curvature", values: np.ndarray) -> float:
    """The size up to which the axis is linear: the power of ten below all that is not zero to rounding.

    Where there are eigenvalues of both signs it is no smaller than `MIDDLE` times the largest; 0 if all are
    zero.
    """
    sizes = np.abs(values[np.abs(values) > c.spectrum.zero])
    if not sizes.size:
        return 0.0
    both = c.lowest.value < -c.spectrum.zero and c.highest.value > c.spectrum.zero
    least = max(sizes.min(), MIDDLE * sizes.max()) if both else sizes.min()
    return float(10 ** np.floor(np.log10(least)))


def _stems(axes: "Axes", c: "Curvature", values: np.ndarray, rug: bool = False) -> None:
    """A stem for each eigenvalue, colored by its sign."""
    from matplotlib.ticker import MaxNLocator

    noun = "eigenvalues" if c.spectrum.dense else "Ritz values"
    ranks = np.arange(1, len(values) + 1) if c.spectrum.dense and not rug else np.ones(len(values))
    zero = c.spectrum.zero
    groups = {
        f"negative {noun}": (values < -zero, RED),
        "zero to rounding": (np.abs(values) <= zero, GREY),
        f"positive {noun}": (values > zero, BLUE),
    }
    across = axes.get_xaxis_transform()
    for label, (chosen, color) in groups.items():
        if not chosen.any():
            continue
        entry = f"{label}: {int(chosen.sum()):,}"
        if rug:
            axes.vlines(values[chosen], 0, RUG, color=color, linewidth=1.2, transform=across, label=entry)
            continue
        axes.vlines(values[chosen], 0, ranks[chosen], color=color, linewidth=1.0, alpha=0.6)
        axes.plot(values[chosen], ranks[chosen], "o", color=color, markersize=5, label=entry)
    if rug:
        return
    axes.set_ylim(0, 1.12 * ranks.max())
    if c.spectrum.dense:
        axes.set_ylabel("rank, from the lowest")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        axes.set_yticks([])


def _density(axes: "Axes", density: "Density") -> None:
    """The density on a logarithmic axis, with two standard errors to each side."""
    low = DEPTH * float(density.density.max())
    spread = np.nan_to_num(2 * density.error)
    under, over = (np.maximum(density.density + sign * spread, low) for sign in (-1, 1))
    axes.fill_between(density.grid, under, over, color=GREEN, alpha=0.25, linewidth=0)
    axes.plot(density.grid, density.density, color=GREEN, linewidth=1.6, label="spectral density")
    axes.set_yscale("log")
    axes.set_ylim(low, 3 * float(over.max()))
    axes.set_ylabel("density of the eigenvalues")


def _ends(axes: "Axes", c: "Curvature") -> None:
    """Lines at zero and at both ends, named above the frame."""
    axes.axvline(0, color="black", linewidth=1.0)
    low, high = c.lowest.value, c.highest.value
    axes.autoscale_view()
    places = axes.transAxes.inverted().transform(axes.transData.transform([(low, 0), (high, 0)]))
    beside = places[1, 0] - places[0, 0] > APART
    for value, name, height in ((high, "max", 4), (low, "min", 4 if beside else 18)):
        axes.axvline(value, color="0.35", linewidth=1.0, linestyle=(0, (4, 2)), zorder=1)
        axes.annotate(
            f"$\\lambda_{{{name}}}$ = {value:.6g}",
            (value, 1),
            (0, height),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            ha="center",
        )


def slices_figure(curvature: "Curvature") -> "Figure":
    """f along -grad, Newton's step, v max and v min, each with its Taylor model of degree 2.

    -grad and Newton's step are left out where x is critical, Newton's step also where the Hessian is large
    or not positive definite. Along -grad the rates 1/lambda max and 2/lambda max are marked. Where f is not
    finite a panel is shaded.
    """
    found = slices(curvature)
    columns = 2 if len(found) in (2, 4) else len(found)
    rows = -(-len(found) // columns)
    figure = canvas(max(4.6 * columns, 6.0), 3.6 * rows + 0.9)
    for panel, part in zip(figure.subplots(rows, columns, squeeze=False).flat, found, strict=True):
        _panel(panel, part, curvature)
    figure.suptitle(
        f"f through x ●, and the model of degree 2 there; ✖ where that is least\n{curvature.kind}",
        fontsize="medium",
    )
    entries: dict[str, Any] = {}
    for panel in figure.axes:
        entries |= {str(artist.get_label()): artist for artist in (*panel.lines[:2], *panel.collections)}
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _panel(panel: "Axes", part: Slice, c: "Curvature") -> None:
    """One slice."""
    panel.plot(part.t, part.values, color=BLUE, linewidth=2.0, label="f")
    panel.plot(part.t, part.model, color=ORANGE, linewidth=1.6, linestyle=(0, (4, 1.5)), label="model")
    low, high = _limits(part)
    panel.set_ylim(low, high)
    panel.set_xlim(part.t[0], part.t[-1])
    broken = np.isnan(part.values)
    if broken.any():
        across = panel.get_xaxis_transform()
        panel.fill_between(
            part.t, 0, 1, where=broken.tolist(), color="0.85", transform=across, linewidth=0, label=BROKEN
        )
    if part.minimizer is not None and part.t[0] <= part.minimizer <= part.t[-1]:
        _dot(panel, part.minimizer, part.at(part.minimizer), "X", ORANGE)
    _dot(panel, 0.0, part.value, "o", "black")
    if part.name == "gradient" and np.isfinite(c.stable_rate):
        for rate, name in ((c.stable_rate / 2, "1"), (c.stable_rate, "2")):
            _mark(panel, rate, f"${name}/\\lambda_{{max}}$", "right" if name == "1" else "left")
    title, label = AXES[part.name]
    panel.set_title(f"{title}, curvature {part.curvature:.4g}", fontsize="medium")
    panel.set_xlabel(label)
    panel.set_ylabel("f")
    panel.locator_params(axis="x", nbins=6)
    panel.ticklabel_format(axis="x", scilimits=(-3, 4))
    panel.grid(color="0.9", linewidth=0.6)
    panel.set_axisbelow(True)


def _limits(part: Slice) -> tuple[float, float]:
    """The ends of the axis of f: all of the model, and of f what is no further off than the model's range."""
    model = part.model
    values = part.values[np.isfinite(part.values)]
    low, high = float(model.min()), float(model.max())
    span = high - low
    if values.size:
        reach = span if span > 0 else np.inf
        low = min(low, max(float(values.min()), low - reach))
        high = max(high, min(float(values.max()), high + reach))
    pad = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return low - pad, high + pad


def _dot(panel: "Axes", across: float, up: float, marker: str, color: str) -> None:
    panel.plot([across], [up], marker, color=color, markeredgecolor="white", markersize=9, zorder=5)


def _mark(panel: "Axes", across: float, name: str, side: str) -> None:
    """A dotted line at a rate, named in the frame's upper edge."""
    panel.axvline(across, color="0.35", linewidth=1.2, linestyle=(0, (1, 1.5)))
    panel.annotate(
        name,
        (across, 1),
        (3 if side == "left" else -3, -12),
        xycoords=panel.get_xaxis_transform(),
        textcoords="offset points",
        ha=side,
    )
