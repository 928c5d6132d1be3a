"""A queue of problems: many runs of one program, with data, rates, tolerances and starts of their own."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core.record import record, static
from jgd.driver.carry import Carry, Program
from jgd.driver.recorder import Row
from jgd.driver.solve import begin, solve
from jgd.driver.steps import names


@record
class End:
    """What is kept of a run: its last finite point, the verdict, its sums, and its history if recorded.

    `best_x` is None where it is to be found by another run, with `best_value` for a target; lanes know it.
    For many runs every leaf has a first axis of problems.
    """

    x: Any
    value: jax.Array
    grad_norm: jax.Array
    status: jax.Array
    steps: jax.Array
    counts: jax.Array
    discarded: jax.Array
    first_value: jax.Array
    first_grad_norm: jax.Array
    best_value: jax.Array
    best_x: Any
    history: Row | None


@record
class Queue:
    """Problems: a program and a start, of which the leaves that are `own` have a first axis of problems.

    `own` goes through the leaves of the program, then those of x0. `kept(program, carry)` is the End of a
    run. One that is longer than `limit` steps is left unfinished, its status RUNNING.
    """

    program: Program
    x0: Any
    limit: Any
    own: tuple[bool, ...] = static()
    kept: Callable[[Program, Carry], End] = static()

    @property
    def length(self) -> int:
        """The number of problems that there is room for."""
        leaves = jax.tree.leaves((self.program, self.x0))
        return next(leaf.shape[0] for leaf, own in zip(leaves, self.own, strict=True) if own)

    def take(self, at: jax.Array) -> list[jax.Array]:
        """The own leaves of a problem, or with a first axis those of several."""
        leaves = jax.tree.leaves((self.program, self.x0))
        return [leaf.at[at].get(mode="clip") for leaf, own in zip(leaves, self.own, strict=True) if own]

    def problem(self, own: list[jax.Array]) -> tuple[Program, Any]:
        """The program and the start that have these for their own leaves."""
        leaves, structure = jax.tree.flatten((self.program, self.x0))
        rest = iter(own)
        return structure.unflatten(
            [next(rest) if is_own else leaf for leaf, is_own in zip(leaves, self.own, strict=True)]
        )

    def solved(self, own: list[jax.Array]) -> End:
        """The End of one run."""
        program, x0 = self.problem(own)
        return self.kept(program, solve(program, x0, self.limit))

    def blank(self) -> End:
        """Ends for all problems, to be filled in."""
        one = jax.eval_shape(lambda: self.solved(self.take(jnp.zeros((), jnp.int32))))
        return jax.tree.map(lambda leaf: jnp.zeros((self.length, *leaf.shape), leaf.dtype), one)


def columns(program: Program, x0: Any) -> tuple[str, ...]:
    """The names of a history's real columns."""
    found: list[tuple[str, ...]] = []
    jax.eval_shape(lambda x0: found.append(names(program, begin(program, x0))), x0)
    return found[0]


def one_by_one(queue: Queue, count: Any) -> End:
    """The ends of the first `count` problems, run one after another."""

    def put(i: jax.Array, ends: End) -> End:
        end = queue.solved(queue.take(i))
        return jax.tree.map(lambda kept, new: lax.dynamic_update_index_in_dim(kept, new, i, 0), ends, end)

    return lax.fori_loop(jnp.zeros((), jnp.int32), jnp.asarray(count, jnp.int32), put, queue.blank())
