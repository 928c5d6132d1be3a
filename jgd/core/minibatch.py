"""Mini-batches: which rows the objective of a step is made of."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import check
from jgd.core.bijection import permuted
from jgd.core.examples import Examples
from jgd.core.record import record, static


@record
class Batches:
    """`size` rows for each step, drawn by the key and the number of the step alone.

    Without replacement the rows of an epoch are those of all data in an order of its own, and its last batch
    is what is left; with it each row is drawn from all. Every `test_every` epochs all rows are looked at.
    """

    key: jax.Array
    size: int = static()
    replacement: bool = static(default=False)
    test_every: int = static(default=10)

    def epoch(self, count: int) -> int:
        """The number of steps in which as many rows are drawn as there are."""
        return -(-count // self.size)

    def between(self, count: int) -> int:
        """The number of steps between two looks at all rows, such that steps can be added in 32 bits."""
        return min(self.epoch(count) * self.test_every, check.MOST // 2)

    def rows(self, k: Any, count: int) -> tuple[jax.Array, jax.Array]:
        """The indices of step k's rows of `count`, and which of them count: all, but in a last batch."""
        k, size = jnp.asarray(k, jnp.int32), self.size
        if self.replacement:
            indices = jax.random.randint(jax.random.fold_in(self.key, k), (size,), 0, count, jnp.int32)
            return indices, jnp.ones(size, bool)
        steps = self.epoch(count)
        first = k % steps * size
        place = first + jnp.arange(size, dtype=jnp.int32)
        counted = place < count
        key = jax.random.fold_in(self.key, k // steps)
        return permuted(jnp.where(counted, place, first), count, key), counted

    def draw(self, k: Any, whole: Examples) -> Examples:
        """The rows of step k, scaled so that their sum stands for that of all."""
        return whole.take(*self.rows(k, whole.count))
