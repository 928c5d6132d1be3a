"""Progress: what a run shows of itself while it is made, on stderr."""

import contextlib
import importlib.util
import math
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from jgd.core.words import method_name
from jgd.driver.stop import Steps
from jgd.snapshot import Snapshot

SHORT = 0.5
"""Seconds within which a run ends without a word."""

EVERY = 5.0
"""Seconds between two lines where stderr is no terminal."""


class Progress:
    """A watcher that shows how far a run is, while it is entered.

    On a terminal, and in a notebook that has ipywidgets, one line that changes, by rich; elsewhere, and
    without rich, a line every few seconds. Should stderr be closed, it says no more, and the run goes on.
    `line` makes one of what is shown, which has `seconds` and `ended`.
    """

    def __init__(self, line: Callable[[Any], str]) -> None:
        self._line = line
        self._open = contextlib.ExitStack()
        self._show: Callable[[str], Any] | None = None
        self._next, self._every = math.inf if sys.stderr is None else SHORT, 0.0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._open.close()

    def __call__(self, shown: Any) -> bool:
        """Show it, if it is time to; never asks to stop."""
        begun = self._show is not None
        if shown.seconds < self._next and not (shown.ended and begun):
            return False
        try:
            if self._show is None:
                self._show, self._every = self._opened()
            self._show(self._line(shown))
            self._next = shown.seconds + self._every
        except (OSError, ValueError):
            self._next = math.inf
        return False

    def _opened(self) -> tuple[Callable[[str], Any], float]:
        """What shows a line, and how many seconds are to lie between two."""
        live = _live()
        if live is None:
            return partial(print, file=sys.stderr, flush=True), EVERY
        from rich.text import Text

        self._open.enter_context(live)
        cut = partial(Text, no_wrap=True, overflow="ellipsis")
        return lambda text: live.update(cut(text), refresh=True), 0.0


def line(snapshot: Snapshot) -> str:
    """Step, value, distance to the tolerance, pace and time of a run; its budget of steps is no promise."""
    name = snapshot.status.name if snapshot.ended else method_name(snapshot.program.method)
    budgets = [int(test.limit) for test in snapshot.program.stop.tests if isinstance(test, Steps)]
    most = f" (at most {min(budgets):,})" if budgets else ""
    return (
        f"{name}  step {snapshot.step:,}{most}  value {snapshot.value:.6g}  "
        f"log10(|g|/tolerance) {distance(snapshot):.2f}  {snapshot.steps_per_second:,.4g} steps/s  "
        f"{clock(snapshot.seconds)}"
    )


def distance(snapshot: Snapshot) -> float:
    """log10 of the gradient's size over the tolerance: 0 or less is CONVERGED; inf where none is set."""
    if snapshot.grad_norm == 0:
        return -math.inf
    return math.log10(snapshot.grad_norm / snapshot.tolerance) if snapshot.tolerance > 0 else math.inf


def clock(seconds: float) -> str:
    """`0:07`, `12:34`, `1:02:03`."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _live() -> Any:
    """rich's live display, where it is installed and stderr can show it; else None."""
    if importlib.util.find_spec("rich") is None:
        return None
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    if console.is_jupyter:
        able = importlib.util.find_spec("ipywidgets") is not None
    else:
        able = sys.stderr.isatty() and console.is_interactive
    return Live(console=console, auto_refresh=False) if able else None
