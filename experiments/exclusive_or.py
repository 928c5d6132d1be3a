"""Exclusive or: a network of two hidden units, small enough to see all of its minima."""

import jax
import jax.numpy as jnp

INPUTS = jnp.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
TARGETS = jnp.array([-1.0, 1.0, 1.0, -1.0])


def outputs(w: jax.Array) -> jax.Array:
    """The network's outputs; w, of shape (9,), holds 2 x 2 weights, 2 biases, 2 weights and a bias."""
    return jnp.tanh(INPUTS @ w[:4].reshape(2, 2) + w[4:6]) @ w[6:8] + w[8]


def loss(w: jax.Array) -> jax.Array:
    """The mean squared error, and a penalty that makes the minima regular."""
    return jnp.mean((outputs(w) - TARGETS) ** 2) + 0.01 * jnp.sum(w**2)
