"""Presets: comparisons ready to run, as data."""

from typing import Any, NamedTuple


class Entry(NamedTuple):
    """One method of a comparison: its name, as the command line knows it, and what is set of it."""

    method: str
    settings: dict[str, Any] = {}  # noqa: RUF012


# The valley's curvatures are 1 and 100, so gradient descent needs a rate below 2/100.
_VALLEY = {
    "gd 0.019 (zigzag)": Entry("gradient_descent", {"learning_rate": 0.019}),
    "gd 0.001 (creep)": Entry("gradient_descent", {"learning_rate": 0.001}),
    "newton_raphson": Entry("newton_raphson"),
    "adam 0.3": Entry("adam", {"learning_rate": 0.3}),
}

# The loss's curvature is at most 1890, and from 1 to 84.8 at the minimum: a rate above 2/84.8, or
# 0.0236, cannot settle there. Up to 2 it wanders without end, as the slope of the logistic loss is
# bounded; above 2, which is 2/l2, the penalty makes it diverge.
_BREAST_CANCER = {
    "gd 2e-6 (too small)": Entry("gradient_descent", {"learning_rate": 2e-6}),
    "gd 0.02 (good)": Entry("gradient_descent", {"learning_rate": 0.02}),
    "gd 2.1 (too large)": Entry("gradient_descent", {"learning_rate": 2.1}),
    "gd line search": Entry("gradient_descent"),
    "heavy_ball 0.02": Entry("heavy_ball", {"learning_rate": 0.02, "momentum": 0.7}),
    "newton_raphson": Entry("newton_raphson"),
    "adam 0.3": Entry("adam", {"learning_rate": 0.3}),
    "optax.lbfgs": Entry("optax.lbfgs"),
}

PRESETS: dict[str, dict[str, dict[str, Entry]]] = {
    "demo": {"valley": _VALLEY, "breast-cancer": _BREAST_CANCER},
}
"""Preset -> problem -> label -> method."""
