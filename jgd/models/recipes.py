"""Regressions by name: each a loss of a linear predictor, with data that are looked over first."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import check, tree
from jgd.core.streamed import is_stream
from jgd.models import links
from jgd.models.predictor import OfPredictor
from jgd.models.table import classes, numbers, table
from jgd.sums import FiniteSum, finite_sum


def _penalty(w: Any, ridge: jax.Array) -> jax.Array:
    """ridge/2 |coef|^2; an intercept is not penalized."""
    coef = w["coef"] if isinstance(w, dict) else w
    return ridge.astype(coef.dtype) / 2 * jnp.vdot(coef, coef)


def linear(X: Any, y: Any, *, ridge: float = 0.0, intercept: bool = False, **options: Any) -> FiniteSum:
    """Least squares: sum_i (x_i.w - y_i)^2 / 2 + ridge/2 |w|^2.

    X: (n, p) features, one example a row. y: (n,) numbers. The ridge does not penalize the intercept; with
    one, the parameters are a dict of "coef" and "intercept". Further options are those of `jgd.finite_sum`;
    the losses are summed unless reduction="mean".
    Raises TypeError or ValueError for data with missing values, or of another shape.

    >>> import numpy as np, jgd
    >>> fit = jgd.models.linear(np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0]), intercept=True)
    >>> float(jgd.minimize(fit).x["intercept"].round(6))
    1.0
    """
    return _model(links.squared, X, numbers(y), ridge, intercept, options)


def logistic(X: Any, y: Any, *, ridge: float = 1.0, intercept: bool = False, **options: Any) -> FiniteSum:
    """Logistic regression: sum_i log(1 + exp(-y_i x_i.w)) + ridge/2 |w|^2.

    X: (n, p) features, one example a row. y: (n,) labels of two kinds, the greater of which stands for y = 1,
    the other for -1. The ridge does not penalize the intercept; with one, the parameters are a dict of "coef"
    and "intercept". Further options are those of `jgd.finite_sum`; the losses are summed unless
    reduction="mean".
    Raises TypeError or ValueError for data with missing values, labels of one class or of more than two.

    >>> import jgd, numpy as np
    >>> fit = jgd.models.logistic(np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([0, 1, 0, 1]))
    >>> float(jgd.minimize(fit).x[0].round(2))
    0.29
    """
    known, places = classes(y)
    if len(known) > 2:
        raise ValueError(f"y has {len(known):,} classes: jgd.models.softmax takes more than two.")
    return _model(links.logistic, X, np.where(places == 1, 1.0, -1.0), ridge, intercept, options)


def softmax(X: Any, y: Any, *, ridge: float = 1.0, intercept: bool = False, **options: Any) -> FiniteSum:
    """Softmax regression: sum_i log sum_k exp(x_i.w_k) - x_i.w_(y_i) + ridge/2 |w|^2.

    X: (n, p) features, one example a row. y: (n,) labels of K classes, in their order those of the rows of
    the coefficients, (K, p). The ridge does not penalize the intercepts; with them, the parameters are a dict
    of "coef" and "intercept", (K,). Further options are those of `jgd.finite_sum`; the losses are summed
    unless reduction="mean".
    Raises TypeError or ValueError for data with missing values, or labels of one class.
    """
    known, places = classes(y)
    return _model(links.softmax, X, places, ridge, intercept, options, len(known))


def poisson(X: Any, y: Any, *, ridge: float = 0.0, intercept: bool = False, **options: Any) -> FiniteSum:
    """Poisson regression: sum_i exp(x_i.w) - y_i x_i.w + ridge/2 |w|^2.

    X: (n, p) features, one example a row. y: (n,) counts. The ridge does not penalize the intercept; with
    one, the parameters are a dict of "coef" and "intercept". Further options are those of `jgd.finite_sum`;
    the losses are summed unless reduction="mean".
    Raises TypeError or ValueError for data with missing values, or negative counts.
    """
    counts = numbers(y)
    if (counts < 0).any():
        raise ValueError(f"y must be counts, and y[{int(np.argmax(counts < 0))}] is negative.")
    return _model(links.poisson, X, counts, ridge, intercept, options)


def _model(
    link: Callable,
    X: Any,
    y: np.ndarray,
    ridge: float,
    intercept: bool,
    options: dict[str, Any],
    classes: int | None = None,
) -> FiniteSum:
    X = table(X)
    X = X if is_stream(X) else tree.placed(X)
    if X.shape[0] != len(y):
        raise ValueError(f"X and y must agree in the number of examples, got {X.shape[0]:,} and {len(y):,}.")
    check.number("ridge", ridge, least=0)
    dtype = jax.dtypes.canonicalize_dtype(X.dtype)
    if np.issubdtype(y.dtype, np.floating):
        y = y.astype(dtype)
    shape = (X.shape[1],) if classes is None else (classes, X.shape[1])
    start: Any = jnp.zeros(shape, dtype)
    if intercept:
        start = {"coef": start, "intercept": jnp.zeros(shape[:-1], dtype)}
    given: dict[str, Any] = {"reduction": "sum", "start": start} | options
    loss = OfPredictor(link, bool(intercept))
    if not ridge:
        return finite_sum(loss, (X, y), **given)
    fit = finite_sum(loss, (X, y), regularizer=_penalty, **given)
    # an argument and not a part of the penalty: programs that are compiled for one ridge serve another
    return dataclasses.replace(fit, args=(jnp.asarray(ridge, dtype),))
