"""Quasi-Newton directions: the inverse Hessian learnt from differences of gradients."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core import tree
from jgd.core.objective import Objective, check_dense
from jgd.core.record import record, static
from jgd.core.types import Info, Point
from jgd.linalg.dense import times
from jgd.linalg.free import apart, part
from jgd.linalg.norm import first_rate


@record
class Pairs:
    """The last m pairs s = x+ - x, y = grad+ - grad as rows, 1/(s.y), and how many were ever kept.

    `x` and `grad` are those of the point before, `scale` is s.y/y.y of the newest pair.
    """

    s: jax.Array
    y: jax.Array
    inverse: jax.Array
    kept: jax.Array
    x: jax.Array
    grad: jax.Array
    scale: jax.Array


@record
class LBFGS:
    """d = -B grad with B the BFGS inverse Hessian of the last `memory` pairs, from (s.y/y.y) I.

    Pairs whose s.y is not above rounding are left out. The first direction is -grad at its `first_rate`.
    Within bounds the entries that are pressed against one are left out of the pairs, and d is -grad there.
    Memory: 2 memory + 2 copies of x. The state is `Pairs`.
    Reference: Nocedal (1980); Liu & Nocedal (1989), On the limited memory BFGS method; Nocedal & Wright
    (2006), Numerical Optimization, algorithm 7.4.
    """

    memory: int = static(default=10)
    remembers = True
    same_objective = True

    def init(self, f: Objective, point: Point) -> Pairs:
        """No pairs yet."""
        x, grad = tree.vector(point.x), tree.vector(point.grad)
        rows, inverse = (jnp.zeros((self.memory, *shape), x.dtype) for shape in (x.shape, ()))
        return Pairs(rows, rows, inverse, jnp.zeros((), jnp.int32), x, grad, first_rate(x, grad))

    def __call__(self, f: Objective, p: Point, s: Pairs) -> tuple[Any, Pairs, Info]:
        """Minus the two-loop recursion of the gradient."""
        x, grad = tree.vector(p.x), tree.vector(p.grad)
        pairs = self._learn(s, x, grad)
        free = f.ravelled_free(p)
        known = pairs if free is None else _within(pairs, free)
        d = apart(self._times(known, -part(grad, free)), grad, free)
        return tree.unravelled(d, p.x), pairs, Info()

    def _learn(self, pairs: Pairs, x: jax.Array, grad: jax.Array) -> Pairs:
        """The pairs with the newest one."""
        s, y = x - pairs.x, grad - pairs.grad
        sy, yy = times(s, y), times(y, y)
        good = sy > jnp.finfo(x.dtype).eps * yy * pairs.scale
        slot = pairs.kept % self.memory

        def put(rows: jax.Array, row: jax.Array) -> jax.Array:
            old = lax.dynamic_index_in_dim(rows, slot, 0, keepdims=False)
            return lax.dynamic_update_index_in_dim(rows, jnp.where(good, row, old), slot, 0)

        safe = jnp.where(good, sy, 1)
        return Pairs(
            put(pairs.s, s),
            put(pairs.y, y),
            put(pairs.inverse, 1 / safe),
            pairs.kept + good.astype(jnp.int32),
            x,
            grad,
            jnp.where(good, sy / jnp.where(good, yy, 1), pairs.scale),
        )

    def _times(self, pairs: Pairs, v: jax.Array) -> jax.Array:
        """B v by the two-loop recursion."""
        count = jnp.minimum(pairs.kept, self.memory)

        def backward(j: jax.Array, carry: tuple) -> tuple:
            v, weights = carry
            i = (pairs.kept - 1 - j) % self.memory
            weight = pairs.inverse[i] * times(pairs.s[i], v)
            weights = lax.dynamic_update_index_in_dim(weights, weight, i, 0)
            return v - weight * pairs.y[i], weights

        def forward(j: jax.Array, v: jax.Array) -> jax.Array:
            i = (pairs.kept - count + j) % self.memory
            return v + pairs.s[i] * (weights[i] - pairs.inverse[i] * times(pairs.y[i], v))

        v, weights = lax.fori_loop(0, count, backward, (v, jnp.zeros_like(pairs.inverse)))
        return lax.fori_loop(0, count, forward, pairs.scale * v)


def _within(pairs: Pairs, free: jax.Array) -> Pairs:
    """The pairs of the free entries alone; one that bends downward there has no weight."""
    s, y = jnp.where(free, pairs.s, 0), jnp.where(free, pairs.y, 0)
    sy = jnp.sum(s * y, axis=1)
    good = sy > jnp.finfo(sy.dtype).eps * jnp.sum(y**2, axis=1) * pairs.scale
    return dataclasses.replace(pairs, s=s, y=y, inverse=jnp.where(good, 1 / jnp.where(good, sy, 1), 0))


@record
class Inverse:
    """The inverse Hessian as it is known, a matrix, how many pairs it has learnt, and the point before."""

    matrix: jax.Array
    kept: jax.Array
    x: jax.Array
    grad: jax.Array


@record
class BFGS:
    """d = -B grad, with B + (1 + y.By/s.y) s s^T/s.y - (By s^T + s y^T B)/s.y following B at each step.

    B begins as (s.y/y.y) I of the first pair. Pairs whose s.y is not above rounding are left out. The first
    direction is -grad at its `first_rate`. Memory: n^2 numbers. The state is an `Inverse`.
    Raises ValueError when they would not fit.
    Reference: Nocedal & Wright (2006), Numerical Optimization, eq. 6.17 and 6.20.
    """

    remembers = True
    same_objective = True

    def init(self, f: Objective, point: Point) -> Inverse:
        """The identity, scaled."""
        x, grad = tree.vector(point.x), tree.vector(point.grad)
        check_dense(x.size, x.dtype)
        first = first_rate(x, grad) * jnp.eye(x.size, dtype=x.dtype)
        return Inverse(first, jnp.zeros((), jnp.int32), x, grad)

    def __call__(self, f: Objective, p: Point, s: Inverse) -> tuple[Any, Inverse, Info]:
        """Minus the matrix times the gradient."""
        x, grad = tree.vector(p.x), tree.vector(p.grad)
        move, change = x - s.x, grad - s.grad
        sy, yy = times(move, change), times(change, change)
        ss = times(move, move)
        good = sy > jnp.finfo(x.dtype).eps * jnp.sqrt(ss) * jnp.sqrt(yy)
        safe = jnp.where(good, sy, 1)
        known = jnp.where(s.kept > 0, s.matrix, (safe / yy) * jnp.eye(x.size, dtype=x.dtype))
        image = times(known, change)
        outer = image[:, None] * move
        learnt = known + ((1 + times(change, image) / safe) * move[:, None] * move - outer - outer.T) / safe
        matrix = jnp.where(good, learnt, s.matrix)
        free = f.ravelled_free(p)
        d = apart(-times(matrix, part(grad, free)), grad, free)
        return tree.unravelled(d, p.x), Inverse(matrix, s.kept + good.astype(jnp.int32), x, grad), Info()
