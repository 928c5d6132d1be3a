"""A keeper: saves in a store what it is shown, not too often."""

import contextlib
from collections.abc import Callable
from typing import Any

from jgd.checkpoint.store import Store

EVERY = 60.0
"""Seconds between two checkpoints."""


class Keeper:
    """Saves every so many seconds, at the end, and what it was shown last when it is left.

    The store is closed when it is left; where an error is the reason, that of the store does not hide it.
    """

    def __init__(self, store: Store, every: float) -> None:
        self.store = store
        self._every, self._next = every, every
        self._last: Callable[[], None] | None = None

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(self, kind: Any, error: Any, _: object) -> None:
        with contextlib.suppress(OSError) if error is not None else contextlib.nullcontext():
            try:
                self._save()
            finally:
                self.store.close()

    def __call__(self, seconds: float, ended: bool, save: Callable[[], None]) -> None:
        """After so many seconds of a run `save` would put it into the store; at its end it is waited for."""
        self._last = save
        if ended or (seconds >= self._next and not self.store.busy):
            self._next = seconds + self._every
            self._save()
        if ended:
            self.store.wait()

    def _save(self) -> None:
        save, self._last = self._last, None
        if save is not None:
            save()
