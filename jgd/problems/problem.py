"""A test problem as data: a function, its published start, and what is known of its minimum."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """One test problem: minimize fun(x, *args), starting at x0.

    fun is pure JAX and computes in x's dtype, whatever the dtype of args. It is the same object
    each time a problem is built, so that building one twice does not compile twice.
    """

    name: str
    fun: Callable[..., Any]
    x0: Any
    """The published start: a float64 NumPy array, or a pytree of them."""
    args: tuple[Any, ...] = ()
    """The data that fun takes after x, as NumPy arrays."""
    minimum: float | None = None
    """The least value of fun as far as it is known; None where it is not."""
    minimizers: tuple[Any, ...] = ()
    """Points where fun is least. Not always all of them: note says where there are more."""
    source: str = ""
    note: str = ""

    @property
    def n(self) -> int:
        """The number of parameters."""
        return sum(np.size(leaf) for leaf in jax.tree.leaves(self.x0))
