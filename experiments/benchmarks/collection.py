"""The unconstrained problems of sif2jax (CUTEst in JAX), and More, Garbow & Hillstrom's, by name.

Of sif2jax only that part is imported: the rest takes most of a minute and holds nothing unconstrained. What
it expects of its problems is not used, since it is wrong for many.
"""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from jgd.problems import PROBLEMS

MGH = "mgh/"
"""How the names of More, Garbow & Hillstrom's begin."""

PACKAGE = "sif2jax.cutest._unconstrained_minimisation"


@dataclass(frozen=True)
class Known:
    """A problem of the library in the form of sif2jax's."""

    fun: Callable
    y0: Any
    args: tuple

    def objective(self, x: Any, args: tuple) -> Any:
        """The function."""
        return self.fun(x, *args)


@cache
def mgh() -> dict[str, Known]:
    """The 35 problems of More, Garbow & Hillstrom (1981), in their order."""
    made = {name: factory() for name, factory in PROBLEMS.items() if name.startswith(MGH)}
    return {name: Known(one.fun, one.x0, one.args) for name, one in made.items()}


def named(name: str) -> Any:
    """The problem of that name."""
    return (mgh() if name.startswith(MGH) else cutest())[name]


@cache
def cutest() -> dict[str, Any]:
    """Name -> problem, in the order of their number of variables, then of their names."""
    _only_unconstrained()
    found = {
        problem.name: problem
        for problem in importlib.import_module(PACKAGE).unconstrained_minimisation_problems
    }
    return dict(sorted(found.items(), key=lambda item: (size(item[1]), item[0])))


def _only_unconstrained() -> None:
    """Let sif2jax and sif2jax.cutest be empty packages, so that their __init__ import nothing."""
    found = importlib.util.find_spec("sif2jax")
    if found is None or found.origin is None:
        raise SystemExit("The problems come from sif2jax: pip install sif2jax")
    home = Path(found.origin).parent
    for name, path in (("sif2jax", home), ("sif2jax.cutest", home / "cutest")):
        package = ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules.setdefault(name, package)


def size(problem: Any) -> int:
    """The number of variables."""
    return ravel_pytree(problem.y0)[0].size


def objective(problem: Any) -> tuple[Callable[[Any], Any], Any]:
    """The function of x alone, a new object at each call so that nothing is shared, and the start."""
    x0, _ = ravel_pytree(problem.y0)
    _, unravel = ravel_pytree(problem.y0)
    args = problem.args

    def fun(x: Any) -> Any:
        return jnp.asarray(problem.objective(unravel(x), args)).reshape(())

    return fun, x0


def is_for_tuning(name: str) -> bool:
    """Whether methods may be tuned on the problem (an odd SHA-256 of its name) or are examined on it."""
    return hashlib.sha256(name.encode()).digest()[-1] % 2 == 1
