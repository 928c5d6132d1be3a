"""Sums of two squared quadratics in two variables: small problems of every kind, all one function.

A method compiles once for all of them. Beyond a wall, by default infinitely far, the value is NaN.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from jgd.problems import Problem, get


def two_squares(x: Any, coefficients: Any, constant: Any, wall: Any) -> Any:
    """|a + L x + Q x^2|^2 + constant with (a, L, Q) the coefficients; NaN where x[0] is beyond the wall."""
    a, L, Q = coefficients.astype(x.dtype)
    residuals = a[:, 0] + jnp.sum(L * x + Q * x**2, axis=1)
    value = jnp.sum(residuals**2) + constant.astype(x.dtype)
    return jnp.where(x[0] <= wall.astype(x.dtype), value, jnp.nan)


def made_of(problem: Problem, a: Any, L: Any, Q: Any, constant: float = 0, wall: float = np.inf) -> Problem:
    """The same problem, its function written with two squares."""
    coefficients = np.array([np.transpose([a, a]), L, Q], float)
    return dataclasses.replace(
        problem, fun=two_squares, args=(coefficients, np.array(float(constant)), np.array(wall))
    )


NONE = [[0, 0], [0, 0]]


def valley(condition: float) -> Problem:
    name = "valley" if condition == 100 else f"valley-{condition:g}"
    L = np.diag(np.sqrt([0.5, 0.5 * condition]))
    return dataclasses.replace(made_of(get("valley"), [0, 0], L, NONE), name=name)


def rosenbrock() -> Problem:
    return made_of(get("rosenbrock"), [0, 1], [[0, 10], [-1, 0]], [[-10, 0], [0, 0]])


def himmelblau(wall: float = np.inf) -> Problem:
    return made_of(get("himmelblau"), [-11, -7], [[0, 1], [1, 0]], [[1, 0], [0, 1]], wall=wall)


def saddle() -> Problem:
    return made_of(get("saddle"), [0, -0.5], [[0.5**0.5, 0], [0, 0]], [[0, 0], [0, 0.5]], -0.25)


def bowl() -> Problem:
    """(y^2/2 + 1)^2 + (z^2/2 + 5)^2 - 24 with y = u - 1, z = v - 1: convex, its minimum 2 at (1, 1)."""
    start = Problem("bowl", two_squares, np.array([2.5, -0.5]), minimum=2.0, minimizers=(np.ones(2),))
    return made_of(start, [1.5, 5.5], [[-1, 0], [0, -1]], [[0.5, 0], [0, 0.5]], -24)
