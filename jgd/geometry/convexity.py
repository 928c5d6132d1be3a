"""A sampled check of convexity: it can find a violation, and can never find convexity."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.words import abbreviated
from jgd.geometry.spectrum import flat_hvp, negligible
from jgd.linalg import lanczos


@dataclass(frozen=True, eq=False)
class Convexity:
    """The answer of a sampled check: where curvature is negative, or that no sample is.

    `eigenvalue` is the lowest curvature found, d.H d/d.d in a direction d, and `at` where; `violated` says
    whether it is negative beyond rounding. `samples` counts those at which f and the curvature are finite.
    """

    violated: bool
    at: Any
    eigenvalue: float
    samples: int

    def __str__(self) -> str:
        """`violated at ..., lambda = ...` or `no violation in N samples`."""
        if not self.violated:
            return f"no violation in {self.samples:,} samples"
        return f"violated at {abbreviated(self.at)}, lambda = {self.eigenvalue:.6g}"


def _defined(objective: Objective, x: Any, found: jax.Array) -> jax.Array:
    """What was found of the curvature at x; NaN where f is not finite, though its derivatives may be."""
    with jax.default_matmul_precision("highest"):
        defined = jnp.isfinite(objective.value(x))
    return jnp.where(defined, found, jnp.asarray(jnp.nan, found.dtype))


@jax.jit
def _along(objective: Objective, x: Any, d: Any, times: jax.Array) -> tuple[jax.Array, jax.Array]:
    """d.H d/d.d for each t, H that at x + t d, and the larger one of |H v|/|v|, v = d and at random."""
    flat, unravel = tree.ravel(x)
    other = unravel(jax.random.normal(jax.random.key(0), flat.shape, flat.dtype))

    def look(t: jax.Array) -> tuple[jax.Array, jax.Array]:
        at = tree.add_scaled(x, t, d)
        hvp = objective.hvp(at)
        images = [(v, hvp(v)) for v in (d, other)]
        sizes = [jnp.sqrt(tree.dot(image, image) / tree.dot(v, v)) for v, image in images]
        return _defined(objective, at, tree.dot(d, images[0][1]) / tree.dot(d, d)), jnp.maximum(*sizes)

    return lax.map(look, times)


def along(objective: Objective, x: Any, y: Any, samples: int) -> Convexity:
    """The curvature along the segment from x to y at equally spaced points, both ends among them."""
    d = tree.subtract(y, x)
    times = jnp.linspace(0, 1, samples, dtype=tree.scalar_dtype(x))
    curvatures, sizes = (np.asarray(found, float) for found in _along(objective, x, d, times))
    return _answer(curvatures, negligible(x) * sizes, lambda i: tree.add_scaled(x, times[i], d))


@partial(jax.jit, static_argnames="steps")
def _ends(objective: Objective, points: jax.Array, like: Any, steps: int, key: jax.Array) -> jax.Array:
    """The lowest and the highest Ritz value of a few Lanczos steps at each row of `points`."""
    flat, unravel = tree.ravel(like)
    start = jax.random.normal(key, flat.shape, tree.scalar_dtype(like))

    def ends(point: jax.Array) -> jax.Array:
        t = lanczos.extend(flat_hvp(objective, unravel(point)), lanczos.begin(start, steps), steps)
        values, _ = lanczos.small_eigh(t)
        return _defined(objective, unravel(point), jnp.stack([values[steps - t.done], values[-1]]))

    return lax.map(ends, points)


def around(objective: Objective, x: Any, radius: float, samples: int, steps: int, seed: int) -> Convexity:
    """The lowest curvature at x and at points drawn uniformly from the box of that half-width around it."""
    flat, unravel = tree.ravel(x)
    draw, start = jax.random.split(jax.random.key(seed))
    offsets = jax.random.uniform(draw, (samples, flat.size), tree.scalar_dtype(x), -radius, radius)
    points = flat + offsets.at[0].set(0).astype(flat.dtype)
    ends = np.asarray(_ends(objective, points, x, min(steps, flat.size), start), float)
    sizes = np.max(np.abs(ends), axis=1)
    return _answer(ends[:, 0], negligible(x) * sizes, lambda i: unravel(points[i]))


def _answer(curvatures: np.ndarray, noise: np.ndarray, at: Callable[[int], Any]) -> Convexity:
    """The lowest curvature that is negative beyond its noise, or the lowest at all."""
    finite = np.isfinite(curvatures)
    violated = finite & (curvatures < -noise)
    among = violated if violated.any() else finite
    lowest = int(np.argmin(np.where(among, curvatures, np.inf)))
    return Convexity(bool(violated.any()), at(lowest), float(curvatures[lowest]), int(finite.sum()))
