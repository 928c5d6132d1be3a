"""The recorder: a history of fixed size that spans a run of any length."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jgd.core import tree
from jgd.core.record import record, static
from jgd.core.types import Gauge, Point

COUNTS = ("values", "grads", "hvps", "hessians", "rejected")


def stride_exponent(k: jax.Array, exponent: int) -> jax.Array:
    """s such that at step k, one step in 2^s has a row among 2^exponent rows."""
    return jnp.maximum(32 - lax.clz(k) - exponent, 0).astype(k.dtype)


def has_row(k: jax.Array, exponent: int) -> jax.Array:
    """Whether step k has a row among 2^exponent rows."""
    return _past_row(k, exponent) == 0


def steps_to_row(k: jax.Array, exponent: int) -> jax.Array:
    """How many steps after k the next step with a row is."""
    return (1 << stride_exponent(k, exponent)) - _past_row(k, exponent)


def _past_row(k: jax.Array, exponent: int) -> jax.Array:
    return k & ((1 << stride_exponent(k, exponent)) - 1)


@record
class Row:
    """What is kept of one step: `reals` (columns,), `wholes` (step and `COUNTS`,), `x` (n,) or None.

    A history is a Row whose leaves have a further first axis, the rows; -1 is the step of an empty one.
    """

    reals: Any
    wholes: Any
    x: Any


@record
class Recorder:
    """How much to record: `rows` rows (a power of two), x itself if `x` is set, and what a `gauge` measures.

    Step k has a row while k is a multiple of 2^s, the stride, which doubles when the rows are full.
    With j = k >> s and t = s mod r, rows = 2^r, it is written at ((j << t) | (j >> (r - t))) mod rows,
    over a row that the doubled stride no longer needs.
    """

    rows: int = static(default=64)
    x: bool = static(default=False)
    gauge: Gauge | None = None

    def __post_init__(self) -> None:
        """Check `rows`."""
        if not isinstance(self.rows, int) or self.rows < 2 or self.rows & (self.rows - 1):
            raise ValueError(f"rows must be a power of two of at least 2, got {self.rows!r}.")

    @property
    def exponent(self) -> int:
        """r, with rows = 2^r."""
        return self.rows.bit_length() - 1

    def row(self, k: jax.Array, point: Point, reals: list[jax.Array], counts: jax.Array) -> Row:
        """The row of a step, its real columns in the widest float dtype among them."""
        dtype = tree.scalar_dtype([real for real in reals if jnp.issubdtype(real.dtype, jnp.floating)])
        x = tree.ravel(point.x)[0] if self.x else None
        wholes = jnp.concatenate([k[None], counts])
        return Row(jnp.stack([real.astype(dtype) for real in reals]), wholes, x)

    def empty(self, row: Row) -> Row:
        """A history with no rows yet, for rows like `row`; what is not due overwrites a spare last one."""

        def fill(leaf: jax.ShapeDtypeStruct) -> jax.Array:
            return jnp.asarray(np.full((self.rows + 1, *leaf.shape), -1, leaf.dtype))

        return jax.tree.map(fill, row)

    def write(self, history: Row, row: Row, due: jax.Array) -> Row:
        """The history with the row if it is `due`."""
        k = row.wholes[0]
        r, s = self.exponent, stride_exponent(k, self.exponent)
        j, t = k >> s, s % r
        slot = jnp.where(due, ((j << t) | (j >> (r - t))) & (self.rows - 1), self.rows)
        return jax.tree.map(
            lambda kept, new: lax.dynamic_update_index_in_dim(kept, jnp.where(due, new, -1), slot, 0),
            history,
            row,
        )


def recorded(history: Row, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The written rows in the order of their steps, by column of reals and counts."""
    return _columns(_kept(history), names)


def read(history: Row, last: Row, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The written rows in the order of their steps, and the last one, by column of reals and counts."""
    kept = _kept(history)
    if not kept.wholes.size or kept.wholes[-1, 0] != last.wholes[0]:
        kept = jax.tree.map(
            lambda leaf, row: np.concatenate([leaf, np.asarray(row, leaf.dtype)[None]]), kept, last
        )
    return _columns(kept, names)


def _kept(history: Row) -> Row:
    """The written rows in the order of their steps."""
    rows = jax.tree.map(lambda leaf: np.asarray(leaf)[:-1], history)
    steps = rows.wholes[:, 0]
    order = np.argsort(steps)[np.sum(steps < 0) :]
    return jax.tree.map(lambda leaf: leaf[order], rows)


def _columns(rows: Row, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    columns = {name: rows.wholes[:, i] for i, name in enumerate(("step", *COUNTS))}
    columns |= {name: rows.reals[:, i] for i, name in enumerate(names)}
    return columns if rows.x is None else {**columns, "x": rows.x}
