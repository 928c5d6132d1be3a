"""Arrays in a folder, by Orbax: it is there when all of it is."""

import logging
from pathlib import Path
from typing import Any

import jax
import numpy as np


class Arrays:
    """Orbax, as far as it is needed: a dictionary of arrays is saved, and some of them are restored.

    Raises ImportError where it is missing.
    """

    def __init__(self) -> None:
        try:
            import orbax.checkpoint as orbax
        except ImportError as error:
            raise ImportError('Checkpoints are written by Orbax: pip install "jgd[checkpoint]".') from error
        logging.getLogger("absl").addFilter(_is_not_orbax)
        self._orbax = orbax
        # files of their own for the arrays, which are few: the format for many takes three times as long
        self._checkpointer = orbax.Checkpointer(orbax.PyTreeCheckpointHandler(use_ocdbt=False))

    def save(self, folder: Path, arrays: dict[str, Any]) -> None:
        """Write the arrays, then move the folder to its place."""
        self._checkpointer.save(folder, args=self._orbax.args.PyTreeSave(arrays))

    def restore(self, folder: Path, names: set[str], spread: dict[str, jax.Array]) -> dict[str, Any]:
        """The arrays of these names, in NumPy; those of `spread` on the devices that they have there."""
        wanted: dict[str, Any] = {name: self._orbax.RestoreArgs(restore_type=np.ndarray) for name in names}
        for name, like in spread.items():
            wanted[name] = self._orbax.ArrayRestoreArgs(sharding=like.sharding, dtype=like.dtype)
        given = self._orbax.args.PyTreeRestore(item=dict.fromkeys(names, 0), restore_args=wanted)
        return self._checkpointer.restore(folder, args=given)

    def close(self) -> None:
        """Release what Orbax holds."""
        self._checkpointer.close()


def _is_not_orbax(record: logging.LogRecord) -> bool:
    """Whether a line of the log is of others: what there is to say of checkpoints is said by jgd."""
    return "orbax" not in record.pathname
