"""The density of a Hessian's spectrum and its trace, estimated from random vectors, by matfree."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.geometry.spectrum import check_finite, flat_hvp
from jgd.linalg import lanczos


@dataclass(frozen=True, eq=False)
class Density:
    """How many of the n eigenvalues lie where: `density` integrates to 1 over `grid`.

    `error` is the standard error of each entry over the random vectors; `width` is the standard deviation of
    the Gaussians that stand for the single eigenvalues. `nodes` and `weights` (samples, steps) are the
    quadrature itself, each row's weights summing to 1.
    """

    grid: np.ndarray
    density: np.ndarray
    error: np.ndarray
    width: float
    nodes: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Trace:
    """The sum of all eigenvalues, with its standard error over the random vectors."""

    value: float
    error: float
    samples: int


def _matfree() -> Any:
    try:
        import matfree.decomp
        import matfree.stochtrace
    except ImportError as error:
        raise ImportError('Density and trace need matfree: pip install "jgd[curvature]".') from error
    return matfree


@contextmanager
def _as_matfree_needs_it() -> Iterator[None]:
    """Its dtypes are promoted, its products are of the highest precision."""
    with jax.numpy_dtype_promotion("standard"), jax.default_matmul_precision("highest"):
        yield


@partial(jax.jit, static_argnames=("steps", "samples"))
def _quadrature(objective: Objective, x: Any, key: jax.Array, steps: int, samples: int) -> Any:
    matfree = _matfree()
    tridiagonal = matfree.decomp.tridiag_sym(steps, reortho="full", materialize=True, custom_vjp=False)
    product = flat_hvp(objective, x)

    def rule(v: jax.Array) -> tuple[jax.Array, jax.Array]:
        nodes, vectors = jnp.linalg.eigh(_cut(tridiagonal(product, v).J_small))
        return nodes, vectors[0] ** 2

    with _as_matfree_needs_it():
        vectors = matfree.stochtrace.sampler_sphere(_vector_like(x), num=samples)(key)
        return jax.lax.map(rule, vectors)


def _vector_like(x: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((tree.size(x),), tree.scalar_dtype(x))


def _cut(T: jax.Array) -> jax.Array:
    """T, cut where Lanczos had spanned all it can reach: what follows is noise there, and is decoupled.

    Its place is taken by the first diagonal entry, which lies within the spectrum and has no weight.
    """
    diagonal, below = jnp.diagonal(T), jnp.diagonal(T, 1)
    largest = jax.lax.cummax(jnp.maximum(jnp.abs(diagonal[:-1]), below))
    spanned = ~(below > lanczos.VANISHED * jnp.finfo(T.dtype).eps * largest)
    beyond = jnp.cumsum(spanned) > 0
    diagonal = diagonal.at[1:].set(jnp.where(beyond, diagonal[0], diagonal[1:]))
    below = jnp.where(beyond, 0, below)
    return jnp.diag(diagonal) + jnp.diag(below, 1) + jnp.diag(below, -1)


@partial(jax.jit, static_argnames="samples")
def _trace(objective: Objective, x: Any, key: jax.Array, samples: int) -> Any:
    stochtrace = _matfree().stochtrace
    product = flat_hvp(objective, x)
    with _as_matfree_needs_it():
        sampler = stochtrace.sampler_signs(_vector_like(x), num=1)
        integrand = stochtrace.monte_carlo_trace()
        one = stochtrace.estimator_monte_carlo(integrand, sampler)
        return jax.lax.map(lambda k: one(product, k), jax.random.split(key, samples))


def estimated(
    objective: Objective, x: Any, *, steps: int, samples: int, points: int, width: float | None, seed: int
) -> Density:
    """Stochastic Lanczos quadrature: `samples` random vectors, `steps` products from each.

    Reference: Ghorbani, Krishnan & Xiao (2019), An investigation into neural net optimization via Hessian
    eigenvalue density, alg. 1; Ubaru, Chen & Saad (2017), Fast estimation of tr(f(A)) via stochastic Lanczos
    quadrature.
    """
    _matfree()
    steps = min(steps, tree.size(x))
    nodes, weights = jax.device_get(_quadrature(objective, x, jax.random.key(seed), steps, samples))
    nodes, weights = np.asarray(nodes, float), np.asarray(weights, float)
    check_finite(nodes)
    low, high = float(nodes.min()), float(nodes.max())
    if width is None:
        size = max(abs(low), abs(high))
        width = (high - low if high - low > 1e-6 * size else size or 1.0) / 50
    grid = np.linspace(low - 4 * width, high + 4 * width, points)
    bells = np.exp(-(((grid - nodes[..., None]) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))
    each = np.sum(weights[..., None] * bells, axis=1)
    error = each.std(axis=0, ddof=1) / np.sqrt(samples) if samples > 1 else np.full(points, np.nan)
    return Density(grid, each.mean(axis=0), error, width, nodes, weights)


def trace(objective: Objective, x: Any, *, samples: int, seed: int) -> Trace:
    """Hutchinson's estimate: the mean of v.H v over vectors v of random signs.

    Reference: Hutchinson (1989), A stochastic estimator of the trace of the influence matrix.
    """
    _matfree()
    drawn = np.asarray(_trace(objective, x, jax.random.key(seed), samples), float)
    check_finite(drawn)
    error = drawn.std(ddof=1) / np.sqrt(samples) if samples > 1 else np.nan
    return Trace(float(drawn.mean()), float(error), samples)
