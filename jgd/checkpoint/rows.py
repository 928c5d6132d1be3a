"""Rows on disk: a history that is written as it comes, and is there whatever becomes of the process."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from jgd.checkpoint.files import set_aside, write_at_once

Columns = dict[str, np.ndarray]
"""Arrays of one length by name, of which `step` rises."""


class Rows:
    """The rows of a run in a file of JSON lines, one for each; NaN is null there, infinities are strings.

    A row is written once, in the order of the steps, and stays, so that there may be more rows than a history
    in memory keeps. What was being written when the process ended is not there, or left out by `read_rows`.

    Args:
      path: the file; made if need be.
      upto: go on after the row of this step: later ones are taken away. -1 to begin anew.

    Attributes:
      notes: where the file was damaged, a sentence that says where it is set aside; its rows are left there.

    Raises:
      OSError: where it cannot be written.

    >>> import numpy as np, tempfile, pathlib
    >>> from jgd.checkpoint.rows import Rows, read_rows
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows = Rows(pathlib.Path(folder) / "history.jsonl")
    ...     rows.append({"step": np.arange(3), "value": np.array([4.0, 1.0, 0.25])})
    ...     rows.append({"step": np.arange(2, 4), "value": np.array([0.25, np.nan])})
    ...     read_rows(pathlib.Path(folder) / "history.jsonl")["value"].tolist()
    [4.0, 1.0, 0.25, nan]
    """

    def __init__(self, path: Any, upto: int = -1) -> None:
        self._path, self.notes = Path(path), ()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch()
            steps = self._steps()
            kept = steps[steps <= upto]
            lines = self._path.read_bytes().split(b"\n")[: len(kept)] if len(kept) else []
            write_at_once(self._path, b"".join(line + b"\n" for line in lines))
        except OSError as error:
            raise _unwritten(self._path, error) from error
        self._last = int(kept[-1]) if len(kept) else -1

    def _steps(self) -> np.ndarray:
        """The steps of the rows that are there."""
        try:
            return read_rows(self._path).get("step", np.zeros(0))
        except ValueError as error:
            self.notes = (f"{error} It is {set_aside(self._path).name} now, and its rows are begun anew.",)
            return np.zeros(0)

    def append(self, columns: Columns) -> None:
        """Write the rows of later steps than the last one there; OSError, and none, where it fails."""
        new = columns["step"] > self._last
        if not new.any():
            return
        lists = [_plain(column[new]) for column in columns.values()]
        lines = [json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in zip(*lists, strict=True)]
        size = None
        try:
            size = self._path.stat().st_size
            with self._path.open("ab", buffering=0) as file:
                data = memoryview("".join(lines).encode())
                while data:
                    data = data[file.write(data) :]
        except OSError as error:
            if size is not None and self._path.exists():
                os.truncate(self._path, size)
            raise _unwritten(self._path, error) from error
        self._last = int(columns["step"][-1])


def read_rows(path: Any) -> Columns:
    """The rows of a file that `Rows` wrote, by column; a last line that is unfinished is left out.

    A column that some rows lack, since they are of another method, is NaN there. Raises ValueError where
    there is no such file, or it is damaged, with the line.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"There is no file {path}.")
    *lines, _ = path.read_bytes().split(b"\n")
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not isinstance(row.get("step"), int):
            raise ValueError(f"{path}: line {number:,} is damaged.")
        rows.append(row)
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _array([row.get(name) for row in rows]) for name in names}


def _unwritten(path: Path, error: OSError) -> OSError:
    there = "; the rows before are there" if path.exists() else ""
    return OSError(f"history: {path} cannot be written ({error.strerror or error}){there}.")


def _plain(column: np.ndarray) -> list:
    """A column as JSON can hold it: numbers, or lists of them."""
    if column.dtype.kind != "f" or np.isfinite(column).all():
        return column.tolist()
    if column.ndim > 1:
        return [_plain(row) for row in column]
    return [None if np.isnan(cell) else cell if np.isfinite(cell) else str(cell) for cell in column.tolist()]


def _array(cells: list) -> np.ndarray:
    """A column of JSON as an array; NaN where a row lacks it."""
    lists = [cell for cell in cells if isinstance(cell, list)]
    if lists:
        cells = [[None] * len(lists[0]) if cell is None else cell for cell in cells]
    return np.array(cells, np.int64 if all(type(cell) is int for cell in cells) else float)
