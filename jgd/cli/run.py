"""`jgd run`: minimize one objective by one method."""

import shlex
from functools import partial
from pathlib import Path
from typing import Any

import click

from jgd.cli.codes import RESUMABLE, exit_code
from jgd.cli.command import Remembering, note_taker
from jgd.cli.interrupt import spared
from jgd.cli.methods import build, entries
from jgd.cli.objective import load
from jgd.cli.options import EXPLAIN, WATCH, Common, prepare_machine, with_common


@click.command(cls=Remembering)
@click.argument("objective")
@click.option(
    "--checkpoint",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Save the run in DIR; the same command, or `jgd resume DIR`, goes on from there to the bit.",
)
@click.option(
    "--every",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="The time between two checkpoints.",
)
@with_common(*WATCH, EXPLAIN)
def run(objective: str, checkpoint: str | None, every: float, common: Common) -> int:
    """Minimize OBJECTIVE and tell how it went.

    OBJECTIVE is a problem of `jgd list problems`, or a function (or jgd.problems.Problem) of your
    own as my_model.py:loss or package.module:loss. Without --method, jgd chooses. Ctrl-C or SIGTERM end the
    run and tell what it has come to; a second one ends the command at once.
    """
    chosen = entries(common.methods, common.settings)
    if len(chosen) > 1:
        raise click.UsageError("--method: `jgd run` takes one; `jgd compare` takes several.")
    prepare_machine(common.x64, common.device, common.seed)

    import jgd
    from jgd.saving import CUT

    problem = load(objective, common.x0, common.seed, common.has_aux)
    method = next((build(label, entry, common.say) for label, entry in chosen.items()), None)
    try:
        with spared():
            result = jgd.minimize(
                problem.fun,
                problem.x0,
                method,
                args=problem.args,
                **common.watching,
                callback=None if checkpoint is None else note_taker(checkpoint),
                checkpoint=checkpoint,
                every=every,
                **common.options,
            )
    except (TypeError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    except (OSError, ImportError) as error:
        if checkpoint is None:
            raise
        raise click.ClickException(str(error)) from None
    common.say(str(result))
    told = record(result, problem.name, common.seed)
    if common.explain:
        explanation = jgd.explain(result)
        common.say(f"\n{explanation}")
        told["explanation"] = explanation.record()
    common.output.deliver(told, partial(_written, told, result.x))
    resumable = checkpoint is not None and result.status in CUT
    if resumable:
        common.say(f"to go on: jgd resume {shlex.quote(str(checkpoint))}")
    return RESUMABLE if resumable and result.status.name == "INTERRUPTED" else exit_code(result.status)


def _written(told: dict[str, Any], x: Any, folder: Path) -> list[Path]:
    """Write result.json and solution.npz; the paths."""
    from jgd.study.files import write_json
    from jgd.study.solution import save_solution

    paths = [write_json(folder / "result.json", told), folder / "solution.npz"]
    save_solution(paths[1], x)
    return paths


def record(result: Any, name: str, seed: int | None) -> dict[str, Any]:
    """A Result as plain values, its history left out, with its provenance."""
    import dataclasses

    from jgd.study.provenance import provenance
    from jgd.study.row import plain
    from jgd.study.solution import plain_leaves

    numbers = ("value", "grad_norm", "steps", "best_value", "best_step", "first_value")
    seconds = ("compile_seconds", "run_seconds")
    return {
        "objective": name,
        "method": result.method,
        "status": result.status.name,
        "message": result.message,
        **{key: plain(_number(getattr(result, key))) for key in numbers},
        "x": plain_leaves(result.x),
        "work": dataclasses.asdict(result.work),
        "tolerances": {k: plain(float(v)) for k, v in dataclasses.asdict(result.tolerances).items()},
        "parameters": result.parameters,
        **{key: getattr(result, key) for key in seconds},
        "provenance": provenance(result.dtype, seed),
    }


def _number(value: Any) -> int | float:
    return value if isinstance(value, int) else float(value)
