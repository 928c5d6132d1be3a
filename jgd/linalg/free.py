"""Vectors and matrices among the entries that no bound holds; `free` is None where there are no bounds."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

Mask = jax.Array | None


def part(v: jax.Array, free: Mask) -> jax.Array:
    """v with 0 for the entries that are held."""
    return v if free is None else jnp.where(free, v, 0)


def among(product: Callable[[jax.Array], jax.Array], free: Mask) -> Callable[[jax.Array], jax.Array]:
    """The product with a matrix among the free entries, those of the others 0."""
    return lambda v: part(product(v), free)


def reduced(H: jax.Array, free: Mask) -> jax.Array:
    """H (n, n) among the free entries, the identity among the others: solving with it leaves those apart."""
    if free is None:
        return H
    both = free[:, None] & free
    return jnp.where(both, H, jnp.diag(jnp.where(free, 0, 1).astype(H.dtype)))


def apart(d: jax.Array, grad: jax.Array, free: Mask) -> jax.Array:
    """d, made of the free part of the gradient, and -grad where x is held.

    Its projection descends, which that of a direction made of the whole gradient need not.
    Reference: Bertsekas (1982), Projected Newton methods for optimization problems with simple constraints.
    """
    return d if free is None else jnp.where(free, d, -grad)
