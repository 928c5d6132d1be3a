"""The error of a bad objective: what is wrong with it, and the user's own traceback."""

import difflib
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import click

from jgd.cli.codes import BAD_OBJECTIVE

_LIBRARIES = ("jgd", "jax", "jaxlib", "click", "importlib")


class BadObjective(click.ClickException):
    """What was named to be minimized cannot be; `cause` is the exception that its code raised."""

    exit_code = BAD_OBJECTIVE

    def __init__(self, message: str, cause: BaseException | None = None) -> None:
        super().__init__(message)
        self.cause = cause

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the traceback, of the user's frames alone, and the sentence."""
        if self.cause is not None:
            click.echo(own_traceback(self.cause).rstrip(), err=True)
        super().show(file)


def own_traceback(error: BaseException) -> str:
    """The traceback without the frames of jgd and of the libraries that called the user's code."""
    modules = [sys.modules[name] for name in _LIBRARIES if name in sys.modules]
    folders = [Path(module.__file__).resolve().parent for module in modules if module.__file__]

    def own(filename: str) -> bool:
        path = Path(filename).resolve()
        return not filename.startswith("<") and not any(f in path.parents for f in folders)

    told = traceback.TracebackException.from_exception(error)
    told.stack = traceback.StackSummary.from_list([f for f in told.stack if own(f.filename)])
    told.__cause__ = told.__context__ = None
    return "".join(told.format())


def unwritable(path: str | Path, error: OSError) -> str:
    """`out cannot be written to (Is a directory: out/result.json)`."""
    where = f": {error.filename}" if error.filename else ""
    return f"{path} cannot be written to ({error.strerror or error}{where})"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`: did you mean a or b?` with the nearest names, or `.`."""
    near = difflib.get_close_matches(name, dict.fromkeys(known), n=3, cutoff=0.6)
    return f": did you mean {' or '.join(near)}?" if near else "."
