"""A box: lower and upper bounds of every entry of x."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.record import record


@record
class Box:
    """lower <= x <= upper, two trees like x; an entry without a bound has an infinite one."""

    lower: Any
    upper: Any

    def project(self, x: Any) -> Any:
        """The nearest point inside."""
        return jax.tree.map(lambda a, low, high: jnp.clip(a, low, high), x, self.lower, self.upper)

    def tangent(self, x: Any, d: Any) -> Any:
        """The part of d that does not lead out of the box from x, a point inside."""
        return jax.tree.map(_inward, x, d, self.lower, self.upper)

    def free(self, x: Any, grad: Any, near: Any = 0.0) -> Any:
        """True for the entries that -grad does not press against a bound `near` them, a tree of booleans."""

        def is_free(a: jax.Array, g: jax.Array, low: jax.Array, high: jax.Array) -> jax.Array:
            reach = jnp.asarray(near, a.dtype)
            return ~_pressed(a, g, low + reach, high - reach)

        return jax.tree.map(is_free, x, grad, self.lower, self.upper)

    def stationarity(self, x: Any, grad: Any) -> Any:
        """x - project(x - grad): zero at a solution, the gradient far from all bounds."""

        def difference(a: jax.Array, g: jax.Array, low: jax.Array, high: jax.Array) -> jax.Array:
            return jnp.maximum(jnp.minimum(g, a - low), a - high)

        return jax.tree.map(difference, x, grad, self.lower, self.upper)


def _inward(a: jax.Array, d: jax.Array, low: jax.Array, high: jax.Array) -> jax.Array:
    return jnp.where(_pressed(a, -d, low, high), jnp.zeros_like(d), d)


def _pressed(a: jax.Array, g: jax.Array, low: jax.Array, high: jax.Array) -> jax.Array:
    return ((a <= low) & (g > 0)) | ((a >= high) & (g < 0))
