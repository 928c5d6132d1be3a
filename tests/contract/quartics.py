"""Quartic polynomials in two variables: small problems of every kind that are all one function.

A method compiles once for all of them. Beyond a wall, by default infinitely far, the value is NaN.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from scipy.signal import convolve2d

from jgd.problems import Problem, get

ONE = np.ones((1, 1))
U = np.array([[0.0], [1.0]])
V = np.array([[0.0, 1.0]])


def total(*polynomials: Any) -> np.ndarray:
    """The sum, as the (5, 5) coefficients of u^i v^j."""
    coefficients = np.zeros((5, 5))
    for polynomial in polynomials:
        rows, columns = polynomial.shape
        coefficients[:rows, :columns] += polynomial
    return coefficients


def product(*polynomials: Any) -> np.ndarray:
    """The product, as coefficients of u^i v^j."""
    result = ONE
    for polynomial in polynomials:
        rows, columns = np.nonzero(polynomial)
        result = convolve2d(result, polynomial[: max(rows) + 1, : max(columns) + 1])
    return result


def square(polynomial: Any) -> np.ndarray:
    return product(polynomial, polynomial)


def quartic(x: Any, coefficients: Any, wall: Any) -> Any:
    """sum c_ij u^i v^j over i + j <= 4, for x = (u, v); NaN where u is beyond the wall."""
    u, v = x[0], x[1]
    powers_u = jnp.stack([jnp.ones_like(u), u, u**2, u**3, u**4])
    powers_v = jnp.stack([jnp.ones_like(v), v, v**2, v**3, v**4])
    value = jnp.sum(coefficients.astype(x.dtype) * powers_u[:, None] * powers_v[None, :])
    return jnp.where(u <= wall.astype(x.dtype), value, jnp.nan)


def as_quartic(problem: Problem, *terms: Any, wall: float = np.inf) -> Problem:
    """The same problem, its function written as the sum of the terms."""
    return dataclasses.replace(problem, fun=quartic, args=(total(*terms), np.asarray(wall)))


def valley(condition: float) -> Problem:
    name = "valley" if condition == 100 else f"valley-{condition:g}"
    terms = 0.5 * square(U), 0.5 * condition * square(V)
    return dataclasses.replace(as_quartic(get("valley"), *terms), name=name)


def rosenbrock() -> Problem:
    return as_quartic(get("rosenbrock"), 100 * square(total(V, -square(U))), square(total(ONE, -U)))


def himmelblau(wall: float = np.inf) -> Problem:
    terms = square(total(square(U), V, -11 * ONE)), square(total(U, square(V), -7 * ONE))
    return as_quartic(get("himmelblau"), *terms, wall=wall)


def saddle() -> Problem:
    return as_quartic(get("saddle"), 0.5 * square(U), -0.5 * square(V), 0.25 * square(square(V)))


def bowl() -> Problem:
    """Strictly convex and no quadratic, its minimum 2 at (1, 1): no method fails on it."""
    u, v = total(U, -ONE), total(V, -ONE)
    terms = (
        0.5 * square(u),
        5.0 * square(v),
        0.25 * square(square(u)),
        0.25 * square(square(v)),
        0.5 * square(total(u, v)),
        2 * ONE,
    )
    start = Problem("bowl", quartic, np.array([2.5, -0.5]), minimum=2.0, minimizers=(np.ones(2),))
    return as_quartic(start, *terms)
