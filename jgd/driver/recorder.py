"""The recorder: a history of fixed size that spans a run of any length."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jgd.core import tree
from jgd.core.record import record, static
from jgd.core.types import Point

COUNTS = ("values", "grads", "hvps", "hessians", "rejected")


def stride_exponent(k: jax.Array, exponent: int) -> jax.Array:
    """s such that at step k, one step in 2^s has a row among 2^exponent rows."""
    return jnp.maximum(32 - lax.clz(k) - exponent, 0).astype(k.dtype)


def next_row(k: jax.Array, exponent: int) -> jax.Array:
    """The first step after k that has a row."""
    s = stride_exponent(k, exponent)
    return ((k >> s) + 1) << s


@record
class Row:
    """What is kept of one step: `reals` (columns,), `counts` so far (5,), `x` (n,) or None."""

    reals: jax.Array
    counts: jax.Array
    x: jax.Array | None


@record
class History:
    """The rows, stacked, and their `steps` (R,), -1 where none is written."""

    steps: jax.Array
    rows: Row


@record
class Recorder:
    """How much to record: `rows` rows (a power of two), and x itself if `x` is set.

    Step k has a row while k is a multiple of 2^s, the stride, which doubles when the rows are full.
    With j = k >> s and t = s mod r, rows = 2^r, it is written at ((j << t) | (j >> (r - t))) mod rows,
    over a row that the doubled stride no longer needs.
    """

    rows: int = static(default=64)
    x: bool = static(default=False)

    def __post_init__(self) -> None:
        """Check `rows`."""
        if not isinstance(self.rows, int) or self.rows < 2 or self.rows & (self.rows - 1):
            raise ValueError(f"rows must be a power of two of at least 2, got {self.rows!r}.")

    @property
    def exponent(self) -> int:
        """r, with rows = 2^r."""
        return self.rows.bit_length() - 1

    def row(self, point: Point, reals: list[jax.Array], counts: jax.Array) -> Row:
        """The row of a point, its real columns in the dtype of the value."""
        dtype = point.value.dtype
        x = tree.ravel(point.x)[0].astype(dtype) if self.x else None
        return Row(jnp.stack([real.astype(dtype) for real in reals]), counts, x)

    def init(self, row: Row) -> History:
        """A history that holds the start."""
        empty = jax.tree.map(lambda leaf: jnp.zeros((self.rows, *leaf.shape), leaf.dtype), row)
        history = History(jnp.full((self.rows,), -1, jnp.int32), empty)
        return self.write(history, jnp.zeros((), jnp.int32), row, jnp.ones((), bool))

    def write(self, history: History, k: jax.Array, row: Row, due: jax.Array) -> History:
        """The history with step k's row if it is `due`."""
        r, s = self.exponent, stride_exponent(k, self.exponent)
        j, t = k >> s, s % r
        slot = ((j << t) | (j >> (r - t))) & (self.rows - 1)
        slot = jnp.where(due, slot, self.rows)
        return jax.tree.map(
            lambda kept, new: kept.at[slot].set(new, mode="drop"), history, History(k, row)
        )


def read(history: History, names: tuple[str, ...], k: int, last: Row) -> dict[str, np.ndarray]:
    """The written rows in the order of their steps, then step k's, by column, as NumPy arrays."""
    steps = np.asarray(history.steps)
    order = np.argsort(steps)[np.sum(steps < 0) :]
    if steps[order[-1]] == k:
        order = order[:-1]

    def column(kept: np.ndarray, new: np.ndarray) -> np.ndarray:
        return np.concatenate([np.asarray(kept)[order], np.asarray(new)[None]])

    rows = history.rows
    reals, counts = column(rows.reals, last.reals), column(rows.counts, last.counts)
    columns = {"step": np.append(steps[order], k)}
    columns |= {name: reals[:, i] for i, name in enumerate(names)}
    columns |= {name: counts[:, i] for i, name in enumerate(COUNTS)}
    if rows.x is not None and last.x is not None:
        columns["x"] = column(rows.x, last.x)
    return columns
