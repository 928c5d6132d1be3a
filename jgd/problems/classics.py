"""Classics: the curved valleys and many-minimum functions that every optimizer is shown on."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.problems import more_garbow_hillstrom as mgh
from jgd.problems.problem import Problem


def rosenbrock_loss(x: Any) -> jax.Array:
    """Chained Rosenbrock f(x) = sum_i 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2, x of shape (n,)."""
    x = jnp.asarray(x)
    return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def rosenbrock(n: int = 2) -> Problem:
    """Rosenbrock's curved valley, for n > 2 in the chained form.

        f(x) = sum over i = 1 .. n-1 of 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2

    The start is (-1.2, 1), repeated. The extended form of independent pairs is
    `more_garbow_hillstrom.extended_rosenbrock`. Raises ValueError for n < 2.

    Reference: Rosenbrock (1960), An automatic method for finding the greatest or least value of a
    function; chained: Shang & Qiu (2006), A note on the extended Rosenbrock function.
    """
    if n < 2:
        raise ValueError(f"n must be at least 2, not {n}")
    return Problem(
        name="rosenbrock" if n == 2 else f"rosenbrock-{n}",
        fun=rosenbrock_loss,
        x0=np.resize([-1.2, 1.0], n),
        minimum=0.0,
        minimizers=(np.ones(n),),
        source="Rosenbrock (1960)",
        note=""
        if n < 4
        else "a local minimum, f = 3.7 to 4, lies near (-1, 1, ..., 1); some methods end there",
    )


def beale() -> Problem:
    """Beale's function under its short name: flat far out, with a sharp curved valley.

    Formula, start and reference as in `more_garbow_hillstrom.beale`.
    """
    return dataclasses.replace(mgh.beale(), name="beale")


def himmelblau_loss(x: Any) -> jax.Array:
    """Himmelblau f(x, y) = (x^2 + y - 11)^2 + (x + y^2 - 7)^2, for x of shape (2,)."""
    x = jnp.asarray(x)
    return (x[0] ** 2 + x[1] - 11.0) ** 2 + (x[0] + x[1] ** 2 - 7.0) ** 2


def himmelblau() -> Problem:
    """Himmelblau's function: four minima of equal value around a maximum.

        f(x, y) = (x^2 + y - 11)^2 + (x + y^2 - 7)^2

    The start is the origin, from where descent ends at (3, 2).

    Reference: Himmelblau (1972), Applied Nonlinear Programming, McGraw-Hill.
    """
    return Problem(
        name="himmelblau",
        fun=himmelblau_loss,
        x0=np.zeros(2),
        minimum=0.0,
        minimizers=(
            np.array([3.0, 2.0]),
            np.array([-2.805118086952745, 3.131312518250573]),
            np.array([-3.779310253377747, -3.283185991286170]),
            np.array([3.584428340330492, -1.848126526964404]),
        ),
        source="Himmelblau (1972)",
    )
