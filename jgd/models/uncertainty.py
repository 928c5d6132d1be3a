"""The uncertainty of fitted parameters, from the Hessian at a solution."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import tree
from jgd.core.compiled import compiled
from jgd.core.float64 import enable_x64
from jgd.core.objective import Objective
from jgd.core.streamed import read_through
from jgd.models import links
from jgd.models.predictor import OfPredictor
from jgd.models.separation import RECEDING, SEPARATED, is_separated, over_examples, recedes
from jgd.result import Result

INVOLVED = 0.1
"""A column has a part in a dependence if its share of it is at least this, the largest share being 1."""

SHOWN = 8
"""So many of the columns of a dependence are named."""

INTERCEPT = -1
"""The number of the column of ones."""

_hessian = compiled(Objective.hessian)


def covariance(result: Result) -> np.ndarray:
    """The covariance matrix of the parameters of a fitted model of `jgd.models`: the inverse Hessian at x.

    For `logistic`, `softmax` and `poisson` that is the inverse of the observed information, for `linear` the
    same times rss / (n - p), n the examples with a weight, p the parameters. A ridge counts as a part of the
    information. The losses are taken as summed, whatever the `reduction`, so that a weight w stands for w
    examples alike; but for `linear` it is in proportion to the reciprocal of the variance of its y, and its
    example is one in n. Of `softmax` only differences between classes are determined: its parameters are
    taken as those that sum to zero over the classes.

    result: that of `jgd.minimize`, at a minimum. Returns an array of (p, p) in float64, its order that of the
    ravelled `result.x`: the coefficients row by row, then the intercepts.
    Raises TypeError for the result of another function, ValueError where there is no such matrix: for columns
    that depend on each other, losses that fall for ever, as those of classes that are separated, parameters
    that bounds hold.

    Reference: McCullagh & Nelder (1989), Generalized linear models, sections 2.5 and 4.4.

    >>> import numpy as np, jgd
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> fit = jgd.models.linear(X, np.array([0.0, 1.0, 1.0, 2.0]), intercept=True)
    >>> jgd.models.covariance(jgd.minimize(fit)).round(3)
    array([[ 0.02, -0.03],
           [-0.03,  0.07]])
    """
    objective, loss, examples = _of_model(result)
    if is_separated(objective.fun, result.x, examples):
        raise ValueError(f"There is no covariance: {SEPARATED}")
    with enable_x64(True):
        if any(np.any(held) for held in jax.tree.leaves(result.active)):
            raise ValueError("bounds hold some parameters: the covariance of the others is not known.")
        hessian = read_through(examples, lambda: _hessian(objective, result.x))
    information = np.asarray(hessian, float) / float(examples.scale)
    features, shifts = _features(result.x), np.zeros_like(information)
    if loss.link is links.softmax:
        # a shift common to all classes changes no loss: it is given some curvature, and no variance
        shifts = (features[:, None] == features) / np.sum(features == 0)
    root = _root_of_inverse(information + np.mean(np.diag(information)) * shifts, features, hessian.dtype)
    root -= shifts @ root
    if recedes(objective, result.x, root):
        raise ValueError(f"There is no covariance: {RECEDING}")
    return root @ root.T * _dispersion(result.x, loss, examples)


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


def _of_model(result: Result) -> tuple[Objective, OfPredictor, Any]:
    """The objective of all examples, its loss and its data."""
    objective = result.program.objective.full
    loss = getattr(objective.fun, "loss", None)
    if not isinstance(loss, OfPredictor):
        raise TypeError("result must be that of a model of jgd.models: of another loss nothing is known.")
    return objective, loss, objective.args[-1]


def _dispersion(x: Any, loss: OfPredictor, examples: Any) -> float:
    """The variance of y about its predictor, estimated for least squares, in the others given by the loss."""
    if loss.link is not links.squared:
        return 1.0
    (count, squares), parameters = over_examples(_squares, loss, x, examples).tolist(), tree.size(x)
    if count <= parameters:
        raise ValueError(
            f"There is no covariance: with {parameters:,} parameters, {int(count):,} examples with a weight "
            "leave nothing to tell the variance of y by."
        )
    return squares / (count - parameters)


def _squares(link: Any, z: jax.Array, y: jax.Array, weights: jax.Array) -> jax.Array:
    """How many examples have a weight, and the weighted sum of squares."""
    return jnp.stack(
        [jnp.sum((weights > 0).astype(z.dtype)), jnp.sum(weights.astype(z.dtype) * (y - z) ** 2)]
    )


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
    singular = values <= values[-1] * len(scale) * float(jnp.finfo(dtype).eps)
    if singular.any():
        shares = np.linalg.norm(vectors[:, singular], axis=1)
        columns = np.unique(features[shares >= INVOLVED * shares.max()])
        names = ["the intercept" if column == INTERCEPT else f"column {column}" for column in columns]
        named = ", ".join(names[:SHOWN]) + ", ..." * (len(names) > SHOWN)
        raise ValueError(
            f"There is no covariance: of the features, {named} depend on each other or are zero, so that "
            "other parameters fit as well; leave one of them out, or give a ridge above 0."
        )
    return vectors / np.sqrt(values) / scale[:, None]
