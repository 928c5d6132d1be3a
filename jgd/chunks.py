"""The host's loop: a run made in chunks, between which it is shown, judged and stopped."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np

from jgd.core import check
from jgd.core.check import MOST
from jgd.core.sharded import agreed
from jgd.core.status import Status
from jgd.interrupts import Interrupts
from jgd.result import Result
from jgd.run import Run
from jgd.snapshot import Snapshot

SECONDS = 0.25
"""How long a chunk is to take."""

GROWTH = 10
"""A chunk has at most so many times the steps of the one before: those to come may take longer."""

Watcher = Callable[[Snapshot], bool]
"""Sees a run after each chunk, its end included, and says whether to stop it."""


def limit_of(time_limit: float | None) -> float:
    """The limit of time in seconds; raises for what it cannot be."""
    if time_limit is None or time_limit == math.inf:
        return math.inf
    check.scalar("time_limit", time_limit, above=0)
    return float(time_limit)


def chunks(run: Run, time_limit: float, interrupts: Interrupts) -> Iterator[Snapshot]:
    """The run after each chunk, until it has ended; the first chunk is one step."""
    began, steps = time.perf_counter(), 1
    while run.end is None:
        before, run = run, run.advanced(steps)
        pace = (run.step - before.step) / max(run.seconds[1] - before.seconds[1], 1e-9)
        seconds = time.perf_counter() - began
        wanted = min(pace * min(SECONDS, time_limit - seconds), GROWTH * steps, MOST)
        late = Status.TIME_LIMIT if seconds >= time_limit else Status.RUNNING
        status = Status.INTERRUPTED if interrupts.heard else late
        status, steps = agreed(run.program, (status, max(1, int(wanted))))
        if status != Status.RUNNING:
            run = run.stopped(Status(status))
        yield Snapshot(run, seconds, pace)


def watched(run: Run, time_limit: float, watchers: Iterable[Watcher]) -> Result:
    """What a run comes to that the watchers see; an exception meanwhile has the last snapshot with it."""
    snapshot = None
    try:
        with Interrupts() as interrupts:
            for snapshot in chunks(run, time_limit, interrupts):
                for watch in watchers:
                    if any(agreed(run.program, [watch(snapshot)])):
                        snapshot = snapshot.stopped(Status.STOPPED_BY_CALLBACK)
                if snapshot.ended:
                    return snapshot.result
        raise AssertionError("a run ends")
    except BaseException as error:
        if snapshot is not None:
            error.snapshot = snapshot  # type: ignore[attr-defined]
            error.add_note(
                f"The run up to step {snapshot.step:,} is in this exception's `snapshot`: "
                "jgd.minimize(fun, start=error.snapshot.result) goes on from there."
            )
        raise


def heard(run: Run, time_limit: float, watchers: Iterable[Watcher], opened: ExitStack) -> Iterator[Snapshot]:
    """The run after each chunk, for a loop of the user's, who has Ctrl-C back meanwhile.

    What was opened for the watchers is closed however the loop is left.
    """
    interrupts = Interrupts()
    made = chunks(run, time_limit, interrupts)
    with opened:
        while True:
            with interrupts:
                snapshot = next(made, None)
                if snapshot is None:
                    return
                for watch in watchers:
                    watch(snapshot)
            yield snapshot


def asks(callback: Callable[[Snapshot], Any]) -> Watcher:
    """A watcher of a user's function, which returns True to stop, and None or False to go on."""

    def watch(snapshot: Snapshot) -> bool:
        answer = callback(snapshot)
        if answer is not None and (np.ndim(answer) or np.asarray(answer).dtype != bool):
            raise TypeError(
                f"callback must return True to stop and False or None to go on, got {type(answer).__name__}."
            )
        return bool(answer)

    return watch
