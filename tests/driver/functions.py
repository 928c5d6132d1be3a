"""Small functions that bring a run to each of its ends; shared, so that they compile once."""

from typing import Any

import jax
import jax.numpy as jnp


def square(w: Any) -> Any:
    """w^2, whose second derivative is 2."""
    return jnp.sum(w**2)


def quadratic(x: Any, diagonal: Any) -> Any:
    """x . diag x / 2."""
    return 0.5 * jnp.sum(diagonal.astype(x.dtype) * x**2)


def rosenbrock(x: Any) -> Any:
    """Rosenbrock's valley."""
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


def walled(x: Any, wall: Any) -> Any:
    """Falls towards x[0] = 1 and is NaN beyond the wall."""
    return jnp.where(x[0] <= wall.astype(x.dtype), jnp.sum((x - 1.0) ** 2), jnp.nan)


@jax.custom_vjp
def misled(x: Any) -> Any:
    """x.x, its gradient given with the wrong sign: no direction of descent descends."""
    return jnp.sum(x**2)


misled.defvjp(lambda x: (jnp.sum(x**2), x), lambda x, g: (-2 * g * x,))
