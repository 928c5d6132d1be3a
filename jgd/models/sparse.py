"""Rows of a sparse matrix, of which only what is not zero is stored."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.record import record, static


@record
class SparseRows:
    """Rows of p numbers each: `values` and their `columns`, of shape (n, k), k the most that a row has.

    Where a row has fewer, zeros fill up. Unlike a matrix in CSR or COO form its rows can be sliced, drawn and
    spread over devices as those of an array are.
    """

    values: Any
    columns: Any
    features: int = static()

    @property
    def shape(self) -> tuple[int, int]:
        """That of the matrix."""
        return self.values.shape[0], self.features

    @property
    def dtype(self) -> Any:
        """That of the values."""
        return self.values.dtype

    def __matmul__(self, w: Any) -> jax.Array:
        """The product with w, of shape (p,) or (p, K)."""
        chosen = jnp.asarray(w).at[self.columns].get(mode="promise_in_bounds")
        return jnp.einsum("ij,ij...->i...", self.values, chosen)

    def __rmatmul__(self, weights: jax.Array) -> jax.Array:
        """The sum of weight_i x_i, of shape (p,)."""
        sums = jnp.zeros(self.features, self.dtype)
        return sums.at[self.columns].add(weights[:, None] * self.values, mode="promise_in_bounds")

    def __pow__(self, exponent: int) -> "SparseRows":
        """Each number to this positive power."""
        return SparseRows(self.values**exponent, self.columns, self.features)

    def with_ones(self) -> "SparseRows":
        """The rows with a 1 added at their end."""
        ones = jnp.ones_like(self.values[:, :1])
        columns = jnp.concatenate([self.columns, jnp.full_like(self.columns[:, :1], self.features)], axis=1)
        return SparseRows(jnp.concatenate([self.values, ones], axis=1), columns, self.features + 1)

    def dense(self) -> jax.Array:
        """The rows with their zeros, of shape (n, p)."""
        rows = jnp.arange(self.shape[0])[:, None]
        return jnp.zeros(self.shape, self.dtype).at[rows, self.columns].add(self.values)


FINE = 2**24
"""So many bytes may always be stored."""


def is_sparse(X: Any) -> bool:
    """Whether it is a sparse matrix of SciPy's or JAX's."""
    return hasattr(X, "tocsr") or all(hasattr(X, name) for name in ("indices", "data", "n_batch"))


def sparse_rows(X: Any) -> SparseRows:
    """A sparse matrix of SciPy or a BCOO of JAX by rows; raises for an entry that is not finite."""
    from scipy import sparse

    if not hasattr(X, "tocsr"):
        if X.ndim != 2 or X.n_batch or X.n_dense:
            raise ValueError("X: a BCOO must have two dimensions, both of them sparse.")
        indices = np.asarray(X.indices)
        inside = (indices < np.array(X.shape)).all(axis=1)  # padding lies outside
        rows, columns = indices[inside].T
        X = sparse.coo_array((np.asarray(X.data)[inside], (rows, columns)), shape=X.shape)
    made = X.tocsr().astype(X.dtype if X.dtype in (np.float32, np.float64) else jnp.zeros(()).dtype)
    made.sum_duplicates()
    if not np.isfinite(made.data).all():
        place = int(np.argmax(~np.isfinite(made.data)))
        row = int(np.searchsorted(made.indptr, place, "right")) - 1
        raise ValueError(f"X: row {row:,}, column {made.indices[place]:,}, is missing or infinite.")
    counts = np.diff(made.indptr)
    width = max(1, int(counts.max(initial=0)))
    if made.shape[0] * width * (made.dtype.itemsize + 4) > max(
        made.shape[0] * made.shape[1] * made.dtype.itemsize, FINE
    ):
        raise ValueError(
            f"X: row {int(counts.argmax()):,} has {width:,} entries, and all rows are stored as long as the "
            "longest: that takes more than a dense array. Leave such rows out, or give X.toarray()."
        )
    there = np.arange(width) < counts[:, None]
    values, columns = np.zeros(there.shape, made.dtype), np.zeros(there.shape, np.int32)
    values[there], columns[there] = made.data, made.indices
    return SparseRows(values, columns, made.shape[1])
