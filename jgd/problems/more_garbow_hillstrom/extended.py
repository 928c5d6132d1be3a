"""Extended problems, copies of a small one side by side: 1, 13, 21 and 22.

r_i are the residuals; every loss is f(x) = sum_i r_i^2.

Reference: Moré, Garbow & Hillstrom (1981), Testing unconstrained optimization software, ACM TOMS 7.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from jgd.problems.casting import sum_of_squares
from jgd.problems.more_garbow_hillstrom.entries import check, entry, sized
from jgd.problems.problem import Problem


@sum_of_squares
def _extended_rosenbrock(x: jax.Array) -> jax.Array:
    return jnp.concatenate([10.0 * (x[1::2] - x[::2] ** 2), 1.0 - x[::2]])


def extended_rosenbrock(n: int = 10) -> Problem:
    """Extended Rosenbrock function: n/2 independent copies of Rosenbrock's.

        r_{2i-1} = 10 (x_{2i} - x_{2i-1}^2),  r_{2i} = 1 - x_{2i-1},  i = 1 .. n/2

    Reference: problem 21; Spedicato (1975).
    """
    check(n >= 2 and n % 2 == 0, "n", n, "even and positive")
    return entry(
        21,
        sized("extended-rosenbrock", n, 10),
        _extended_rosenbrock,
        np.resize([-1.2, 1.0], n),
        minimizers=(np.ones(n),),
        origin="Spedicato (1975)",
    )


def rosenbrock() -> Problem:
    """Rosenbrock's function as two residuals: the extended one with n = 2.

    Reference: problem 1; Rosenbrock (1960).
    """
    return entry(
        1,
        "rosenbrock",
        _extended_rosenbrock,
        [-1.2, 1.0],
        minimizers=([1.0, 1.0],),
        origin="Rosenbrock (1960)",
    )


@sum_of_squares
def _extended_powell_singular(x: jax.Array) -> jax.Array:
    a, b, c, d = x.reshape(-1, 4).T
    return jnp.concatenate(
        [
            a + 10.0 * b,
            math.sqrt(5.0) * (c - d),
            (b - 2.0 * c) ** 2,
            math.sqrt(10.0) * (a - d) ** 2,
        ]
    )


def extended_powell_singular(n: int = 12) -> Problem:
    """Extended Powell singular function: n/4 independent copies of Powell's.

    Reference: problem 22; Spedicato (1975).
    """
    check(n >= 4 and n % 4 == 0, "n", n, "a positive multiple of 4")
    return entry(
        22,
        sized("extended-powell-singular", n, 12),
        _extended_powell_singular,
        np.resize([3.0, -1.0, 0.0, 1.0], n),
        minimizers=(np.zeros(n),),
        origin="Spedicato (1975)",
    )


def powell_singular() -> Problem:
    """Powell's singular function: the Hessian at the minimum has rank 2 of 4.

        r_1 = x_1 + 10 x_2,  r_2 = sqrt(5) (x_3 - x_4),  r_3 = (x_2 - 2 x_3)^2,
        r_4 = sqrt(10) (x_1 - x_4)^2

    Reference: problem 13; Powell (1962).
    """
    return entry(
        13,
        "powell-singular",
        _extended_powell_singular,
        [3.0, -1.0, 0.0, 1.0],
        minimizers=(np.zeros(4),),
        origin="Powell (1962)",
    )
