"""Systems of equations in variable dimension: problems 28 to 34.

r_i are the residuals; every loss is f(x) = sum_i r_i^2. In 28 to 31, x_0 = x_{n+1} = 0.

Reference: Moré, Garbow & Hillstrom (1981), Testing unconstrained optimization software, ACM TOMS 7.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jgd.problems.casting import sum_of_squares
from jgd.problems.more_garbow_hillstrom.entries import check, entry, indices, sized
from jgd.problems.problem import Problem


@sum_of_squares
def _discrete_boundary_value(x: jax.Array) -> jax.Array:
    h = 1.0 / (x.size + 1)
    padded = jnp.pad(x, 1)
    return 2.0 * x - padded[:-2] - padded[2:] + 0.5 * h**2 * (x + h * indices(x) + 1.0) ** 3


def _grid_start(n: int) -> np.ndarray:
    t = np.arange(1.0, n + 1.0) / (n + 1.0)
    return t * (t - 1.0)


def discrete_boundary_value(n: int = 10) -> Problem:
    """Discrete boundary value function: u'' = (u + t + 1)^3 / 2 by central differences.

        r_i = 2 x_i - x_{i-1} - x_{i+1} + h^2 (x_i + t_i + 1)^3 / 2,  t_i = i h,  h = 1 / (n + 1)

    Reference: problem 28; Moré & Cosnard (1979).
    """
    check(n >= 1, "n", n, "positive")
    return entry(
        28,
        sized("discrete-boundary-value", n, 10),
        _discrete_boundary_value,
        _grid_start(n),
        origin="Moré & Cosnard (1979)",
    )


@sum_of_squares
def _discrete_integral_equation(x: jax.Array) -> jax.Array:
    h = 1.0 / (x.size + 1)
    t = h * indices(x)
    cubes = (x + t + 1.0) ** 3
    up_to = jnp.cumsum(t * cubes)
    beyond = jnp.sum((1.0 - t) * cubes) - jnp.cumsum((1.0 - t) * cubes)
    return x + 0.5 * h * ((1.0 - t) * up_to + t * beyond)


def discrete_integral_equation(n: int = 10) -> Problem:
    """Discrete integral equation function: the boundary value problem in its integral form.

        r_i = x_i + h/2 ((1 - t_i) sum over j <= i of t_j (x_j + t_j + 1)^3
                         + t_i sum over j > i of (1 - t_j) (x_j + t_j + 1)^3)

    Reference: problem 29; Moré & Cosnard (1979).
    """
    check(n >= 1, "n", n, "positive")
    return entry(
        29,
        sized("discrete-integral-equation", n, 10),
        _discrete_integral_equation,
        _grid_start(n),
        origin="Moré & Cosnard (1979)",
    )


@sum_of_squares
def _broyden_tridiagonal(x: jax.Array) -> jax.Array:
    padded = jnp.pad(x, 1)
    return (3.0 - 2.0 * x) * x - padded[:-2] - 2.0 * padded[2:] + 1.0


def broyden_tridiagonal(n: int = 10) -> Problem:
    """Broyden's tridiagonal function.

        r_i = (3 - 2 x_i) x_i - x_{i-1} - 2 x_{i+1} + 1

    Reference: problem 30; Broyden (1965).
    """
    check(n >= 1, "n", n, "positive")
    return entry(
        30,
        sized("broyden-tridiagonal", n, 10),
        _broyden_tridiagonal,
        -np.ones(n),
        origin="Broyden (1965)",
    )


@sum_of_squares
def _broyden_banded(x: jax.Array) -> jax.Array:
    terms = jnp.pad(x * (1.0 + x), (5, 1))
    band = sum(terms[k : k + x.size] for k in (0, 1, 2, 3, 4, 6))
    return x * (2.0 + 5.0 * x**2) + 1.0 - band


def broyden_banded(n: int = 10) -> Problem:
    """Broyden's banded function: each equation couples five unknowns below and one above.

        r_i = x_i (2 + 5 x_i^2) + 1 - sum over j in J_i of x_j (1 + x_j)
        J_i = {j != i: max(1, i - 5) <= j <= min(n, i + 1)}

    Reference: problem 31; Broyden (1971).
    """
    check(n >= 1, "n", n, "positive")
    return entry(
        31,
        sized("broyden-banded", n, 10),
        _broyden_banded,
        -np.ones(n),
        origin="Broyden (1971)",
    )


@sum_of_squares
def _linear(x: jax.Array, A: jax.Array) -> jax.Array:
    return A @ x - 1.0


def linear_full_rank(n: int = 10, m: int = 20) -> Problem:
    """Linear function of full rank: every singular value is 1.

        r_i = x_i - (2/m) sum_j x_j - 1,  i = 1 .. n;  r_i = -(2/m) sum_j x_j - 1,  i = n+1 .. m

    Reference: problem 32.
    """
    check(m >= n >= 1, "n and m", (n, m), "positive with m at least n")
    return entry(
        32,
        sized("linear-full-rank", n, 10),
        _linear,
        np.ones(n),
        (np.eye(m, n) - 2.0 / m,),
        minimum=float(m - n),
        minimizers=(-np.ones(n),),
    )


def linear_rank_1(n: int = 10, m: int = 20) -> Problem:
    """Linear function of rank 1: minimal on a hyperplane, with one curvature that is huge.

        r_i = i sum_j j x_j - 1,  i = 1 .. m

    Reference: problem 33.
    """
    check(m >= n >= 1, "n and m", (n, m), "positive with m at least n")
    return entry(
        33,
        sized("linear-rank-1", n, 10),
        _linear,
        np.ones(n),
        (np.outer(np.arange(1.0, m + 1.0), np.arange(1.0, n + 1.0)),),
        minimum=m * (m - 1) / (2 * (2 * m + 1)),
        minimizers=(np.eye(n)[0] * 3.0 / (2 * m + 1),),
        note="minimal wherever sum_j j x_j = 3 / (2 m + 1)",
    )


def linear_rank_1_zeros(n: int = 10, m: int = 20) -> Problem:
    """Linear function of rank 1 with zero columns and rows: two parameters do not matter at all.

        r_1 = r_m = -1,  r_i = (i - 1) sum over j = 2 .. n-1 of j x_j - 1,  i = 2 .. m-1

    Reference: problem 34.
    """
    check(m >= n >= 3, "n and m", (n, m), "at least 3 with m at least n")
    rows, columns = np.arange(m, dtype=float), np.arange(1.0, n + 1.0)
    rows[-1] = columns[0] = columns[-1] = 0.0
    return entry(
        34,
        sized("linear-rank-1-zeros", n, 10),
        _linear,
        np.ones(n),
        (np.outer(rows, columns),),
        minimum=(m * m + 3 * m - 6) / (2 * (2 * m - 3)),
        minimizers=(np.eye(n)[1] * 1.5 / (2 * m - 3),),
        note="minimal wherever the sum over j = 2 .. n-1 of j x_j is 3 / (2 m - 3)",
    )
