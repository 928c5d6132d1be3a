"""The minimum of a quadratic model within a radius, by eigenvalues."""

import jax
import jax.numpy as jnp
from jax import lax

from jgd.linalg.norm import norm, unit_of

ITERATIONS = 40
NEAR = 1.05
"""A step on the boundary may be so many times too long, and is then shortened to it."""


def within_radius(values: jax.Array, g: jax.Array, radius: jax.Array) -> jax.Array:
    """The d with |d| <= radius that minimizes g.d + d.(values d)/2: a model in the basis of its eigenvectors.

    d = -g/(values + shift) with the least shift >= 0 for which it is short enough and the model bends
    upward; where g has no part along the lowest eigenvector and d would be too short, that is added (the
    hard case). The shift is found by Newton's method on 1/|d|, which is nearly linear in it.

    Reference: More & Sorensen (1983), Computing a trust region step; Nocedal & Wright (2006), Numerical
    Optimization, section 4.3.
    """
    lowest = jnp.min(values)
    least = 4 * float(jnp.finfo(values.dtype).eps) * jnp.max(jnp.abs(values))
    tiny = float(jnp.finfo(values.dtype).tiny)
    least = jnp.where(least > 0, least, jnp.maximum(norm(g) / radius, tiny))
    bent = lowest <= least

    def shifted(shift: jax.Array) -> tuple[jax.Array, ...]:
        """d, a unit near its length, and in that unit its squares and their sum."""
        d = -g / (values + shift)
        unit = unit_of(d)
        squares = (d / unit) ** 2
        return d, unit, squares, jnp.sum(squares)

    def too_long(carry: tuple) -> jax.Array:
        _, (_, unit, _, squared), count = carry
        return (unit * jnp.sqrt(squared) > NEAR * radius) & (count < ITERATIONS)

    def newton(carry: tuple) -> tuple:
        shift, (_, unit, squares, squared), count = carry
        excess = unit * jnp.sqrt(squared) / radius - 1
        shift = shift + excess * squared / jnp.sum(squares / (values + shift))
        return shift, shifted(shift), count + 1

    first = jnp.where(bent, least - lowest, jnp.zeros_like(least))
    start = (first, shifted(first), jnp.zeros((), jnp.int32))
    _, (d, unit, _, squared), _ = lax.while_loop(too_long, newton, start)
    length = unit * jnp.sqrt(squared)
    d = jnp.where(length > radius, d * (radius / length), d)
    longer = radius * jnp.sqrt(jnp.maximum((d / radius) ** 2 + 1 - (length / radius) ** 2, 0))
    hard = (length < radius) & (lowest < -least)
    along = jnp.arange(values.size) == jnp.argmin(values)
    return jnp.where(hard & along, jnp.where(d < 0, -longer, longer), d)
