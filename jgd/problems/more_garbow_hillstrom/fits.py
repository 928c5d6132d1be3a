"""Fits to observations: problems 8, 9, 10, 15, 17 and 19.

r_i are the residuals; every loss is f(x) = sum_i r_i^2.

Reference: Moré, Garbow & Hillstrom (1981), Testing unconstrained optimization software, ACM TOMS 7.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jgd.problems.casting import sum_of_squares
from jgd.problems.more_garbow_hillstrom import tables
from jgd.problems.more_garbow_hillstrom.entries import entry
from jgd.problems.problem import Problem


@sum_of_squares
def _bard(x: jax.Array, y: jax.Array, u: jax.Array, v: jax.Array, w: jax.Array) -> jax.Array:
    return y - (x[0] + u / (v * x[1] + w * x[2]))


def bard() -> Problem:
    """Bard's function: a rational fit of three parameters to fifteen observations.

        r_i = y_i - (x_1 + u_i / (v_i x_2 + w_i x_3)),  u_i = i, v_i = 16 - i, w_i = min(u_i, v_i)

    Reference: problem 8; Bard (1970).
    """
    u = np.arange(1.0, 16.0)
    return entry(
        8,
        "bard",
        _bard,
        [1.0, 1.0, 1.0],
        (tables.BARD, u, 16.0 - u, np.minimum(u, 16.0 - u)),
        minimum=8.214877306578975e-3,
        minimizers=([0.08241055974979, 1.13303609202974, 2.34369517864252],),
        origin="Bard (1970)",
        note="f also tends to 17.4287 as x_2 and x_3 tend to minus infinity at x_1 = 0.8406",
    )


@sum_of_squares
def _gaussian(x: jax.Array, t: jax.Array, y: jax.Array) -> jax.Array:
    return x[0] * jnp.exp(-0.5 * x[1] * (t - x[2]) ** 2) - y


def gaussian() -> Problem:
    """Gaussian function: a normal density's height, width and place from fifteen of its values.

        r_i = x_1 exp(-x_2 (t_i - x_3)^2 / 2) - y_i,  t_i = (8 - i) / 2

    Reference: problem 9.
    """
    return entry(
        9,
        "gaussian",
        _gaussian,
        [0.4, 1.0, 0.0],
        ((8.0 - np.arange(1.0, 16.0)) / 2.0, tables.GAUSSIAN),
        minimum=1.127932769618648e-8,
        minimizers=([0.398956137838757, 1.00001908448780, 0.0],),
    )


@sum_of_squares
def _meyer(x: jax.Array, t: jax.Array, y: jax.Array) -> jax.Array:
    return x[0] * jnp.exp(x[1] / (t + x[2])) - y


def meyer() -> Problem:
    """Meyer's function: a thermistor's resistance, in parameters of scales 1e-2 to 1e4.

        r_i = x_1 exp(x_2 / (t_i + x_3)) - y_i,  t_i = 45 + 5 i,  i = 1 .. 16

    Reference: problem 10; Meyer (1970).
    """
    return entry(
        10,
        "meyer",
        _meyer,
        [0.02, 4000.0, 250.0],
        (45.0 + 5.0 * np.arange(1.0, 17.0), tables.MEYER),
        minimum=87.94585517085100,
        minimizers=([5.609636471028416e-3, 6181.346346286318, 345.2236346241347],),
        origin="Meyer (1970)",
    )


@sum_of_squares
def _kowalik_osborne(x: jax.Array, u: jax.Array, y: jax.Array) -> jax.Array:
    return y - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])


def kowalik_osborne() -> Problem:
    """Kowalik and Osborne's function: the kinetics of an enzyme, four parameters.

        r_i = y_i - x_1 (u_i^2 + u_i x_2) / (u_i^2 + u_i x_3 + x_4),  i = 1 .. 11

    Reference: problem 15; Kowalik & Osborne (1968).
    """
    return entry(
        15,
        "kowalik-osborne",
        _kowalik_osborne,
        [0.25, 0.39, 0.415, 0.39],
        (tables.KOWALIK_OSBORNE_U, tables.KOWALIK_OSBORNE_Y),
        minimum=3.075056038492374e-4,
        minimizers=([0.192806934592870, 0.191282328423685, 0.123056506867814, 0.136062330539946],),
        origin="Kowalik & Osborne (1968)",
        note="f also tends to 1.02734e-3 at infinity, near x_2 = -14.07",
    )


@sum_of_squares
def _osborne_1(x: jax.Array, t: jax.Array, y: jax.Array) -> jax.Array:
    return y - (x[0] + x[1] * jnp.exp(-t * x[3]) + x[2] * jnp.exp(-t * x[4]))


def osborne_1() -> Problem:
    """Osborne's first function: two slow exponentials of opposite sign.

        r_i = y_i - (x_1 + x_2 exp(-t_i x_4) + x_3 exp(-t_i x_5)),  t_i = 10 (i - 1),  i = 1 .. 33

    Reference: problem 17; Osborne (1972).
    """
    return entry(
        17,
        "osborne-1",
        _osborne_1,
        [0.5, 1.5, -1.0, 0.01, 0.02],
        (10.0 * np.arange(33.0), tables.OSBORNE_1),
        minimum=5.464894697482906e-5,
        minimizers=(
            [
                0.375410052106952,
                1.93584691271240,
                -1.46468713661346,
                0.0128675346400570,
                0.0221226996616720,
            ],
        ),
        origin="Osborne (1972)",
    )


@sum_of_squares
def _osborne_2(x: jax.Array, t: jax.Array, y: jax.Array) -> jax.Array:
    decay = x[0] * jnp.exp(-t * x[4])
    peaks = x[1:4] * jnp.exp(-((t[:, None] - x[8:]) ** 2) * x[5:8])
    return y - (decay + jnp.sum(peaks, axis=1))


def osborne_2() -> Problem:
    """Osborne's second function: three Gaussian peaks on an exponential decay.

        r_i = y_i - (x_1 exp(-t_i x_5) + sum over k = 1 .. 3 of
              x_{1+k} exp(-(t_i - x_{8+k})^2 x_{5+k})),  t_i = (i - 1) / 10,  i = 1 .. 65

    Reference: problem 19; Osborne (1972).
    """
    return entry(
        19,
        "osborne-2",
        _osborne_2,
        [1.3, 0.65, 0.65, 0.7, 0.6, 3.0, 5.0, 7.0, 2.0, 4.5, 5.5],
        (np.arange(65.0) / 10.0, tables.OSBORNE_2),
        minimum=4.013773629354774e-2,
        origin="Osborne (1972)",
    )
