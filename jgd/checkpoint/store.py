"""The store: checkpoints of a run in a folder, written while it goes on, and found again if intact."""

import json
import os
import re
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from jgd.checkpoint import archive
from jgd.checkpoint.arrays import Arrays
from jgd.checkpoint.digest import digest_of_file, digest_of_json
from jgd.checkpoint.files import set_aside, write_at_once
from jgd.checkpoint.lock import Lock

KEPT = 2
"""How many checkpoints are kept: the newest, and one to go back to."""

FORMAT = 1
ARRAYS = "arrays"

FACTS = "facts.json"
"""What a checkpoint is complete with: written last, and at once."""


@dataclass(frozen=True)
class Restored:
    """A checkpoint: the tree, the step and the facts it was saved with.

    `notes` says of newer ones in a sentence each why they could not be taken.
    """

    tree: Any
    step: int
    facts: dict[str, Any]
    notes: tuple[str, ...]


class Store:
    """A folder of checkpoints that one run at a time may have open; use it in a `with` statement.

    A checkpoint is a folder named for its step: arrays, which Orbax writes, and, once these are complete,
    `facts.json`, which says what they are and has a digest of each file. Reading them executes nothing.

    Args:
      folder: where they are; made if need be.

    Raises:
      OSError: where nothing can be written there, or it is full. ValueError: where another run has it open.
      ImportError: without Orbax, which `pip install "jgd[checkpoint]"` brings.

    >>> import jax.numpy as jnp, tempfile
    >>> from jgd.checkpoint.store import Store
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Store(folder) as store:
    ...         store.save(100, {"x": jnp.ones(2)}, {"by": "hand"})
    ...     with Store(folder) as store:
    ...         found = store.restore(lambda facts: {"x": jnp.zeros(2)})
    >>> found.step, found.facts, found.tree["x"].tolist()
    (100, {'by': 'hand'}, [1.0, 1.0])
    """

    def __init__(self, folder: Any) -> None:
        if jax.process_count() > 1:
            raise ValueError("checkpoint: runs of several processes cannot be saved yet: leave it out.")
        if not isinstance(folder, str | os.PathLike):
            raise TypeError(f"checkpoint must be the path of a folder, got {type(folder).__name__}.")
        self._arrays = Arrays()
        self.folder = Path(folder).absolute()
        self._lock = Lock(self.folder)
        self._newest = max(self._complete(), default=-1)
        self._thread = ThreadPoolExecutor(1, "jgd-checkpoint")
        self._writing: Future | None = None

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def busy(self) -> bool:
        """Whether a checkpoint is being written, which `save` would wait for."""
        return self._writing is not None and not self._writing.done()

    def save(self, step: int, tree: Any, facts: dict[str, Any]) -> None:
        """Write a checkpoint, once the one before is written; returns before this one is.

        The arrays of the tree must not be donated to a program meanwhile. `facts` is what JSON can hold. That
        of a step which is there already is left as it is.

        Raises:
          OSError: where the one before could not be written; those before it are intact.
          ValueError: where there are checkpoints of later steps, which no run of this Store has restored.
        """
        self.wait()
        if step == self._newest:
            return
        if step < self._newest:
            raise ValueError(
                f"checkpoint: {self.folder} has that of step {self._newest:,} of an earlier run: go on from "
                "it, or name another folder."
            )
        data, leaves = archive.described(tree)
        told = json.loads(json.dumps({"format": FORMAT, "step": step, "facts": facts, "leaves": leaves}))
        self._newest = step
        self._writing = self._thread.submit(self._write, step, data, told)

    def wait(self) -> None:
        """Wait until all is written; raises OSError as `save` does."""
        writing, self._writing = self._writing, None
        if writing is not None:
            try:
                writing.result()
            except OSError:
                self._newest = max(self._complete(), default=-1)
                raise

    def close(self) -> None:
        """Wait, and let others have the folder; raises OSError as `save` does."""
        try:
            self.wait()
        finally:
            self._thread.shutdown()
            self._arrays.close()
            self._lock.release()

    def restore(self, expected: Callable[[dict[str, Any]], Any], under: str = "") -> Restored | None:
        """The newest checkpoint that is intact, or None where no checkpoint was ever completed.

        Newer ones that are damaged are set aside, under another name.

        Args:
          expected: is given the facts of a checkpoint and returns a tree of arrays, or of their shapes and
            dtypes, that the saved one is like. Its leaves say on which devices they come back. It may raise
            to refuse the facts.
          under: the path of that tree in the one that was saved, where it is a part of it.

        Raises:
          ValueError: where the saved tree is another one, with the first leaf that differs; where all
            checkpoints are damaged.
        """
        self.wait()
        notes: list[str] = []
        damaged: list[Path] = []
        for step in sorted(self._folders(), reverse=True):
            folder = self._folders()[step]
            if not (folder / FACTS).exists():
                notes.append(f"The checkpoint of step {step:,} is half-written: the process ended meanwhile.")
                continue
            try:
                told = _told(folder)
                like = expected(told["facts"])
                tree = self._read(folder, told, like, under)
            except _DamageError as error:
                notes.append(f"The checkpoint of step {step:,} is damaged: {error}.")
                damaged.append(folder)
                continue
            for one in damaged:
                set_aside(one)
            self._newest = step
            return Restored(tree, step, told["facts"], tuple(notes))
        if damaged:
            raise ValueError(
                f"checkpoint: {self.folder} has none that is intact. {' '.join(notes)} To begin anew, name "
                "another folder."
            )
        return None

    def _write(self, step: int, data: list[Any], told: dict[str, Any]) -> None:
        """Write a checkpoint and remove what it makes superfluous; leaves nothing of one that fails."""
        folder = self.folder / f"{step:012d}"
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            self._arrays.save(folder / ARRAYS, archive.packed(data, told["leaves"]))
            told = told | {"files": _files(folder / ARRAYS)}
            write_at_once(folder / FACTS, json.dumps(told | {"digest": digest_of_json(told)}, indent=1))
        except Exception as error:
            shutil.rmtree(folder, ignore_errors=True)
            before = max(self._complete(), default=None)
            left = "there is none before it" if before is None else f"that of step {before:,} is intact"
            raise OSError(
                f"checkpoint: that of step {step:,} could not be written to {self.folder} "
                f"({_reason(error)}); {left}."
            ) from error
        kept = sorted(self._complete())[-KEPT:]
        for other, path in self._folders().items():
            if other not in kept:
                shutil.rmtree(path, ignore_errors=True)

    def _read(self, folder: Path, told: dict[str, Any], like: Any, under: str) -> Any:
        """The tree of a checkpoint; ValueError where it is another one than `like`."""
        try:
            pairs = archive.places_of(like, told["leaves"], under)
        except ValueError as error:
            raise ValueError(f"checkpoint: {folder.parent} is of another run: {error}.") from None
        found = _files(folder / ARRAYS)
        for name, digest in told["files"].items():
            if found.get(name) != digest:
                raise _DamageError(f"{name} is {'not what was written' if name in found else 'not there'}")
        spread = {
            place["array"]: leaf
            for place, leaf in pairs
            if place["start"] is None and getattr(leaf, "sharding", None) is not None
        }
        names = {archive.TOGETHER, *(place["array"] for place in told["leaves"])}
        return archive.unpacked(self._arrays.restore(folder / ARRAYS, names, spread), pairs, like)

    def _folders(self) -> dict[int, Path]:
        """The folders of checkpoints by step, half-written ones too."""
        return {int(path.name): path for path in self.folder.iterdir() if re.fullmatch(r"\d{12}", path.name)}

    def _complete(self) -> list[int]:
        return [step for step, path in self._folders().items() if (path / FACTS).exists()]


def _files(folder: Path) -> dict[str, str]:
    """The digests of all files in a folder, by their paths there."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest_of_file(path) for path in paths}


class _DamageError(Exception):
    """A checkpoint that is not what was written."""


def _told(folder: Path) -> dict[str, Any]:
    """What the arrays are."""
    try:
        told = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        digest = told.pop("digest")
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise _DamageError(f"its {FACTS} cannot be read ({_reason(error)})") from None
    if digest != digest_of_json(told):
        raise _DamageError(f"its {FACTS} is not what was written")
    if told["format"] != FORMAT:
        raise ValueError(
            f"checkpoint: {folder} is of format {told['format']}, and this jgd reads {FORMAT}: take the "
            "version that wrote it."
        )
    return told


def _reason(error: Exception) -> str:
    """Why, in a few words: those of the system where it has some."""
    found = re.search(r"os_error_code='(\d+)'", str(error))
    if found:
        return os.strerror(int(found[1]))
    return getattr(error, "strerror", None) or (str(error) or type(error).__name__).splitlines()[0][:200]
