"""Exit codes: what a command says of how its runs ended."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jgd.core.status import Status

REACHED, USAGE, USABLE, DIVERGED, STALLED, BAD_OBJECTIVE, RESUMABLE, INTERRUPTED = 0, 2, 3, 4, 5, 6, 75, 130

WORST_FIRST = (DIVERGED, STALLED, USAGE, USABLE, REACHED)


def exit_code(status: "Status | None") -> int:
    """The code of one run; a method that refused to run was not to be used here."""
    if status is None:
        return USAGE
    if status.ok:
        return REACHED
    if status.name == "INTERRUPTED":
        return INTERRUPTED
    if status.usable:
        return USABLE
    return DIVERGED if status.name in ("DIVERGED", "NONFINITE", "NONFINITE_START") else STALLED


def worst(codes: Iterable[int]) -> int:
    """The code of several runs together."""
    return min(codes, key=WORST_FIRST.index)
