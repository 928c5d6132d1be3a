"""The command `jgd` and its subcommands."""

import click

import jgd
from jgd.cli.compare import compare
from jgd.cli.curvature import curvature
from jgd.cli.doctor import doctor
from jgd.cli.listing import listing
from jgd.cli.multistart import multistart
from jgd.cli.resume import resume
from jgd.cli.run import run
from jgd.cli.sweep import sweep
from jgd.cli.template import init

EPILOG = """\b
Exit codes of `run`, `curvature`, `compare --strict`, and of the best run of `sweep` and `multistart`:
  0  converged, or the target reached
  2  usage
  3  a budget or the precision ended the run; the answer is usable
  4  diverged, or not finite
  5  stalled, or the search failed
  6  a bad objective, or one that is not finite at the start
75  interrupted, and saved: `jgd resume` goes on
130  interrupted
"""


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(jgd.__version__, prog_name="jgd")
def cli() -> None:
    """Minimize JAX functions, and know why it went as it did."""


for command in (run, resume, compare, sweep, multistart, curvature, listing, doctor, init):
    cli.add_command(command)
