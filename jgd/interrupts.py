"""Ctrl-C and SIGTERM, heard so that a run can end in its own way."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterable
from typing import Any

import jax

SIGNALS = (signal.SIGINT, signal.SIGTERM)

TOGETHER = 0.3
"""Signals within so many seconds are one: what runs commands in groups, as `timeout` does, sends it twice."""


class Interrupts:
    """While it is entered, the first SIGINT or SIGTERM sets `heard`, and a second does what it did before.

    Python gives signals to the main thread alone: elsewhere nothing is heard, and nothing changed. A signal
    that the process ignores stays ignored. The handlers that were there come back however it is left.
    """

    def __init__(self) -> None:
        self.heard = False
        self._first = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                before = signal.getsignal(number)
                if before not in (signal.SIG_IGN, None):  # None: not Python's, and could not be put back
                    self._before[number] = before
                    signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        while self._before:
            signal.signal(*self._before.popitem())

    def _hear(self, number: int, _: Any) -> None:
        now = time.monotonic()
        if not self.heard:
            self.heard, self._first = True, now
        elif now - self._first > TOGETHER:
            self.__exit__()
            signal.raise_signal(number)


def wait(arrays: Iterable[jax.Array]) -> None:
    """Wait for arrays in Python, which hears signals meanwhile, and not in JAX, which does not."""
    waiting = [array for array in arrays if not array.is_ready()]  # pyright: ignore[reportAttributeAccessIssue]
    if not waiting:
        return
    there = threading.Event()

    def wait_in_jax() -> None:
        with contextlib.suppress(Exception):  # it is raised again where they are read
            jax.block_until_ready(waiting)
        there.set()

    threading.Thread(target=wait_in_jax, daemon=True).start()
    there.wait()
