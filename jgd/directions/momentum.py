"""Directions that remember: heavy ball, Nesterov's and the optimized gradient method's."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.record import record
from jgd.core.types import Info, Point


@record
class HeavyBall:
    """v <- beta v - grad f(x), d = v: with a constant rate, x+ = x - rate grad + beta (x - x_before).

    The state is v, a pytree like x, zero at first.
    Reference: Polyak (1964), Some methods of speeding up the convergence of iteration methods, eq. 9.
    """

    momentum: Any
    remembers = True

    def init(self, f: Objective, point: Point) -> Any:
        """A velocity of zero."""
        return tree.zeros_like(point.x)

    def __call__(self, f: Objective, p: Point, s: Any) -> tuple[Any, Any, Info]:
        """The new velocity."""
        velocity = tree.subtract(tree.scale(self.momentum, s), p.grad)
        return velocity, velocity, Info()


@record
class LookAhead:
    """Nesterov's direction with a constant momentum, in the look-ahead point y.

    v <- beta v - grad f(y), d = beta v - grad f(y); with a constant rate h this is
    x+ = y - h grad f(y), y+ = x+ + beta (x+ - x), and the Point of the run is y.
    The state is v, a pytree like x, zero at first.
    Reference: Nesterov (2004), Introductory Lectures on Convex Optimization, scheme 2.2.11.
    """

    momentum: Any
    remembers = True

    def init(self, f: Objective, point: Point) -> Any:
        """A velocity of zero."""
        return tree.zeros_like(point.x)

    def __call__(self, f: Objective, p: Point, s: Any) -> tuple[Any, Any, Info]:
        """The velocity after this step, looked at one step ahead."""
        velocity = tree.subtract(tree.scale(self.momentum, s), p.grad)
        return tree.subtract(tree.scale(self.momentum, velocity), p.grad), velocity, Info()


@record
class Accelerated:
    """Nesterov's direction for convex functions, its momentum growing: beta_k = (t_k - 1) / t_{k+1}.

    t_0 = 1, t_{k+1} = (1 + sqrt(1 + 4 t_k^2)) / 2, otherwise as `LookAhead`.
    The state is (v, t).
    Reference: Nesterov (1983), A method of solving a convex programming problem with convergence
    rate O(1/k^2), eq. 4 to 6.
    """

    remembers = True

    def init(self, f: Objective, point: Point) -> Any:
        """A velocity of zero, t = 1."""
        return tree.zeros_like(point.x), jnp.ones((), tree.scalar_dtype(point.x))

    def __call__(self, f: Objective, p: Point, s: Any) -> tuple[Any, Any, Info]:
        """The velocity after this step, looked at one step ahead."""
        velocity, t = s
        following = (1 + jnp.sqrt(1 + 4 * t**2)) / 2
        velocity = tree.subtract(velocity, p.grad)
        carried = tree.scale((t - 1) / following, velocity)
        return tree.subtract(carried, p.grad), (carried, following), Info()


@record
class Optimized:
    """The optimized gradient method's direction over `steps` steps of the fixed rate h = 1/L.

    y+ = x - h grad f(x), x+ = y+ + (a - 1)/b (y+ - y) + a/b (y+ - x), with a = theta_i, b = theta_{i+1},
    theta_0 = 1, b = (1 + sqrt(1 + 4 a^2)) / 2, at the last step b = (1 + sqrt(1 + 8 a^2)) / 2.
    The state is (u, theta, i) with u = (y - x)/h. After `steps` steps the plan begins afresh.
    Reference: Kim & Fessler (2016), Optimized first-order methods for smooth convex minimization, OGM1.
    """

    steps: Any
    remembers = True

    def init(self, f: Objective, point: Point) -> Any:
        """y = x, theta = 1, i = 0."""
        one = jnp.ones((), tree.scalar_dtype(point.x))
        return tree.zeros_like(point.x), one, jnp.zeros((), jnp.int32)

    def __call__(self, f: Objective, p: Point, s: Any) -> tuple[Any, Any, Info]:
        """(x+ - x) / h."""
        u, a, i = s
        last = i + 1 >= jnp.asarray(self.steps, jnp.int32)
        b = (1 + jnp.sqrt(1 + jnp.where(last, 8, 4).astype(a.dtype) * a**2)) / 2
        inertia, extra = (a - 1) / b, a / b

        def move(grad: jax.Array, offset: jax.Array) -> jax.Array:
            c, e = jnp.asarray(inertia, grad.dtype), jnp.asarray(extra, grad.dtype)
            return -grad - c * (grad + offset) - e * grad

        d = jax.tree.map(move, p.grad, u)
        u = jax.tree.map(lambda grad, step: jnp.where(last, jnp.zeros_like(grad), -grad - step), p.grad, d)
        return d, (u, jnp.where(last, jnp.ones_like(b), b), jnp.where(last, 0, i + 1)), Info()
