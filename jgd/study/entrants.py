"""The entrants of a comparison: methods by label."""

from collections.abc import Mapping
from typing import Any

import optax

from jgd.core import tree
from jgd.core.words import method_name
from jgd.methods.curved_recipes import lbfgs, newton
from jgd.methods.default import NEWTON
from jgd.methods.recipes import gradient_descent
from jgd.prepare import as_method


def labelled(methods: Any, x0: Any) -> dict[str, Any]:
    """Label -> method: a dict as it is, a list by the methods' own names, None the default ones.

    Names that repeat are numbered. Raises TypeError or ValueError for anything else or nothing.
    """
    if methods is None:
        return default_methods(tree.size(x0))
    if isinstance(methods, Mapping):
        entrants = {label: _method(method) for label, method in methods.items()}
    elif isinstance(methods, list | tuple) and not isinstance(methods, optax.GradientTransformation):
        entrants = _numbered([_method(method) for method in methods])
    else:
        raise TypeError(
            "methods must be a dict or a list of methods, such as "
            f'{{"gd": jgd.gradient_descent(0.1)}}, got {type(methods).__name__}.'
        )
    if not entrants:
        raise ValueError('methods is empty: name at least one, such as {"newton": jgd.newton()}.')
    return entrants


def default_methods(parameters: int) -> dict[str, Any]:
    """What is compared where nobody said what: the methods that need no tuning."""
    methods: dict[str, Any] = {"gradient_descent": gradient_descent()}
    if parameters <= NEWTON:
        methods["newton"] = newton()
    return {**methods, "lbfgs": lbfgs()}


def _method(method: Any) -> Any:
    """The method, or None for the one that is chosen by size."""
    return None if method is None else as_method(method)


def _numbered(methods: list) -> dict[str, Any]:
    entrants: dict[str, Any] = {}
    for method in methods:
        label, number = method_name(method), 1
        while label in entrants:
            number += 1
            label = f"{method_name(method)} ({number})"
        entrants[label] = method
    return entrants
