"""Color for people: on a terminal statuses are green, yellow or red; in files and pipes text stays text."""

import sys

import click

GROUPS = {
    "green": "CONVERGED|TARGET_REACHED",
    "yellow": "MAX_STEPS|MAX_EVALUATIONS|TIME_LIMIT|PRECISION_LIMIT|STOPPED_BY_RULE|STOPPED_BY_CALLBACK|"
    "INTERRUPTED",
    "red": "STALLED|SEARCH_FAILED|DIVERGED|NONFINITE_START|NONFINITE|DATA_FAILED|REFUSED",
}


def say(text: str, *, err: bool = False) -> None:
    """Print to stdout, or to stderr."""
    stream = sys.stderr if err else sys.stdout
    if not stream.isatty():
        click.echo(text, err=err)
        return
    from rich.console import Console
    from rich.text import Text

    colored = Text(text)
    for color, names in GROUPS.items():
        colored.highlight_regex(rf"\b({names})\b", f"bold {color}")
    Console(stderr=err, soft_wrap=True).print(colored)
