"""`jgd curvature`: the curvature of one objective at a point."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jgd.cli.errors import BadObjective
from jgd.cli.objective import check, load
from jgd.cli.options import (
    HAS_AUX,
    MACHINE,
    NOT_NEGATIVE,
    OUTPUT,
    SEED,
    START,
    need,
    prepare_machine,
    with_options,
)
from jgd.cli.output import Output

if TYPE_CHECKING:
    from jgd.problems import Problem

OPTIONS = (
    START,
    click.option(
        "--at",
        metavar="x0|FILE",
        default="x0",
        help="Where: the start, or the solution.npz or result.json that `jgd run --save` writes.",
    ),
    click.option(
        "--dense/--lanczos",
        default=None,
        help="Find all eigenvalues, or the ends by Lanczos' method (by default where there are many).",
    ),
    click.option(
        "--products",
        type=click.IntRange(min=3),
        default=40,
        show_default=True,
        help="At most so many Hessian-vector products from each start of Lanczos.",
    ),
    click.option(
        "--starts",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Random starts of Lanczos.",
    ),
    click.option("--density", is_flag=True, help="Estimate the density of all eigenvalues, too."),
    click.option("--gtol", type=NOT_NEGATIVE, help="The point is critical when max |grad| is at most this."),
)


@click.command()
@click.argument("objective")
@with_options(*OPTIONS, SEED, HAS_AUX, *OUTPUT, *MACHINE)
def curvature(objective: str, **given: Any) -> None:
    """Show the curvature of OBJECTIVE at a point, and what follows from it.

    OBJECTIVE is named as for `jgd run`. The ends of the Hessian's spectrum tell what kind of point it is,
    which rates are stable there, and how fast gradient descent, heavy ball and Nesterov's method are.
    """
    if given["save"] is not None:
        need("matplotlib", "plot", "--save draws figures with Matplotlib")
    if given["density"]:
        need("matfree", "curvature", "--density needs matfree")
    prepare_machine(given["x64"], given["device"], given["seed"])

    import jgd
    from jgd.study.curvature_record import density_record, density_words
    from jgd.study.files import write_json

    problem = load(objective, given["x0"], given["seed"], given["has_aux"])
    problem = _moved(problem, given["at"], objective, given["has_aux"])
    if given["dense"]:
        _check_size(problem, given["x64"])
    seed = given["seed"] or 0
    common = {"args": problem.args, "has_aux": given["has_aux"], "seed": seed}
    options = {name: given[name] for name in ("dense", "products", "starts", "gtol")}
    try:
        found = jgd.curvature(problem.fun, problem.x0, **options, **common)
        density = jgd.spectral_density(problem.fun, problem.x0, **common) if given["density"] else None
    except ValueError as error:
        raise BadObjective(f"{objective}: {error}") from None
    except Exception as error:
        raise BadObjective(
            f"{objective} raised {type(error).__name__} when its Hessian was taken.", error
        ) from error
    told = {"objective": problem.name, "at": Path(given["at"]).name, **found.record()}
    output = Output(given["save"], given["as_json"], given["quiet"])
    output.say(str(found))
    if density is not None:
        told["density"] = density_record(density)
        output.say(f"  density      {density_words(density)}")

    def write(folder: Path) -> list[Path]:
        return [
            write_json(folder / "curvature.json", told),
            *found.plot(folder / "curvature", density),
        ]

    output.deliver(told, write)


def _moved(problem: "Problem", at: str, objective: str, has_aux: bool) -> "Problem":
    """The problem with the point in the place of its start, looked over there."""
    if at == "x0":
        return problem
    import jax
    import jax.numpy as jnp

    from jgd.study.solution import load_solution

    try:
        x = load_solution(at, problem.x0)
    except ValueError as error:
        raise click.UsageError(f"--at: {error}") from None
    moved = dataclasses.replace(problem, x0=jax.tree.map(jnp.asarray, x))
    check(moved, objective, has_aux, warn=False)
    return moved


def _check_size(problem: "Problem", x64: bool) -> None:
    """click.UsageError for a dense Hessian that would not fit."""
    from jgd.core.objective import HESSIAN_LIMIT

    needed = problem.n**2 * (8 if x64 else 4)
    if needed > HESSIAN_LIMIT:
        raise click.UsageError(
            f"--dense: a Hessian of {problem.n:,} parameters takes {needed / 2**30:,.1f} GiB (limit "
            f"{HESSIAN_LIMIT / 2**30:.0f} GiB); --lanczos finds the ends of its spectrum without it."
        )
