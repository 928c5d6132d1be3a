"""Objectives made of data: the sum or mean of a loss over examples, in full or by mini-batches."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import check, tree
from jgd.core.examples import Examples, SumOf
from jgd.core.minibatch import Batches
from jgd.core.objective import Objective

BLOCK_BYTES = 2**20
"""On CPU so much data is read at once: it stays in the cache for the second product of a gradient."""


@dataclass(frozen=True, eq=False)
class FiniteSum:
    """What `finite_sum` makes, to be handed to `minimize` in place of a function.

    Called with x it gives the value over all examples; `start` is what x0 is where none is given. `args` are
    further arguments of loss and penalty, before any that `minimize` is given.
    """

    loss: Callable
    penalty: Callable | None
    examples: Examples
    batches: Batches | None
    start: Any = None
    args: tuple = ()

    @property
    def count(self) -> int:
        """The number of examples."""
        return self.examples.count

    @property
    def epoch(self) -> int:
        """The number of steps in which as many examples are drawn as there are; 1 without batches."""
        return 1 if self.batches is None else self.batches.epoch(self.count)

    def objective(self, x: Any, args: tuple = ()) -> Objective:
        """The objective at arrays like x; raises where the loss does not fit the data."""
        args = (*self.args, *args)
        fun = SumOf(self.loss, self.penalty, _takes_many(self.loss, x, self.examples.rows, args))
        if self.penalty is not None:
            _check_scalar("regularizer", jax.eval_shape(self.penalty, x, *args))
        return Objective(fun, (*args, self.examples), batches=self.batches)

    def __call__(self, x: Any, *args: Any) -> jax.Array:
        """The value over all examples."""
        return self.objective(x, args).full.value(x)

    def batch(self, k: int) -> tuple[Any, jax.Array]:
        """The rows of step k and their weights, 0 for those that fill up a last batch."""
        drawn = self.examples if self.batches is None else _draw(self.batches, jnp.int32(k), self.examples)
        return drawn.rows, jnp.broadcast_to(drawn.weight(), (drawn.count,))


_draw = jax.jit(Batches.draw)


def finite_sum(
    loss: Callable,
    data: Any,
    *,
    batch_size: int | None = None,
    replacement: bool = False,
    key: Any = 0,
    test_every: int = 10,
    reduction: str = "mean",
    regularizer: Callable | None = None,
    weights: Any = None,
    block_size: int | None = None,
    start: Any = None,
) -> FiniteSum:
    """The objective (sum_i w_i loss(x, example_i)) / sum_i w_i + regularizer(x), for `minimize`.

    Args:
      loss: `loss(x, example, *args)`, a pure JAX function; or of many examples at once, one number each.
      data: the examples: an array, or a pytree of arrays, whose first axis counts them; (X, y) for example.
      batch_size: None for all examples at every step, else so many for each step.
      replacement: without it, an epoch goes through all examples in a new order; with it, each is drawn from
        all. The order follows from `key` and the number of the step alone.
      key: a whole number or a key of `jax.random`.
      test_every: so many epochs lie between two looks at all examples, by which a run on mini-batches stops:
        `gtol`, `grtol`, `target` and `ftol` (5 looks in a row without a fall) are held against these.
      reduction: "mean", or "sum" for sum_i w_i loss(x, example_i) + regularizer(x).
      regularizer: a function of x (and args) that is added once.
      weights: a number for each example, none of them negative; None for 1.
      block_size: how many examples are read at once when all are; None for what suits the machine.
      start: what x0 is where `minimize` is given none.

    Returns:
      A `FiniteSum`, to be handed to `jgd.minimize` as `fun`; called with x it gives the value over all
      examples.

    Raises:
      TypeError, ValueError: for data without a common first axis, or arguments out of range.

    >>> import jax.numpy as jnp, jgd
    >>> X, y = jnp.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]), jnp.array([1.0, 3.0, 5.0])
    >>> fit = jgd.finite_sum(lambda w, row: (row[0] @ w - row[1]) ** 2, (X, y))
    >>> jgd.minimize(fit, jnp.zeros(2)).x.round(6).tolist()
    [1.0, 2.0]
    """
    if not callable(loss):
        raise TypeError(f"loss must be a function of x and an example, got {type(loss).__name__}.")
    if reduction not in ("mean", "sum"):
        raise ValueError(f'reduction must be "mean" or "sum", got {reduction!r}.')
    if regularizer is not None and not callable(regularizer):
        raise TypeError(f"regularizer must be a function of x or None, got {type(regularizer).__name__}.")
    rows = _rows(data)
    count = jax.tree.leaves(rows)[0].shape[0]
    floats = [leaf for leaf in jax.tree.leaves(rows) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    dtype = tree.scalar_dtype(floats) if floats else jnp.zeros(()).dtype
    weighted = None if weights is None else _weights(weights, count, dtype)
    total = count if weighted is None else float(jnp.sum(weighted))
    scale = jnp.asarray(1 / total if reduction == "mean" else 1.0, dtype)
    block = _block(rows, count) if block_size is None else check.whole("block_size", block_size)
    examples = Examples(rows, weighted, scale, block)
    if batch_size is None:
        return FiniteSum(loss, regularizer, examples, None, start)
    size = check.whole("batch_size", batch_size)
    if size > count:
        raise ValueError(f"batch_size={size:,} is more than the {count:,} examples: None takes all of them.")
    every = check.whole("test_every", test_every)
    return FiniteSum(loss, regularizer, examples, Batches(_key(key), size, bool(replacement), every), start)


def _rows(data: Any) -> Any:
    """The data as arrays with a common first axis."""
    leaves = jax.tree_util.tree_leaves_with_path(data)
    if not leaves:
        raise ValueError("data has no arrays: give the examples as an array or a pytree of them, as (X, y).")
    lengths = {}
    for path, leaf in leaves:
        name = f"data{jax.tree_util.keystr(path)}"
        if not hasattr(leaf, "dtype"):
            raise TypeError(f"{name} must be an array, got {type(leaf).__name__}; jnp.asarray makes one.")
        if not leaf.shape:
            raise ValueError(f"{name} is one number: the first axis of all data counts the examples.")
        lengths[name] = leaf.shape[0]
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length:,}" for name, length in lengths.items())
        raise ValueError(f"data must agree in the number of examples, and {told}.")
    if not next(iter(lengths.values())):
        raise ValueError("data has no examples.")
    return tree.strong(data)


def _weights(given: Any, count: int, dtype: Any) -> jax.Array:
    weights = jnp.array(given, dtype)  # asarray may share the caller's memory, who may change it later
    if weights.shape != (count,):
        raise ValueError(f"weights must be of shape ({count},), one for each example, got {weights.shape}.")
    known = np.asarray(weights)
    if not (np.isfinite(known).all() and (known >= 0).all() and known.any()):
        raise ValueError("weights must be finite and not negative, and not all of them 0.")
    return weights


def _key(given: Any) -> jax.Array:
    if isinstance(given, jax.Array) and jnp.issubdtype(given.dtype, jax.dtypes.prng_key):
        return given
    return jax.random.key(check.whole("key", given, least=0))


def _block(rows: Any, count: int) -> int | None:
    """How many rows are read at once: all of them, but on CPU what fits its cache."""
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(rows)) / count
    block = max(1, int(BLOCK_BYTES / size))
    return None if jax.default_backend() != "cpu" or count < 2 * block else block


def _takes_many(loss: Callable, x: Any, rows: Any, args: tuple) -> bool:
    """Whether the loss takes many rows and returns one number for each, rather than that of one row."""
    one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), rows)
    two = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((2, *leaf.shape[1:]), leaf.dtype), rows)
    try:
        many = jax.eval_shape(loss, x, two, *args)
    except Exception:
        many = None
    if getattr(many, "shape", None) == (2,):
        _check_float("loss", many)
        return True
    _check_scalar("loss", jax.eval_shape(loss, x, one, *args))
    return False


def _check_scalar(name: str, out: Any) -> None:
    if not isinstance(out, jax.ShapeDtypeStruct) or out.shape:
        got = f"shape {out.shape}" if hasattr(out, "shape") else type(out).__name__
        raise TypeError(f"{name} must return one number, got {got}.")
    _check_float(name, out)


def _check_float(name: str, out: Any) -> None:
    if not jnp.issubdtype(out.dtype, jnp.floating):
        raise TypeError(f"{name} must return a real float, got {out.dtype}.")
