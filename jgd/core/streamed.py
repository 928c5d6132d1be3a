"""Rows of data that are not in memory: read block by block at every evaluation, one ahead."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from threading import Lock
from typing import Any, Protocol
from weakref import WeakValueDictionary

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import tree
from jgd.core.examples import Examples, accumulated, scale_of
from jgd.core.record import record, static


class Stream(Protocol):
    """Rows that can be read: like an array of this shape and dtype, its first axis counting the rows.

    `read(start, stop)` and `take(indices)` return NumPy arrays, and raise with a sentence that names the
    place where that is not possible; `take` is None where single rows cannot be read.
    """

    name: str
    shape: tuple[int, ...]
    dtype: Any
    take: Callable[[np.ndarray], np.ndarray] | None

    def read(self, start: int, stop: int) -> np.ndarray:
        """The rows from start to stop."""
        ...


def is_stream(leaf: Any) -> bool:
    """Whether it is a `Stream` and no array."""
    return all(hasattr(leaf, name) for name in ("read", "take", "shape", "dtype", "name"))


class Reader:
    """The blocks of data whose leaves are streams or NumPy arrays, `size` rows each.

    While one is computed on, the next is read, always by the same thread: runs take turns in a reader, one at
    a time. What goes wrong is kept in `error`, and from then on every block is handed out without being read,
    as one that makes every sum NaN, until `fault` is asked for.
    """

    def __init__(self, data: Any, size: int) -> None:
        leaves, self._structure = jax.tree.flatten(data, is_leaf=is_stream)
        self._leaves = [leaf if is_stream(leaf) else _Held(np.asarray(leaf)) for leaf in leaves]
        self._dtypes = [jax.dtypes.canonicalize_dtype(leaf.dtype) for leaf in self._leaves]
        self.size, self.count = size, self._leaves[0].shape[0]
        self._error: Exception | None = None
        self._sound: set[int] = set()
        self._ahead: tuple[int, Future] | None = None
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(1, "jgd-reader")

    @property
    def row(self) -> Any:
        """The shapes and dtypes of a row."""
        return self._shapes(())

    def shapes(self, length: int) -> Any:
        """The shapes and dtypes of so many rows, and of the 1 or NaN that comes with them."""
        return self._shapes((length,)), jax.ShapeDtypeStruct((), np.float32)

    def _shapes(self, first: tuple) -> Any:
        pairs = zip(self._leaves, self._dtypes, strict=True)
        return self._structure.unflatten(
            [jax.ShapeDtypeStruct((*first, *leaf.shape[1:]), dtype) for leaf, dtype in pairs]
        )

    def block(self, i: Any) -> Any:
        """Block i, its last rows repeated where there are fewer, and 1, or NaN where it cannot be read."""
        with self._lock:
            return self._guarded(self.size, self._block, int(i))

    def take(self, indices: Any) -> Any:
        """The rows of these indices, and 1, or NaN where they cannot be read."""
        with self._lock:
            return self._guarded(len(indices), self._taken, np.asarray(indices))

    @property
    def form(self) -> tuple:
        """What programs depend on: readers of the same form share them."""
        shapes = tuple((leaf.shape[1:], dtype) for leaf, dtype in self._pairs())
        return self._structure, shapes, self.size, self.count

    def fault(self) -> str:
        """What went wrong since the last time, in a sentence; empty if nothing did."""
        error, self._error = self._error, None
        if isinstance(error, OSError | ValueError):
            return str(error)
        return "" if error is None else f"Reading the data failed with {type(error).__name__}: {error}"

    def _guarded(self, length: int, read: Callable, given: Any) -> Any:
        if self._error is None:
            try:
                return read(given), np.float32(1)
            except Exception as error:
                self._error, self._ahead = error, None
        return self._structure.unflatten(
            [np.zeros((length, *leaf.shape[1:]), dtype) for leaf, dtype in self._pairs()]
        ), np.float32(np.nan)

    def _pairs(self) -> Any:
        return zip(self._leaves, self._dtypes, strict=True)

    def _block(self, i: int) -> Any:
        number, coming = self._ahead or (None, None)
        self._ahead = None
        # always by the one thread, so that a stream is never read twice at once
        if coming is None or number != i:
            coming = self._thread.submit(self._read, i)
        found = coming.result()
        if (i + 1) * self.size < self.count:
            self._ahead = i + 1, self._thread.submit(self._read, i + 1)
        return found

    def _read(self, i: int) -> Any:
        start, stop = i * self.size, min((i + 1) * self.size, self.count)
        made = []
        for leaf, dtype in self._pairs():
            rows = leaf.read(start, stop)
            if len(rows) != stop - start:
                raise ValueError(
                    f"{leaf.name}: asked for rows {start:,} to {stop - 1:,}, it gave {len(rows):,}."
                )
            rows = _cast(leaf.name, rows, dtype)
            if i not in self._sound:
                _check_finite(leaf.name, rows, start)
            if len(rows) < self.size:
                rows = np.concatenate([rows, np.repeat(rows[-1:], self.size - len(rows), axis=0)])
            made.append(rows)
        self._sound.add(i)
        return self._structure.unflatten(made)

    def _taken(self, indices: np.ndarray) -> Any:
        made = [_cast(leaf.name, leaf.take(indices), dtype) for leaf, dtype in self._pairs()]
        for leaf, rows in zip(self._leaves, made, strict=True):
            _check_finite(leaf.name, rows, indices)
        return self._structure.unflatten(made)


class _Held:
    """An array in memory, as a stream."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.name, self.shape, self.dtype = array, "data", array.shape, array.dtype

    def read(self, start: int, stop: int) -> np.ndarray:
        return self.array[start:stop]

    def take(self, indices: np.ndarray) -> np.ndarray:
        return self.array[indices]


def _cast(name: str, rows: np.ndarray, dtype: Any) -> np.ndarray:
    """Rows in a dtype of JAX; floats that it does not hold are infinite."""
    tree.check_range(name, rows, dtype)
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(rows, dtype)


def _check_finite(name: str, rows: np.ndarray, places: Any) -> None:
    """Raise for the first entry that is NaN or infinite; `places` says which rows these are."""
    if rows.dtype.kind != "f" or np.isfinite(rows.sum()):
        return
    bad = np.argwhere(~np.isfinite(rows))
    if bad.size:
        row, *column = bad[0].tolist()
        row = int(places[row]) if np.ndim(places) else places + row
        where = f", column {', '.join(map(str, column))}," if column else ""
        value = rows[tuple(bad[0])]
        raise ValueError(f"{name}: row {row:,}{where} is {value}; fill in what is missing or leave it out.")


class Source:
    """A reader, equal to those of the same form, so that a program compiled for one serves the others.

    `key` finds it from inside a program, which may have been compiled for another one.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader, self.form = reader, reader.form
        self.key = np.int32(next(_keys))
        _readers[int(self.key)] = reader

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Source) and self.form == other.form

    def __hash__(self) -> int:
        return hash(self.form)


_keys = count()
_readers: "WeakValueDictionary[int, Reader]" = WeakValueDictionary()


def _block(key: Any, i: Any) -> Any:
    return _readers[int(key)].block(i)


def _taken(key: Any, indices: Any) -> Any:
    return _readers[int(key)].take(indices)


@record
class Streamed:
    """Rows that are read when they are summed, block by block, each with a weight (None for 1).

    `key` is that of the source; `block` is how many of the rows that were read are looked at at once, as of
    `Examples`.
    """

    weights: jax.Array | None
    scale: jax.Array
    key: jax.Array
    source: Source = static()
    block: int | None = static(default=None)

    @property
    def reader(self) -> Reader:
        """What reads them."""
        return self.source.reader

    @property
    def count(self) -> int:
        """The number of rows."""
        return self.reader.count

    @property
    def row(self) -> Any:
        """The shapes and dtypes of a row."""
        return self.reader.row

    def at_once(self, least: int = 1) -> bool:
        """Never: they need not fit in memory."""
        return False

    def summed(self, of: Callable[[Examples], Any], least: int = 1) -> Any:
        """The sum of `of(block)`, a tree of arrays, over the blocks."""
        blocks = np.int32(-(-self.count // self.reader.size))
        return accumulated(lambda i: self._part(i).summed(of, least), blocks)

    def take(self, indices: jax.Array, counted: jax.Array) -> Examples:
        """The rows of these indices, scaled so that their sum stands for that of all."""
        shapes = self.reader.shapes(indices.size)
        rows = jax.pure_callback(_taken, shapes, self.key, indices, vmap_method="sequential")
        return self._weighted(rows, indices, counted, scale_of(self, counted))

    def _part(self, i: jax.Array) -> Examples:
        size = self.reader.size
        rows = jax.pure_callback(_block, self.reader.shapes(size), self.key, i, vmap_method="sequential")
        places = i * size + jnp.arange(size, dtype=jnp.int32)
        return self._weighted(rows, places, places < self.count, self.scale)

    def _weighted(self, read: Any, places: jax.Array, counted: jax.Array, scale: jax.Array) -> Examples:
        rows, sound = read
        weights = jnp.ones(places.shape, self.scale.dtype)
        if self.weights is not None:
            weights = self.weights.at[jnp.minimum(places, self.count - 1)].get(mode="promise_in_bounds")
        weights = jnp.where(counted, weights, jnp.zeros_like(weights)) * sound.astype(weights.dtype)
        return Examples(rows, weights, scale, self.block)


def read_through(examples: Any, compute: Callable[[], Any]) -> Any:
    """What `compute()` makes of the examples; raises RuntimeError where streamed ones cannot be read."""
    if not isinstance(examples, Streamed):
        return compute()
    examples.reader.fault()  # of an earlier time
    found = jax.block_until_ready(compute())
    raise_fault(examples.reader.fault())
    return found


def raise_fault(fault: str) -> None:
    """Raise RuntimeError with what kept data from being read, if anything did."""
    if fault:
        raise RuntimeError(f"The data could not be read. {fault}")
