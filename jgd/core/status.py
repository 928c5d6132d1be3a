"""Why a run ended: the statuses, one message each, in three groups."""

from enum import IntEnum

import numpy as np


class Status(IntEnum):
    """Why a run ended; `Status(code).message` says it in a sentence."""

    NOT_STARTED = -1
    RUNNING = 0
    CONVERGED = 1
    TARGET_REACHED = 2
    STALLED = 3
    PRECISION_LIMIT = 4
    MAX_STEPS = 5
    MAX_EVALUATIONS = 6
    STOPPED_BY_RULE = 7
    SEARCH_FAILED = 8
    DIVERGED = 9
    NONFINITE = 10
    NONFINITE_START = 11
    DATA_FAILED = 12
    TIME_LIMIT = 13
    STOPPED_BY_CALLBACK = 14
    INTERRUPTED = 15

    def __str__(self) -> str:
        """The name, as people read it."""
        return self.name

    def __format__(self, spec: str) -> str:
        """The name in a format string."""
        return format(self.name, spec)

    @property
    def message(self) -> str:
        """One sentence on why the run ended."""
        return _MESSAGES[self]

    @property
    def ok(self) -> bool:
        """Whether the run reached what it was asked for."""
        return self in (Status.CONVERGED, Status.TARGET_REACHED)

    @property
    def usable(self) -> bool:
        """Whether the answer can be used although the run was cut short."""
        return self.ok or self in _USABLE

    @property
    def failed(self) -> bool:
        """Whether the run went wrong."""
        return not self.usable and self > Status.RUNNING


_USABLE = (
    Status.PRECISION_LIMIT,
    Status.MAX_STEPS,
    Status.MAX_EVALUATIONS,
    Status.STOPPED_BY_RULE,
    Status.TIME_LIMIT,
    Status.STOPPED_BY_CALLBACK,
    Status.INTERRUPTED,
)

_MESSAGES = {
    Status.NOT_STARTED: "The run has not begun.",
    Status.RUNNING: "The run has not ended yet.",
    Status.CONVERGED: "The gradient test is met.",
    Status.TARGET_REACHED: "The value reached the target.",
    Status.STALLED: "The value or the step no longer moves, and the gradient test is not met.",
    Status.PRECISION_LIMIT: (
        "The next steps are smaller than this dtype can resolve; float64 or other scales go further."
    ),
    Status.MAX_STEPS: "The budget of steps is used up.",
    Status.MAX_EVALUATIONS: "The budget of evaluations is used up.",
    Status.STOPPED_BY_RULE: "A rule given in stop= fired.",
    Status.SEARCH_FAILED: (
        "The method found no acceptable step: the function may not be smooth here, "
        "or the direction is not one of descent."
    ),
    Status.DIVERGED: "The value rose far above the best one seen: the steps are too long.",
    Status.NONFINITE: (
        "The value or the gradient became NaN or infinite; x is the last point where it was not."
    ),
    Status.NONFINITE_START: ("The value or the gradient is NaN or infinite at the start: choose another x0."),
    Status.DATA_FAILED: "The data could not be read.",
    Status.TIME_LIMIT: "The time given in time_limit= is up.",
    Status.STOPPED_BY_CALLBACK: "The callback asked to stop.",
    Status.INTERRUPTED: "Ctrl-C, or a request to end the process, stopped it; start= goes on from here.",
}


def counted(statuses: np.ndarray) -> dict[Status, int]:
    """How many of many runs ended with each status, most of them first."""
    counts = np.bincount(np.asarray(statuses) - min(Status), minlength=1)
    order = np.argsort(-counts, kind="stable")
    return {Status(one + min(Status)): int(counts[one]) for one in order.tolist() if counts[one]}
