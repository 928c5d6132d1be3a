"""`jgd compare`: run methods on one objective, print the scoreboard, save figures and rows."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from jgd.cli.codes import exit_code, worst
from jgd.cli.methods import build, entries
from jgd.cli.objective import load
from jgd.cli.options import EXPLAIN, Common, need, prepare_machine, with_common
from jgd.study.presets import PRESETS, Entry

EXAMPLE = """\b
Give --method several times, with a label where one occurs twice:
  jgd compare my_model.py:loss --x0 my_model.py:start \\
    --method slow=gradient_descent --set slow.learning_rate=0.001 \\
    --method newton --method optax.adamw
"""


@click.command(epilog=EXAMPLE)
@click.argument("objective")
@click.option("--preset", type=click.Choice(sorted(PRESETS)), help="Methods chosen to tell it all.")
@click.option("--strict", is_flag=True, help="Exit with the code of the worst run.")
@with_common(EXPLAIN)
def compare(objective: str, preset: str | None, strict: bool, common: Common) -> int:
    """Run methods on OBJECTIVE from one start under one stopping test, and print a scoreboard.

    OBJECTIVE is named as for `jgd run`. Without --method, those that need no tuning are compared.
    """
    chosen = entries(common.methods, common.settings, _preset(preset, objective))
    if common.save is not None:
        need("matplotlib", "plot", "--save draws figures with Matplotlib")
    prepare_machine(common.x64, common.device, common.seed)

    import jgd
    from jgd.study.files import write_json

    problem = load(objective, common.x0, common.seed, common.has_aux)
    methods = {label: build(label, entry, common.say) for label, entry in chosen.items()} or None
    try:
        table = jgd.compare(
            problem,
            methods=methods,
            seed=common.seed,
            progress=None if common.quiet else lambda label: _line(f"running {label} ..."),
            **common.options,
        )
    except (TypeError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    finally:
        _line("")
    common.say(str(table))
    told = table.record()
    if common.explain:
        told["explanations"] = _explained(table.results, common)

    def write(folder: Path) -> list[Path]:
        paths = table.save(folder)
        if common.explain:
            paths.append(write_json(folder / "explanations.json", told["explanations"]))
        return paths

    common.output.deliver(told, write)
    return worst(exit_code(row.status) for row in table.rows) if strict else 0


def _explained(results: Mapping[str, Any], common: Common) -> dict[str, Any]:
    """Print the explanation of each result; their records by label."""
    import jgd

    records = {}
    for label, result in results.items():
        explanation = jgd.explain(result)
        common.say(f"\n{explanation}" if label == result.method else f"\n{label} = {explanation}")
        records[label] = explanation.record()
    return records


def _preset(preset: str | None, objective: str) -> dict[str, Entry] | None:
    if preset is None:
        return None
    if objective not in PRESETS[preset]:
        known = " and ".join(PRESETS[preset])
        raise click.UsageError(f"--preset {preset} is for {known}, not for {objective}.")
    return PRESETS[preset][objective]


def _line(text: str) -> None:
    """A line on the terminal that the next one replaces."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{text}", nl=False, err=True)
