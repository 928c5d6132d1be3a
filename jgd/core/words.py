"""Numbers in words: what reports share."""

from typing import Any

import jax
import numpy as np


def plural(count: int, noun: str) -> str:
    """`1 step`, `2,000 steps`."""
    return f"{count:,} {noun}" + "s" * (count != 1)


def abbreviated(x: Any) -> str:
    """The entries of x in a line, the middle left out where they are many."""
    entries = np.concatenate([np.ravel(np.asarray(leaf, float)) for leaf in jax.tree.leaves(x)])
    return np.array2string(entries, precision=6, threshold=8, edgeitems=3, max_line_width=10_000)


def method_name(method: Any) -> str:
    """What a summary calls the method."""
    return getattr(method, "name", type(method).__name__)
