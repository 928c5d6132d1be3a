"""Strict in the tests: float64 at hand, no silent promotion; warnings are errors by pyproject.toml."""

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
