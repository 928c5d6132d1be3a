"""Conjugate gradients on a quadratic model, ended by a radius or by negative curvature."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core.record import record
from jgd.linalg.dense import times
from jgd.linalg.norm import unit_of


@record
class Ended:
    """The step, what the model promises to fall by, the products it took, and whether it bent downward."""

    d: jax.Array
    decrease: jax.Array
    products: jax.Array
    indefinite: jax.Array


def steihaug(
    product: Callable[[jax.Array], jax.Array],
    g: jax.Array,
    radius: jax.Array,
    tolerance: jax.Array,
    most: int,
) -> Ended:
    """The first d of conjugate gradients on g.d + d.Hd/2 whose residual |g + Hd| is at most `tolerance`.

    Where it would leave the radius, or where the model bends downward, it goes on to the boundary and ends.
    At most `most` products v -> H v. Vectors are of shape (n,).

    Reference: Steihaug (1983), The conjugate gradient method and trust regions in large scale optimization;
    Toint (1981); Nocedal & Wright (2006), Numerical Optimization, algorithm 7.2.
    """
    dtype = g.dtype
    zero = jnp.zeros((), dtype)

    def going(carry: tuple) -> jax.Array:
        _, _, _, rr, k, ended, _ = carry
        return ~ended & (k < most) & (rr > tolerance**2)

    def iterate(carry: tuple) -> tuple:
        d, r, p, rr, k, _, _ = carry
        Hp = product(p)
        bend, pp = times(p, Hp), times(p, p)
        downward = bend <= 0
        rate = rr / jnp.where(downward, 1, bend)
        outside = times(d + rate * p, d + rate * p) >= radius**2
        ended = downward | outside
        dp, dd = times(d, p), times(d, d)
        far = jnp.sqrt(jnp.maximum(dp**2 + pp * (radius**2 - dd), 0))
        left = jnp.where(dp > 0, (radius**2 - dd) / jnp.where(dp > 0, dp + far, 1), (far - dp) / pp)
        rate = jnp.where(ended, left, rate)
        d, r = d + rate * p, r + rate * Hp
        following = times(r, r)
        return d, r, following / rr * p - r, following, k + 1, ended, downward

    start = (jnp.zeros_like(g), g, -g, times(g, g), jnp.zeros((), jnp.int32), zero > 1, zero > 1)
    d, r, _, _, k, _, downward = lax.while_loop(going, iterate, start)
    return Ended(d, -times(d, g + r) / 2, k, downward)


def normalized(product: Callable, g: jax.Array) -> tuple[Callable, jax.Array, jax.Array]:
    """The model over a power of two near the size of g, so that squares stay in range; and that power."""
    unit = unit_of(g)
    return lambda v: product(v) / unit, g / unit, unit


def forcing(g: jax.Array, unit: jax.Array) -> jax.Array:
    """The residual that will do for g of that unit: min(1/2, sqrt |unit g|) |g|.

    It makes Newton's method superlinear.
    """
    size = jnp.linalg.norm(g)
    return jnp.minimum(0.5, jnp.sqrt(unit * size)) * size
