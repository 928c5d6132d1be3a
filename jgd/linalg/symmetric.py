"""Symmetric matrices: eigenvalues, factors and solutions, within a compiled kernel where they are tiny."""

from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.linalg import cho_solve

TINY = 4
"""Up to this size without a call of LAPACK: a small loop stays one kernel."""

SWEEPS = 12


def eigh(A: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The eigenvalues of A (n, n), and its eigenvectors as columns; in no order where n is tiny."""
    return _jacobi(A) if A.shape[0] <= TINY else jnp.linalg.eigh(A)


def cholesky(A: jax.Array) -> jax.Array:
    """The lower triangular L with L L^T = A (n, n); it has NaN where A is not positive definite.

    Reference: Golub & Van Loan (2013), Matrix Computations, algorithm 4.2.2 (outer products).
    """
    n = A.shape[0]
    if n > TINY:
        return jnp.linalg.cholesky(A, symmetrize_input=False)
    columns = []
    for j in range(n):
        column = jnp.where(np.arange(n) >= j, A[:, j] / jnp.sqrt(A[j, j]), 0)
        A = A - column[:, None] * column
        columns.append(column)
    return jnp.stack(columns, axis=1)


def solve_factored(L: jax.Array, b: jax.Array) -> jax.Array:
    """The z with L L^T z = b, for vectors of n."""
    n = L.shape[0]
    if n > TINY:
        return cho_solve((L, True), b)
    for M, order in ((L, range(n)), (L.T, reversed(range(n)))):
        for j in order:
            z = b[j] / M[j, j]
            b = jnp.where(np.arange(n) == j, z, b - M[:, j] * z)
    return b


def solve(A: jax.Array, b: jax.Array) -> jax.Array:
    """The z with A z = b, for symmetric A (n, n); it is not finite where A is singular to the last bit."""
    if A.shape[0] > TINY:
        return jnp.linalg.solve(A, b)
    values, V = eigh(A)
    return (V * ((b @ V) / values)).sum(axis=1)


def _jacobi(A: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Cyclic Jacobi: each rotation makes one pair of entries off the diagonal zero.

    Reference: Golub & Van Loan (2013), Matrix Computations, algorithm 8.5.3.
    """
    n = A.shape[0]
    identity = jnp.eye(n, dtype=A.dtype)
    if n == 1:
        return A[0], identity
    pairs = jnp.asarray(np.array(list(combinations(range(n), 2)), np.int32))
    small = float(jnp.finfo(A.dtype).eps)

    def rotate(i: jax.Array, carry: tuple) -> tuple:
        A, V = carry
        p, q = pairs[i, 0], pairs[i, 1]
        app, aqq, apq = (lax.dynamic_slice(A, at, (1, 1))[0, 0] for at in ((p, p), (q, q), (p, q)))
        there = apq != 0
        ratio = (aqq - app) / (2 * jnp.where(there, apq, 1))
        t = jnp.where(ratio >= 0, 1, -1).astype(A.dtype) / (jnp.abs(ratio) + jnp.sqrt(1 + ratio**2))
        t = jnp.where(there, t, 0)
        c = 1 / jnp.sqrt(1 + t**2)
        s = c * t

        def columns(M: jax.Array) -> jax.Array:
            one, other = (lax.dynamic_slice_in_dim(M, j, 1, 1) for j in (p, q))
            M = lax.dynamic_update_slice_in_dim(M, c * one - s * other, p, 1)
            return lax.dynamic_update_slice_in_dim(M, s * one + c * other, q, 1)

        return columns(columns(A).T), columns(V)

    def sweep(carry: tuple) -> tuple:
        A, V, count = carry
        A, V = lax.fori_loop(0, pairs.shape[0], rotate, (A, V))
        return A, V, count + 1

    def rough(carry: tuple) -> jax.Array:
        A, _, count = carry
        off = jnp.where(identity > 0, 0, A)
        return (count < SWEEPS) & (jnp.max(jnp.abs(off)) > small * jnp.max(jnp.abs(A)))

    A, V, _ = lax.while_loop(rough, sweep, (A, identity, jnp.zeros((), jnp.int32)))
    return jnp.diagonal(A), V
