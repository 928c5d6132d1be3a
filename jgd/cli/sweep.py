"""`jgd sweep`: one method with every value of its numbers, from one start."""

import math
from collections.abc import Iterable

import click

from jgd.cli.codes import exit_code
from jgd.cli.interrupt import spared
from jgd.cli.methods import entries, ready
from jgd.cli.objective import load
from jgd.cli.options import WATCH, Common, need, prepare_machine, with_common

EXAMPLE = """\b
Values from 1e-4 to 10, 64 of them, evenly on a logarithmic scale; :linear for evenly as they are:
  jgd sweep rosenbrock --grid learning_rate=1e-4:10:64
  jgd sweep valley --method heavy_ball --grid learning_rate=1e-3:0.1:40 --grid momentum=0:0.95:20:linear
"""

FORMS = "NAME=LOW:HIGH:COUNT, NAME=LOW:HIGH:COUNT:linear or NAME=VALUE,VALUE,..."


@click.command(epilog=EXAMPLE)
@click.argument("objective")
@click.option(
    "--grid",
    "grids",
    multiple=True,
    required=True,
    metavar="NAME=VALUES",
    help="A number of the method to sweep, as LOW:HIGH:COUNT, LOW:HIGH:COUNT:linear or VALUE,VALUE,...; "
    "several make all combinations.",
)
@with_common(*WATCH)
def sweep(objective: str, grids: tuple[str, ...], common: Common) -> int:
    """Run a method on OBJECTIVE with every value of its numbers, and tell which is best.

    OBJECTIVE is named as for `jgd run`. Without --method it is gradient_descent.
    """
    chosen = entries(common.methods or ("gradient_descent",), common.settings)
    if len(chosen) > 1:
        raise click.UsageError("--method: `jgd sweep` takes one; `jgd compare` takes several.")
    swept = _swept(grids)
    if common.save is not None:
        need("matplotlib", "plot", "--save draws figures with Matplotlib")
    prepare_machine(common.x64, common.device, common.seed, every_core=True)

    import jgd

    problem = load(objective, common.x0, common.seed, common.has_aux)
    ((label, entry),) = chosen.items()
    factory, settings = ready(label, entry, common.say, swept)
    for name in set(settings) & set(swept):
        raise click.UsageError(f"{name} is set and swept: give --set or --grid.")
    numbers = settings | swept
    given = {"name": problem.name, "args": problem.args, **common.options, **common.watching}
    try:
        with spared():
            found = jgd.sweep(problem.fun, problem.x0, factory, **numbers, **given)
    except (TypeError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    common.tell(found)
    return exit_code(jgd.Status(found.ends.status[found.best_run]))


def _swept(grids: Iterable[str]) -> dict[str, list[float]]:
    """Name -> values; raises click.UsageError."""
    made: dict[str, list[float]] = {}
    for text in grids:
        name, equals, values = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--grid {text}: write {FORMS}.")
        if name in made:
            raise click.UsageError(f"--grid {name} is given twice.")
        made[name] = _values(text, values)
    return made


def _values(text: str, values: str) -> list[float]:
    """The numbers that LOW:HIGH:COUNT, the same with :linear, or a list stands for."""
    ends, linear = values.removesuffix(":linear"), values.endswith(":linear")
    try:
        if ":" not in values:
            return list(map(_number, values.split(",")))
        first, last, number = ends.split(":")
        low, high, count = float(first), float(last), int(number)
    except ValueError:
        raise click.UsageError(f"--grid {text}: write {FORMS}.") from None
    if count < 2 or not math.isfinite(low) or not math.isfinite(high):
        raise click.UsageError(f"--grid {text}: LOW and HIGH must be finite, and COUNT at least 2.")
    if not linear and not (low > 0 and high > 0):
        raise click.UsageError(
            f"--grid {text}: a logarithmic scale needs LOW and HIGH above 0; write {text}:linear."
        )
    parts = [i / (count - 1) for i in range(count)]
    if linear:
        return [low + (high - low) * part for part in parts]
    return [low * (high / low) ** part for part in parts]


def _number(text: str) -> float:
    """A whole number as such: methods tell them apart."""
    try:
        return int(text)
    except ValueError:
        return float(text)
