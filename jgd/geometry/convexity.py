"""A sampled check of convexity: it can find a violation, and can never find convexity."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.linalg import lanczos

ROUNDING = 1e3
"""Curvatures below this many roundings of the largest one seen count as zero."""


@dataclass(frozen=True, eq=False)
class Convexity:
    """The answer of a sampled check: where curvature is negative, or that no sample is.

    `eigenvalue` is the lowest curvature found, d.H d/d.d in a direction d, and `at` where; `violated` says
    whether it is negative beyond rounding.
    """

    violated: bool
    at: Any
    eigenvalue: float
    samples: int

    def __str__(self) -> str:
        """`violated at ..., lambda = ...` or `no violation in N samples`."""
        if not self.violated:
            return f"no violation in {self.samples:,} samples"
        entries = np.concatenate([np.ravel(np.asarray(leaf, float)) for leaf in jax.tree.leaves(self.at)])
        where = np.array2string(entries, precision=6, threshold=8, edgeitems=3, max_line_width=10_000)
        return f"violated at {where}, lambda = {self.eigenvalue:.6g}"


@jax.jit
def _along(objective: Objective, x: Any, d: Any, times: jax.Array) -> jax.Array:
    """d.H(x + t d) d / d.d for each t."""
    squared = tree.dot(d, d)

    def curvature(t: jax.Array) -> jax.Array:
        return tree.dot(d, objective.hvp(tree.add_scaled(x, t, d))(d)) / squared

    return lax.map(curvature, times)


def along(objective: Objective, x: Any, y: Any, samples: int) -> Convexity:
    """The curvature along the segment from x to y at equally spaced points, both ends among them."""
    d = tree.subtract(y, x)
    times = jnp.linspace(0, 1, samples, dtype=tree.scalar_dtype(x))
    curvatures = np.asarray(_along(objective, x, d, times))
    lowest = int(np.nanargmin(curvatures))
    at = tree.add_scaled(x, times[lowest], d)
    return _answer(curvatures, at, lowest, samples)


@partial(jax.jit, static_argnames="steps")
def _lowest(objective: Objective, points: jax.Array, like: Any, steps: int, key: jax.Array) -> jax.Array:
    """The lowest Ritz value of a few Lanczos steps at each of the points, the rows of `points`."""
    flat, unravel = tree.ravel(like)
    wide = tree.scalar_dtype(like)
    start = jax.random.normal(key, flat.shape, wide)

    def lowest(point: jax.Array) -> jax.Array:
        hvp = objective.hvp(unravel(point))

        def product(v: jax.Array) -> jax.Array:
            return tree.ravel(hvp(unravel(v.astype(flat.dtype))))[0].astype(wide)

        t = lanczos.extend(product, lanczos.begin(start, steps), steps)
        T = jnp.diag(t.diagonal) + jnp.diag(t.below[:-1], 1) + jnp.diag(t.below[:-1], -1)
        known = jnp.arange(steps) < t.done
        T = T + jnp.diag(jnp.where(known, 0, jnp.max(jnp.abs(t.diagonal))).astype(wide))
        ends = jnp.linalg.eigvalsh(T)
        return jnp.stack([ends[0], ends[-1]])

    return lax.map(lowest, points)


def around(objective: Objective, x: Any, radius: float, samples: int, steps: int, seed: int) -> Convexity:
    """The lowest curvature at x and at points drawn uniformly from the box of that half-width around it."""
    flat, unravel = tree.ravel(x)
    draw, start = jax.random.split(jax.random.key(seed))
    offsets = jax.random.uniform(draw, (samples, flat.size), tree.scalar_dtype(x), -radius, radius)
    points = (flat + offsets.at[0].set(0)).astype(flat.dtype)
    ends = np.asarray(_lowest(objective, points, x, min(steps, flat.size), start))
    lowest = int(np.nanargmin(ends[:, 0]))
    return _answer(ends, unravel(points[lowest]), lowest, samples)


def _answer(curvatures: np.ndarray, at: Any, lowest: int, samples: int) -> Convexity:
    eigenvalue = float(np.reshape(curvatures, (samples, -1))[lowest, 0])
    noise = ROUNDING * np.finfo(curvatures.dtype).eps * float(np.nanmax(np.abs(curvatures)))
    return Convexity(eigenvalue < -noise, at, eigenvalue, samples)
