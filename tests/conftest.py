"""Strict in the tests: float64 at hand, no silent promotion; warnings are errors by pyproject.toml.

What the tests compile themselves is compiled as jgd's own programs are, in little more than half the time.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

from jgd.core.compiled import WANTED

if jax.__version_info__ < (0, 11):  # later ones do not know all of these flags, and end the process
    flags = (f"--{name}={str(value).lower()}" for name, value in WANTED["cpu"].items())
    os.environ.setdefault("XLA_FLAGS", " ".join(flags))

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")


@pytest.fixture(scope="module", autouse=True)
def _programs_forgotten() -> Iterator[None]:
    """A module's compiled programs go with it: XLA keeps memory maps for each, and a process may hold 65,530."""
    yield
    jax.clear_caches()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is left for the slow run: tests that take seconds and have a sibling that is quicker."""
    left = set(Path(__file__).with_name("left.txt").read_text().splitlines())
    for item in items:
        if item.nodeid.removeprefix("tests/") in left:
            item.add_marker(pytest.mark.slow)
