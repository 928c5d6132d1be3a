"""The course of many runs: looked at between their pieces, shown, saved, and cut short."""

import dataclasses
import math
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import jax
import numpy as np

from jgd import chunks
from jgd.batch import Batch, ends_like, pieces, written
from jgd.checkpoint.digest import contents, digest_of_json
from jgd.checkpoint.fingerprint import check_same, fingerprint
from jgd.checkpoint.keeper import Keeper
from jgd.checkpoint.store import Store
from jgd.core.status import Status, counted
from jgd.core.words import method_name
from jgd.driver.queue import End
from jgd.interrupts import Interrupts
from jgd.methods.default import Stage
from jgd.progress import Progress, clock


@dataclass(frozen=True)
class Tally:
    """How far many runs are: `done` of `count` have ended, and how; `pace` of them in a second."""

    method: str
    done: int
    count: int
    statuses: dict[Status, int]
    seconds: float
    pace: float
    ended: bool = False

    def line(self) -> str:
        """It in a line."""
        ends = ", ".join(f"{count:,} {status.name}" for status, count in self.statuses.items())
        return (
            f"{self.method}  runs {self.done:,} of {self.count:,}  {ends}  {self.pace:,.4g} runs/s  "
            f"{clock(self.seconds)}"
        )


class Course:
    """The runs of a batch, method after method; `cut` says why not all were made.

    With progress, a limit of time or a folder for checkpoints they are made in pieces of about a quarter of
    a second, and Ctrl-C and SIGTERM are heard while it is entered.
    """

    def __init__(
        self,
        batch: Batch,
        stages: tuple[Stage, ...],
        lanes: int | None,
        progress: bool,
        time_limit: float,
        folder: Any,
        every: float,
    ) -> None:
        self.cut: Status | None = None
        self.fault = ""
        self._lanes = lanes
        self._began, self._limit = perf_counter(), time_limit
        self._found: list[tuple[End | None, int]] = []
        self._keeper: Keeper | None = None
        self._progress: Progress | None = None
        self._interrupts: Interrupts | None = None
        with ExitStack() as opened:
            if progress:
                self._progress = opened.enter_context(Progress(Tally.line))
            if folder is not None:
                self._keeper = opened.enter_context(Keeper(Store(folder), every))
                self._told = _told(batch)
                self._restore(batch, stages)
            if progress or folder is not None or time_limit < math.inf:
                self._interrupts = opened.enter_context(Interrupts())
            self._opened = opened.pop_all()

    def __enter__(self) -> "Course":
        return self

    def __exit__(self, *error: Any) -> None:
        self._opened.__exit__(*error)

    def ran(self, turn: int, batch: Batch, stage: Stage) -> tuple[End, int]:
        """The ends of the problems that were run, the first so many, and how many steps were executed.

        `turn` counts the methods that had their turn before.
        """
        if turn == len(self._found):
            self._found.append((None, 0))
        before, executed = self._found[turn]
        found, done = None, 0
        if before is not None:
            found, done = written(None, before, 0, batch.count), len(before.status)
        seconds = math.inf if self._interrupts is None else chunks.SECONDS
        for ends, steps in pieces(batch, self._lanes, stage.steps, done, seconds) if self.cut is None else ():
            ends = self._read(batch, ends)
            found = written(found, ends, done, batch.count)
            done, executed = done + len(ends.status), executed + steps
            self._found[turn] = _first(found, done), executed
            self._look(method_name(stage.method), batch.count, np.asarray(found.status)[:done])
            if self.cut is not None:
                break
        if found is None:
            none = ends_like(batch.one, self._lanes, 0)
            found = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), none)
        return _first(found, done), executed

    def _read(self, batch: Batch, ends: End) -> End:
        """The ends, those of runs whose data could not be read with the verdict that says so."""
        fault = batch.one[0].objective.fault()
        if not fault:
            return ends
        self.fault = fault
        spoilt = np.isin(ends.status, (Status.NONFINITE, Status.NONFINITE_START))
        return dataclasses.replace(ends, status=np.where(spoilt, np.int32(Status.DATA_FAILED), ends.status))

    def finish(self, status: np.ndarray) -> None:
        """Say how all runs ended, and save that."""
        name = "ended" if self.cut is None else self.cut.name
        self._show(name, len(status), status[status != self.cut], ended=True)

    def _look(self, method: str, count: int, status: np.ndarray) -> None:
        """Show where the runs are, save it, and see whether to cut them short."""
        if self._interrupts is None:
            return
        self._show(method, count, status)
        if perf_counter() - self._began >= self._limit:
            self.cut = Status.TIME_LIMIT
        if self._interrupts.heard:
            self.cut = Status.INTERRUPTED

    def _show(self, method: str, count: int, status: np.ndarray, ended: bool = False) -> None:
        seconds = perf_counter() - self._began
        if self._progress is not None:
            statuses, pace = counted(status), len(status) / seconds
            self._progress(Tally(method, len(status), count, statuses, seconds, pace, ended))
        if self._keeper is not None:
            self._keeper(seconds, ended, self._save)

    def _save(self) -> None:
        assert self._keeper is not None
        made = [(found, executed) for found, executed in self._found if found is not None]
        ends = [found for found, _ in made]
        facts = {
            "run": self._told,
            "done": [len(end.status) for end in ends],
            "executed": [executed for _, executed in made],
        }
        self._keeper.store.save(sum(facts["done"]), ends, facts)

    def _restore(self, batch: Batch, stages: tuple[Stage, ...]) -> None:
        """Take over what a checkpoint has of the runs."""
        assert self._keeper is not None
        store, (program, x) = self._keeper.store, batch.one

        def expected(facts: dict[str, Any]) -> list[End]:
            check_same(facts["run"], self._told, store.folder)
            of = zip(stages, facts["done"], strict=False)
            one = [((dataclasses.replace(program, method=stage.method), x), done) for stage, done in of]
            return [ends_like(problem, self._lanes, done) for problem, done in one]

        found = store.restore(expected)
        if found is not None:
            self._found = list(zip(jax.device_get(found.tree), found.facts["executed"], strict=True))


def _first(found: End, done: int) -> End:
    """The ends of the first so many."""
    return jax.tree.map(lambda leaf: leaf[:done], found)


def _told(batch: Batch) -> dict[str, str]:
    """What the runs are."""
    program, x0 = batch.many
    parts = {
        "problems": (program.objective, x0),
        "method's numbers": program.method,
        "tolerances and budgets": program.stop,
        "recorder": program.recorder,
    }
    digests = {
        name: f"digest {digest_of_json([contents(leaf) for leaf in jax.tree.leaves(part)])}"
        for name, part in parts.items()
    }
    return fingerprint(*batch.one) | {"runs": f"{batch.count:,}"} | digests
