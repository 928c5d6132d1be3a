"""Exponential curves fitted to another formula's values: problems 6, 11, 12, 16 and 18.

r_i are the residuals; every loss is f(x) = sum_i r_i^2.

Reference: Moré, Garbow & Hillstrom (1981), Testing unconstrained optimization software, ACM TOMS 7.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jgd.problems.casting import sum_of_squares
from jgd.problems.more_garbow_hillstrom.entries import entry
from jgd.problems.problem import Problem


@sum_of_squares
def _jennrich_sampson(x: jax.Array, i: jax.Array) -> jax.Array:
    return 2.0 + 2.0 * i - jnp.exp(i * x[0]) - jnp.exp(i * x[1])


def jennrich_sampson() -> Problem:
    """Jennrich and Sampson's function: large residuals, steep exponentials.

        r_i = 2 + 2 i - (exp(i x_1) + exp(i x_2)),  i = 1 .. 10

    Reference: problem 6 (m = 10); Jennrich & Sampson (1968).
    """
    return entry(
        6,
        "jennrich-sampson",
        _jennrich_sampson,
        [0.3, 0.4],
        (np.arange(1.0, 11.0),),
        minimum=124.362182355615,
        minimizers=([0.257825213670364, 0.257825213670364],),
        origin="Jennrich & Sampson (1968)",
    )


@sum_of_squares
def _gulf(x: jax.Array, t: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.exp(-(jnp.abs(y - x[1]) ** x[2]) / x[0]) - t


def gulf() -> Problem:
    """Gulf Research and Development's function: a Weibull curve fitted to its own values.

        r_i = exp(-abs(y_i - x_2)^x_3 / x_1) - t_i
        t_i = i / 100,  y_i = 25 + (-50 ln t_i)^(2/3),  i = 1 .. 99

    The paper prints 'y_i m i x_2' for y_i - x_2, which the authors' own code (TOMS Algorithm 566)
    has, as here.

    Reference: problem 11 (m = 99); Cox (1969).
    """
    t = np.arange(1.0, 100.0) / 100.0
    return entry(
        11,
        "gulf",
        _gulf,
        [5.0, 2.5, 0.15],
        (t, 25.0 + (-50.0 * np.log(t)) ** (2.0 / 3.0)),
        minimizers=([50.0, 25.0, 1.5],),
        origin="Cox (1969)",
    )


@sum_of_squares
def _box(x: jax.Array, t: jax.Array) -> jax.Array:
    return jnp.exp(-t * x[0]) - jnp.exp(-t * x[1]) - x[2] * (jnp.exp(-t) - jnp.exp(-10.0 * t))


def box() -> Problem:
    """Box's three-dimensional function: two exponentials and their weight.

        r_i = exp(-t_i x_1) - exp(-t_i x_2) - x_3 (exp(-t_i) - exp(-10 t_i)),  t_i = i / 10,
        i = 1 .. 10

    Reference: problem 12 (m = 10); Box (1966).
    """
    return entry(
        12,
        "box",
        _box,
        [0.0, 10.0, 20.0],
        (np.arange(1.0, 11.0) / 10.0,),
        minimizers=([1.0, 10.0, 1.0], [10.0, 1.0, -1.0]),
        origin="Box (1966)",
        note="f = 0 also wherever x_1 = x_2 and x_3 = 0",
    )


@sum_of_squares
def _brown_dennis(x: jax.Array, t: jax.Array) -> jax.Array:
    return (x[0] + t * x[1] - jnp.exp(t)) ** 2 + (x[2] + x[3] * jnp.sin(t) - jnp.cos(t)) ** 2


def brown_dennis() -> Problem:
    """Brown and Dennis's function: residuals that stay large at the minimum.

        r_i = (x_1 + t_i x_2 - exp(t_i))^2 + (x_3 + x_4 sin(t_i) - cos(t_i))^2,  t_i = i / 5,
        i = 1 .. 20

    Reference: problem 16 (m = 20); Brown & Dennis (1971).
    """
    return entry(
        16,
        "brown-dennis",
        _brown_dennis,
        [25.0, 5.0, -5.0, -1.0],
        (np.arange(1.0, 21.0) / 5.0,),
        minimum=85822.2016263563,
        minimizers=([-11.5944399047622, 13.2036300512072, -0.403439488176859, 0.236778774455736],),
        origin="Brown & Dennis (1971)",
    )


@sum_of_squares
def _biggs(x: jax.Array, t: jax.Array, y: jax.Array) -> jax.Array:
    return x[2] * jnp.exp(-t * x[0]) - x[3] * jnp.exp(-t * x[1]) + x[5] * jnp.exp(-t * x[4]) - y


def biggs() -> Problem:
    """Biggs's EXP6 function: three exponentials recovered from exact values of their sum.

        r_i = x_3 exp(-t_i x_1) - x_4 exp(-t_i x_2) + x_6 exp(-t_i x_5) - y_i
        y_i = exp(-t_i) - 5 exp(-10 t_i) + 3 exp(-4 t_i),  t_i = i / 10,  i = 1 .. 13

    Reference: problem 18 (m = 13); Biggs (1971).
    """
    t = np.arange(1.0, 14.0) / 10.0
    return entry(
        18,
        "biggs",
        _biggs,
        [1.0, 2.0, 1.0, 1.0, 1.0, 1.0],
        (t, np.exp(-t) - 5.0 * np.exp(-10.0 * t) + 3.0 * np.exp(-4.0 * t)),
        minimizers=([1.0, 10.0, 1.0, 5.0, 4.0, 3.0], [4.0, 10.0, 3.0, 5.0, 1.0, 1.0]),
        origin="Biggs (1971)",
        note="the paper lists a local minimum, f = 5.65565e-3, where quasi-Newton methods end",
    )
