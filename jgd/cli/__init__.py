"""The command line: `main` is what `jgd` runs. JAX is imported once the arguments are known."""

import sys
from collections.abc import Sequence
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code: see `jgd --help`."""
    try:
        import click
    except ImportError:
        sys.exit('The command line needs click: pip install "jgd[cli]".')

    from jgd.cli.app import cli
    from jgd.cli.codes import INTERRUPTED
    from jgd.cli.interrupt import leave, watch

    watch(INTERRUPTED)
    try:
        code = cli.main(arguments, prog_name="jgd", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        leave(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    sys.exit(code or 0)
