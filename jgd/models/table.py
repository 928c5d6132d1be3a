"""Features and labels as arrays, or one sentence on what is wrong with them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.streamed import is_stream
from jgd.models.sparse import is_sparse, sparse_rows
from jgd.sums import check_here


def table(X: Any) -> Any:
    """The features as a table of finite floats; raises naming the column of a table with names.

    A sparse matrix by its rows, and a stream or an array of JAX's as it is.
    """
    if is_stream(X):
        if len(X.shape) != 2 or np.dtype(X.dtype).kind != "f":
            raise ValueError(f"X: {X.name} must hold floats of shape (examples, features), got {X.shape}.")
        return X
    if is_sparse(X):
        return sparse_rows(X)
    _unmasked("X", X)
    names = list(map(str, X.columns)) if hasattr(X, "columns") else None
    if names is not None:
        X = _of_columns(X, names)
    made = X if isinstance(X, jax.Array) else np.asarray(X)
    if made.dtype.kind not in "fiub":
        raise TypeError(f"X must be a table of numbers, got {made.dtype}.")
    if made.ndim != 2 or not made.size:
        raise ValueError(f"X must be of shape (examples, features), got {made.shape}.")
    if made.dtype not in (np.float32, np.float64):
        made = made.astype(jnp.zeros(()).dtype)
    bad = ~np.isfinite(np.asarray(made.sum(axis=0)))
    if bad.any():
        column = int(np.argmax(bad))
        rows = np.flatnonzero(~np.isfinite(np.asarray(made[:, column])))
        if rows.size:
            where = f"column {names[column]!r}" if names else f"column {column}"
            raise ValueError(
                f"X: {where} has {rows.size:,} values that are missing or infinite, the first in row "
                f"{rows[0]:,}; fill them in or leave those rows out."
            )
    return made


def _of_columns(X: Any, names: list[str]) -> np.ndarray:
    """A table whose columns may differ in kind, as an array of floats with NaN for what is missing."""
    if not hasattr(X, "dtypes"):
        raise TypeError(
            f"X: tables of {type(X).__module__.partition('.')[0]} are not read; give X.to_pandas()."
        )
    for name, kind in zip(names, X.dtypes, strict=True):
        if getattr(kind, "kind", "O") not in "fiub":
            raise TypeError(f"X: column {name!r} is not numeric; encode it as numbers first.")
    narrow = all(getattr(kind, "numpy_dtype", kind) == np.float32 for kind in X.dtypes)
    return X.to_numpy(dtype=np.float32 if narrow else np.float64, na_value=np.nan)


def numbers(y: Any) -> np.ndarray:
    """What is to be foretold, as finite floats."""
    check_here("y", y)
    _unmasked("y", y)
    made = np.asarray(y)
    if made.dtype.kind not in "fiub":
        raise TypeError(f"y must be numbers, got {made.dtype}.")
    made = _column(made).astype(float)
    _refuse(~np.isfinite(made))
    return made


def classes(y: Any) -> tuple[np.ndarray, np.ndarray]:
    """The classes in their order, and the place among them of every label, in 32 bits."""
    check_here("y", y)
    _unmasked("y", y)
    made = _column(np.asarray(y))
    try:
        _refuse(~np.isfinite(made) if made.dtype.kind == "f" else made != made)
        known, places = np.unique(made, return_inverse=True)
    except TypeError:
        kinds = ", ".join(sorted({type(label).__name__ for label in made}))
        raise TypeError(f"y must have labels of one kind, none of them missing, got {kinds}.") from None
    if len(known) < 2:
        raise ValueError(f"y has one class only, {known[0]!r}: there is nothing to tell apart.")
    return known, places.astype(np.int32)


def _unmasked(name: str, array: Any) -> None:
    """Raise for a masked array, whose mask would be lost."""
    if np.ma.is_masked(array):
        raise ValueError(f"{name} has masked entries; fill them in or leave those rows out.")


def _refuse(bad: np.ndarray) -> None:
    """Raise for the first of the y that are bad."""
    if bad.any():
        raise ValueError(f"y[{int(np.argmax(bad))}] is missing or infinite.")


def _column(y: np.ndarray) -> np.ndarray:
    if y.ndim != 1:
        raise ValueError(f"y must be of shape (examples,), got {y.shape}.")
    return y
