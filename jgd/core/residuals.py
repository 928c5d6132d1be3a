"""Sums of squares: objectives that are written as their residuals."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core import tree


@dataclass(frozen=True)
class Residuals:
    """x -> |r(x)|^2 / 2 for a pure function of residuals, `fun(x, *args) -> r`, an array or a pytree.

    Two of the same function are equal, so that programs compiled for one serve the other.
    """

    fun: Callable

    def __call__(self, x: Any, *args: Any) -> jax.Array:
        """Half the sum of the squared residuals."""
        return WithResiduals(self.fun)(x, *args)[0]


@dataclass(frozen=True)
class WithResiduals:
    """x -> (|r(x)|^2 / 2, r(x)): the objective of a run, the residuals of its Points their `aux`."""

    fun: Callable

    def __call__(self, x: Any, *args: Any) -> tuple[jax.Array, Any]:
        """Half the sum of the squared residuals, and the residuals."""
        r = self.fun(x, *args)
        return _half_square(r), r

    @property
    def __signature__(self) -> inspect.Signature:
        """That of the function of residuals."""
        return inspect.signature(self.fun)


def residuals(fun: Callable) -> Residuals:
    """The objective |r(x)|^2 / 2 of residuals r = fun(x, *args), for least squares.

    Methods that know the residuals use them: `jgd.levenberg_marquardt()`, `jgd.gauss_newton()`. A run's
    `aux` holds r. Raises TypeError if `fun` is not a function.

    >>> import jax.numpy as jnp, jgd
    >>> t = jnp.array([0.0, 1.0, 2.0])
    >>> fit = jgd.residuals(lambda x, y: x[0] * jnp.exp(x[1] * t) - y)
    >>> y = 2.0 * jnp.exp(0.5 * t)
    >>> result = jgd.minimize(fit, jnp.ones(2), jgd.levenberg_marquardt(), args=(y,))
    >>> result.success, bool(jnp.allclose(result.x, jnp.array([2.0, 0.5]), atol=1e-3))
    (True, True)
    """
    if not callable(fun):
        raise TypeError(f"fun must be a function of x that returns residuals, got {type(fun).__name__}.")
    return Residuals(fun)


def _half_square(r: Any) -> jax.Array:
    leaves = [jnp.asarray(leaf) for leaf in jax.tree.leaves(r)]
    if not leaves:
        raise TypeError("fun must return residuals, an array or a pytree of them; got none.")
    wide = tree.dtype(leaves)
    parts = [jnp.vdot(leaf, leaf, precision=lax.Precision.HIGHEST).astype(wide) / 2 for leaf in leaves]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
