"""Small problems, of two to four parameters and no data: 2 to 5, 7 and 14.

r_i are the residuals; every loss is f(x) = sum_i r_i^2.

Reference: Moré, Garbow & Hillstrom (1981), Testing unconstrained optimization software, ACM TOMS 7.
"""

import math

import jax
import jax.numpy as jnp

from jgd.problems.casting import sum_of_squares
from jgd.problems.more_garbow_hillstrom.entries import entry
from jgd.problems.problem import Problem


@sum_of_squares
def _freudenstein_roth(x: jax.Array) -> jax.Array:
    u, v = x
    return jnp.stack([-13.0 + u + ((5.0 - v) * v - 2.0) * v, -29.0 + u + ((v + 1.0) * v - 14.0) * v])


def freudenstein_roth() -> Problem:
    """Freudenstein and Roth's function: a system whose least-squares form has a false minimum.

        r_1 = -13 + x_1 + ((5 - x_2) x_2 - 2) x_2
        r_2 = -29 + x_1 + ((x_2 + 1) x_2 - 14) x_2

    Reference: problem 2; Freudenstein & Roth (1963).
    """
    return entry(
        2,
        "freudenstein-roth",
        _freudenstein_roth,
        [0.5, -2.0],
        minimizers=([5.0, 4.0],),
        origin="Freudenstein & Roth (1963)",
        note="from the start, descent ends at a local minimum, f = 48.98425367924 at "
        "(11.41277899, -0.89680525)",
    )


@sum_of_squares
def _powell_badly_scaled(x: jax.Array) -> jax.Array:
    return jnp.stack([1e4 * x[0] * x[1] - 1.0, jnp.exp(-x[0]) + jnp.exp(-x[1]) - 1.0001])


def powell_badly_scaled() -> Problem:
    """Powell's badly scaled function: its minimizer's coordinates are six powers of ten apart.

        r_1 = 10^4 x_1 x_2 - 1,  r_2 = exp(-x_1) + exp(-x_2) - 1.0001

    Reference: problem 3; Powell (1970), A hybrid method for nonlinear equations.
    """
    return entry(
        3,
        "powell-badly-scaled",
        _powell_badly_scaled,
        [0.0, 1.0],
        minimizers=([1.098159329699776e-05, 9.106146739866871],),
        origin="Powell (1970)",
    )


@sum_of_squares
def _brown_badly_scaled(x: jax.Array) -> jax.Array:
    return jnp.stack([x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2.0])


def brown_badly_scaled() -> Problem:
    """Brown's badly scaled function: one coordinate of a million, one of two millionths.

        r_1 = x_1 - 10^6,  r_2 = x_2 - 2e-6,  r_3 = x_1 x_2 - 2

    Reference: problem 4.
    """
    return entry(4, "brown-badly-scaled", _brown_badly_scaled, [1.0, 1.0], minimizers=([1e6, 2e-6],))


@sum_of_squares
def _beale(x: jax.Array) -> jax.Array:
    u, v = x
    return jnp.stack([1.5 - u * (1.0 - v), 2.25 - u * (1.0 - v**2), 2.625 - u * (1.0 - v**3)])


def beale() -> Problem:
    """Beale's function: flat far out, with a sharp curved valley.

        r_i = y_i - x_1 (1 - x_2^i),  y = (1.5, 2.25, 2.625)

    Reference: problem 5; Beale (1958).
    """
    return entry(5, "beale", _beale, [1.0, 1.0], minimizers=([3.0, 0.5],), origin="Beale (1958)")


@sum_of_squares
def _helical_valley(x: jax.Array) -> jax.Array:
    # The angle runs over (-1/4, 3/4) of a turn, so its cut is the negative x_2 axis.
    turns = 0.25 + jnp.arctan2(-x[0], x[1]) / (2.0 * math.pi)
    return jnp.stack([10.0 * (x[2] - 10.0 * turns), 10.0 * (jnp.hypot(x[0], x[1]) - 1.0), x[2]])


def helical_valley() -> Problem:
    """Helical valley: the minimum lies half a turn along a spiral.

        r_1 = 10 (x_3 - 10 theta(x_1, x_2)),  r_2 = 10 (sqrt(x_1^2 + x_2^2) - 1),  r_3 = x_3
        theta = arctan(x_2 / x_1) / (2 pi), plus 1/2 where x_1 < 0

    theta jumps across x_1 = 0, x_2 < 0.

    Reference: problem 7; Fletcher & Powell (1963).
    """
    return entry(
        7,
        "helical-valley",
        _helical_valley,
        [-1.0, 0.0, 0.0],
        minimizers=([1.0, 0.0, 0.0],),
        origin="Fletcher & Powell (1963)",
    )


@sum_of_squares
def _wood(x: jax.Array) -> jax.Array:
    a, b, c, d = x
    return jnp.stack(
        [
            10.0 * (b - a**2),
            1.0 - a,
            math.sqrt(90.0) * (d - c**2),
            1.0 - c,
            math.sqrt(10.0) * (b + d - 2.0),
            (b - d) / math.sqrt(10.0),
        ]
    )


def wood() -> Problem:
    """Wood's function: two coupled curved valleys, with a saddle where methods linger.

        r_1 = 10 (x_2 - x_1^2),  r_2 = 1 - x_1,  r_3 = sqrt(90) (x_4 - x_3^2),  r_4 = 1 - x_3
        r_5 = sqrt(10) (x_2 + x_4 - 2),  r_6 = (x_2 - x_4) / sqrt(10)

    Reference: problem 14; Colville (1968).
    """
    return entry(
        14,
        "wood",
        _wood,
        [-3.0, -1.0, -3.0, -1.0],
        minimizers=([1.0, 1.0, 1.0, 1.0],),
        origin="Colville (1968)",
        note="a saddle, f = 7.876967, is at (-0.9680, 0.9471, -0.9695, 0.9512)",
    )
