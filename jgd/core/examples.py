"""Sums over examples: data of many rows, the loss of one of them, and how the rows are summed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
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

    @property
    def row(self) -> Any:
        """The shapes and dtypes of a row."""
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), self.rows)

    def weight(self) -> jax.Array:
        """The weights of the rows, or a 1 for all."""
        return jnp.ones((), self.scale.dtype) if self.weights is None else self.weights

    def take(self, indices: jax.Array, counted: jax.Array) -> "Examples":
        """The rows of these indices, scaled so that their sum stands for that of all.

        Those that are not counted have no weight.
        """
        rows = jax.tree.map(lambda leaf: leaf.at[indices].get(mode="promise_in_bounds"), self.rows)
        weights = self.weight()
        if weights.ndim:
            weights = weights.at[indices].get(mode="promise_in_bounds")
        weights = jnp.where(counted, weights, jnp.zeros_like(weights))
        return Examples(rows, weights, scale_of(self, counted))

    def at_once(self, least: int = 1) -> bool:
        """Whether all rows are read at once, where a block has at least so many."""
        return self.block is None or self.count <= max(self.block, least)

    def summed(self, of: Callable[["Examples"], Any], least: int = 1) -> Any:
        """The sum of `of(block)`, a tree of arrays, over blocks of at least so many rows."""
        if self.at_once(least):
            return of(self)
        size = max(self.block or 1, least)
        return accumulated(lambda i: of(self._part(i, size)), np.int32(-(-self.count // size)))

    def _part(self, i: jax.Array, size: int) -> "Examples":
        """Block i of so many rows; the last one reaches back, with no weight on what it has twice."""
        start = jnp.minimum(i * size, self.count - size)
        rows = jax.tree.map(lambda leaf: lax.dynamic_slice_in_dim(leaf, start, size), self.rows)
        weights = self.weight()
        if weights.ndim:
            weights = lax.dynamic_slice_in_dim(weights, start, size)
        fresh = start + jnp.arange(size, dtype=start.dtype) >= i * size
        return Examples(rows, jnp.where(fresh, weights, jnp.zeros_like(weights)), self.scale)


def scale_of(whole: Any, counted: jax.Array) -> jax.Array:
    """The scale of a sum of some rows that stands for that of all."""
    return whole.scale * (whole.count / jnp.sum(counted)).astype(whole.scale.dtype)


def accumulated(of: Callable[[jax.Array], Any], times: Any) -> Any:
    """The sum of `of(i)`, a tree of arrays, over i < times, made in 32 bits at least."""
    shapes = jax.eval_shape(of, jax.ShapeDtypeStruct((), jnp.int32))
    nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, _wide(leaf.dtype)), shapes)

    def more(i: jax.Array, total: Any) -> Any:
        return jax.tree.map(lambda sum, part: sum + part.astype(sum.dtype), total, of(i))

    total = lax.fori_loop(np.int32(0), times, more, nothing)
    return jax.tree.map(lambda sum, leaf: sum.astype(leaf.dtype), total, shapes)


def _wide(dtype: Any) -> Any:
    """The dtype, or float32 for floats of 16 bits, in which sums of many would come to a halt."""
    return jnp.dtype("float32") if jnp.issubdtype(dtype, jnp.floating) and dtype.itemsize < 4 else dtype


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
        """The sum, of 32 bits at least."""
        examples = args[-1]
        if not examples.at_once():
            return self.added(lambda fun, args: fun(x, *args), args)
        losses = self.losses(x, *args)
        losses = losses.astype(_wide(losses.dtype))
        weights, scale = (part.astype(losses.dtype) for part in (examples.weight(), examples.scale))
        total = jnp.sum(losses * weights) * scale
        return total if self.penalty is None else total + self.penalty(x, *args[:-1]).astype(total.dtype)

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
        if examples.at_once(least):
            return of(self, args)
        data = SumOf(self.loss, None, self.batched)
        total = examples.summed(lambda part: of(data, (*own, part)), least)
        if self.penalty is None:
            return total
        return jax.tree.map(jnp.add, total, of(self.penalty, own))


def hessian_of(fun: Callable, x: Any, args: tuple) -> jax.Array:
    """The dense Hessian over the ravelled x: a sum's own, or that of a function of few operations."""
    if isinstance(fun, SumOf):
        return fun.hessian(x, *args)
    flat, unravel = tree.ravel(x)
    return jax.hessian(lambda v: fun(unravel(v), *args))(flat)
