"""`jgd resume`: go on with a run from its checkpoints."""

import os
import shlex
from pathlib import Path

import click

from jgd.cli.command import noted
from jgd.cli.run import run


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def resume(folder: Path) -> int:
    """Go on with the run of which `jgd run --checkpoint FOLDER` saved checkpoints.

    It gives that command again, from the folder it was given in, and says so on stderr: a function of your
    own is loaded from where it was. What is not as it was is refused, with what differs.
    """
    folder = folder.resolve()
    arguments, where = noted(folder)
    at = arguments.index("--") if "--" in arguments else len(arguments)
    arguments.insert(at, f"--checkpoint={folder}")
    command = shlex.join(["jgd", "run", *arguments])
    try:
        os.chdir(where)
    except OSError:
        raise click.UsageError(f"The run was begun in {where}, which is not there: {command}") from None
    if "--quiet" not in arguments:
        click.echo(command, err=True)
    with run.make_context("run", arguments, parent=click.get_current_context().parent) as context:
        return run.invoke(context)
