"""Rows on disk: a history that is written as it comes, and is there whatever becomes of the process."""

import json
import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from jgd.checkpoint.files import write_at_once

Columns = dict[str, np.ndarray]
"""Arrays of one length by name, of which `step` rises."""


class Rows:
    """The rows of a run in a file: JSON lines (.jsonl), or a folder of Parquet files (.parquet).

    A row is written once, in the order of the steps, and stays, so that there may be more rows than a history
    in memory keeps. What was being written when the process ended is not there, or left out by `read_rows`.

    Args:
      path: the file, or the folder of Parquet's; it must not exist yet.
      upto: go on with the one that does, with its rows up to this step; None to begin one.

    Raises:
      ValueError: for a path of another kind, or where there is one already. OSError: where it cannot be
        written. ImportError: without pyarrow for .parquet, which `pip install "jgd[data]"` brings.

    >>> import numpy as np, tempfile, pathlib
    >>> from jgd.checkpoint.rows import Rows, read_rows
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows = Rows(pathlib.Path(folder) / "history.jsonl")
    ...     rows.append({"step": np.arange(3), "value": np.array([4.0, 1.0, 0.25])})
    ...     rows.append({"step": np.arange(2, 4), "value": np.array([0.25, np.nan])})
    ...     read_rows(pathlib.Path(folder) / "history.jsonl")["value"].tolist()
    [4.0, 1.0, 0.25, nan]
    """

    def __init__(self, path: Any, upto: int | None = None) -> None:
        self.path = Path(path)
        form = _form(self.path)
        if upto is None and self.path.exists():
            raise ValueError(f"history: {self.path} exists, with the rows of another run: name another file.")
        try:
            self._form = form(self.path)
            self._last = self._form.cut(-1 if upto is None else upto)
        except OSError as error:
            raise _unwritten(self.path, error) from error

    def append(self, columns: Columns) -> None:
        """Write the rows of later steps than the last one there; OSError where that fails."""
        new = columns["step"] > self._last
        if not new.any():
            return
        columns = {name: column[new] for name, column in columns.items()}
        try:
            self._form.write(columns)
        except OSError as error:
            raise _unwritten(self.path, error) from error
        self._last = int(columns["step"][-1])


def read_rows(path: Any) -> Columns:
    """The rows of a file that `Rows` wrote, by column; a last line that is unfinished is left out.

    Raises ValueError where the file is damaged, with the place.
    """
    path = Path(path)
    form = _form(path)
    if not path.exists():
        raise ValueError(f"There is no file {path}.")
    return form(path).read()


class _Form(Protocol):
    """A way of writing rows."""

    def __init__(self, path: Path) -> None: ...

    def cut(self, upto: int) -> int:
        """Leave the rows up to this step, and return the last one's; -1 where there is none."""
        ...

    def write(self, columns: Columns) -> None:
        """Add rows: all or, where that fails, none."""
        ...

    def read(self) -> Columns:
        """All rows."""
        ...


class _Lines:
    """JSON lines, one for each row; NaN is null, and infinities are strings."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def cut(self, upto: int) -> int:
        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch()
            return -1
        columns = self.read()
        kept = columns["step"] <= upto if columns else np.zeros(0, bool)
        lines = self._path.read_bytes().split(b"\n")[: int(kept.sum())]
        write_at_once(self._path, b"".join(line + b"\n" for line in lines))
        return int(columns["step"][kept][-1]) if kept.any() else -1

    def write(self, columns: Columns) -> None:
        lists = [_plain(column) for column in columns.values()]
        lines = [json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in zip(*lists, strict=True)]
        size = self._path.stat().st_size
        try:
            with self._path.open("ab", buffering=0) as file:
                data = memoryview("".join(lines).encode())
                while data:
                    data = data[file.write(data) :]
        except OSError:
            os.truncate(self._path, size)
            raise

    def read(self) -> Columns:
        *lines, _ = self._path.read_bytes().split(b"\n")
        rows = []
        for number, line in enumerate(lines, 1):
            try:
                rows.append(json.loads(line))
            except ValueError:
                raise ValueError(f"{self._path}: line {number:,} is damaged.") from None
        names = rows[0] if rows else {}
        return {name: _array([row[name] for row in rows]) for name in names}


class _Files:
    """Parquet files in a folder, named for their first step: a file of theirs is whole only once closed."""

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise ImportError('Parquet is written by pyarrow: pip install "jgd[data]".') from error
        self._path, self._arrow = path, pyarrow

    def cut(self, upto: int) -> int:
        self._path.mkdir(parents=True, exist_ok=True)
        last = -1
        for file in self._files():
            columns = self._columns(file)
            kept = columns["step"] <= upto
            if not kept.any():
                file.unlink()
                continue
            last = int(columns["step"][kept][-1])
            if not kept.all():
                self.write({name: column[kept] for name, column in columns.items()})
        return last

    def write(self, columns: Columns) -> None:
        names = {name: list(column) if column.ndim > 1 else column for name, column in columns.items()}
        sink = self._arrow.BufferOutputStream()
        self._arrow.parquet.write_table(self._arrow.table(names), sink, write_page_checksum=True)
        write_at_once(self._path / f"{int(columns['step'][0]):012d}.parquet", sink.getvalue())

    def read(self) -> Columns:
        parts = [self._columns(file) for file in self._files()]
        return {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else {})}

    def _files(self) -> list[Path]:
        return sorted(self._path.glob("*.parquet"))

    def _columns(self, file: Path) -> Columns:
        try:
            table = self._arrow.parquet.read_table(file, page_checksum_verification=True)
        except (OSError, ValueError) as error:
            raise ValueError(f"{file} is damaged ({error}).") from None
        columns = {name: table.column(name).to_numpy() for name in table.column_names}
        return {
            name: np.stack(column) if column.dtype == object else column for name, column in columns.items()
        }


def _form(path: Path) -> type[_Form]:
    forms: dict[str, type[_Form]] = {".jsonl": _Lines, ".parquet": _Files}
    if path.suffix not in forms:
        raise ValueError(f"history: {path.name} is none of {' and '.join(forms)}.")
    return forms[path.suffix]


def _unwritten(path: Path, error: OSError) -> OSError:
    return OSError(
        f"history: {path} cannot be written ({error.strerror or error}); the rows before are there."
    )


def _plain(column: np.ndarray) -> list:
    """A column as JSON can hold it: numbers, or lists of them."""
    if column.dtype.kind != "f" or np.isfinite(column).all():
        return column.tolist()
    if column.ndim > 1:
        return [_plain(row) for row in column]
    return [None if np.isnan(cell) else cell if np.isfinite(cell) else str(cell) for cell in column.tolist()]


def _array(cells: list) -> np.ndarray:
    """A column of JSON as an array."""
    return np.array(cells, np.int64 if type(cells[0]) is int else float)
