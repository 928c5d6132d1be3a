"""What the front door reads of a run: its numbers, in two arrays, since to read one takes as long as all."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import tree
from jgd.core.status import Status
from jgd.driver.carry import Carry


class Told(NamedTuple):
    """The numbers of a run, `counts` and `discarded` in the order of `COUNTS`."""

    status: Status
    steps: int
    counts: list[int]
    discarded: list[int]
    value: float
    best_value: float
    first_value: float
    grad_norm: float
    first_grad_norm: float


def numbers(carry: Carry) -> tuple[jax.Array, jax.Array]:
    """The real numbers and the whole ones, for `told`."""
    motion = carry.motion
    norms = [carry.grad_norm, carry.memory[0][0]]
    reals = [motion.point.value, motion.best_value, carry.first_value, *norms]
    dtype = tree.scalar_dtype(reals)
    heads = jnp.stack([carry.status, motion.k])
    return (
        jnp.stack([real.astype(dtype) for real in reals]),
        jnp.concatenate([heads, motion.counts, carry.discarded]),
    )


def told(given: tuple[Any, Any]) -> Told:
    """The numbers, once they are there; other threads run meanwhile."""
    reals, wholes = (np.asarray(part.block_until_ready()).tolist() for part in given)
    return Told(Status(wholes[0]), wholes[1], wholes[2:7], wholes[7:], *reals)
