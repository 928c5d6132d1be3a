"""Sums over examples: data of many rows, the loss of one of them, and how the rows are summed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core import tree
from jgd.core.record import record, static


@record
class Examples:
    """Rows of data, the first axis of every leaf of `rows`, each with a weight (None for 1).

    The losses of the rows are summed, weighted and times `scale`. Where there are more than `block` rows,
    so many are read at once; None for all.
    """

    rows: Any
    weights: jax.Array | None
    scale: jax.Array
    block: int | None = static(default=None)

    @property
    def count(self) -> int:
        """The number of rows."""
        return jax.tree.leaves(self.rows)[0].shape[0]

    def weight(self) -> jax.Array:
        """The weights of the rows, or a 1 for all."""
        return jnp.ones((), self.scale.dtype) if self.weights is None else self.weights

    def part(self, i: jax.Array, size: int) -> "Examples":
        """Block i of so many rows; the last one reaches back, with no weight on what it has twice."""
        start = jnp.minimum(i * size, self.count - size)
        rows = jax.tree.map(lambda leaf: lax.dynamic_slice_in_dim(leaf, start, size), self.rows)
        weights = self.weight()
        if weights.ndim:
            weights = lax.dynamic_slice_in_dim(weights, start, size)
        fresh = start + jnp.arange(size, dtype=start.dtype) >= i * size
        return Examples(rows, jnp.where(fresh, weights, jnp.zeros_like(weights)), self.scale)

    def take(self, indices: jax.Array, counted: jax.Array) -> "Examples":
        """The rows of these indices, scaled so that their sum stands for that of all.

        Those that are not counted have no weight.
        """
        rows = jax.tree.map(lambda leaf: leaf.at[indices].get(mode="promise_in_bounds"), self.rows)
        weights = self.weight()
        if weights.ndim:
            weights = weights.at[indices].get(mode="promise_in_bounds")
        scale = self.scale * (self.count / jnp.sum(counted)).astype(self.scale.dtype)
        return Examples(rows, jnp.where(counted, weights, jnp.zeros_like(weights)), scale)


@dataclass(frozen=True)
class SumOf:
    """(x, *args, examples) -> scale sum_i weight_i loss(x, row_i, *args) + penalty(x, *args).

    `loss` is that of one row, or, with `batched`, takes many and returns one number for each. Two of the same
    functions are equal, so that programs compiled for one serve the other.
    """

    loss: Callable
    penalty: Callable | None = None
    batched: bool = False

    def losses(self, x: Any, *args: Any) -> jax.Array:
        """The loss of each row."""
        *own, examples = args
        if self.batched:
            return self.loss(x, examples.rows, *own)
        return jax.vmap(lambda row: self.loss(x, row, *own))(examples.rows)

    def __call__(self, x: Any, *args: Any) -> jax.Array:
        """The sum, all rows at once."""
        examples = args[-1]
        losses = self.losses(x, *args)
        weights, scale = (part.astype(losses.dtype) for part in (examples.weight(), examples.scale))
        total = jnp.sum(losses * weights) * scale
        return total if self.penalty is None else total + self.penalty(x, *args[:-1])

    def hessian(self, x: Any, *args: Any) -> jax.Array:
        """The dense Hessian over the ravelled x, all rows at once, by the loss's own."""
        own, examples = args[:-1], args[-1]
        weights = jnp.broadcast_to(examples.weight(), (examples.count,)) * examples.scale
        loss: Any = self.loss
        found = loss.hessian(x, examples.rows, weights, *own)
        return found if self.penalty is None else found + hessian_of(self.penalty, x, own)

    def added(self, of: Callable[[Callable, tuple], Any], args: tuple, least: int = 1) -> Any:
        """The sum of `of(part, its args)` over the parts that make up the whole: the blocks and the penalty.

        `of` must be linear in the function, as the value, the gradient and the Hessian are. A block has at
        least so many rows.
        """
        own, examples = args[:-1], args[-1]
        if examples.block is None or examples.count <= max(examples.block, least):
            return of(self, args)
        size, data = max(examples.block, least), SumOf(self.loss, None, self.batched)

        def more(total: Any, i: jax.Array) -> tuple[Any, None]:
            part = of(data, (*own, examples.part(i, size)))
            return jax.tree.map(jnp.add, total, part), None

        shapes = jax.eval_shape(lambda: of(data, (*own, examples.part(jnp.int32(0), size))))
        nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        blocks = jnp.arange(-(-examples.count // size), dtype=jnp.int32)
        total = lax.scan(more, nothing, blocks)[0]
        if self.penalty is None:
            return total
        return jax.tree.map(jnp.add, total, of(self.penalty, own))


def hessian_of(fun: Callable, x: Any, args: tuple) -> jax.Array:
    """The dense Hessian over the ravelled x: a sum's own, or that of a function of few operations."""
    if isinstance(fun, SumOf):
        return fun.hessian(x, *args)
    flat, unravel = tree.ravel(x)
    return jax.hessian(lambda v: fun(unravel(v), *args))(flat)
