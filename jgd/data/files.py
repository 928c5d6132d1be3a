"""Tables from files: CSV, Parquet and LIBSVM, by the readers of Arrow and scikit-learn."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np

SPARSE = (".libsvm", ".svm", ".svmlight", ".txt")
"""How the names of files in LIBSVM's format end, less .gz and .bz2."""


def read(path: Any, target: str | None = None) -> tuple[Any, np.ndarray]:
    """(X, y): the features and what is to be foretold, from a file.

    Args:
      path: a file in CSV (.csv, with a line of names), Parquet (.parquet) or LIBSVM's format (.libsvm, .svm,
        .svmlight or .txt); LIBSVM's and CSV may be compressed (.gz, .bz2).
      target: the name of y's column; the last one if None. LIBSVM's has none.

    Returns:
      X: (n, p) floats; of LIBSVM's format a SciPy CSR matrix, which `jgd.models` takes without making it
      dense. y: (n,), numbers or labels.

    Raises:
      ValueError, TypeError: for a column that is not numeric, or has values that are missing or infinite, by
        name; for a target that is not there, and a file that is not what its name says. ImportError: without
        the readers, which `pip install "jgd[data]"` brings.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"path: {path.name} is a folder; name one file in it.")
    kind = [suffix for suffix in path.suffixes if suffix not in (".gz", ".bz2")][-1:] or [""]
    if kind[0] in SPARSE:
        if target is not None:
            raise ValueError(f"target: {path.name} has no names; its y is the first number of a line.")
        return _libsvm(path)
    if kind[0] == ".csv":
        table = _csv(path)
    elif kind[0] == ".parquet":
        table = parquet(path).read()
    else:
        raise ValueError(f"path: {path.name} is none of .csv, .parquet, {', '.join(SPARSE)}.")
    return split(table, target, path.name)


def split(table: Any, target: str | None, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(X, y) of a table of Arrow's."""
    found, names = columns_of(table.schema, target, name)
    X = features(table.select(names), name)
    for column, known in zip(names, np.isfinite(X).T, strict=True):
        _refuse(f"{name}: column {column!r}", ~known)
    return X, labels(table, found, name)


def labels(table: Any, column: str, name: str) -> np.ndarray:
    """A column of a table of Arrow's that has no missing values; text without the spaces around it."""
    y = table.column(column)
    if y.null_count:
        raise ValueError(f"{name}: target {column!r} has {y.null_count:,} missing values; leave them out.")
    y = y.to_numpy()
    if y.dtype.kind == "f":
        _refuse(f"{name}: target {column!r}", ~np.isfinite(y))
    if y.dtype == object:
        y = np.array([_label(one, f"{name}: target {column!r}") for one in y], object)
    return y


def _label(label: Any, where: str) -> Any:
    if isinstance(label, bytes):
        raise ValueError(f"{where} has text that is not UTF-8, {label!r}; save the file in UTF-8.")
    if isinstance(label, str) and "\n" in label.strip():
        raise ValueError(
            f"{where} has a label of several lines: a quote before {label[:20]!r} is not closed."
        )
    return label.strip() if isinstance(label, str) else label


def _refuse(where: str, bad: np.ndarray) -> None:
    """Raise for values that are not finite."""
    if bad.any():
        raise ValueError(
            f"{where} has {np.count_nonzero(bad):,} values that are missing or infinite, the first in row "
            f"{int(np.argmax(bad)):,}; fill them in or leave those rows out."
        )


def columns_of(schema: Any, target: str | None, name: str) -> tuple[str, list[str]]:
    """The names of y's column and of those of X; the index that pandas saves is neither, unless named."""
    saved = json.loads((schema.metadata or {}).get(b"pandas", "{}")).get("index_columns", ())
    names = [column for column in schema.names if column == target or column not in saved]
    twice = sorted({column for column in names if names.count(column) > 1})
    if twice:
        raise ValueError(f"{name} has several columns of the name {', '.join(twice)}; give each its own.")
    found = names[-1] if target is None and names else target
    if found is None or found not in names or len(names) < 2:
        raise ValueError(f"target: {name} has the columns {', '.join(names)}, got {found!r}.")
    return found, [column for column in names if column != found]


def features(table: Any, name: str) -> np.ndarray:
    """The columns of a table of Arrow's as (n, p) floats; raises naming one that cannot be."""
    import pyarrow.types as kinds

    for field in table.schema:
        kind, column = field.type, table.column(field.name)
        if not (kinds.is_floating(kind) or kinds.is_integer(kind) or kinds.is_boolean(kind)):
            raise TypeError(f"{name}: column {field.name!r} is {kind}; encode it as numbers first.")
        if column.null_count:
            raise ValueError(
                f"{name}: column {field.name!r} has {column.null_count:,} missing values; fill them in or "
                "leave those rows out."
            )
    columns = [column.to_numpy() for column in table.columns]
    narrow = all(column.dtype == np.float32 for column in columns)
    return np.stack(columns, axis=1, dtype=np.float32 if narrow else np.float64, casting="unsafe")


def _csv(path: Path) -> Any:
    arrow = _arrow("csv")
    try:
        table = arrow.read_csv(path, convert_options=arrow.ConvertOptions(strings_can_be_null=True))
        names = table.column_names
    except ValueError as error:
        raise ValueError(
            f"{path.name} is not a table in CSV and UTF-8, with a line of names and as many cells in every "
            f"line: {error}."
        ) from error
    if len(names) == 1 and any(mark in names[0] for mark in ";\t"):
        raise ValueError(f"{path.name}: its cells are not separated by commas; save it with commas.")
    if not table.num_rows:
        raise ValueError(f"{path.name} has a line of names and no rows.")
    if all(map(_is_number, names)) and names != [str(i) for i in range(len(names))]:
        raise ValueError(
            f"{path.name}: its first line, {', '.join(names[:4])}, …, is one of numbers and not of names; "
            "put a line of names before it."
        )
    return table


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def _libsvm(path: Path) -> tuple[Any, np.ndarray]:
    try:
        from sklearn.datasets import load_svmlight_file
    except ImportError as error:
        raise ImportError('LIBSVM files are read by scikit-learn: pip install "jgd[data]".') from error
    try:
        X, y = load_svmlight_file(path)[:2]
    except (ValueError, OverflowError, EOFError, gzip.BadGzipFile) as error:
        raise ValueError(
            f"{path.name} is not in LIBSVM's format, lines of a label and index:value pairs: {error}."
        ) from error
    _refuse(f"{path.name}: the label", ~np.isfinite(y))
    bad = X.tocoo().row[~np.isfinite(X.data)]
    if bad.size:
        raise ValueError(
            f"{path.name}: row {bad.min():,} has a feature that is missing or infinite; fill it in or leave "
            "that row out."
        )
    return X, y


def _arrow(part: str) -> Any:
    """A part of pyarrow."""
    from importlib import import_module

    try:
        return import_module(f"pyarrow.{part}")
    except ImportError as error:
        raise ImportError('CSV and Parquet files are read by pyarrow: pip install "jgd[data]".') from error


def parquet(path: Path) -> Any:
    """An open Parquet file."""
    try:
        return _arrow("parquet").ParquetFile(path)
    except ValueError as error:
        raise ValueError(f"{path.name} is not a Parquet file: {error}") from error
