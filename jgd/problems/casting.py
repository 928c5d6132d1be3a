"""Casting, which lets a loss compute in the dtype of its x whatever the dtype of its data."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def same_dtype(x: Any, *data: Any) -> list[jax.Array]:
    """x and the data as JAX arrays, all of x's dtype."""
    x = jnp.asarray(x)
    return [x, *(jnp.asarray(item, x.dtype) for item in data)]


def sum_of_squares(residuals: Callable[..., jax.Array]):
    """Decorator: makes of residuals r(x, *data) the loss f(x, *data) = sum_i r_i^2.

    The residuals are called with x and data of one dtype. They stay at hand, with that cast, as
    the loss's `__wrapped__`, for methods that want r rather than f.
    """

    @functools.wraps(residuals)
    def cast(x: Any, *data: Any) -> jax.Array:
        return residuals(*same_dtype(x, *data))

    @functools.wraps(cast)
    def loss(x: Any, *data: Any) -> jax.Array:
        return jnp.sum(jnp.square(cast(x, *data)))

    return loss
