"""Logistic regression, on scikit-learn's breast cancer data."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.problems.casting import same_dtype
from jgd.problems.problem import Problem
from jgd.problems.scikit_learn import load


def logistic_loss(w: Any, X: Any, y: Any, l2: Any) -> jax.Array:
    """Logistic loss f(w) = sum_i log(1 + exp(-y_i x_i^T w)) + l2/2 ||w||^2.

    w: (p,) weights. X: (n, p) features, one example a row. y: (n,) labels, each -1 or 1.
    l2: the penalty, a number. No intercept: append a column of ones to X for one.
    """
    w, X, y, l2 = same_dtype(w, X, y, l2)
    return jnp.sum(jax.nn.softplus(-y * (X @ w))) + 0.5 * l2 * jnp.vdot(w, w)


def breast_cancer(standardize: bool = True, l2: float = 1.0, *, intercept: bool = False) -> Problem:
    """Breast cancer: logistic regression on 569 tumours of 30 measurements each.

    The formula is logistic_loss's; the start is w = 0.
    standardize: give each feature mean 0 and (population) standard deviation 1. Without, features
        range from 1e-3 to 4e3 and the condition number from 84.8 to 1.88e7, for l2 = 1.
    intercept: append a feature of ones, penalized like the others.
    Raises ImportError without scikit-learn, ValueError for a negative l2.

    Reference: Street, Wolberg & Mangasarian (1993), Nuclear feature extraction for breast tumor
    diagnosis; data: UCI, Breast Cancer Wisconsin (Diagnostic).
    """
    if l2 < 0:
        raise ValueError(f"l2 must not be negative, and is {l2}")
    X, classes = load("breast_cancer")
    if standardize:
        X = (X - X.mean(axis=0)) / X.std(axis=0)
    if intercept:
        X = np.column_stack([X, np.ones(len(X))])
    return Problem(
        name="breast-cancer"
        + ("" if standardize else "-raw")
        + ("-intercept" if intercept else "")
        + ("" if l2 == 1.0 else f"-l2-{l2:g}"),
        fun=logistic_loss,
        x0=np.zeros(X.shape[1]),
        args=(X, np.where(classes == 1, 1.0, -1.0), np.asarray(l2, float)),
        minimum=_MINIMA.get((standardize, float(l2), intercept)),
        source="Street, Wolberg & Mangasarian (1993)",
    )


# (standardize, l2, intercept): by damped Newton in NumPy, float64, to gradients under 2e-11.
_MINIMA = {
    (True, 1.0, False): 37.8777655570908,
    (True, 0.01, False): 20.2046256730262,
    (False, 1.0, False): 59.1624327602738,
    (True, 1.0, True): 37.7782257295182,
}
