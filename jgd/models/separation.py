"""Classes that a linear function separates, and other fits that without a penalty have no solution."""

import dataclasses
from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import tree
from jgd.core.compiled import compiled
from jgd.core.examples import SumOf
from jgd.core.float64 import enable_x64
from jgd.core.objective import Objective
from jgd.core.streamed import Streamed, read_through
from jgd.models import links
from jgd.models.predictor import OfPredictor

SEPARATED = (
    "a linear function of the features separates the classes, so that without a penalty the coefficients "
    "grow without end; give a ridge above 0."
)


RECEDING = (
    "along some combination of the features the losses fall for ever, as where a linear function separates "
    "the classes but for ties, so that the coefficients grow without end; give a ridge above 0."
)

FURTHER = 100
"""So many times a step of Newton's that ends near a minimum would lead far past it."""

_evaluate = compiled(Objective.evaluate)


def is_separated(fun: Any, x: Any, examples: Any) -> bool:
    """Whether every example is on the side of its class, and no penalty holds the parameters x."""
    return is_free(fun) and float(over_examples(_astray, fun.loss, x, examples)) == 0


def is_free(fun: Any, of: tuple[Any, ...] = (links.logistic, links.softmax)) -> bool:
    """Whether it is a regression without a penalty, by one of these links: those on classes."""
    loss = fun.loss if isinstance(fun, SumOf) and fun.penalty is None else None
    return isinstance(loss, OfPredictor) and loss.link in of


def recedes(objective: Objective, x: Any, root: np.ndarray) -> bool:
    """Whether the losses fall for ever from where a run has come to; `root @ root.T` is the inverse Hessian.

    Near a minimum Newton's step is short. Towards one that lies at infinity, as that of exp(-z), it moves
    predictors by 1 wherever it is taken, and `FURTHER` steps like it raise no loss.
    """
    fun: Any = objective.fun
    if not is_free(fun, (links.logistic, links.softmax, links.poisson)):
        return False
    unbounded, examples = dataclasses.replace(objective, box=None), objective.args[-1]
    scale = float(examples.scale)
    with enable_x64(True):
        here = read_through(examples, lambda: _evaluate(unbounded, x))
        grad = np.asarray(tree.vector(here.grad), float) / scale
        step = tree.unravelled(jnp.asarray(-root @ (root.T @ grad)), x)
        if over_examples(_moved, fun.loss, step, examples) < 1 / 4:
            return False
        far = tree.add_scaled(x, FURTHER, step)
        there = read_through(examples, lambda: _evaluate(unbounded, far))
    return float(there.value - here.value) / scale < 1 / 10


def over_examples(of: Any, loss: OfPredictor, x: Any, examples: Any) -> jax.Array:
    """The sum of `of(link, z, y, weight)` over blocks of the examples, wherever they are.

    In the dtype of the data, whatever JAX is set to meanwhile.
    """
    with enable_x64(True):
        return read_through(examples, lambda: _over_examples(of, loss, x, examples))


@partial(jax.jit, static_argnums=(0, 1))
def _over_examples(of: Any, loss: OfPredictor, x: Any, examples: Any) -> jax.Array:
    def part(some: Any) -> jax.Array:
        X, y = some.rows
        weights = jnp.broadcast_to(some.weight(), y.shape)
        return of(loss.link, loss.predictor(x, X), y, weights)

    return examples.summed(part)


def _astray(link: Any, z: jax.Array, y: jax.Array, weights: jax.Array) -> jax.Array:
    """How many examples with a weight are not on the side of their class."""
    if link is links.logistic:
        margins = y * z
    else:
        own = jnp.take_along_axis(z, y[:, None], axis=1)[:, 0]
        others = jnp.where(jnp.arange(z.shape[1], dtype=y.dtype) == y[:, None], -jnp.inf, z)
        margins = own - jnp.max(others, axis=1)
    return jnp.sum((weights > 0) & ~(margins > 0))


def _moved(link: Any, z: jax.Array, y: jax.Array, weights: jax.Array) -> jax.Array:
    """The weighted sum of squares of the predictors."""
    return jnp.sum(weights.astype(z.dtype) * z.T**2)


def remarks(result: Any) -> Iterator[str]:
    """What is to be said of a run towards a solution that is not there."""
    objective = result.program.objective.full
    examples = objective.args[-1]
    if not is_free(objective.fun):
        return
    since = _since(result, examples)
    # what is streamed is not read for a remark, and its value says as much
    if since is None and (
        isinstance(examples, Streamed) or not is_separated(objective.fun, result.x, examples)
    ):
        return
    first = f"From step {since:,} on a" if since is not None else "A"
    size = [float(np.sqrt(tree.dot(x, x))) for x in (result.x0, result.x)]
    yield (
        f"{first} linear function of the features separates the classes, so that there is no minimizer: "
        "without a penalty the parameters grow without end, under gradient descent as the logarithm of the "
        f"steps; |x| went from {size[0]:.4g} to {size[1]:.4g}. Give a ridge above 0."
    )


@jax.jit
def _least(weights: jax.Array) -> jax.Array:
    return jnp.min(jnp.where(weights > 0, weights, jnp.inf))


def _since(result: Any, examples: Any) -> int | None:
    """The first recorded step whose value shows it: a sum below log 2 has no term that is not."""
    history = result.history
    if result.program.objective.batches is not None or not len(history.get("step", ())):
        return None
    least = 1.0 if examples.weights is None else float(_least(examples.weights))
    below = np.flatnonzero(history["value"] < least * float(examples.scale) * np.log(2))
    return int(history["step"][below[0]]) if below.size else None
