"""A solution as plain values and as a file, one array for each leaf, by its path."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

BARE = "x"
"""The key of a solution that is one array and no tree."""


def by_path(x: Any) -> dict[str, np.ndarray]:
    """Path, such as ['w'] or [0].bias, -> array; `x` for a bare one. Dtypes that NumPy lacks are widened."""
    arrays = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(x):
        array = np.asarray(leaf)
        known = np.issubdtype(array.dtype, np.floating)
        arrays[jax.tree_util.keystr(path) or BARE] = array if known else array.astype(np.float32)
    return arrays


def plain_leaves(x: Any) -> Any:
    """A bare array as a list, a tree as lists by path."""
    lists = {path: array.astype(float).tolist() for path, array in by_path(x).items()}
    return lists[BARE] if lists.keys() == {BARE} else lists


def save_solution(path: str | Path, x: Any) -> None:
    """Write x as an .npz file."""
    np.savez(path, **by_path(x))  # pyright: ignore[reportArgumentType]


def load_solution(path: str | Path, like: Any) -> Any:
    """The solution of an .npz file, or of a .json one that has it under `x`, as a tree like `like`.

    Each leaf is of the dtype of that of `like`. Raises ValueError where there is no such file, and where it
    does not hold the leaves of `like`, each in its shape.
    """
    path = Path(path)
    found = _read(path)
    wanted = [jax.tree_util.keystr(p) or BARE for p, _ in jax.tree_util.tree_leaves_with_path(like)]
    for name in wanted:
        if name not in found:
            raise ValueError(f"{path} has no leaf {name}, which x0 has; it has {_listed(found)}.")
    for name in found:
        if name not in wanted:
            raise ValueError(f"{path} has a leaf {name}, which x0 has not; that has {_listed(wanted)}.")
    leaves, structure = jax.tree.flatten(like)
    pairs = zip(wanted, leaves, strict=True)
    return structure.unflatten([_fitted(path, name, found[name], leaf) for name, leaf in pairs])


def _read(path: Path) -> Mapping[str, Any]:
    """What a file holds, by path."""
    if path.suffix not in (".npz", ".json"):
        raise ValueError(f"{path} must end in .npz or .json, as the files of `jgd run --save` do.")
    if not path.is_file():
        raise ValueError(f"There is no file {path}.")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        x = json.loads(path.read_text(encoding="utf-8"))["x"]
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} holds no solution as `jgd run --save` writes it.") from error
    return x if isinstance(x, dict) else {BARE: x}


def _fitted(path: Path, name: str, value: Any, leaf: Any) -> np.ndarray:
    """A leaf of the file, in the shape and dtype of the leaf it stands for."""
    try:
        array = np.asarray(value, float)
    except (TypeError, ValueError):
        raise ValueError(f"{path}: leaf {name} is no array of numbers.") from None
    if array.shape != np.shape(leaf):
        raise ValueError(
            f"{path}: leaf {name} is of shape {array.shape}, but that of x0 of {np.shape(leaf)}."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{path}: leaf {name} has entries that are NaN or infinite.")
    return array.astype(getattr(leaf, "dtype", np.dtype(float)))


def _listed(names: Any) -> str:
    return ", ".join(names) or "none"
