"""The lock on a folder: one run at a time has it, and it goes with the process, however that ends."""

import os
import sys
import weakref
from pathlib import Path
from typing import Any

NAME = "lock"
"""The file that is locked; it has the number of the process that locked it last."""


class Lock:
    """A folder that this run alone writes to, made if need be.

    Raises ValueError where another run has it, OSError where nothing can be written there.
    """

    def __init__(self, folder: Path) -> None:
        self.release: Any = lambda: None
        """Let others have the folder; it happens too when nobody holds the lock any more."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o644)
            self.release = weakref.finalize(self, os.close, file)
            free = _taken(file)
            if free:
                os.ftruncate(file, 0)
                os.write(file, str(os.getpid()).encode())
        except OSError as error:
            self.release()
            raise OSError(
                f"checkpoint: {folder} cannot be written to and locked ({error.strerror}): name another "
                "folder, on a disk of this machine."
            ) from None
        if not free:
            self.release()
            holder = (folder / NAME).read_text(errors="replace")
            raise ValueError(
                f"checkpoint: {folder} is in use by a run of process {holder}: wait for its end, or name "
                "another folder."
            )


if sys.platform == "win32":
    import msvcrt

    def _taken(file: int) -> bool:
        """Whether the file could be locked: a byte of it that nobody reads."""
        try:
            os.lseek(file, 2**30, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        finally:
            os.lseek(file, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _taken(file: int) -> bool:
        """Whether the file could be locked."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
