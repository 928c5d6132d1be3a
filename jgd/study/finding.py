"""A finding: one thing that explains a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False)
class Finding:
    """One reason for how a run went, in a sentence with its numbers, and what to do about it.

    `hint` holds keyword arguments of `jgd.minimize` (fun, args, x0, x_scale, method, gtol, max_steps), to be
    put in place of those the run was made with.
    """

    name: str
    sentence: str
    numbers: Mapping[str, float]
    advice: str = ""
    hint: Mapping[str, Any] = field(default_factory=dict)
