"""How features are spread, and what centering them makes of the parameters."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.linear import Linear
from jgd.core.objective import HESSIAN_ROWS
from jgd.core.record import record
from jgd.models.predictor import gram
from jgd.models.sparse import SparseRows


@record
class Centered:
    """coef = T u, intercept = c - coef.mean: the parameters of features by those of features less their mean.

    `of` is T, which acts on the coefficients.
    """

    of: Linear
    mean: jax.Array

    def forward(self, z: Any) -> Any:
        """(coef, intercept) of (u, c)."""
        coef = self.of.forward(z["coef"])
        return {"coef": coef, "intercept": z["intercept"] - coef @ self.mean}

    def inverse(self, x: Any) -> Any:
        """(u, c) of (coef, intercept)."""
        return {"coef": self.of.inverse(x["coef"]), "intercept": x["intercept"] + x["coef"] @ self.mean}


@partial(jax.jit, static_argnames=("centered", "full"))
def spread(examples: Any, centered: bool, full: bool) -> tuple[jax.Array, jax.Array]:
    """The mean of the features, (p,), and the mean of their products, (p, p), or its diagonal if not `full`.

    `centered` products are those of features less their mean, and 0 for one that does not vary beyond
    rounding. Weights are respected, and rows summed wherever they are: twice, the second time less the mean
    that the first has found, so that a large one cancels nothing; sparse rows once.
    Reference: Chan, Golub & LeVeque (1983), Algorithms for computing the sample variance, eq. 1.7.
    """
    sparse = isinstance(examples.row[0], SparseRows)

    def total(of: Callable[[Any, jax.Array], Any]) -> Any:
        def part(block: Any) -> Any:
            X = block.rows[0]
            return of(X, jnp.broadcast_to(block.weight(), X.shape[:1]).astype(X.dtype))

        with jax.default_matmul_precision("highest"):
            return examples.summed(part, HESSIAN_ROWS)

    def sums(X: Any, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.sum(weights), weights @ X

    shift: Any = None
    if centered and not sparse:
        count, first = total(sums)
        shift = first / count

    def products(X: Any, weights: jax.Array) -> tuple[jax.Array, ...]:
        X = X if shift is None else X - shift
        return *sums(X, weights), gram(X, weights) if full else weights @ X**2

    count, rest, M = total(products)
    rest, M = rest / count, M / count
    if not centered:
        return rest, M
    mean = rest if shift is None else shift + rest
    M = M - (rest[:, None] * rest if full else rest**2)
    eps = float(jnp.finfo(M.dtype).eps)
    rounding = eps * examples.count**0.5 if sparse else eps**2
    varies = (jnp.diagonal(M) if full else M) > rounding * mean**2
    return mean, jnp.where(varies[:, None] & varies if full else varies, M, 0)
