"""What each run of a sweep is called: too slow, good, overshooting, diverging, failed or not made."""

from collections.abc import Sequence

import numpy as np

from jgd.core.status import Status
from jgd.ends import Ends
from jgd.study.family import Family
from jgd.study.grid import Grid

VERDICTS = ("too slow", "good", "overshooting", "diverging", "failed", "not made")

GOOD = 2.0
"""A run is good that succeeds in at most so many times the fewest steps."""

DIVERGING = (Status.DIVERGED, Status.NONFINITE)
FAILED = (Status.SEARCH_FAILED, Status.NONFINITE_START, Status.DATA_FAILED)


def ranks(ends: Ends) -> np.ndarray:
    """The place of every run: those that succeeded by their steps, then the others by their last values."""
    steps = np.where(ends.success, ends.steps, np.inf)
    values = np.where(np.isfinite(ends.value), ends.value, np.inf)
    places = np.empty(ends.count, int)
    places[np.lexsort((values, steps))] = np.arange(ends.count)
    return places


def rate_axis(grid: Grid, families: Sequence[Family]) -> int | None:
    """Which of the swept numbers is the learning rate.

    That of this name, or the only number if the methods' rates change with it; None if there is none.
    """
    if "learning_rate" in grid.names:
        return grid.names.index("learning_rate")
    rates = np.array([family.rate for family in families])
    alone = len(grid.names) == 1 and np.isfinite(rates).all() and np.unique(rates).size == rates.size
    return 0 if alone else None


def verdicts(ends: Ends, rates: np.ndarray, shape: tuple[int, ...], axis: int | None) -> np.ndarray:
    """The word for each run, by the rules that `jgd.sweep` states; `axis` is that of the rates."""
    words = np.full(ends.count, "too slow", dtype="U12")
    if axis is not None:
        places, rates = ranks(ends).reshape(shape), rates.reshape(shape)
        best = np.take_along_axis(rates, places.argmin(axis, keepdims=True), axis)
        words[(rates > best).ravel()] = "overshooting"
    steps = np.where(ends.success, ends.steps, np.inf)
    words[ends.success & (steps <= GOOD * steps.min())] = "good"
    words[np.isin(ends.status, DIVERGING)] = "diverging"
    words[np.isin(ends.status, FAILED)] = "failed"
    words[~ends.made] = "not made"
    return words
