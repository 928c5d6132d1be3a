"""What two values may differ by through rounding alone."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.types import Point

ROUNDINGS = 8


def unit(point: Point, dtype: Any) -> float:
    """The coarser rounding unit of `dtype` and of the point's value."""
    return max(float(jnp.finfo(kind).eps) for kind in (dtype, point.value.dtype))


def noise(point: Point, dtype: Any) -> jax.Array:
    """8 roundings of the point's value, in `dtype`."""
    return ROUNDINGS * unit(point, dtype) * jnp.abs(point.value.astype(dtype))
