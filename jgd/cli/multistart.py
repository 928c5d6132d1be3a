"""`jgd multistart`: one objective from many starts, and the minima they lead to."""

import click

from jgd.cli.codes import exit_code
from jgd.cli.interrupt import spared
from jgd.cli.methods import build, entries
from jgd.cli.objective import load
from jgd.cli.options import WATCH, Common, prepare_machine, with_common


@click.command()
@click.argument("objective")
@click.option(
    "--box", nargs=2, type=float, metavar="LOW HIGH", help="Draw starts with all entries in this range."
)
@click.option("--normal", type=float, metavar="SCALE", help="Draw starts around x0, with this deviation.")
@click.option(
    "--starts", type=click.IntRange(min=1), default=256, show_default=True, help="How many starts are drawn."
)
@click.option(
    "--sampling",
    type=click.Choice(["sobol", "random"]),
    default="sobol",
    show_default=True,
    help="How they are drawn: evenly, or at random.",
)
@with_common(*WATCH)
def multistart(
    objective: str,
    box: tuple[float, float] | None,
    normal: float | None,
    starts: int,
    sampling: str,
    common: Common,
) -> int:
    """Minimize OBJECTIVE from many starts, and tell the minima that they lead to.

    OBJECTIVE is named as for `jgd run`. Give --box or --normal. Without --method, jgd chooses.
    """
    if (box is None) == (normal is None):
        raise click.UsageError("Give --box LOW HIGH or --normal SCALE, one of the two.")
    chosen = entries(common.methods, common.settings)
    if len(chosen) > 1:
        raise click.UsageError("--method: `jgd multistart` takes one.")
    prepare_machine(common.x64, common.device, common.seed, every_core=True)

    import jgd

    problem = load(objective, common.x0, common.seed, common.has_aux)
    method = next((build(label, entry, common.say) for label, entry in chosen.items()), None)
    given = {
        "name": problem.name,
        "args": problem.args,
        "sampling": sampling,
        **common.options,
        **common.watching,
    }
    try:
        drawn = box if normal is None else jgd.normal(problem.x0, normal)
        like = None if box is None else problem.x0
        with spared():
            found = jgd.multistart(
                problem.fun, drawn, starts, method, x0=like, seed=common.seed or 0, **given
            )
    except (TypeError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    common.tell(found)
    return min(exit_code(jgd.Status(status)) for status in set(found.ends.status.tolist()))
