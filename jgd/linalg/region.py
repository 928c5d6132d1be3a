"""The minimum of a quadratic model within a radius, by eigenvalues."""

import jax
import jax.numpy as jnp
from jax import lax

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
    least = jnp.where(least > 0, least, jnp.ones_like(least))
    bent = lowest <= least

    def too_long(carry: tuple) -> jax.Array:
        _, d, count = carry
        return (jnp.sum(d**2) > (NEAR * radius) ** 2) & (count < ITERATIONS)

    def newton(carry: tuple) -> tuple:
        shift, d, count = carry
        squared = jnp.sum(d**2)
        excess = jnp.sqrt(squared) / radius - 1
        shift = shift + excess * squared / jnp.sum(d**2 / (values + shift))
        return shift, -g / (values + shift), count + 1

    first = jnp.where(bent, least - lowest, jnp.zeros_like(least))
    start = (first, -g / (values + first), jnp.zeros((), jnp.int32))
    _, d, _ = lax.while_loop(too_long, newton, start)
    squared, limit = jnp.sum(d**2), radius**2
    d = jnp.where(squared > limit, d * jnp.sqrt(limit / squared), d)
    longer = jnp.sqrt(d**2 + limit - squared)
    hard = (squared < limit) & (lowest < -least)
    along = jnp.arange(values.size) == jnp.argmin(values)
    return jnp.where(hard & along, jnp.where(d < 0, -longer, longer), d)
