"""What is compared with peers."""

import jax
import pytest


@pytest.fixture
def peers():
    """The peers under their own promotion rules; skipped where they are not installed."""
    pytest.importorskip("optimistix")
    pytest.importorskip("jaxopt")
    with jax.numpy_dtype_promotion("standard"):
        yield
