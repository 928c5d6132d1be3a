"""Saving: the checkpoints of a run, written while it goes on, and the run that they lead back to."""

import dataclasses
from contextlib import ExitStack
from functools import partial
from typing import Any

import jax
import numpy as np

from jgd.checkpoint.digest import contents, digest_of_json
from jgd.checkpoint.fingerprint import check_same, fingerprint
from jgd.checkpoint.keeper import Keeper
from jgd.checkpoint.rows import Rows
from jgd.checkpoint.store import Restored, Store
from jgd.core.status import Status
from jgd.driver.recorder import recorded
from jgd.driver.solve import begin
from jgd.driver.steps import names
from jgd.run import Run
from jgd.snapshot import Snapshot

HISTORY = "history.jsonl"
"""The file of a folder of checkpoints that has the recorded rows."""

CUT = (Status.TIME_LIMIT, Status.STOPPED_BY_CALLBACK, Status.INTERRUPTED)
"""How runs end that nothing but their user ended: they go on."""


class Saving:
    """A watcher that saves a run every so many seconds, at its end, and when it is left.

    `run` is the one that was given, or where its last checkpoint left it. One that had ended by its rules
    goes on if their numbers are others now.

    Raises what `Store` and `check_same` do.
    """

    def __init__(self, run: Run, folder: Any, every: float) -> None:
        with ExitStack() as opened:
            store = Store(folder)
            self._keeper = opened.enter_context(Keeper(store, every))
            told = fingerprint(run.program, run.x0) | {"start": _start(run)}
            self._told = {"run": told, "limits": _limits(run)}
            self._before: tuple[str, ...] = ()
            found = store.restore(lambda facts: self._expected(run, facts))
            self.run = run if found is None else self._restored(run, found)
            self._rows = Rows(store.folder / HISTORY, self.run.step if found else -1)
            self.run = self.run.changed(origin=(*self.run.origin, *self._rows.notes))
            self._before = (*self._before, *self._rows.notes)
            self._opened = opened.pop_all()

    def __enter__(self) -> "Saving":
        return self

    def __exit__(self, *error: Any) -> None:
        self._opened.__exit__(*error)

    def __call__(self, snapshot: Snapshot) -> bool:
        """Save it, if it is time to; never asks to stop."""
        carry = snapshot.carry
        if carry.history is not None:
            self._rows.append(recorded(carry.history, names(snapshot.program, carry)))
        self._keeper(snapshot.seconds, snapshot.ended, partial(self._save, snapshot.run))
        return False

    def _save(self, run: Run) -> None:
        origin = [sentence for sentence in run.origin if sentence not in self._before]
        facts = {"turn": len(run.turn), "origin": origin, "seconds": run.seconds}
        self._keeper.store.save(run.step, run.carry, self._told | facts)

    def _expected(self, run: Run, facts: dict[str, Any]) -> Any:
        """What the carry is like that was saved with these facts."""
        check_same(facts["run"], self._told["run"], self._keeper.store.folder)
        return jax.eval_shape(begin, _in_turn(run, facts["turn"]).program, run.x0)

    def _restored(self, run: Run, found: Restored) -> Run:
        """The run where a checkpoint left it."""
        facts, carry = found.facts, found.tree
        self._before = (*found.notes, f"Went on from the checkpoint of step {found.step:,}.")
        if int(carry.status) in CUT or facts["limits"] != self._told["limits"]:
            carry = dataclasses.replace(carry, status=np.full_like(carry.status, Status.RUNNING))
        return dataclasses.replace(
            _in_turn(run, facts["turn"]),
            carry=carry,
            origin=(*facts["origin"], *self._before),
            seconds=tuple(facts["seconds"]),
        )


def _in_turn(run: Run, left: int) -> Run:
    """The run with the method in place that has so many in its turn."""
    while len(run.turn) > left:
        run = run.following()
    return run


def _start(run: Run) -> str:
    """The digest of where a run begins."""
    return f"digest {digest_of_json([contents(leaf) for leaf in jax.tree.leaves((run.x0, run.carry))])}"


def _limits(run: Run) -> list[str]:
    """The numbers of the rules."""
    return [contents(leaf) for leaf in jax.tree.leaves(run.program.stop)]
