"""A grid of a method's numbers: the points, and one method that holds all of theirs."""

import inspect
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import numpy as np
import optax

from jgd.methods.optax import from_optax
from jgd.prepare import as_method


@dataclass(frozen=True)
class Grid:
    """Every value of each swept number with every value of the others, the last one changing fastest.

    `values` maps the swept numbers to their values, `constants` the others to the one that all points have.
    """

    values: Mapping[str, list]
    constants: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """The swept numbers."""
        return tuple(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        """How many values each of them has."""
        return tuple(map(len, self.values.values()))

    @cached_property
    def points(self) -> list[dict[str, Any]]:
        """The swept numbers at every point."""
        return [
            dict(zip(self.names, point, strict=True)) for point in itertools.product(*self.values.values())
        ]

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """Name -> its value at every point."""
        return {name: np.array([point[name] for point in self.points]) for name in self.names}


def grid_of(given: Mapping[str, Any]) -> Grid:
    """The grid of keyword arguments: those that are arrays or lists are swept."""
    values, constants = {}, {}
    for name, value in given.items():
        if not isinstance(value, list | tuple | np.ndarray | jax.Array) or np.shape(value) == ():
            constants[name] = value
            continue
        if np.ndim(value) != 1 or not np.size(value):
            raise ValueError(
                f"{name} must be an array of one axis with at least one value, got shape {np.shape(value)}."
            )
        values[name] = value.tolist() if isinstance(value, np.ndarray | jax.Array) else list(value)
    if not values:
        raise ValueError(
            "Nothing is swept: give at least one number of the factory as an array, such as "
            "learning_rate=jnp.logspace(-4, 1, 64)."
        )
    return Grid(values, constants)


def factory_name(factory: Any) -> str:
    """What to call a factory in a sentence."""
    while isinstance(factory, partial):
        factory = factory.func
    return getattr(factory, "__name__", type(factory).__name__)


def takes(factory: Callable, name: str) -> bool:
    """Whether the factory has a parameter of that name."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(p.name == name and p.kind is not p.VAR_KEYWORD for p in parameters)


def methods_of(factory: Callable, grid: Grid) -> tuple[list[Any], Any]:
    """The method of every point, and one that is all of them, its numbers that differ arrays.

    A factory of optax's goes through `from_optax`.
    """
    if not callable(factory) or isinstance(factory, optax.GradientTransformation):
        raise TypeError(
            "factory must be a function that makes a method, such as jgd.gradient_descent or optax.adam, got "
            f"{type(factory).__name__}."
        )
    try:
        inspect.signature(factory).bind(**grid.points[0], **grid.constants)
    except TypeError as error:
        given = ", ".join([*grid.names, *grid.constants])
        raise TypeError(
            f"factory: {factory_name(factory)} cannot be called with {given} ({error})."
        ) from None
    except ValueError:  # has no signature that can be read
        pass
    if isinstance(factory(**grid.points[0], **grid.constants), optax.GradientTransformation):
        factory = partial(from_optax, factory)
    methods = [factory(**point, **grid.constants) for point in grid.points]
    as_method(methods[0])
    flat = [jax.tree.flatten(method) for method in methods]
    structure = flat[0][1]
    for point, (_, other) in zip(grid.points, flat, strict=True):
        if other != structure:
            _refuse(factory, grid, point, structure)
    columns = map(_column, zip(*(leaves for leaves, _ in flat), strict=True))
    return methods, jax.tree.unflatten(structure, list(columns))


def _column(leaves: tuple) -> Any:
    """The numbers of all runs, or the one that they have in common."""
    column = np.asarray(leaves)
    return column if (column != column[0]).any() else leaves[0]


def _refuse(factory: Callable, grid: Grid, point: Mapping[str, Any], structure: Any) -> None:
    """Raise the sentence on which number of the point changes the structure of the method."""
    first, culprit = grid.points[0], ", ".join(grid.names)
    for name in grid.names:
        alone = as_method(factory(**{**first, name: point[name]}, **grid.constants))
        if jax.tree.structure(alone) != structure:
            culprit = name
            break
    raise ValueError(
        f"{culprit} is static: {first.get(culprit, first)!r} and {point.get(culprit, point)!r} make methods "
        "of different structure (as whole numbers, flags, schedules and searches do), which no one compiled "
        "program holds; give one value here, or hand the methods to jgd.compare."
    )
