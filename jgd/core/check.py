"""Checks of hyper-parameters at construction, in one sentence each."""

import math
from typing import Any

import jax
import jax.core
import numpy as np

MOST = 2**31 - 2
"""The largest count: steps are counted in 32 bits."""


def number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    below: float | None = None,
    least: float | None = None,
) -> None:
    """Raise unless `value` is a finite real number (or an array or tracer of them) within bounds.

    Values that are traced are let through: what they will be is not known yet.
    """
    if isinstance(value, jax.core.Tracer):
        return
    if type(value) is float and _within(value, above, below, least):
        return
    try:
        values = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {value!r}.") from None
    if isinstance(value, str | bool):
        raise TypeError(f"{name} must be a number, got {value!r}.")
    wanted = [(np.isfinite(values), "finite")]
    if above is not None:
        wanted.append((values > above, "positive" if above == 0 else f"greater than {above:g}"))
    if least is not None:
        wanted.append((values >= least, "non-negative" if least == 0 else f"at least {least:g}"))
    if below is not None:
        wanted.append((values < below, f"less than {below:g}"))
    for holds, what in wanted:
        if not holds.all():
            found = value if not values.ndim else float(values[~holds][0])
            raise ValueError(f"{name} must be {what}, got {found!r}.")


def scalar(name: str, value: Any, *, above: float | None = None, least: float | None = None) -> None:
    """Raise unless `value` is one finite real number within bounds."""
    number(name, value, above=above, least=least)
    if np.ndim(value):
        raise TypeError(f"{name} must be one number, got an array of shape {np.shape(value)}.")


def _within(value: float, above: float | None, below: float | None, least: float | None) -> bool:
    return (
        math.isfinite(value)
        and (above is None or value > above)
        and (below is None or value < below)
        and (least is None or value >= least)
    )


def whole(name: str, value: Any, *, least: int = 1) -> int:
    """`value` as an int; raise unless it is a whole number of at least `least` and below 2^31."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be a whole number, got {value!r}.")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}.")
    if value > MOST:
        raise ValueError(f"{name} must be at most {MOST:,}, got {value:,}.")
    return int(value)


def flag(name: str, value: Any) -> None:
    """Raise unless it is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}.")


def registered(name: str, given: Any) -> None:
    """Raise for an object of a class that JAX takes for a leaf."""
    if any(leaf is given for leaf in jax.tree.leaves(given)):
        raise TypeError(
            f"{name}: {type(given).__name__} is not registered with JAX; put @jgd.record over its class."
        )
