"""Statements about gradient descent, one file each: a question, a run, a figure and a verdict.

Each file has `main(quick=False) -> Report`; its docstring's first line is the title, the rest the question.
"""

import importlib
from pathlib import Path
from types import ModuleType

NAMES = {int(path.stem[:2]): path.stem for path in sorted(Path(__file__).parent.glob("[0-9]*.py"))}
"""Number -> NN_name of every experiment, in order."""


def load(number: int) -> ModuleType:
    """The experiment of that number. Raises ValueError for an unknown one."""
    if number not in NAMES:
        raise ValueError(f"There is no experiment {number}; there are {', '.join(map(str, NAMES))}.")
    return importlib.import_module(f"experiments.claims.{NAMES[number]}")
