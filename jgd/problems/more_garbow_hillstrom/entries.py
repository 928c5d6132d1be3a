"""Entries of the collection: Problems under their numbers in Moré, Garbow & Hillstrom (1981)."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from jgd.problems.problem import Problem


def entry(
    number: int,
    name: str,
    fun: Callable[..., Any],
    x0: ArrayLike,
    args: tuple[Any, ...] = (),
    *,
    minimum: float | None = 0.0,
    minimizers: tuple[ArrayLike, ...] = (),
    origin: str = "",
    note: str = "",
) -> Problem:
    """The Problem `mgh/name`; origin is who published it before the collection did."""
    source = f"Moré, Garbow & Hillstrom (1981), problem {number}"
    return Problem(
        name=f"mgh/{name}",
        fun=fun,
        x0=np.asarray(x0, float),
        args=args,
        minimum=minimum,
        minimizers=tuple(np.asarray(point, float) for point in minimizers),
        source=f"{source}; {origin}" if origin else source,
        note=note,
    )


def sized(name: str, n: int, default: int) -> str:
    """The name, with n appended where it is not the default."""
    return name if n == default else f"{name}-{n}"


def check(holds: bool, argument: str, value: Any, rule: str) -> None:
    """Raises ValueError saying that the argument must obey the rule, unless it holds."""
    if not holds:
        raise ValueError(f"{argument} must be {rule}, not {value}")


def indices(x: jax.Array) -> jax.Array:
    """1, 2, ..., n in x's dtype, for x of shape (n,)."""
    return jnp.arange(1, x.size + 1, dtype=x.dtype)
