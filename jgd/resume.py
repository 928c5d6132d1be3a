"""Going on from an earlier run: what of it a further run, or another method, can take over."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import tree
from jgd.core.status import Status
from jgd.driver.carry import Carry, Position, Program
from jgd.driver.solve import begin
from jgd.driver.steps import empty_history, names
from jgd.methods.scaled import Scaled


def resumed(before: Program, carry: Carry, program: Program) -> tuple[Carry | None, str]:
    """The carry of a run of `before`, made one of `program`; None where it must start anew, and why.

    It goes on where function, data and kind of method are the same; rates and tolerances may differ. A
    rule that was there before keeps its memory; with another recorder the history begins here.
    """
    if jax.tree.structure(before.method) != jax.tree.structure(program.method):
        return None, "the method is another one"
    one, other = before.method, program.method
    if isinstance(one, Scaled) and isinstance(other, Scaled) and not _same(one.map, other.map):
        return None, "x_scale is another one"
    if not _same(before.objective, program.objective):
        return None, "fun is another function object, or its data are others"
    point = carry.motion.point
    memory = program.stop.resume(before.stop, carry.memory, program.objective, point)
    motion = dataclasses.replace(carry.motion, status=jnp.full_like(carry.motion.status, Status.RUNNING))
    status = jnp.full_like(carry.status, Status.RUNNING)
    carry = dataclasses.replace(carry, motion=motion, status=status, memory=memory)
    if not motion.best_value < motion.point.value:
        carry = dataclasses.replace(carry, best_origin=motion.at)
    if jax.tree.structure(before.recorder) != jax.tree.structure(program.recorder):
        gauge = None if program.gauge is None else program.gauge.init(program.objective, point)
        motion = dataclasses.replace(carry.motion, gauge=gauge)
        carry = dataclasses.replace(carry, motion=motion, history=empty_history(program, motion))
    if not _alike(carry, jax.eval_shape(begin, program, point.x)):
        return None, "its numbers are of another dtype"
    return carry, ""


def _alike(one: Any, other: Any) -> bool:
    """Whether two trees have the same structure, shapes and dtypes."""
    described = [
        (jax.tree.structure(it), [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(it)])
        for it in (one, other)
    ]
    return described[0] == described[1]


def _same(one: Any, other: Any) -> bool:
    """Whether two objectives are one function of the same data, or two trees have the same leaves."""
    if jax.tree.structure(one) != jax.tree.structure(other):
        return False
    return all(map(_equal, jax.tree.leaves(one), jax.tree.leaves(other)))


def _equal(one: jax.Array, other: jax.Array) -> bool:
    """Whether two arrays have the same dtype and entries, NaN equal to NaN."""
    if one is other:
        return True
    if one.dtype != other.dtype:
        return False
    if jnp.issubdtype(one.dtype, jax.dtypes.prng_key):
        one, other = jax.random.key_data(one), jax.random.key_data(other)
    return np.array_equal(one, other, equal_nan=jnp.issubdtype(one.dtype, jnp.inexact))


def taken_over(before: Program, carry: Carry, program: Program) -> Carry:
    """The carry of a run of `before`, made one of another method that goes on where it stands.

    Steps, sums, history and the memory of the tests are kept, what the method before remembered is not, and
    the checks begin afresh; columns of the history that the new method alone has are NaN before.
    """
    f, motion = program.objective, carry.motion
    at = Position(motion.k, motion.point, tree.strong(program.method.init(f, motion.point)))
    motion = dataclasses.replace(
        motion, at=at, status=jnp.full_like(motion.status, Status.RUNNING), best_value=motion.point.value
    )
    moved = dataclasses.replace(carry, motion=motion)
    history = carry.history
    if history is not None:
        old, new = names(before, carry), names(program, moved)
        columns = [history.reals[:, old.index(name)] if name in old else None for name in new]
        unknown = jnp.full(history.reals.shape[:1], jnp.nan, history.reals.dtype)
        reals = jnp.stack([unknown if column is None else column for column in columns], axis=1)
        history = dataclasses.replace(history, reals=reals)
    return dataclasses.replace(
        moved,
        best_origin=at,
        status=jnp.full_like(carry.status, Status.RUNNING),
        memory=(carry.memory[0], program.stop.init(f, motion.point)[1]),
        history=history,
    )
