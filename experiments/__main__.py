"""Run experiments: `python -m experiments list`, `run NN ...`, `run all`."""

import argparse
import sys
import time

import jax

from experiments import book
from experiments.claims import NAMES, load


def main(arguments: list[str] | None = None) -> int:
    """List or run experiments; 1 if a verdict fails."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments", description="Statements about gradient descent."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="list the experiments")
    running = commands.add_parser("run", help="run experiments by number, or all")
    running.add_argument("which", nargs="+", metavar="NN|all")
    running.add_argument(
        "--quick", action="store_true", help="smaller versions, results in experiments/quick/"
    )
    options = parser.parse_args(arguments)
    if options.command == "list":
        for number in NAMES:
            title = (load(number).__doc__ or "").splitlines()[0]
            print(f"{number:3}  {title}")
        return 0
    jax.config.update("jax_enable_x64", True)
    try:
        numbers = list(NAMES) if options.which == ["all"] else [int(one) for one in options.which]
    except ValueError:
        parser.error("run takes numbers, or all.")
    try:
        modules = {number: load(number) for number in numbers}
    except ValueError as error:
        parser.error(str(error))
    failed = False
    for number, module in modules.items():
        began = time.perf_counter()
        report = module.main(quick=options.quick)
        into = book.write(report, number, module, book.HERE / "quick" if options.quick else book.RESULTS)
        print(f"{NAMES[number]}: {report.verdict}, {time.perf_counter() - began:.0f} s, {into}", flush=True)
        for line in report.failed:
            print(f"  fails: {line.claim}: claimed {line.claimed}, measured {line.measured}")
        failed |= bool(report.failed)
        if not options.quick:
            book.bind()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
