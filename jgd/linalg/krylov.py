"""The minimum of a quadratic model within a radius, in the Krylov space of its gradient."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from jgd.linalg.dense import times
from jgd.linalg.truncated import Ended

KEPT = 10
"""The largest dimension of the Krylov space, and how many vectors are kept."""

FURTHER = 3
"""The dimension is so many times that in which conjugate gradients met the boundary."""

NEAR = 0.98
"""The minimum on the boundary may have so small a part of the radius for its length."""

TRIALS = 60


def beyond(product: Callable[[jax.Array], jax.Array], g: jax.Array, radius: jax.Array, ended: Ended) -> Ended:
    """`ended`, or where it is on the boundary, what minimizes the model in a larger Krylov space, if lower.

    Conjugate gradients end where they meet the boundary or negative curvature, and may have seen little of
    the model by then. It takes up to `KEPT` products v -> H v and `KEPT` + 3 copies of g.
    """
    most = min(KEPT, g.size)
    count = jnp.minimum(FURTHER * ended.products, most)
    early = (jnp.linalg.norm(ended.d) > 0.99 * radius) & (ended.products < count)

    def further() -> Ended:
        d, decrease, took = on_boundary(product, g, radius, count, most)
        lower = decrease > ended.decrease
        return Ended(
            jnp.where(lower, d, ended.d),
            jnp.where(lower, decrease, ended.decrease),
            ended.products + took,
            ended.indefinite,
        )

    return lax.cond(early, further, lambda: ended)


def on_boundary(
    product: Callable[[jax.Array], jax.Array], g: jax.Array, radius: jax.Array, count: jax.Array, most: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The d = Q h that minimizes g.d + d.Hd/2 over |d| <= radius, its promised decrease, its products.

    Q are `count` <= `most` Lanczos vectors of H that begin with g, fewer where these span all that there is
    to see from g, so that the model is tridiagonal in h:
    (T + shift I) h = -|g| e1 with the least shift for which h is short enough.

    Reference: Gould, Lucidi, Roma & Toint (1999), Solving the trust-region subproblem using the Lanczos
    method, section 5.
    """
    took, basis, diagonal, beside = _lanczos(product, g, count, most)
    size = jnp.linalg.norm(g)
    h = _within(diagonal, beside, size, radius)
    image = diagonal * h + beside * jnp.roll(h, -1) + jnp.roll(beside, 1) * jnp.roll(h, 1)
    return times(h, basis), -(size * h[0] + times(h, image) / 2), took


def _lanczos(product: Callable, g: jax.Array, count: jax.Array, most: int) -> tuple[jax.Array, ...]:
    """How many vectors, the basis (most, n), T's diagonal and what stands beside it; other rows are I's."""
    size = jnp.linalg.norm(g)

    def going(carry: tuple) -> jax.Array:
        j, _, _, gamma, largest, *_ = carry
        return (j < count) & (gamma > jnp.finfo(g.dtype).eps * largest)

    def step(carry: tuple) -> tuple:
        j, q, before, gamma, largest, basis, diagonal, beside = carry
        basis = lax.dynamic_update_index_in_dim(basis, q, j, 0)
        image = product(q) - jnp.where(j > 0, gamma, 0) * before
        alpha = times(q, image)
        image = image - alpha * q
        following = jnp.linalg.norm(image)
        diagonal = lax.dynamic_update_index_in_dim(diagonal, alpha, j, 0)
        last = (j + 1 >= count) | (j + 1 >= most)
        beside = lax.dynamic_update_index_in_dim(beside, jnp.where(last, 0, following), j, 0)
        largest = jnp.maximum(largest, jnp.maximum(jnp.abs(alpha), following))
        scaled = image / jnp.where(following > 0, following, 1)
        return j + 1, scaled, q, following, largest, basis, diagonal, beside

    zero = jnp.zeros((), jnp.int32)
    rows = jnp.zeros(most, g.dtype)
    start = (zero, g / size, jnp.zeros_like(g), jnp.ones_like(size), jnp.zeros_like(size))
    basis = jnp.zeros((most, g.size), g.dtype)
    took, *_, basis, diagonal, beside = lax.while_loop(going, step, (*start, basis, rows + 1, rows))
    return took, basis, diagonal, beside


def _within(diagonal: jax.Array, beside: jax.Array, size: jax.Array, radius: jax.Array) -> jax.Array:
    """The h with (T + shift I) h = -size e1 that is at most `radius` long.

    1/|h| is nearly linear in the shift: trials are those of the secant where it stays inside the known
    bounds, else halve them. At first they are size/radius less the largest and the least eigenvalue, by
    Gershgorin's circles.
    """
    right = jnp.where(jnp.arange(diagonal.size) == 0, -size, jnp.zeros_like(size))
    aim = 0.99 * radius
    zero, count = jnp.zeros_like(size), jnp.zeros((), jnp.int32)
    reach = beside + jnp.roll(beside, 1)
    least = size / radius - jnp.max(diagonal + reach)
    low = jnp.maximum(jnp.maximum(least, -jnp.min(diagonal)), 0)
    high = jnp.maximum(size / aim - jnp.min(diagonal - reach), low)

    def going(carry: tuple) -> jax.Array:
        *_, near, count = carry
        return ~near & (count < TRIALS)

    def attempt(carry: tuple) -> tuple:
        shift, low, high, known, inverse, h, _, count = carry
        trial, positive = _solved(diagonal + shift, beside, right)
        length = jnp.linalg.norm(trial)
        short = positive & (length <= radius)
        near = short & ((length >= NEAR * radius) | (shift == 0))
        low, high = jnp.where(short, low, shift), jnp.where(short, shift, high)
        slope = (1 / length - inverse) / (shift - known)
        secant = shift + (1 / aim - 1 / length) / slope
        inside = positive & (secant > low) & (secant < high)
        following = jnp.where(inside, secant, (low + high) / 2)
        known, inverse = jnp.where(positive, shift, known), jnp.where(positive, 1 / length, inverse)
        return following, low, high, known, inverse, jnp.where(short, trial, h), near, count + 1

    nowhere = jnp.full_like(zero, jnp.nan)
    start = (low, low, high, nowhere, nowhere, jnp.zeros_like(diagonal), size < 0, count)
    return lax.while_loop(going, attempt, start)[5]


def _solved(diagonal: jax.Array, beside: jax.Array, right: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The solution for a symmetric tridiagonal matrix, and whether that is positive definite."""

    def down(carry: tuple, row: tuple) -> tuple[tuple, tuple]:
        pivot, y, b = carry
        a, following, c = row
        ratio = b / pivot
        pivot, y = a - ratio * b, following - ratio * y
        return (pivot, y, c), (pivot, y)

    def up(after: jax.Array, row: tuple) -> tuple[jax.Array, jax.Array]:
        pivot, y, b = row
        h = (y - b * after) / pivot
        return h, h

    zero = jnp.zeros_like(diagonal[0])
    _, (pivots, ys) = lax.scan(down, (zero + 1, zero, zero), (diagonal, right, beside))
    _, h = lax.scan(up, zero, (pivots, ys, beside), reverse=True)
    return h, jnp.all(pivots > 0)
