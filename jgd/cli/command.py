"""The command that began a run, noted beside its checkpoints, for `jgd resume`."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

NAME = "command.json"
ARGUMENTS = "jgd.arguments"


class Remembering(click.Command):
    """A command that remembers the arguments it was given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse them, a copy in `ctx.meta`."""
        ctx.meta[ARGUMENTS] = [arg for arg in args if not arg.startswith("--checkpoint=")]
        return super().parse_args(ctx, args)


def note_taker(folder: str) -> Callable[[Any], None]:
    """A callback of a run that notes the present command in its folder once the run has begun."""
    path = Path(folder).absolute() / NAME
    told = {"arguments": click.get_current_context().meta[ARGUMENTS], "folder": os.getcwd()}

    def note(_: Any) -> None:
        if told:
            path.write_text(json.dumps(told, indent=1), encoding="utf-8")
            told.clear()

    return note


def noted(folder: Path) -> tuple[list[str], str]:
    """The arguments of the command that was noted, and where it was given; click.UsageError if none was."""
    try:
        told = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return [str(argument) for argument in told["arguments"]], str(told["folder"])
    except FileNotFoundError:
        raise click.UsageError(
            f"{folder} holds no run of `jgd run --checkpoint`: one that was saved by jgd.minimize goes on by "
            "the same call."
        ) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise click.UsageError(
            f"{folder / NAME} cannot be read: give the command that began the run again, `jgd run ... "
            f"--checkpoint {folder}`."
        ) from None
