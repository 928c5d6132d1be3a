"""Test problems as data: functions with published starts and known minima.

`PROBLEMS` maps every name to the factory that builds it; `get(name)` builds one.
"""

import difflib
from collections.abc import Callable
from functools import partial

import numpy as np

from jgd.problems import more_garbow_hillstrom
from jgd.problems.classics import beale, himmelblau, rosenbrock
from jgd.problems.logistic import breast_cancer, logistic_loss
from jgd.problems.networks import network
from jgd.problems.problem import Problem
from jgd.problems.quadratics import quadratic, saddle, two_slopes, valley

__all__ = [
    "PROBLEMS",
    "Problem",
    "beale",
    "breast_cancer",
    "get",
    "himmelblau",
    "logistic_loss",
    "more_garbow_hillstrom",
    "network",
    "quadratic",
    "rosenbrock",
    "saddle",
    "two_slopes",
    "valley",
]

PROBLEMS: dict[str, Callable[[], Problem]] = {
    "valley": valley,
    "quadratic-100": partial(quadratic, np.linspace(1.0, 100.0, 10)),
    "quadratic-100-rotated": partial(quadratic, np.linspace(1.0, 100.0, 10), rotate=True),
    "quadratic-10000": partial(quadratic, np.linspace(1.0, 10000.0, 10)),
    "saddle": saddle,
    "two-slopes": two_slopes,
    "rosenbrock": rosenbrock,
    "rosenbrock-100": partial(rosenbrock, 100),
    "beale": beale,
    "himmelblau": himmelblau,
    "breast-cancer": breast_cancer,
    "breast-cancer-l2-0.01": partial(breast_cancer, l2=0.01),
    "breast-cancer-raw": partial(breast_cancer, standardize=False),
    "network": network,
    **{f"mgh/{factory.__name__.replace('_', '-')}": factory for factory in more_garbow_hillstrom.IN_ORDER},
}
"""Every named problem's factory. Reading the names builds nothing and loads no data."""


def get(name: str) -> Problem:
    """The named problem, built anew. Raises ValueError, with the nearest names, for an unknown."""
    if name in PROBLEMS:
        return PROBLEMS[name]()
    near = difflib.get_close_matches(name, PROBLEMS, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "jgd.problems.PROBLEMS lists them"
    raise ValueError(f"no problem is named {name!r}: {hint}")
