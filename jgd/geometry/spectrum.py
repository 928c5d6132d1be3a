"""Both ends of a Hessian's spectrum, each with its residual and how it was found."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.streamed import raise_fault
from jgd.core.types import Point
from jgd.linalg import lanczos
from jgd.linalg.norm import norm

DENSE_LIMIT = 500
"""Up to this many parameters the Hessian is formed and all its eigenvalues are found."""

LOOK = 8
"""Lanczos steps between two looks at the residuals."""

ROUNDINGS = 4
"""How many roundings of the largest eigenvalue an eigenvalue may be off beside its measured residual."""


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
    Lanczos' method: to rounding `lowest` lies above the lowest eigenvalue and `highest` below the highest,
    and `converged` says for each (lowest, highest) whether its residual met the tolerance. `products` counts
    Hessian-vector products (n stand for a dense Hessian), `starts` the random starts of Lanczos. What is no
    larger than `zero` counts as zero: `negligible`, and ten residuals of a dense `eigh`; a Ritz value's sign
    is right whatever its residual.
    """

    point: Point
    lowest: Eigenpair
    highest: Eigenpair
    eigenvalues: np.ndarray
    dense: bool
    converged: tuple[bool, ...]
    products: int
    starts: int
    zero: float


def spectrum(
    objective: Objective, x: Any, *, dense: bool, products: int, starts: int, tolerance: float, seed: int
) -> Spectrum:
    """The ends of the spectrum, by `eigh` or by Lanczos with at most `products` products from each start.

    Raises ValueError where the Hessian is not finite.
    """
    point = _evaluate(objective, x)
    if dense:
        return _dense(objective, point)
    return _lanczos(objective, point, products, starts, tolerance, seed)


_evaluate = jax.jit(Objective.evaluate)


@jax.jit
def _eigh(objective: Objective, x: Any) -> tuple[jax.Array, list[tuple[Any, jax.Array]]]:
    """All eigenvalues; of the lowest and the highest the eigenvector, and the size of its residual."""
    hessian = objective.hessian(x)
    values, vectors = jnp.linalg.eigh(hessian)
    ends = []
    for i in (0, -1):
        y = vectors[:, i]
        image = jnp.dot(hessian, y, precision=lax.Precision.HIGHEST)
        ends.append((_like(x, y), norm(image - values[i] * y)))
    return values, ends


def _dense(objective: Objective, point: Point) -> Spectrum:
    values, ends = _eigh(objective, point.x)
    values = np.asarray(values)
    check_finite(values, objective)
    size = float(np.max(np.abs(values)))
    low, high = (
        Eigenpair(float(value), float(residual) + _rounding(point.x) * size, y)
        for value, (y, residual) in zip(values[[0, -1]], ends, strict=True)
    )
    zero = max(10 * low.residual, 10 * high.residual, negligible(point.x) * size)
    return Spectrum(point, low, high, values, True, (True, True), len(values), 0, zero)


def _rounding(x: Any) -> float:
    """What rounding does to an eigenvalue, as a multiple of the largest one."""
    return ROUNDINGS * float(jnp.finfo(tree.scalar_dtype(x)).eps)


def negligible(x: Any) -> float:
    """An eigenvalue up to this multiple of the largest one counts as zero: ten roundings, in 16 bits one."""
    return max(10 * _rounding(x), *(ROUNDINGS * float(jnp.finfo(v.dtype).eps) for v in jax.tree.leaves(x)))


def check_finite(values: np.ndarray, objective: Objective | None = None) -> None:
    """Raise if what was found of a Hessian is not finite."""
    if not np.isfinite(values).all():
        raise_fault("" if objective is None else objective.fault())
        raise ValueError(
            "The Hessian at x has entries that are NaN or infinite: choose an x where fun has second "
            "derivatives."
        )


def _like(x: Any, vector: jax.Array) -> Any:
    """A vector as a pytree like x."""
    flat, unravel = tree.ravel(x)
    return unravel(vector.astype(flat.dtype))


def flat_hvp(objective: Objective, x: Any) -> Callable[[jax.Array], jax.Array]:
    """v -> H(x) v on vectors in the dtype of scalars about x, the gradient evaluated once for them all."""
    flat, unravel = tree.ravel(x)
    with jax.default_matmul_precision("highest"):
        _, tangent = jax.linearize(lambda v: tree.ravel(objective.grad(unravel(v)))[0], flat)
    wide = tree.scalar_dtype(x)
    return lambda v: tangent(v.astype(flat.dtype)).astype(wide)


@partial(jax.jit, static_argnames="steps")
def _begin(x: Any, seed: Any, i: Any, steps: int) -> lanczos.Tridiagonal:
    """The i-th random start."""
    key = jax.random.fold_in(jax.random.key(seed), i)
    return lanczos.begin(jax.random.normal(key, (tree.size(x),), tree.scalar_dtype(x)), steps)


@partial(jax.jit, donate_argnames="so_far")
def _extend(objective: Objective, x: Any, so_far: lanczos.Tridiagonal, end: Any) -> lanczos.Tridiagonal:
    return lanczos.extend(flat_hvp(objective, x), so_far, end)


@jax.jit
def _vector(
    objective: Objective, x: Any, so_far: lanczos.Tridiagonal, weights: jax.Array, value: jax.Array
) -> tuple[Any, jax.Array]:
    """A Ritz vector as a pytree like x, and the size of its residual by one product more."""
    y = jnp.dot(weights, so_far.basis, precision=lax.Precision.HIGHEST)
    y = y / jnp.linalg.norm(y)
    return _like(x, y), norm(flat_hvp(objective, x)(y) - value * y)


def _lanczos(
    objective: Objective, point: Point, products: int, starts: int, tolerance: float, seed: int
) -> Spectrum:
    x = point.x
    steps = min(products - 2, tree.size(x))
    used, found, low, high = 0, [], [], []
    for i in range(starts):
        so_far = _begin(x, seed, i, steps)
        while True:
            before = int(so_far.done)
            so_far = _extend(objective, x, so_far, before + LOOK)
            check_finite(np.asarray(so_far.diagonal), objective)
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
            ends.append(Eigenpair(float(values[side]), float(residual), y))
    eigenvalues = np.sort(np.concatenate(found))
    size = float(np.max(np.abs(eigenvalues)))
    lowest, highest = (
        replace(end, residual=end.residual + _rounding(x) * size)
        for end in (min(low, key=lambda end: end.value), max(high, key=lambda end: end.value))
    )
    converged = tuple(end.residual <= tolerance * abs(end.value) for end in (lowest, highest))
    zero = negligible(x) * size
    return Spectrum(point, lowest, highest, eigenvalues, False, converged, used, starts, zero)
