"""The uncertainty of fitted parameters, from the Hessian at a solution."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import tree
from jgd.core.compiled import compiled
from jgd.core.examples import Examples
from jgd.core.float64 import enable_x64
from jgd.core.objective import Objective
from jgd.models import links
from jgd.models.predictor import OfPredictor
from jgd.result import Result

INVOLVED = 0.1
"""A column has a part in a dependence if its share of it is at least this, the largest share being 1."""

SHOWN = 8
"""So many of the columns of a dependence are named."""

INTERCEPT = -1
"""The number of the column of ones."""

SEPARATED = (
    "a linear function of the features separates the classes, so that without a penalty the coefficients "
    "grow without end; give a ridge above 0."
)

_hessian = compiled(Objective.hessian)


def covariance(result: Result) -> np.ndarray:
    """The covariance matrix of the parameters of a fitted model of `jgd.models`: the inverse Hessian at x.

    For `logistic`, `softmax` and `poisson` that is the inverse of the observed information, for `linear` the
    same times rss / (n - p), n the examples with a weight, p the parameters. A ridge counts as a part of the
    information. The losses are taken as summed, whatever the `reduction`, so that a weight w stands for w
    examples alike. Of `softmax` only differences between classes are determined: its parameters are taken as
    those that sum to zero over the classes.

    result: that of `jgd.minimize`, at a minimum. Returns an array of (p, p) in float64, its order that of the
    ravelled `result.x`: the coefficients row by row, then the intercepts.
    Raises TypeError for the result of another function, ValueError where there is no such matrix: for columns
    that depend on each other, classes that are separated, parameters that bounds hold.

    Reference: McCullagh & Nelder (1989), Generalized linear models, sections 2.5 and 4.4.

    >>> import numpy as np, jgd
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> fit = jgd.models.linear(X, np.array([0.0, 1.0, 1.0, 2.0]), intercept=True)
    >>> jgd.models.covariance(jgd.minimize(fit)).round(3)
    array([[ 0.02, -0.03],
           [-0.03,  0.07]])
    """
    objective, loss, examples = _of_model(result)
    if is_separated(result):
        raise ValueError(f"There is no covariance: {SEPARATED}")
    with enable_x64(True):
        if any(np.any(held) for held in jax.tree.leaves(result.active)):
            raise ValueError("bounds hold some parameters: the covariance of the others is not known.")
        hessian = _hessian(objective, result.x)
    information = np.asarray(hessian, float) / float(examples.scale)
    features = _features(result.x)
    if loss.link is not links.softmax:
        root = _root_of_inverse(information, features, hessian.dtype)
        return root @ root.T * _dispersion(result.x, loss, examples)
    # a shift common to all classes changes no loss: it is given some curvature, and no variance
    shifts = (features[:, None] == features) / np.sum(features == 0)
    root = _root_of_inverse(information + np.mean(np.diag(information)) * shifts, features, hessian.dtype)
    root -= shifts @ root
    return root @ root.T


def standard_errors(result: Result) -> Any:
    """The standard errors of the parameters of a fitted model of `jgd.models`, a tree like `result.x`.

    They are the roots of the diagonal of `jgd.models.covariance`, which says more, and raise what it raises.

    >>> import numpy as np, jgd
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> fit = jgd.models.linear(X, np.array([0.0, 1.0, 1.0, 2.0]), intercept=True)
    >>> float(jgd.models.standard_errors(jgd.minimize(fit))["coef"][0].round(3))
    0.141
    """
    errors = np.sqrt(np.diag(covariance(result)))
    leaves, structure = jax.tree.flatten(result.x)
    ends = np.cumsum([leaf.size for leaf in leaves])
    parts = np.split(errors, ends[:-1])
    return jax.tree.unflatten(
        structure, [part.reshape(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)]
    )


def is_separated(result: Result) -> bool:
    """Whether a fit without a penalty has no finite solution: every example is on the side of its class."""
    objective, loss, examples = _of_model(result)
    fun: Any = objective.fun
    if fun.penalty is not None or loss.link not in (links.logistic, links.softmax):
        return False
    z, y, weights = _predicted(result.x, loss, examples)
    if loss.link is links.logistic:
        margins = y * z
    else:
        own = np.take_along_axis(z, y[:, None], axis=1)
        np.put_along_axis(z, y[:, None], -np.inf, axis=1)
        margins = (own - z).min(axis=1)
    return bool(np.all(margins[weights > 0] > 0))


def _of_model(result: Result) -> tuple[Objective, OfPredictor, Examples]:
    """The objective of all examples, its loss and its data."""
    objective = result.program.objective.full
    loss = getattr(objective.fun, "loss", None)
    if not isinstance(loss, OfPredictor):
        raise TypeError("result must be that of a model of jgd.models: of another loss nothing is known.")
    return objective, loss, objective.args[-1]


def _predicted(x: Any, loss: OfPredictor, examples: Examples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The predictors, labels and weights of all examples."""
    X, y = map(np.asarray, examples.rows)
    z = loss.predictor(jax.tree.map(np.asarray, x), X)
    weights = np.ones(len(y)) if examples.weights is None else np.asarray(examples.weights)
    return np.asarray(z), y, weights


def _dispersion(x: Any, loss: OfPredictor, examples: Examples) -> float:
    """The variance of y about its predictor, estimated for least squares, in the others given by the loss."""
    if loss.link is not links.squared:
        return 1.0
    z, y, weights = _predicted(x, loss, examples)
    count, parameters = int(np.sum(weights > 0)), tree.size(x)
    if count <= parameters:
        raise ValueError(
            f"There is no covariance: with {parameters:,} parameters, {count:,} examples with a weight leave "
            "nothing to tell the variance of y by."
        )
    return float(np.sum(weights * (y - z) ** 2, dtype=float)) / (count - parameters)


def _features(x: Any) -> np.ndarray:
    """For each of the ravelled parameters the column of X that it belongs to, or `INTERCEPT`."""
    coef = x["coef"] if isinstance(x, dict) else x
    columns = np.broadcast_to(np.arange(coef.shape[-1]), coef.shape)
    return np.concatenate([columns.ravel(), np.full(tree.size(x) - coef.size, INTERCEPT)])


def _root_of_inverse(information: np.ndarray, features: np.ndarray, dtype: Any) -> np.ndarray:
    """R with R R^T the inverse; raises, naming the columns, where there is none in this dtype."""
    scale = np.sqrt(np.diag(information))
    scale[scale == 0] = 1.0
    values, vectors = np.linalg.eigh(information / scale / scale[:, None])
    if values[0] <= values[-1] * len(scale) * float(jnp.finfo(dtype).eps):
        shares = np.abs(vectors[:, 0])
        columns = np.unique(features[shares >= INVOLVED * shares.max()])
        names = ["the intercept" if column == INTERCEPT else f"column {column}" for column in columns]
        named = ", ".join(names[:SHOWN]) + ", ..." * (len(names) > SHOWN)
        raise ValueError(
            f"There is no covariance: of the features, {named} depend on each other or are zero, so that "
            "other parameters fit as well; leave one of them out, or give a ridge above 0."
        )
    return vectors / np.sqrt(values) / scale[:, None]
