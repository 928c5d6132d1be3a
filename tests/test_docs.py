"""The README's and the docstrings' examples, run."""

import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import jax
import pytest

import jgd

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
MODULES = [
    name for _, name, _ in pkgutil.walk_packages(jgd.__path__, "jgd.") if not name.endswith("__main__")
]
WITH_EXAMPLES = [
    name for name in MODULES if ">>> " in Path(importlib.util.find_spec(name).origin).read_text()
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_docstring_examples_give_what_they_show(name: str) -> None:
    with jax.numpy_dtype_promotion("standard"):
        found = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 0
    assert found.failed == 0


def without_times(text: str) -> list[str]:
    return [line for line in text.strip().splitlines() if not line.startswith("  time")]


def test_the_readme_examples_print_what_the_readme_shows() -> None:
    """Each block that is followed by its output, run after the first; residuals are rounding and left out."""
    pairs = re.findall(r"```python\n([^`]*?)```\n+```text\n(.*?)```", README, re.DOTALL)
    assert len(pairs) == 4
    program = "\nprint('=' * 9)\n".join(example for example, _ in pairs)
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    for printed, (_, shown) in zip(ran.stdout.split("=" * 9), pairs, strict=True):
        told, expected = (re.sub(r"residual \S+", "residual", text) for text in (printed, shown))
        assert without_times(told) == without_times(expected)


def test_every_python_block_of_the_readme_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) >= 2
    program = "\n".join(blocks)
    paths = os.pathsep.join(map(os.path.abspath, filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
    environment = os.environ | {"PYTHONPATH": paths}
    command = [sys.executable, "-c", program]
    subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=environment)


def test_what_the_page_on_devices_runs_on_one_machine_runs() -> None:
    page = (ROOT / "docs" / "several_devices.md").read_text()
    block = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    ran = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("CONVERGED")


def test_the_tolerances_in_the_readme_are_those_of_the_code() -> None:
    from jgd.rules import DEFAULT_TOLERANCES

    for size, name in ((8, "float64"), (4, "float32"), (2, "float16")):
        gtol, grtol = DEFAULT_TOLERANCES[size]
        row = next(line for line in README.splitlines() if line.startswith("| ") and name in line)
        assert [float(cell) for cell in row.strip("| ").split("|")[1:3]] == [gtol, grtol]


def test_every_method_of_the_catalogue_is_in_the_readme() -> None:
    from tests.catalogue import METHODS

    for name in {name.split("-")[0] for name in METHODS}:
        assert name.removeprefix("optax.") in README or name.startswith("optax."), name
