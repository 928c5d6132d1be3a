"""jgd and its peers on the unconstrained problems of CUTEst, as sif2jax writes them.

    python -m experiments.benchmarks.cutest run FILE [--contenders A,B] [--problems X,Y] [--settings own]
    python -m experiments.benchmarks.cutest report FILE [FILE ...] [--figures FOLDER]

Settings: `own` leaves every contender its defaults, `raised` gives it 100,000 steps and a gradient tolerance
of 1e-5, `quick` is the same without the watched run. The problems come with `pip install sif2jax`;
`--mgh` takes the 35 of More, Garbow & Hillstrom instead, `--start-scale 10` starts from 10 x0.

`run` writes one JSON line a run to FILE and goes on where it stopped: what has a line is not run again. Each
run is made in a worker process under a time limit, first with all compiling (its time is the first call's),
then warm, and a third time, under a watch that notes the best value after every evaluation. `report` reads
such files and prints the tables; see `profiles.py` for what counts as solved.
"""

import argparse
import gzip
import json
import os
import platform
from pathlib import Path
from typing import Any

from experiments.benchmarks.worker import Worker

SETTINGS = ("raised", "own", "quick")


def run(options: argparse.Namespace) -> None:
    """Make all runs that have no line yet."""
    import jax

    jax.config.update("jax_enable_x64", True)
    from experiments.benchmarks.collection import cutest, mgh, size
    from experiments.benchmarks.contenders import CONTENDERS

    names = options.contenders.split(",") if options.contenders else list(CONTENDERS)
    unknown = [name for name in names if name not in CONTENDERS]
    if unknown:
        raise SystemExit(
            f"--contenders: there is no {', '.join(unknown)}; known are {', '.join(CONTENDERS)}."
        )
    sizes = {name: size(problem) for name, problem in (mgh if options.mgh else cutest)().items()}
    chosen = options.problems.split(",") if options.problems else list(sizes)
    strange = [name for name in chosen if name not in sizes]
    if strange:
        raise SystemExit(f"--problems: there is no {', '.join(strange)} among {len(sizes)}.")
    if not set(options.settings.split(",")) <= set(SETTINGS):
        raise SystemExit(f"--settings: known are {', '.join(SETTINGS)}, got {options.settings}.")
    precision = "float32" if options.float32 else "float64"
    done = {key(line) for line in lines([options.file])}
    worker = Worker(not options.float32)
    with options.file.open("a") as out:
        for setting in options.settings.split(","):
            for contender in names:
                for problem in chosen:
                    task = {
                        "contender": contender,
                        "setting": setting,
                        "problem": problem,
                        "n": sizes[problem],
                        "precision": precision,
                        "scale": options.start_scale,
                    }
                    if sizes[problem] > options.largest or key(task) in done:
                        continue
                    outcome = worker.run(task, options.limit)
                    print(json.dumps(task | outcome | {"cpu": cpu()}), file=out, flush=True)
    worker.close()


def cpu() -> str:
    """The machine, in words."""
    return f"{platform.machine()}, {os.cpu_count()} cores"


def key(line: dict[str, Any]) -> tuple:
    """What tells one run from another."""
    return tuple(line[name] for name in ("contender", "setting", "problem", "precision", "scale"))


def lines(files: list[Path]) -> list[dict[str, Any]]:
    """The runs in files, compressed if they end in .gz; of two of the same the later one."""
    found = {}
    for file in files:
        if file.exists():
            opened = gzip.open if file.suffix == ".gz" else open
            with opened(file, "rt") as stored:
                texts = stored.read().splitlines()
            for text in texts:
                line = json.loads(text)
                found[key(line)] = line
    return list(found.values())


def main(arguments: list[str] | None = None) -> None:
    """Run or report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("run", help="make the runs that have no line in FILE yet")
    one.add_argument("file", type=Path, help="the JSON lines, one a run")
    one.add_argument("--contenders", help="names by commas; all if not given")
    one.add_argument("--problems", help="names by commas; all if not given")
    one.add_argument("--settings", default="raised,own", help=f"some of {', '.join(SETTINGS)}")
    one.add_argument("--mgh", action="store_true", help="More, Garbow & Hillstrom's problems instead")
    one.add_argument("--float32", action="store_true", help="in float32, without x64")
    one.add_argument("--limit", type=float, default=20.0, help="seconds for a first call")
    one.add_argument("--largest", type=int, default=10_000, help="the most variables")
    one.add_argument("--start-scale", type=float, default=1.0, help="start from so many times x0")
    two = commands.add_parser("report", help="print tables of runs, draw their profiles")
    two.add_argument("files", type=Path, nargs="+", help="what `run` has written")
    two.add_argument("--figures", type=Path, help="a folder for the profiles")
    options = parser.parse_args(arguments)
    if options.command == "run":
        run(options)
    else:
        from experiments.benchmarks.profiles import report

        report(lines(options.files), options.figures)


if __name__ == "__main__":
    main()
