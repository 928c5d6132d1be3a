"""Losses of a linear predictor, which have a dense Hessian of their own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jgd.core import tree
from jgd.core.examples import Examples
from jgd.core.linear import Linear
from jgd.core.objective import HESSIAN_ROWS, check_dense
from jgd.models.sparse import SparseRows

COLUMNS = 256
"""Above so many features the products of a Hessian are made of blocks of columns, one of each two alike."""


@dataclass(frozen=True)
class OfPredictor:
    """(w, (X, y)) -> the losses `link(z, y)` of the rows, with z = X coef^T + intercept.

    `w` is the coefficients, of shape (p,), or (K, p) for K predictors, or, with `intercept`, a dict of
    "coef" and "intercept". `link` is smooth and takes one z, a number or K of them, and one y. Further
    arguments are the penalty's.
    """

    link: Callable
    intercept: bool = False

    def predictor(self, w: Any, X: Any) -> jax.Array:
        """z for each row."""
        if not self.intercept:
            return X @ w.T
        return X @ w["coef"].T + w["intercept"]

    def __call__(self, w: Any, rows: Any, *_: Any) -> jax.Array:
        """The loss of each row."""
        X, y = rows
        return jax.vmap(self.link)(self.predictor(w, X), y)

    def remarks(self, result: Any) -> Iterator[str]:
        """What is to be known of a run on it, in sentences."""
        from jgd.models.separation import remarks

        return remarks(result)

    def features(
        self, w: Any, examples: Any, full: bool
    ) -> tuple[jax.Array, jax.Array, Callable[[Linear], Linear]]:
        """The covariance of the features, the coefficients, and the change of w that goes with one of those.

        With an intercept the features are taken less their mean; without, their mean products stand for the
        covariance. Of shape (p, p), or if not `full` its diagonal.
        Raises ValueError if it would take more than `HESSIAN_LIMIT` bytes.
        """
        from jgd.models.features import Centered, spread

        coef = w["coef"] if self.intercept else w
        if full:
            check_dense(coef.shape[-1], coef.dtype)
        mean, M = spread(examples, self.intercept, full)
        return M, coef, (lambda of: Centered(of, mean)) if self.intercept else (lambda of: of)

    def hessian(self, w: Any, rows: Any, weights: jax.Array, *_: Any) -> jax.Array:
        """sum_i weight_i x_i x_i^T link''(z_i), over the ravelled w."""
        X, y = rows
        z = self.predictor(w, X)
        bends = jax.vmap(jax.hessian(self.link))(z, y)
        if self.intercept:
            sparse = isinstance(X, SparseRows)
            X = X.with_ones() if sparse else jnp.concatenate([X, jnp.ones_like(X[:, :1])], axis=1)
        X, weights = jax.tree.map(lambda part: _at(part, bends.dtype), (X, weights))
        if z.ndim == 1:
            return gram(X, weights * bends)
        return self._several(w, X, weights, bends)

    def _several(self, w: Any, X: jax.Array, weights: jax.Array, bends: jax.Array) -> jax.Array:
        """The same for K predictors, whose features stand beside each other in the ravelled w."""
        classes, features = bends.shape[1], X.shape[1]
        one, other = np.triu_indices(classes)
        blocks = lax.map(lambda bend: gram(X, weights * bend), bends[:, one, other].T)
        place = np.zeros((classes, classes), int)
        place[one, other] = place[other, one] = np.arange(one.size)
        size = classes * features
        whole = blocks[place].swapaxes(1, 2).reshape(size, size)
        if not self.intercept:
            return whole
        places = jnp.arange(size).reshape(classes, features)
        order = tree.ravel({"coef": places[:, :-1], "intercept": places[:, -1]})[0]
        return whole[order[:, None], order]


def _at(part: jax.Array, dtype: Any) -> jax.Array:
    """Floats in this dtype, and columns as they are."""
    return part.astype(dtype) if jnp.issubdtype(part.dtype, jnp.floating) else part


def gram(X: Any, weights: jax.Array) -> jax.Array:
    """X^T diag(weights) X; of many columns by blocks, those below the diagonal by symmetry.

    Sparse rows are made dense block by block, since a product of matrices takes less than many small sums.
    """
    if isinstance(X, SparseRows):
        rows = Examples(X, weights, jnp.ones((), weights.dtype), HESSIAN_ROWS)
        return rows.summed(lambda part: gram(part.rows.dense(), part.weight()))
    count = X.shape[1]
    if count <= COLUMNS:
        return X.T @ (weights[:, None] * X)
    starts = range(0, count, COLUMNS)
    rows = []
    for start in starts:
        left = X[:, start : start + COLUMNS]
        rows.append(left.T @ (weights[:, None] * X[:, start:]))
    whole = jnp.concatenate(
        [jnp.pad(row, ((0, 0), (start, 0))) for start, row in zip(starts, rows, strict=True)]
    )
    return jnp.triu(whole) + jnp.triu(whole, 1).T
