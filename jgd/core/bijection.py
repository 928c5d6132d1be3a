"""A random order of the whole numbers below n, any place of which is computed on its own."""

from math import isqrt
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

ROUNDS = 12


def permuted(index: jax.Array, count: int, key: Any) -> jax.Array:
    """Where a permutation of 0, ..., count - 1 that is drawn by the key sends the entries of `index`.

    Nothing of the size of `count` is stored. The numbers are written as pairs (high, low) of a rectangle of
    about sqrt(count) a side, of which each is shifted in turn by a hash of the other; what falls outside of
    the range is sent on until it is inside. `index` and the result are int32 arrays of one shape.
    Raises ValueError for a count that is not below 2^31.
    Reference: Luby & Rackoff (1988), How to construct pseudorandom permutations; Black & Rogaway (2002),
    Ciphers with arbitrary finite domains, method 3 (the generalized Feistel cipher) and cycle walking.
    """
    if not 0 < count < 2**31:
        raise ValueError(f"count must be positive and below 2^31, got {count:,}.")
    low = isqrt(count - 1) + 1
    high = -(-count // low)
    keys = jax.random.bits(key, (ROUNDS,), jnp.uint32)

    def once(number: jax.Array) -> jax.Array:
        sides = [number // jnp.uint32(low), number % jnp.uint32(low)]
        lengths = [jnp.uint32(high), jnp.uint32(low)]
        for turn in range(ROUNDS):
            moved, other = turn % 2, 1 - turn % 2
            sides[moved] = (sides[moved] + _hash(sides[other] ^ keys[turn]) % lengths[moved]) % lengths[moved]
        return sides[0] * jnp.uint32(low) + sides[1]

    def outside(number: jax.Array) -> jax.Array:
        return jnp.any(number >= jnp.uint32(count))

    def again(number: jax.Array) -> jax.Array:
        return jnp.where(number >= jnp.uint32(count), once(number), number)

    return lax.while_loop(outside, again, once(index.astype(jnp.uint32))).astype(jnp.int32)


def _hash(number: jax.Array) -> jax.Array:
    """Every bit depends on all of the given ones: the last steps of MurmurHash3 (Appleby, 2011)."""
    number = (number ^ (number >> 16)) * jnp.uint32(0x85EBCA6B)
    number = (number ^ (number >> 13)) * jnp.uint32(0xC2B2AE35)
    return number ^ (number >> 16)
