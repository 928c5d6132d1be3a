"""Strict in the tests: float64 at hand, no silent promotion; warnings are errors by pyproject.toml."""

from collections.abc import Iterator

import jax
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")


@pytest.fixture(scope="module", autouse=True)
def _programs_forgotten() -> Iterator[None]:
    """A module's compiled programs go with it: XLA keeps memory maps for each, and a process may hold 65,530."""
    yield
    jax.clear_caches()
