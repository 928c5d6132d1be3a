"""Many problems of one kind: handed out in pieces to the devices, the ends of their runs brought together."""

import dataclasses
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from jgd.clock import compile_seconds
from jgd.core import tree
from jgd.core.check import MOST
from jgd.core.compiled import compiled
from jgd.core.kernel import HELD
from jgd.core.record import record, static
from jgd.core.sharded import automatic
from jgd.driver.carry import Carry, Program
from jgd.driver.lanes import side_by_side
from jgd.driver.queue import End, Queue, one_by_one
from jgd.driver.recorder import COUNTS
from jgd.driver.solve import solve
from jgd.interrupts import wait
from jgd.told import ended, firsts, lowest

PIECE_BYTES = 2**28
"""So much of problems and of what is kept of them is on a device at once, where lanes run side by side."""

LANES = {"cpu": 1, "gpu": 4096, "tpu": 4096}
"""How many runs go side by side on a device.

On CPU one after another is mostly fastest: a step of several runs is as much arithmetic, and the numbers of
one small run stay in the processor's registers. First-order methods on a function that branches are an
exception: runs side by side compute all branches, but without a jump, and take half the time.
"""

GROWTH = 10
"""A piece has at most so many times the problems of the one before: those to come may take longer."""

COLUMNS = 8
"""A history has at most so many real columns, but for those of a gauge."""

AXIS = "problems"


@dataclass(frozen=True)
class Batch:
    """So many problems, each a program and a start.

    `one` has the leaves of a single problem; in `many`, where leaves have a first axis, that counts the
    problems, and those leaves are NumPy's.
    """

    one: tuple[Program, Any]
    many: tuple[Program, Any]
    count: int

    @cached_property
    def own(self) -> tuple[bool, ...]:
        """Which leaves differ from problem to problem."""
        pairs = zip(jax.tree.leaves(self.one), jax.tree.leaves(self.many), strict=True)
        return tuple(np.ndim(one) < np.ndim(many) for one, many in pairs)

    @property
    def devices(self) -> int:
        """How many devices have problems of their own: one stands for all where each problem takes them."""
        return 1 if self.one[0].objective.spread else mesh().size

    def pick(self, rows: np.ndarray) -> "Batch":
        """These problems of it."""
        leaves, structure = jax.tree.flatten(self.many)
        picked = [leaf[rows] if own else leaf for leaf, own in zip(leaves, self.own, strict=True)]
        return dataclasses.replace(self, many=structure.unflatten(picked), count=len(rows))


@record
class Piece:
    """Problems for all devices: a queue, and how many problems of it each device has, (devices,)."""

    queue: Queue
    counts: Any
    lanes: int = static()


@cache
def mesh() -> Mesh:
    """The devices of this process, in a row."""
    return automatic(Mesh(np.array(jax.local_devices()), (AXIS,)))


def _on_every_device(program: Any) -> Any:
    """The program on every device, each with its own problems; they have nothing to say to each other."""

    def call(piece: Piece) -> Any:
        if piece.counts.shape[0] == 1:
            return program(piece)
        spread, whole = PartitionSpec(AXIS), PartitionSpec()
        specs = [spread if own else whole for own in (*piece.queue.own, False, True)]
        given = jax.tree.unflatten(jax.tree.structure(piece), specs)
        return jax.shard_map(
            program, mesh=mesh(), in_specs=(given,), out_specs=(spread, whole), check_vma=False
        )(piece)

    return call


def _solve(piece: Piece) -> tuple[End, jax.Array]:
    """The ends of the problems that a device has, and how many steps its lanes made, (1,)."""
    queue, count = piece.queue, piece.counts[0]
    if piece.lanes == 1:
        return one_by_one(queue, count), jnp.zeros(1, jnp.int32)
    state = side_by_side(queue, piece.lanes, count)
    return state.ends, state.rounds[None]


_solved = compiled(_solve, around=_on_every_device)


def kept(program: Program, carry: Carry) -> End:
    """The End of a run; under mini-batches its values are those of all examples."""
    run, motion = ended(program, carry), carry.motion
    first_value, first_grad_norm = firsts(program, carry)
    return End(
        x=run.point.x,
        value=run.point.value,
        grad_norm=run.grad_norm,
        status=carry.status,
        steps=motion.k,
        counts=motion.counts,
        discarded=carry.discarded,
        first_value=first_value,
        first_grad_norm=first_grad_norm,
        best_value=lowest(run),
        best_x=run.best and run.best.x,
        history=carry.history,
    )


def pieces(
    batch: Batch, lanes: int | None, limit: int | None = None, first: int = 0, seconds: float = math.inf
) -> Iterator[tuple[End, int]]:
    """The ends of the problems from `first` on, piece by piece, and how many steps were executed for each.

    Runs of more than `limit` steps are left unfinished, with the status RUNNING. A piece is to take so many
    seconds; the first ones are small, to find out.
    """
    width = _width(lanes)
    devices, own = batch.devices, batch.own
    room = _room(batch, -(-batch.count // devices), width)
    wanted = batch.count if seconds == math.inf else devices * width
    while first < batch.count:
        began = time.perf_counter()
        size = min(wanted, room * devices, batch.count - first)
        counts = (size // devices + (np.arange(devices) < size % devices)).astype(np.int32)
        starts = first + np.cumsum(counts) - counts
        rows = np.minimum(starts[:, None] + np.arange(room), batch.count - 1).ravel()
        program, x0 = batch.pick(rows).many
        queue = Queue(program, x0, np.int32(MOST if limit is None else limit), own, kept)
        found = _solved(Piece(queue, counts, width))
        wait(jax.tree.leaves(found))
        ends, rounds = jax.device_get(found)
        there = (np.arange(room) < counts[:, None]).ravel()
        ends = jax.tree.map(lambda leaf, there=there: leaf[there], ends)
        yield ends, int(ends.steps.sum()) if width == 1 else int(rounds.sum()) * width
        first += size
        spent = time.perf_counter() - began - compile_seconds(began)
        wanted = max(devices, int(min(GROWTH, seconds / max(spent, 1e-9)) * size))


def solved(batch: Batch, lanes: int | None) -> End:
    """The ends of all problems."""
    found, done = None, 0
    for ends, _ in pieces(batch, lanes):
        found = written(found, ends, done, batch.count)
        done += len(ends.status)
    assert found is not None
    return found


def written(found: End | None, ends: End, first: int, count: int) -> End:
    """The ends of so many problems, those of a piece in their place: they stay there, none is twice."""
    if found is None:
        kept: End = jax.tree.map(lambda leaf: np.empty((count, *leaf.shape[1:]), leaf.dtype), ends)
        return written(kept, ends, first, count)
    for all, new in zip(jax.tree.leaves(found), jax.tree.leaves(ends), strict=True):
        all[first : first + len(new)] = new
    return found


def ends_like(problem: tuple[Program, Any], lanes: int | None, count: int) -> End:
    """Shapes and dtypes of the ends of so many runs of a problem's kind."""
    one = jax.eval_shape(lambda program, x0: kept(program, solve(program, x0)), *problem)
    one = one if _width(lanes) == 1 else dataclasses.replace(one, best_x=one.x)
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((count, *leaf.shape), leaf.dtype), one)


def _width(lanes: int | None) -> int:
    """How many runs go side by side."""
    return LANES.get(jax.default_backend(), 1) if lanes is None else lanes


def _room(batch: Batch, share: int, width: int) -> int:
    """How many problems a device is given at once: a power of two, and less than twice its share."""
    program, x0 = batch.one
    recorder, n = program.recorder, tree.size(x0)
    leaves = zip(jax.tree.leaves(batch.one), batch.own, strict=True)
    entries = [np.size(leaf) for leaf, own in leaves if own] + [n, len(COUNTS)]
    if recorder is not None:
        entries.append((recorder.rows + 1) * max(COLUMNS, n * recorder.x))
    most = HELD // max(entries) if width == 1 else PIECE_BYTES // (8 * sum(entries))
    return 1 << min(max(most, 1).bit_length() - 1, (share - 1).bit_length())
