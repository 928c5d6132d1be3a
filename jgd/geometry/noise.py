"""How the gradients of the examples scatter about that of all."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core import tree
from jgd.core.objective import Objective

BLOCK_BYTES = 2**22
"""So many bytes of gradients and of data are held at once, or one example's."""


def scatter(objective: Objective, x: Any) -> tuple[Any, jax.Array, jax.Array]:
    """The gradient g of all examples and, for each example, |g_i| and |g_i - g|.

    g_i is the gradient of the batch that example i alone makes; their mean is g.
    """
    *own, examples = objective.args
    size = tree.size(x) * tree.scalar_dtype(x).itemsize + tree.nbytes(examples.row)
    examples = dataclasses.replace(examples, block=max(1, BLOCK_BYTES // size))
    return _scatter(dataclasses.replace(objective.full, args=(*own, examples)), x)


@jax.jit
def _scatter(f: Objective, x: Any) -> tuple[Any, jax.Array, jax.Array]:
    """All in the blocks of the examples."""
    *own, examples = f.args

    def alone(i: jax.Array) -> tuple[jax.Array, jax.Array]:
        one = examples.take(i[None], jnp.ones(1, bool))
        g = dataclasses.replace(f, args=(*own, one)).grad(x)
        off = tree.subtract(g, grad)
        return jnp.sqrt(tree.dot(g, g)), jnp.sqrt(tree.dot(off, off))

    with jax.default_matmul_precision("highest"):
        grad = f.grad(x)
        indices = jnp.arange(examples.count, dtype=jnp.int32)
        return grad, *lax.map(alone, indices, batch_size=min(examples.block, examples.count))
