"""Digests: what tells contents apart, and what has been damaged."""

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

WHOLE = 2**26
"""Arrays of at most so many bytes are looked at whole, larger ones at `SAMPLED` entries, evenly spaced."""

SAMPLED = 2**16


def digest_of_json(value: Any) -> str:
    """The digest of what JSON can hold, whatever the order of its keys."""
    return _digest(json.dumps(value, sort_keys=True).encode())


def digest_of_file(path: Path) -> str:
    """The digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, _hash).hexdigest()


def contents(leaf: Any) -> str:
    """Dtype, shape and digest of an array; one of more than `WHOLE` bytes is sampled."""
    if is_key(leaf):
        leaf = jax.random.key_data(leaf)
    shape, dtype = np.shape(leaf), jnp.result_type(leaf)
    if np.size(leaf) * dtype.itemsize > WHOLE:
        places = np.linspace(0, np.size(leaf) - 1, SAMPLED).astype(np.int64)
        leaf = leaf[np.unravel_index(places, shape)]
    return f"{shaped(shape, dtype)} {_digest(np.ascontiguousarray(leaf).reshape(-1).view(np.uint8))}"


def shaped(shape: Any, dtype: Any) -> str:
    """`float64[3,2]`."""
    return f"{dtype}[{','.join(map(str, shape))}]"


def is_key(leaf: Any) -> bool:
    """Whether it is an array of keys of `jax.random`."""
    return jnp.issubdtype(getattr(leaf, "dtype", np.dtype(float)), jax.dtypes.prng_key)


_hash = partial(hashlib.blake2b, digest_size=16)


def _digest(data: Any) -> str:
    return _hash(data).hexdigest()
