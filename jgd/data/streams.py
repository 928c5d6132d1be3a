"""Rows that stay in their file: memory maps and Parquet."""

import mmap
import os
from math import prod
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from jgd.data.files import columns_of, features, labels, parquet


def stream(source: Any, target: str | None = None) -> Any:
    """Rows that are read block by block, at every evaluation and one block ahead, in place of an array.

    Args:
      source: a NumPy memory map, the path of a .npy file, or that of a .parquet file.
      target: for Parquet the name of y's column; the last one if None.

    Returns:
      What `jgd.finite_sum` takes for a leaf of its data, and `jgd.models` for X; for Parquet (X, y), of which
      y is in memory. Rows with a value that is missing or infinite end a run, which then says where it is.

    Raises:
      TypeError, ValueError, OSError: for a source of another kind, a file shorter than its header says, or a
        column that is not numeric, by name.

    >>> import numpy as np, jgd, tempfile, pathlib
    >>> X = np.random.default_rng(0).normal(size=(1000, 3))
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "X.npy"
    >>> np.save(path, X)
    >>> fit = jgd.models.linear(jgd.data.stream(path), X @ np.array([1.0, 2.0, 3.0]))
    >>> np.asarray(jgd.minimize(fit).x).round(6).tolist()
    [1.0, 2.0, 3.0]
    >>> folder.cleanup()
    """
    if isinstance(source, np.memmap):
        return MemoryMap(source)
    if not isinstance(source, str | os.PathLike):
        raise TypeError(f"source must be a NumPy memory map or a path, got {type(source).__name__}.")
    path = Path(source)
    if path.suffix == ".npy":
        if target is not None:
            raise ValueError(f"target: {path.name} has no columns with names.")
        try:
            array = np.load(path, mmap_mode="r")
        except (ValueError, EOFError) as error:
            raise ValueError(f"source: {path} is not a whole .npy file of numbers.") from error
        if not isinstance(array, np.memmap):
            raise ValueError(
                f"source: {path} is not a .npy file; an .npz holds several: save one by np.save."
            )
        return MemoryMap(array)
    if path.suffix == ".parquet":
        file = parquet(path)
        found, names = columns_of(file.schema_arrow, target, path.name)
        return Parquet(path, names), labels(file.read(columns=[found]), found, path.name)
    raise ValueError(f"source: {path.name} is none of .npy and .parquet.")


class MemoryMap:
    """The rows of a memory map, read from its file: a file that became shorter is an error, and no crash."""

    def __init__(self, array: np.memmap) -> None:
        if array.ndim == 0 or not array.flags.c_contiguous or not array.dtype.isnative:
            raise ValueError(
                "source: a memory map must be in C order and in this machine's order of bytes for its rows "
                "to be read: save it so."
            )
        if array.base is None or getattr(array, "mode", "c") == "c":
            raise ValueError(
                "source: a memory map must be that of a file, without changes of its own: open it by "
                'np.load(path, mmap_mode="r").'
            )
        root: Any = array
        while not isinstance(root.base, mmap.mmap):
            root = root.base
        self.name, self._array = str(array.filename), array
        self.shape, self.dtype = array.shape, array.dtype
        self._offset = root.offset + array.ctypes.data - root.ctypes.data
        self._entries = prod(array.shape[1:])
        self._row = self._entries * array.dtype.itemsize

    def read(self, start: int, stop: int) -> np.ndarray:
        """The rows from start to stop."""
        count = (stop - start) * self._entries
        place = self._offset + start * self._row
        found = np.fromfile(self.name, self.dtype, count, offset=place)
        if found.size < count:
            self._check_length()
        return found.reshape(-1, *self.shape[1:])

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The rows of these indices."""
        self._check_length()
        return np.asarray(self._array[indices])

    def _check_length(self) -> None:
        rows = (os.path.getsize(self.name) - self._offset) // max(self._row, 1)
        if rows < self.shape[0]:
            raise ValueError(f"{self.name} was cut short: it ends in row {rows:,} of {self.shape[0]:,}.")


class Parquet:
    """The columns of a Parquet file as rows of floats, read by row groups; single rows cannot be."""

    take = None

    def __init__(self, path: Path, names: list[str]) -> None:
        file = parquet(path)
        self.name, self._names = path.name, names
        self.dtype = features(file.schema_arrow.empty_table().select(names), self.name).dtype
        groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(groups)])
        self.shape = int(self._starts[-1]), len(names)
        self._path, self._batches, self._at = path.absolute(), iter(()), -1
        self._rows = np.zeros((0, len(names)), self.dtype)
        self._lock = Lock()

    def read(self, start: int, stop: int) -> np.ndarray:
        """The rows from start to stop; those that follow the ones before are read on from there."""
        with self._lock:
            return self._read(start, stop)

    def _read(self, start: int, stop: int) -> np.ndarray:
        if start != self._at:
            group = int(np.searchsorted(self._starts, start, "right")) - 1
            groups, size = range(group, len(self._starts) - 1), stop - start
            self._batches = parquet(self._path).iter_batches(size, row_groups=groups, columns=self._names)
            self._rows, self._at = self._rows[:0], int(self._starts[group])
        skip = start - self._at
        while len(self._rows) < skip + stop - start:
            rows = next(self._batches, None)
            if rows is None:
                raise ValueError(f"{self.name} ended before row {stop - 1:,} of {self.shape[0]:,}.")
            self._rows = np.concatenate([self._rows, self._made(rows)])
            drop = min(skip, len(self._rows))
            self._rows, self._at, skip = self._rows[drop:], self._at + drop, skip - drop
        found, self._rows, self._at = self._rows[: stop - start], self._rows[stop - start :], stop
        return found

    def _made(self, rows: Any) -> np.ndarray:
        import pyarrow

        return features(pyarrow.Table.from_batches([rows]), self.name).astype(self.dtype)
