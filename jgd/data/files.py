"""Tables from files: CSV, Parquet and LIBSVM, by the readers of Arrow and scikit-learn."""

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
      ValueError, TypeError: for a column that is not numeric, or has missing values, by name; for a target
        that is not there. ImportError: without the readers, which `pip install "jgd[data]"` brings.
    """
    path = Path(path)
    kind = [suffix for suffix in path.suffixes if suffix not in (".gz", ".bz2")][-1:] or [""]
    if kind[0] in SPARSE:
        if target is not None:
            raise ValueError(f"target: {path.name} has no names; its y is the first number of a line.")
        return _libsvm(path)
    if kind[0] == ".csv":
        arrow = _arrow("csv")
        table = arrow.read_csv(path, convert_options=arrow.ConvertOptions(strings_can_be_null=True))
    elif kind[0] == ".parquet":
        table = _arrow("parquet").read_table(path)
    else:
        raise ValueError(f"path: {path.name} is none of .csv, .parquet, {', '.join(SPARSE)}.")
    return split(table, target, path.name)


def split(table: Any, target: str | None, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(X, y) of a table of Arrow's."""
    found = target_of(table.column_names, target, name)
    names = [column for column in table.column_names if column != found]
    return features(table.select(names), name), labels(table, found, name)


def labels(table: Any, column: str, name: str) -> np.ndarray:
    """A column of a table of Arrow's that has no missing values."""
    y = table.column(column)
    if y.null_count:
        raise ValueError(f"{name}: target {column!r} has {y.null_count:,} missing values; leave them out.")
    return y.to_numpy()


def target_of(names: list[str], target: str | None, name: str) -> str:
    """The name of y's column."""
    if target is None:
        target = names[-1]
    if names.count(target) != 1 or len(names) < 2:
        raise ValueError(f"target: {name} has the columns {', '.join(names)}, got {target!r}.")
    return target


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


def _libsvm(path: Path) -> tuple[Any, np.ndarray]:
    try:
        from sklearn.datasets import load_svmlight_file
    except ImportError as error:
        raise ImportError('LIBSVM files are read by scikit-learn: pip install "jgd[data]".') from error
    return load_svmlight_file(path)  # pyright: ignore[reportReturnType]


def _arrow(part: str) -> Any:
    """A part of pyarrow."""
    from importlib import import_module

    try:
        return import_module(f"pyarrow.{part}")
    except ImportError as error:
        raise ImportError('CSV and Parquet files are read by pyarrow: pip install "jgd[data]".') from error


def parquet(path: Path) -> Any:
    """An open Parquet file."""
    return _arrow("parquet").ParquetFile(path)
