"""CONTRIBUTING's way to add a method, followed literally in a copy of the repository."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_a_method_is_added_by_one_file_one_export_and_one_row(tmp_path: Path) -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text().split("## How to add a method")[1]
    source, export, row = re.findall(r"```python\n(.*?)```", section, re.DOTALL)[:3]
    for name in ("jgd", "tests", "experiments"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "results"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "jgd/methods/rprop.py").write_text(source)
    for path, opening, line in (
        ("jgd/__init__.py", "_HOME = {\n", export),
        ("tests/catalogue.py", "METHODS: dict[str, Callable[[Problem], Any]] = {\n", row),
    ):
        text = (tmp_path / path).read_text()
        assert opening in text
        (tmp_path / path).write_text(text.replace(opening, opening + line))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/contract",
        "tests/test_layers.py",
    ]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTEST_ADDOPTS": ""}
    environment.pop("PYTEST_XDIST_WORKER", None)
    ran = subprocess.run(
        [*command, "-m", "not slow", "-k", "rprop and (valley or bowl) or layers"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert int(passed[1]) > 60 if passed else False, ran.stdout[-500:]
