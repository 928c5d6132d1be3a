"""What a command hands over: text for people, JSON, and files."""

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from jgd.cli import color
from jgd.cli.errors import unwritable


def writable(_: click.Context, option: click.Parameter, folder: str | None) -> str | None:
    """The folder of an option, made and written to before anything runs; raises click.BadParameter."""
    if folder is not None:
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise click.BadParameter(f"{unwritable(folder, error)}; name another folder.") from None
    return folder


@dataclass(frozen=True)
class Output:
    """Where it goes: the folder of --save, --json and --quiet."""

    save: str | None
    as_json: bool
    quiet: bool

    def say(self, text: str) -> None:
        """Print unless quiet: to stdout, or to stderr where stdout is for JSON."""
        if not self.quiet:
            color.say(text, err=self.as_json)

    def deliver(self, told: Mapping[str, Any], write: Callable[[Path], Iterable[Path]]) -> None:
        """Print a record as JSON if asked for, and write files into the folder, if there is one, by `write`.

        Where they cannot be written the record is printed all the same, lest it be lost.
        """
        if self.as_json:
            _print(told)
        if self.save is None:
            return
        try:
            for path in write(Path(self.save)):
                self.say(f"saved {path}")
        except OSError as error:
            if not self.as_json:
                _print(told)
            what = unwritable(self.save, error)
            raise click.ClickException(f"--save: {what}; what was found stands on stdout as JSON.") from None


def _print(told: Mapping[str, Any]) -> None:
    click.echo(json.dumps(told, indent=2))
