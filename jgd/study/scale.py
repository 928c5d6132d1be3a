"""The scale of an axis: linear, logarithmic, or logarithmic to both sides of zero, as its values ask for."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDE = 50.0
"""Values that span more than this factor are put on a logarithmic axis."""


def fit_scale(axes: "Axes", which: str, values: Any, unit: float) -> str:
    """Set and return the scale of the axis `which` (x or y) for these values; those not finite are left out.

    `linear`, `log` where all are positive, or else `symlog`, which is linear up to `unit` to both sides of
    zero.
    """
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    set_scale = axes.set_xscale if which == "x" else axes.set_yscale
    if not values.size:
        return "linear"
    if values.min() > 0:
        scale, given = ("log", {}) if values.max() > WIDE * values.min() else ("linear", {})
    elif np.abs(values).max() > WIDE * unit > 0:
        scale, given = "symlog", {"linthresh": unit, "linscale": 0.5}
    else:
        scale, given = "linear", {}
    set_scale(scale, **given)
    return scale
