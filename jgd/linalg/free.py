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
    """H (n, n) among the free entries, a diagonal among the others: solving with it leaves those apart.

    The diagonal is as large as H's largest entry there, so that neither is small beside the other.
    """
    if free is None:
        return H
    among_free = jnp.where(free[:, None] & free, H, 0)
    size = jnp.max(jnp.abs(among_free))
    return among_free + jnp.diag(jnp.where(free, 0, jnp.where(size > 0, size, 1)))


def apart(d: jax.Array, grad: jax.Array, free: Mask) -> jax.Array:
    """d, made of the free part of the gradient, and -grad where x is held.

    Its projection descends, which that of a direction made of the whole gradient need not.
    Reference: Bertsekas (1982), Projected Newton methods for optimization problems with simple constraints.
    """
    return d if free is None else jnp.where(free, d, -grad)
