"""Lanczos' tridiagonalization with full reorthogonalization, which can be gone on with.

Written here rather than taken from a library because the number of products is not known beforehand: the
caller looks at the residuals every few steps and stops when they will do. What needs no such look (quadrature
and trace) is matfree's: see `jgd.geometry.density`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jgd.core.record import record
from jgd.linalg.dense import times
from jgd.linalg.norm import norm

VANISHED = 40
"""A remainder of up to so many roundings of the largest entry of T counts as none."""


@record
class Tridiagonal:
    """A = Q T Q^T + remainder, as far as it is known: `done` steps of at most k.

    `basis` (k + 1, n) holds the rows of Q^T and the next one, `diagonal` (k,) and `below` (k,) are those of
    T, `below[done - 1]` the size of the remainder: 0 where the rows span all that A reaches from the start.
    """

    basis: jax.Array
    diagonal: jax.Array
    below: jax.Array
    done: jax.Array


def begin(start: jax.Array, steps: int) -> Tridiagonal:
    """No step yet, from the vector `start`, with room for `steps` of them."""
    basis = jnp.zeros((steps + 1, start.size), start.dtype).at[0].set(start / jnp.linalg.norm(start))
    nothing = jnp.zeros(steps, start.dtype)
    return Tridiagonal(basis, nothing, nothing, jnp.zeros((), jnp.int32))


def extend(product: Callable[[jax.Array], jax.Array], so_far: Tridiagonal, end: Any) -> Tridiagonal:
    """Go on to step `end`, or until the remainder vanishes; one product v -> A v a step.

    Reference: Golub & Van Loan (2013), Matrix Computations, algorithm 10.3.1, every new vector made
    orthogonal to all earlier ones twice more.
    """
    end = jnp.minimum(jnp.asarray(end, jnp.int32), so_far.diagonal.size)
    eps = jnp.asarray(VANISHED * jnp.finfo(so_far.basis.dtype).eps, so_far.basis.dtype)

    def going(t: Tridiagonal) -> jax.Array:
        vanished = (t.done > 0) & (t.below[t.done - 1] == 0)
        return (t.done < end) & ~vanished

    def step(t: Tridiagonal) -> Tridiagonal:
        q, j = t.basis[t.done], t.done
        image = product(q)
        diagonal = times(q, image)
        earlier = jnp.where(j > 0, t.below[j - 1], jnp.zeros_like(diagonal))
        w = image - diagonal * q - earlier * t.basis[jnp.maximum(j - 1, 0)]
        for _ in range(2):
            w = w - times(times(t.basis, w), t.basis)
        size, entries = norm(w), jnp.maximum(jnp.abs(t.diagonal), t.below)
        largest = jnp.maximum(jnp.max(entries), norm(image))
        size = jnp.where(size > eps * largest, size, jnp.zeros_like(size))
        following = jnp.where(size > 0, w / jnp.where(size > 0, size, jnp.ones_like(size)), jnp.zeros_like(w))
        return Tridiagonal(
            t.basis.at[j + 1].set(following), t.diagonal.at[j].set(diagonal), t.below.at[j].set(size), j + 1
        )

    return lax.while_loop(going, step, so_far)


def small_eigh(t: Tridiagonal) -> tuple[jax.Array, jax.Array]:
    """Eigenvalues of T, ascending, and its eigenvectors as columns, for use in a program.

    Rows beyond `done` are made eigenvalues of their own below all others.
    """
    known = jnp.arange(t.diagonal.size, dtype=t.done.dtype) < t.done
    low = -jnp.max(jnp.abs(t.diagonal)) - 2 * jnp.max(jnp.abs(t.below)) - 1
    diagonal = jnp.where(known, t.diagonal, low)
    below = jnp.where(known[1:], t.below[:-1], jnp.zeros_like(t.below[:-1]))
    return jnp.linalg.eigh(jnp.diag(diagonal) + jnp.diag(below, 1) + jnp.diag(below, -1))


def ritz(t: Tridiagonal) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The eigenvalues theta of T, ascending, its eigenvectors s as columns, the residuals |A y - theta y|.

    y = s @ basis[:done] approximates an eigenvector of A. In NumPy and float64.
    """
    k = int(t.done)
    diagonal, below = np.asarray(t.diagonal, float)[:k], np.asarray(t.below, float)[:k]
    values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(below[:-1], 1) + np.diag(below[:-1], -1))
    return values, vectors, np.abs(below[-1] * vectors[-1])
