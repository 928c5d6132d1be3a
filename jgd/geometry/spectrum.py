"""Both ends of a Hessian's spectrum, each with its residual and how it was found."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.types import Point
from jgd.linalg import lanczos

DENSE_LIMIT = 500
"""Up to this many parameters the Hessian is formed and all its eigenvalues are found."""

LOOK = 8
"""Lanczos steps between two looks at the residuals."""


@dataclass(frozen=True, eq=False)
class Eigenpair:
    """An eigenvalue, its unit eigenvector (a pytree like x), and |H v - value v|, rounding included."""

    value: float
    residual: float
    vector: Any


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The lowest and the highest eigenvalue of the Hessian at a point.

    If `dense` all `eigenvalues` were found, ascending, to rounding. Otherwise they are Ritz values of
    Lanczos' method: `lowest` lies above the lowest eigenvalue and `highest` below the highest, and
    `converged` says for each (lowest, highest) whether its residual met the tolerance. `products` counts
    Hessian-vector products (n stand for a dense Hessian), `starts` the random starts of Lanczos.
    """

    point: Point
    lowest: Eigenpair
    highest: Eigenpair
    eigenvalues: np.ndarray
    dense: bool
    converged: tuple[bool, ...]
    products: int
    starts: int


def spectrum(
    objective: Objective, x: Any, *, dense: bool, products: int, starts: int, tolerance: float, seed: int
) -> Spectrum:
    """The ends of the spectrum, by `eigh` or by Lanczos with at most `products` products from each start."""
    point = _evaluate(objective, x)
    if dense:
        return _dense(objective, point)
    return _lanczos(objective, point, products, starts, tolerance, seed)


_evaluate = jax.jit(Objective.evaluate)


@jax.jit
def _eigh(objective: Objective, x: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    hessian = objective.hessian(x)
    values, vectors = jnp.linalg.eigh(hessian)
    ends = vectors[:, jnp.array([0, -1])]
    with jax.default_matmul_precision("highest"):
        errors = hessian @ ends - ends * values[jnp.array([0, -1])]
    return values, ends, jnp.linalg.norm(errors, axis=0)


def _dense(objective: Objective, point: Point) -> Spectrum:
    _, unravel = tree.ravel(point.x)
    values, vectors, residuals = jax.device_get(_eigh(objective, point.x))
    rounding = _rounding(values)
    low, high = (
        Eigenpair(float(values[i]), float(residuals[i]) + rounding, _unflat(unravel, point.x, vectors[:, i]))
        for i in (0, -1)
    )
    return Spectrum(point, low, high, values, True, (True, True), len(values), 0)


def _rounding(values: np.ndarray) -> float:
    """What rounding does to an eigenvalue of a matrix with these."""
    return float(np.sqrt(values.size) * np.finfo(values.dtype).eps * np.max(np.abs(values)))


def _unflat(unravel: Any, x: Any, flat: Any) -> Any:
    """A vector as a pytree like x."""
    return unravel(jnp.asarray(flat, tree.dtype(x)))


def _product(objective: Objective, x: Any) -> Any:
    """v -> H(x) v on vectors, the gradient evaluated once for all products."""
    flat, unravel = tree.ravel(x)
    with jax.default_matmul_precision("highest"):
        _, tangent = jax.linearize(lambda v: tree.ravel(objective.grad(unravel(v)))[0], flat)
    wide = tree.scalar_dtype(x)
    return lambda v: tangent(v.astype(flat.dtype)).astype(wide)


@partial(jax.jit, static_argnames="steps")
def _begin(objective: Objective, x: Any, key: jax.Array, steps: int) -> lanczos.Tridiagonal:
    del objective
    start = jax.random.normal(key, (tree.size(x),), tree.scalar_dtype(x))
    return lanczos.begin(start, steps)


@partial(jax.jit, donate_argnames="so_far")
def _extend(objective: Objective, x: Any, so_far: lanczos.Tridiagonal, end: Any) -> lanczos.Tridiagonal:
    return lanczos.extend(_product(objective, x), so_far, end)


@jax.jit
def _vector(
    objective: Objective, x: Any, so_far: lanczos.Tridiagonal, weights: jax.Array, value: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """A Ritz vector, and the size of its residual by one product more."""
    y = jnp.dot(weights, so_far.basis, precision=lax.Precision.HIGHEST)
    y = y / jnp.linalg.norm(y)
    return y, jnp.linalg.norm(_product(objective, x)(y) - value * y)


def _lanczos(
    objective: Objective, point: Point, products: int, starts: int, tolerance: float, seed: int
) -> Spectrum:
    x = point.x
    _, unravel = tree.ravel(x)
    steps = min(products - 2, tree.size(x))
    used, found, low, high = 0, [], [], []
    for key in jax.random.split(jax.random.key(seed), starts):
        so_far = _begin(objective, x, key, steps)
        while True:
            before = int(so_far.done)
            so_far = _extend(objective, x, so_far, before + LOOK)
            values, weights, residuals = lanczos.ritz(so_far)
            met = residuals[[0, -1]] <= tolerance * np.abs(values[[0, -1]])
            if met.all() or int(so_far.done) < before + LOOK or int(so_far.done) == steps:
                break
        used += int(so_far.done) + 2
        found.append(values)
        for side, ends in ((0, low), (-1, high)):
            row = np.zeros(so_far.basis.shape[0], so_far.basis.dtype)
            row[: len(values)] = weights[:, side]
            y, residual = _vector(objective, x, so_far, row, np.asarray(values[side], row.dtype))
            size = float(residual) + _rounding(values.astype(row.dtype))
            ends.append(Eigenpair(float(values[side]), size, _unflat(unravel, x, y)))
    lowest = min(low, key=lambda end: end.value)
    highest = max(high, key=lambda end: end.value)
    converged = tuple(end.residual <= tolerance * abs(end.value) for end in (lowest, highest))
    eigenvalues = np.sort(np.concatenate(found))
    return Spectrum(point, lowest, highest, eigenvalues, False, converged, used, starts)
