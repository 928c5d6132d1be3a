"""The options that commands share, and what they do to the machine."""

import contextlib
import functools
import importlib.util
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import click

from jgd.cli.output import Output, writable


class NotNegative(click.FloatRange):
    """A finite number that is not negative: a range of click's own lets NaN through."""

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; fails for one that is not finite."""
        number = super().convert(value, param, ctx)
        return number if math.isfinite(number) else self.fail(f"{value} is not a finite number.", param, ctx)


NOT_NEGATIVE = NotNegative()

MACHINE = (
    click.option("--x64", is_flag=True, help="Compute in float64 (float32 is JAX's default)."),
    click.option("--device", type=click.Choice(["cpu", "gpu", "tpu"]), help="Where to compute."),
)
START = click.option(
    "--x0",
    metavar="START",
    help="The start: my_model.py:start, package.module:start, or numbers such as 3,1.",
)
SEED = click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 2),
    help="Seed Python's and NumPy's random numbers, and problems.",
)
HAS_AUX = click.option("--has-aux", is_flag=True, help="The function returns its value and something else.")
OUTPUT = (
    click.option(
        "--save",
        type=click.Path(file_okay=False),
        callback=writable,
        metavar="DIR",
        help="Save what was found into DIR.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, to stdout."),
    click.option("--quiet", is_flag=True, help="Print nothing but errors (and JSON if asked for)."),
)
RUNS = (
    START,
    click.option(
        "--method",
        "methods",
        multiple=True,
        metavar="[LABEL=]NAME",
        help="A method of `jgd list methods`.",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="LABEL.PARAM=VALUE",
        help="A parameter of a method, named by its label or name: a number, true, false, auto, or "
        "one of armijo, exact, silver(RATE).",
    ),
    SEED,
    click.option("--max-steps", type=click.IntRange(min=0), help="At most so many steps."),
    click.option("--max-evaluations", type=click.IntRange(min=1), help="At most so many evaluations."),
    click.option("--gtol", type=NOT_NEGATIVE, help="Converged when max |grad| is at most this."),
    click.option("--grtol", type=NOT_NEGATIVE, help="Adds this times max |grad| at the start to gtol."),
    click.option("--ftol", type=NOT_NEGATIVE, help="Stalled when the value changes by less."),
    click.option("--xtol", type=NOT_NEGATIVE, help="Stalled when x changes by less."),
    click.option("--target", type=float, help="Stop when the value is at most this."),
    HAS_AUX,
    *OUTPUT,
)
WATCH = (
    click.option(
        "--progress/--no-progress",
        default=None,
        help="Show on stderr how far it is (by default on a terminal, unless quiet).",
    ),
    click.option(
        "--time-limit",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="Stop after so many seconds, compiling included.",
    ),
)
EXPLAIN = click.option("--explain", is_flag=True, help="Explain, too, why each run went as it did.")


@dataclass(frozen=True)
class Common:
    """What `RUNS`, `WATCH`, `EXPLAIN` and `MACHINE` gathered."""

    x64: bool
    device: str | None
    x0: str | None
    methods: tuple[str, ...]
    settings: tuple[str, ...]
    seed: int | None
    max_steps: int | None
    max_evaluations: int | None
    gtol: float | None
    grtol: float | None
    ftol: float | None
    xtol: float | None
    target: float | None
    has_aux: bool
    save: str | None
    as_json: bool
    quiet: bool
    progress: bool | None = None
    time_limit: float | None = None
    explain: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """The options of `jgd.minimize` that were given."""
        names = ("max_steps", "max_evaluations", "gtol", "grtol", "ftol", "xtol", "target")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return given | {"has_aux": self.has_aux}

    @property
    def watching(self) -> dict[str, Any]:
        """What `jgd.minimize` and `jgd.minimize_many` are to show, and how long they may take."""
        shown = sys.stderr.isatty() and not self.quiet
        return {
            "progress": shown if self.progress is None else self.progress,
            "time_limit": self.time_limit or math.inf,
        }

    @property
    def output(self) -> Output:
        """Where what is found goes."""
        return Output(self.save, self.as_json, self.quiet)

    def say(self, text: str) -> None:
        """Print unless quiet: to stdout, or to stderr where stdout is for JSON."""
        self.output.say(text)

    def tell(self, found: Any) -> None:
        """Print what a study found, as a table and as JSON if asked for, and save it if asked for."""
        self.say(str(found))
        self.output.deliver(found.record(), found.save)


def need(package: str, extra: str, what: str) -> None:
    """click.UsageError, saying what is missing for what, where a package is not installed."""
    if importlib.util.find_spec(package) is None:
        raise click.UsageError(f'{what}: pip install "jgd[{extra}]".')


def with_options(*options: Callable) -> Callable[[Callable], Callable]:
    """Decorator: a command with these options, in this order in its help."""
    return lambda command: functools.reduce(lambda made, add: add(made), reversed(options), command)


def with_common(*further: Callable) -> Callable[[Callable], Callable]:
    """Decorator: a command with the options of runs and further ones, gathered in its argument `common`."""

    def decorated(command: Callable) -> Callable:
        @functools.wraps(command)
        def gathered(**given: Any) -> Any:
            names = [field.name for field in fields(Common) if field.name in given]
            return command(common=Common(**{name: given.pop(name) for name in names}), **given)

        return with_options(*RUNS, *further, *MACHINE)(gathered)

    return decorated


def prepare_machine(
    x64: bool, device: str | None, seed: int | None = None, *, every_core: bool = False
) -> None:
    """Import JAX and set it up; click.UsageError where there is no such device.

    Many runs go on as many CPU devices as there are: with `every_core` one for each.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import random

    import jax
    import numpy as np

    if x64:
        jax.config.update("jax_enable_x64", True)
    if every_core and "JAX_NUM_CPU_DEVICES" not in os.environ:
        with contextlib.suppress(RuntimeError):  # where JAX is at work already its devices stay
            jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    if device is not None:
        jax.config.update("jax_platforms", device)
        try:
            jax.devices()
        except RuntimeError:
            raise click.UsageError(
                f"--device {device}: JAX finds none here; `jgd doctor` lists what it finds."
            ) from None
    if seed is not None:
        random.seed(seed)
        np.random.seed(seed)
