"""Losses of one example, given its predictor z, a number or one for each class, and its y."""

import jax
import jax.numpy as jnp


def squared(z: jax.Array, y: jax.Array) -> jax.Array:
    """(z - y)^2 / 2."""
    return (z - y) ** 2 / 2


def logistic(z: jax.Array, y: jax.Array) -> jax.Array:
    """log(1 + exp(-y z)), with y -1 or 1."""
    return jax.nn.softplus(-y * z)


def poisson(z: jax.Array, y: jax.Array) -> jax.Array:
    """exp(z) - y z, less what does not depend on z."""
    return jnp.exp(z) - y * z


def softmax(z: jax.Array, y: jax.Array) -> jax.Array:
    """log sum_k exp(z_k) - z_y, with y the place of a class."""
    return jax.nn.logsumexp(z) - z[y]
