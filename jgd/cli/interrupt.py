"""Ctrl-C while a compiled loop runs, where Python itself would not hear it before the loop ends."""

import contextlib
import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import NoReturn

GRACE = 1.0
"""Seconds in which Python may end in its own way first."""

_spared = threading.Semaphore(0)
"""An interrupt that is heard by others."""


@contextlib.contextmanager
def spared() -> Iterator[None]:
    """Meanwhile the first Ctrl-C is left to a run, which ends by itself; a second one ends the process."""
    _spared.release()
    try:
        yield
    finally:
        _spared.acquire(blocking=False)


def watch(code: int) -> None:
    """From now on, end with `code` at Ctrl-C, at the latest after `GRACE` seconds.

    Where Python ignores the interrupt, as in a callback of its garbage collector, nothing is said of it.
    """
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    others = sys.unraisablehook
    sys.unraisablehook = lambda told: None if told.exc_type is KeyboardInterrupt else others(told)
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_wait, args=(reading, writing, code), daemon=True).start()


def _wait(reading: socket.socket, writing: socket.socket, code: int) -> None:
    """Wait for the byte that the interpreter writes at a signal, then give it its time and end."""
    together = -math.inf
    while True:
        heard = reading.recv(1)
        if heard != bytes([signal.SIGINT]) or time.monotonic() <= together:
            continue
        if not _spared.acquire(blocking=False):
            break
        from jgd.interrupts import TOGETHER

        together = time.monotonic() + TOGETHER
    threading.Event().wait(GRACE)
    leave(code)


def leave(code: int) -> NoReturn:
    """End at once: Python's own way out would wait for a compiled loop that is still running."""
    print("Interrupted.", file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(code)
