"""`jgd list`: the methods and the problems by name."""

import functools
import inspect
import json
import shutil
import textwrap
from collections.abc import Callable

import click

from jgd.cli.methods import OWN, optax_names


@click.command("list")
@click.argument("what", type=click.Choice(["methods", "problems"]))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def listing(what: str, as_json: bool) -> None:
    """List the methods or the problems that commands can name."""
    found = _methods() if what == "methods" else _problems()
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    width = max(map(len, found)) + 2
    columns = max(shutil.get_terminal_size((110, 24)).columns, width + 30)
    for name, line in found.items():
        wrapped = textwrap.wrap(line, columns - width, break_long_words=False, break_on_hyphens=False)
        click.echo(name.ljust(width) + f"\n{' ' * width}".join(wrapped))


def _methods() -> dict[str, str]:
    """Name -> parameters and what it is; optax's by name and parameters alone."""
    import optax

    import jgd

    found = {}
    for name in OWN:
        factory = getattr(jgd, name)
        found[name] = f"({_parameters(factory)}) {_first_line(factory)}"
    for name in optax_names():
        found[f"optax.{name}"] = f"({_parameters(getattr(optax, name))})"
    return found


def _problems() -> dict[str, str]:
    """Name -> what it is."""
    from jgd.problems import PROBLEMS

    return {name: _first_line(factory) for name, factory in PROBLEMS.items()}


def _parameters(factory: Callable) -> str:
    """The names, with those values that are numbers or truth values."""
    return ", ".join(
        f"{name}={p.default}" if isinstance(p.default, bool | int | float) else name
        for name, p in inspect.signature(factory).parameters.items()
    )


def _first_line(factory: Callable) -> str:
    """The first line of the docstring, and what is set beforehand."""
    if isinstance(factory, functools.partial):
        given = [f"{name}={value}" for name, value in factory.keywords.items()]
        return " ".join([_first_line(factory.func), *(f"({text})" for text in given)])
    return (inspect.getdoc(factory) or "").partition("\n")[0]
