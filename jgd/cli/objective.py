"""Finding the objective that a command names: a problem, file.py:attr or package.module:attr."""

import dataclasses
import functools
import importlib
import importlib.util
import inspect
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from jgd.cli.errors import BadObjective, did_you_mean

if TYPE_CHECKING:
    from jgd.problems import Problem


def load(text: str, x0: str | None, seed: int | None, has_aux: bool = False) -> "Problem":
    """The objective with its start, checked; raises `BadObjective` or click.UsageError.

    text: a problem's name, or a function or Problem as file.py:attr or package.module:attr.
    x0: the start likewise, or numbers separated by commas; may be None for a Problem.
    """
    from jgd.problems import Problem

    source, colon, attribute = text.rpartition(":")
    found = find(text) if colon else _named(text, seed)
    start = getattr(found, "start", None) if x0 is None else _start(x0)
    if isinstance(found, Problem):
        problem = found if start is None else dataclasses.replace(found, x0=start)
    elif not callable(found):
        raise BadObjective(f"{text} is not callable: it is of type {type(found).__name__}.")
    elif start is None:
        raise click.UsageError(f"--x0 is missing: name the start of {text}, as in --x0 {source}:start.")
    else:
        problem = Problem(name=attribute, fun=found, x0=start)
    if colon or start is not None:
        check(problem, text, has_aux)
    return problem


def find(text: str) -> Any:
    """The attribute that file.py:attr or package.module:attr names; raises `BadObjective`."""
    source, _, attribute = text.rpartition(":")
    if not source or not attribute:
        raise BadObjective(f"{text!r} names no file or nothing in it: write it as my_model.py:loss.")
    module = _from_file(Path(source)) if source.endswith(".py") else _from_package(source)
    found: Any = module
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            names = [name for name in dir(found) if not name.startswith("_")]
            raise BadObjective(
                f"{source} has no attribute {attribute!r}{did_you_mean(part, names)}"
            ) from None
    return found


@functools.cache
def _from_file(path: Path) -> ModuleType:
    """The module in a file, run once; files beside it can be imported by it."""
    if not path.is_file():
        beside = [str(other) for other in path.parent.glob("*.py")]
        raise BadObjective(f"There is no file {path}{did_you_mean(str(path), beside)}")
    sys.path.insert(0, str(path.parent.resolve()))
    name = f"_objective_{path.stem}"  # an own name, lest the file replace a module that is loaded
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise BadObjective(f"{path} cannot be loaded.", error) from error
    return module


def _from_package(name: str) -> ModuleType:
    """The module of a dotted name, found from the current folder too."""
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if name != missing and not name.startswith(f"{missing}."):
            raise BadObjective(f"Module {name} cannot be loaded.", error) from error
        parent = missing.rpartition(".")[0]
        paths = getattr(sys.modules.get(parent), "__path__", None) if parent else ["."]
        beside = [f"{parent}.{m.name}".lstrip(".") for m in pkgutil.iter_modules(paths)]
        hint = did_you_mean(missing, beside)
        raise BadObjective(f"There is no module {missing}{hint}") from None
    except (Exception, SystemExit) as error:
        raise BadObjective(f"Module {name} cannot be loaded.", error) from error


def _named(name: str, seed: int | None) -> "Problem":
    """The problem of that name, built with the seed if it takes one."""
    from jgd.problems import PROBLEMS

    if name.endswith(".py"):
        raise BadObjective(f"Name what to minimize in {name} after a colon, as in {name}:loss.")
    if name not in PROBLEMS:
        hint = did_you_mean(name, PROBLEMS)
        raise BadObjective(
            f"No problem is named {name!r}{hint} `jgd list problems` shows them; your own function "
            "is named file.py:function."
        )
    factory = PROBLEMS[name]
    takes_seed = seed is not None and "seed" in inspect.signature(factory).parameters
    try:
        return factory(**{"seed": seed} if takes_seed else {})
    except ImportError as error:
        raise BadObjective(f"{error}.") from None


def _start(text: str) -> Any:
    """The start: an attribute, or numbers."""
    if ":" in text:
        return find(text)
    import jax.numpy as jnp

    try:
        return jnp.array([float(number) for number in text.split(",")])
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is neither numbers such as 3,1 nor a name such as my_model.py:start.",
            param_hint="--x0",
        ) from None


def check(problem: "Problem", text: str, has_aux: bool, *, warn: bool = True) -> None:
    """Look the objective over at its start; raises `BadObjective`, warnings go to stderr if wanted."""
    import jax
    import numpy as np

    import jgd

    try:
        checkup = jgd.check(problem.fun, problem.x0, args=problem.args, has_aux=has_aux)
    except (Exception, SystemExit) as error:
        shapes = ", ".join(str(np.shape(leaf)) for leaf in jax.tree.leaves(problem.x0))
        raise BadObjective(
            f"{text} raised {type(error).__name__} when called with x0 of shape {shapes}.", error
        ) from error
    if not checkup.ok:
        raise BadObjective(f"{text}: {' '.join(checkup.errors)}")
    for warning in checkup.warnings if warn else ():
        click.echo(f"Warning: {warning}", err=True)
