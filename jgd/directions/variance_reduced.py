"""The direction of a mini-batch, its noise taken out by a gradient of all examples."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.record import record
from jgd.core.types import Info, Point


@record
class Snapshot:
    """A point of the run, the gradient of all examples there, and how many steps are left before the next."""

    x: Any
    grad: Any
    left: jax.Array


@record
class VarianceReduced:
    """d = -(grad f_k(x) - grad f_k(s) + grad F(s)), f_k the batch of the step, F that of all examples.

    The snapshot s is the x of the step at which it is taken, every `epochs` epochs, the first of all among
    them: d is -grad F(s) there. On all examples d is -grad F(x), without a state. What a snapshot takes is
    counted as the batches of an epoch. The state is a `Snapshot`.
    Reference: Johnson & Zhang (2013), Accelerating stochastic gradient descent using predictive variance
    reduction, figure 1, with option I: the snapshot is the last x, not one at random.
    """

    epochs: Any
    remembers = True

    def init(self, f: Objective, point: Point) -> Snapshot | None:
        """No snapshot yet; the first step takes one."""
        if f.fixed:
            return None
        return Snapshot(point.x, tree.zeros_like(point.x), jnp.zeros((), jnp.int32))

    def __call__(self, f: Objective, p: Point, s: Snapshot | None) -> tuple[Any, Snapshot | None, Info]:
        """Minus the batch's gradient, corrected."""
        if s is None:
            return tree.negative(p.grad), None, Info()

        def renewed() -> tuple[Any, Snapshot, jax.Array]:
            grad = f.full.grad(p.x)
            left = jnp.asarray(self.epochs, jnp.int32) * f.epoch - 1
            return tree.negative(grad), Snapshot(p.x, grad, left), jnp.int32(f.epoch)

        def corrected() -> tuple[Any, Snapshot, jax.Array]:
            d = jax.tree.map(lambda there, here, mean: there - here - mean, f.grad(s.x), p.grad, s.grad)
            return d, Snapshot(s.x, s.grad, s.left - 1), jnp.int32(1)

        d, following, batches = lax.cond(s.left == 0, renewed, corrected)
        return d, following, Info(values=batches, grads=batches)
