"""What the front door reads of a run."""

from typing import NamedTuple

from jgd.core.status import Status
from jgd.driver.carry import Carry


class Told(NamedTuple):
    """The numbers of a run, `counts` and `discarded` in the order of `COUNTS`."""

    status: Status
    steps: int
    counts: list[int]
    discarded: list[int]
    value: float
    best_value: float
    first_value: float
    grad_norm: float
    first_grad_norm: float


def told(carry: Carry) -> Told:
    """The numbers of a run that has ended."""
    motion = carry.motion
    reals = motion.point.value, motion.best_value, carry.first_value, carry.grad_norm, carry.memory[0][0]
    return Told(
        Status(carry.status.item()),
        motion.k.item(),
        motion.counts.tolist(),
        carry.discarded.tolist(),
        *(real.item() for real in reals),
    )
