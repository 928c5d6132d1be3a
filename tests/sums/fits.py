"""A logistic fit, written in the ways that users write one, and the same in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np

RNG = np.random.default_rng(0)
COUNT, SIZE = 103, 5
X = RNG.standard_normal((COUNT, SIZE))
Y = np.where(X @ RNG.standard_normal(SIZE) + RNG.standard_normal(COUNT) > 0, 1.0, -1.0)
WEIGHTS = RNG.uniform(0.0, 2.0, COUNT)
START = RNG.standard_normal(SIZE)


def of_one(w, row):
    x, y = row
    return jax.nn.softplus(-y * jnp.vdot(x, w))


def of_many(w, rows):
    X, y = rows
    return jax.nn.softplus(-y * (X @ w))


def ridge(w):
    return 0.05 * jnp.vdot(w, w)


def whole(w):
    """The mean of all, without a sum over examples."""
    return jnp.mean(of_many(w, (jnp.asarray(X), jnp.asarray(Y)))) + ridge(w)


def oracle(w, X, y, weights, scale):
    """Value, gradient and Hessian of scale sum_i weight_i loss_i + ridge, in NumPy."""
    margins = y * (X @ w)
    p = 1 / (1 + np.exp(margins))
    value = scale * np.sum(weights * np.logaddexp(0, -margins)) + 0.05 * w @ w
    grad = -scale * X.T @ (weights * y * p) + 0.1 * w
    hessian = scale * (X.T * (weights * p * (1 - p))) @ X + 0.1 * np.eye(w.size)
    return value, grad, hessian
