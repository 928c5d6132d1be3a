"""The units in which the rows of a symmetric matrix are about equally long, from a few products with it."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core.record import record

MEMORY = 16
"""A new probe weighs at least one over this."""


@record
class Rows:
    """Two estimates of log2 w, (2, n) in half precision, and how many probes they are from.

    w makes the rows of W^-1/2 H W^-1/2 equally long, up to a common factor. The estimates are from separate
    probes: what they have in common is H's, what they have not is chance.
    """

    logs: jax.Array
    probes: jax.Array


def unknown(n: int) -> Rows:
    """No probe yet: all rows alike."""
    return Rows(jnp.zeros((2, n), jnp.float16), jnp.zeros((), jnp.int32))


def probed(
    product: Callable[[jax.Array], jax.Array], rows: Rows, probes: jax.Array, dtype: jnp.dtype
) -> Rows:
    """The estimates after so many more probes, each a product v -> H v with random signs, in turns.

    w <- (1 - omega) w + omega (H W^-1/2 u)^2, both over their means, omega from 1/2 down to 1/16. v is of
    the given dtype; entries below its rounding of the largest count as that, and a probe that is not finite
    changes nothing.

    Reference: Bradley & Murray (2011), Matrix-free approximate equilibration, section 3.
    """
    end = rows.probes + probes

    def going(rows: Rows) -> jax.Array:
        return rows.probes < end

    def probe(rows: Rows) -> Rows:
        k = rows.probes
        w = jnp.exp2(rows.logs[k % 2].astype(jnp.float32))
        image = product((signs(k, w.size) / jnp.sqrt(w)).astype(dtype))
        largest = jnp.max(jnp.abs(image))
        squares = jnp.maximum((image / largest).astype(jnp.float32) ** 2, float(jnp.finfo(dtype).eps))
        omega = 1 / jnp.clip(2 ** jnp.floor(jnp.log2((k // 2 + 1).astype(jnp.float32)) - 1), 2, MEMORY)
        following = jnp.log2((1 - omega) * w / jnp.mean(w) + omega * squares / jnp.mean(squares))
        following = following.astype(rows.logs.dtype)
        following = jnp.where(jnp.isfinite(largest) & (largest > 0), following, rows.logs[k % 2])
        return Rows(lax.dynamic_update_index_in_dim(rows.logs, following, k % 2, 0), k + 1)

    return lax.while_loop(going, probe, rows)


def signs(k: jax.Array, n: int) -> jax.Array:
    """The k-th vector of n random signs, from a hash of k and the index.

    JAX's own generator would take longer to compile than all else here.
    """
    golden, other = jnp.uint32(0x9E3779B9), jnp.uint32(0x85EBCA6B)
    bits = lax.iota(jnp.uint32, n) * golden + k.astype(jnp.uint32) * other
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        bits = (bits ^ (bits >> shift)) * jnp.uint32(factor)
    return jnp.where((bits ^ (bits >> 16)) >> 31, 1, -1).astype(jnp.float32)


def units(rows: Rows) -> jax.Array:
    """w^-1/2 as far as the two estimates agree, (n,) in float32: ones where they have nothing in common.

    log w is the mean of theirs times its reliability 2 r/(1 + r), r their correlation.
    Reference: Brown (1910), Some experimental results in the correlation of mental abilities.
    """
    logs = rows.logs.astype(jnp.float32)
    a, b = logs - jnp.mean(logs, axis=1, keepdims=True)
    size = jnp.sqrt(jnp.sum(a * a) * jnp.sum(b * b))
    r = jnp.clip(jnp.sum(a * b) / jnp.where(size > 0, size, 1), 0, 1)
    return jnp.exp2(-r / (1 + r) * (a + b) / 2)
