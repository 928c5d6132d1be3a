"""Problems of variable dimension: 20, 23 to 27 and 35.

r_i are the residuals; every loss is f(x) = sum_i r_i^2.

Reference: Moré, Garbow & Hillstrom (1981), Testing unconstrained optimization software, ACM TOMS 7.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from jgd.problems.casting import sum_of_squares
from jgd.problems.more_garbow_hillstrom.entries import check, entry, indices, sized
from jgd.problems.problem import Problem


@sum_of_squares
def _watson(x: jax.Array, powers: jax.Array, derivatives: jax.Array) -> jax.Array:
    fit = derivatives @ x - (powers @ x) ** 2 - 1.0
    return jnp.concatenate([fit, x[:1], x[1:2] - x[:1] ** 2 - 1.0])


def watson(n: int = 6) -> Problem:
    """Watson's function: a polynomial p that solves p' = 1 + p^2, p(0) = 0 in least squares.

        p(t) = sum_j x_j t^(j-1)
        r_i = p'(t_i) - p(t_i)^2 - 1,  t_i = i / 29,  i = 1 .. 29
        r_30 = x_1,  r_31 = x_2 - x_1^2 - 1

    For 2 <= n <= 31, and nearly singular from n = 9 on.

    Reference: problem 20; Kowalik & Osborne (1968).
    """
    check(2 <= n <= 31, "n", n, "between 2 and 31")
    powers = np.vander(np.arange(1.0, 30.0) / 29.0, n, increasing=True)
    derivatives = np.zeros_like(powers)
    derivatives[:, 1:] = powers[:, :-1] * np.arange(1.0, n)
    return entry(
        20,
        sized("watson", n, 6),
        _watson,
        np.zeros(n),
        (powers, derivatives),
        minimum={6: 2.287670053552436e-3, 9: 1.399760138099e-6, 12: 4.722381106e-10}.get(n),
        origin="Kowalik & Osborne (1968)",
    )


@sum_of_squares
def _penalty_1(x: jax.Array) -> jax.Array:
    sphere = jnp.sum(x**2, keepdims=True) - 0.25
    return jnp.concatenate([math.sqrt(1e-5) * (x - 1.0), sphere])


def penalty_1(n: int = 10) -> Problem:
    """Penalty function I: a weak pull to (1, ..., 1) against a strong one to a sphere.

        r_i = sqrt(1e-5) (x_i - 1),  i = 1 .. n,  r_{n+1} = sum_j x_j^2 - 1/4

    Reference: problem 23; Gill, Murray & Pitfield (1972).
    """
    check(n >= 1, "n", n, "positive")
    return entry(
        23,
        sized("penalty-1", n, 10),
        _penalty_1,
        np.arange(1.0, n + 1.0),
        minimum={4: 2.249977500899937e-5, 10: 7.087651467090369e-5}.get(n),
        origin="Gill, Murray & Pitfield (1972)",
    )


@sum_of_squares
def _penalty_2(x: jax.Array) -> jax.Array:
    i = indices(x)
    e = jnp.exp(x / 10.0)
    pairs = e[1:] + e[:-1] - jnp.exp(i[1:] / 10.0) - jnp.exp(i[:-1] / 10.0)
    ellipsoid = jnp.sum(i[::-1] * x**2, keepdims=True) - 1.0
    return jnp.concatenate(
        [
            x[:1] - 0.2,
            math.sqrt(1e-5) * pairs,
            math.sqrt(1e-5) * (e[1:] - math.exp(-0.1)),
            ellipsoid,
        ]
    )


def penalty_2(n: int = 10) -> Problem:
    """Penalty function II: weak exponential pulls against a strong one to an ellipsoid.

        r_1 = x_1 - 0.2
        r_i = sqrt(1e-5) (exp(x_i/10) + exp(x_{i-1}/10) - exp(i/10) - exp((i-1)/10)),  i = 2 .. n
        r_i = sqrt(1e-5) (exp(x_{i-n+1}/10) - exp(-1/10)),  i = n+1 .. 2n-1
        r_2n = sum_j (n - j + 1) x_j^2 - 1

    Reference: problem 24; Gill, Murray & Pitfield (1972).
    """
    check(n >= 1, "n", n, "positive")
    return entry(
        24,
        sized("penalty-2", n, 10),
        _penalty_2,
        np.full(n, 0.5),
        minimum={4: 9.376293007355445e-6, 10: 2.936605374567459e-4}.get(n),
        origin="Gill, Murray & Pitfield (1972)",
    )


@sum_of_squares
def _variably_dimensioned(x: jax.Array) -> jax.Array:
    total = jnp.sum(indices(x) * (x - 1.0), keepdims=True)
    return jnp.concatenate([x - 1.0, total, total**2])


def variably_dimensioned(n: int = 10) -> Problem:
    """Variably dimensioned function: a quadratic bowl with a quartic wall along one direction.

        r_i = x_i - 1,  i = 1 .. n,  r_{n+1} = sum_j j (x_j - 1),  r_{n+2} = r_{n+1}^2

    Reference: problem 25.
    """
    check(n >= 1, "n", n, "positive")
    return entry(
        25,
        sized("variably-dimensioned", n, 10),
        _variably_dimensioned,
        1.0 - np.arange(1.0, n + 1.0) / n,
        minimizers=(np.ones(n),),
    )


@sum_of_squares
def _trigonometric(x: jax.Array) -> jax.Array:
    c = jnp.cos(x)
    return x.size - jnp.sum(c) + indices(x) * (1.0 - c) - jnp.sin(x)


def trigonometric(n: int = 10) -> Problem:
    """Trigonometric function: many minima, most of them not zero.

        r_i = n - sum_j cos(x_j) + i (1 - cos(x_i)) - sin(x_i),  i = 1 .. n

    Reference: problem 26; Spedicato (1975).
    """
    check(n >= 1, "n", n, "positive")
    return entry(
        26,
        sized("trigonometric", n, 10),
        _trigonometric,
        np.full(n, 1.0 / n),
        minimizers=(np.zeros(n),),
        origin="Spedicato (1975)",
        note="for n = 10, from the start, descent ends at a local minimum, f = 2.795056e-5",
    )


@sum_of_squares
def _brown_almost_linear(x: jax.Array) -> jax.Array:
    linear = x + jnp.sum(x) - (x.size + 1.0)
    return jnp.concatenate([linear[:-1], jnp.prod(x, keepdims=True) - 1.0])


def brown_almost_linear(n: int = 10) -> Problem:
    """Brown's almost linear function: all residuals but one are linear.

        r_i = x_i + sum_j x_j - (n + 1),  i = 1 .. n-1,  r_n = prod_j x_j - 1

    Reference: problem 27; Brown (1969).
    """
    check(n >= 1, "n", n, "positive")
    return entry(
        27,
        sized("brown-almost-linear", n, 10),
        _brown_almost_linear,
        np.full(n, 0.5),
        minimizers=(np.ones(n),),
        origin="Brown (1969)",
        note="f = 0 also at (a, ..., a, a^(1-n)) with n a^n - (n+1) a^(n-1) + 1 = 0; "
        "f = 1, a local minimum, at (0, ..., 0, n+1)",
    )


@sum_of_squares
def _chebyquad(x: jax.Array) -> jax.Array:
    y = 2.0 * x - 1.0
    before, now, means = jnp.ones_like(y), y, []
    for i in range(1, x.size + 1):
        means.append(jnp.mean(now) + (1.0 / (i * i - 1.0) if i % 2 == 0 else 0.0))
        before, now = now, 2.0 * y * now - before
    return jnp.stack(means)


def chebyquad(n: int = 8) -> Problem:
    """Chebyquad: n nodes of equal weight that integrate the Chebyshev polynomials up to degree n.

        r_i = (1/n) sum_j T_i(x_j) - integral of T_i over [0, 1],  i = 1 .. n

    T_i are the Chebyshev polynomials shifted to [0, 1]; the integral is 0 for odd i and
    -1 / (i^2 - 1) for even i. Zero is reached for n <= 7 and n = 9 only.

    Reference: problem 35; Fletcher (1965).
    """
    check(n >= 1, "n", n, "positive")
    exact = dict.fromkeys((1, 2, 3, 4, 5, 6, 7, 9), 0.0)
    return entry(
        35,
        sized("chebyquad", n, 8),
        _chebyquad,
        np.arange(1.0, n + 1.0) / (n + 1.0),
        minimum={**exact, 8: 3.516873725677928e-3, 10: 4.772713696375e-3}.get(n),
        origin="Fletcher (1965)",
        note="at n = 10 the paper lists a local minimum, f = 6.503955e-3" if n == 10 else "",
    )
