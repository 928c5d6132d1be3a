"""Optax's optimizers: those whose rate can be tuned on a deterministic problem, and why the others cannot."""

import inspect
import warnings
from collections.abc import Callable
from functools import partial

import optax

MOMENTUM = {
    "sgd with momentum": partial(optax.sgd, momentum=0.9),
    "sgd with Nesterov": partial(optax.sgd, momentum=0.9, nesterov=True),
}
"""Settings that have names of their own elsewhere."""


def aliases() -> dict[str, Callable]:
    """What optax's own module of optimizers exports, by name."""
    found = {name: getattr(optax, name) for name in dir(optax)}
    return {name: one for name, one in found.items() if getattr(one, "__module__", "") == "optax._src.alias"}


def entrants() -> tuple[dict[str, Callable], dict[str, str]]:
    """The optimizers, at their defaults but for the rate; and, by name, why not the others."""
    refused = {name: why for name, one in aliases().items() if (why := _why_not(one))}
    taken = {name: one for name, one in aliases().items() if name not in refused}
    return taken | MOMENTUM, refused


def _why_not(factory: Callable) -> str:
    """What keeps an optimizer from taking part; empty for nothing."""
    parameters = inspect.signature(factory).parameters
    needed = [p.name for p in parameters.values() if p.default is p.empty and p.name != "learning_rate"]
    if needed:
        return f"needs {', '.join(needed)}"
    if "linesearch" in parameters:
        return "searches along lines"
    if "learning_rate" not in parameters:
        return "has no learning_rate"
    if "key" in parameters or "seed" in parameters:
        return "draws random numbers"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        factory(learning_rate=1.0)
    return "is deprecated" if any(one.category is DeprecationWarning for one in said) else ""
