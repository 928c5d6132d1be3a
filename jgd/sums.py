"""Objectives made of data: the sum or mean of a loss over examples, in full or by mini-batches."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jgd.core import check, tree
from jgd.core.examples import Examples, SumOf
from jgd.core.minibatch import Batches
from jgd.core.objective import Objective
from jgd.core.sharded import Sharded, layout_of
from jgd.core.streamed import Reader, Source, Streamed, is_stream, read_through

BLOCK_BYTES = 2**20
"""On CPU so much data is looked at at once: it stays in the cache for the second product of a gradient."""

STREAM_BYTES = 2**24
"""So much data is read from a file at once."""


@dataclass(frozen=True, eq=False)
class FiniteSum:
    """What `finite_sum` makes, to be handed to `minimize` in place of a function.

    Called with x it gives the value over all examples; `start` is what x0 is where none is given. `args` are
    further arguments of loss and penalty, before any that `minimize` is given.
    """

    loss: Callable
    penalty: Callable | None
    examples: Examples | Sharded | Streamed
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
        fun = SumOf(self.loss, self.penalty, _takes_many(self.loss, x, self.examples.row, args))
        if self.penalty is not None:
            _check_scalar("regularizer", jax.eval_shape(self.penalty, x, *args))
        return Objective(fun, (*args, self.examples), batches=self.batches)

    def __call__(self, x: Any, *args: Any) -> jax.Array:
        """The value over all examples; raises RuntimeError where streamed ones cannot be read."""
        objective = self.objective(x, args).full
        if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((x, args))):
            return objective.value(x)
        return read_through(self.examples, lambda: objective.value(x))

    def batch(self, k: int) -> tuple[Any, jax.Array]:
        """The rows of step k and their weights, 0 for those that fill up a last batch."""
        if isinstance(self.examples, Streamed) and self.batches is None:
            raise ValueError("There are no mini-batches, and all rows together stay in their file.")
        drawn: Any = (
            self.examples if self.batches is None else _draw(self.batches, jnp.int32(k), self.examples)
        )
        return drawn.rows, jnp.broadcast_to(drawn.weight(), jax.tree.leaves(drawn.rows)[0].shape[:1])


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
      loss: `loss(x, example, *args)`, a pure JAX function; or one that takes many examples alone, and
        returns one number for each.
      data: the examples: an array, or a pytree of arrays, whose first axis counts them; (X, y) for example.
        JAX may share the memory of NumPy's: they are not to be changed while the finite_sum is in use.
        Arrays may lie on several devices (`jgd.parallel.shard`) or stay in a file (`jgd.data.stream`).
      batch_size: None for all examples at every step, else so many for each step.
      replacement: without it, an epoch goes through all examples in a new order; with it, each is drawn from
        all. The order follows from `key` and the number of the step alone.
      key: a whole number or a key of `jax.random`.
      test_every: so many epochs lie between two looks at all examples, by which a run on mini-batches stops:
        `gtol`, `grtol`, `target` and `ftol` (5 looks in a row without a fall) are held against these.
      reduction: "mean", or "sum" for sum_i w_i loss(x, example_i) + regularizer(x).
      regularizer: a function of x (and args) that is added once.
      weights: a number for each example, none of them negative; None for 1. A row of weight 0 is evaluated
        all the same, so its loss must be a finite number.
      block_size: how many examples are read at once, from memory or from a file, when all are; None for what
        suits the machine.
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
    examples = _examples(data, weights, reduction, block_size)
    if batch_size is None:
        return FiniteSum(loss, regularizer, examples, None, start)
    size = check.whole("batch_size", batch_size)
    if size > examples.count:
        raise ValueError(
            f"batch_size={size:,} is more than the {examples.count:,} examples: None takes all of them."
        )
    for leaf in jax.tree.leaves(data, is_leaf=is_stream):
        if is_stream(leaf) and leaf.take is None:
            raise ValueError(
                f"batch_size: single rows of {leaf.name} cannot be read: take all examples (None), or save "
                "them as .npy."
            )
    every = check.whole("test_every", test_every)
    return FiniteSum(loss, regularizer, examples, Batches(_key(key), size, bool(replacement), every), start)


def _examples(data: Any, weights: Any, reduction: str, block_size: int | None) -> Any:
    """The data with their weights: in memory, on several devices, or to be read."""
    count = count_of(data)
    size = None if block_size is None else check.whole("block_size", block_size)
    leaves = jax.tree.leaves(data, is_leaf=is_stream)
    streams = any(map(is_stream, leaves))
    rows = None if streams else tree.placed(data)
    fitting = max(1, STREAM_BYTES * count // max(1, tree.nbytes(leaves)))
    reader = Reader(data, min(size or fitting, count)) if streams else None
    row = Examples(rows, None, jnp.ones(())).row if reader is None else reader.row
    weighted = None if weights is None else _weights(weights, count)
    total = count if weighted is None else float(np.sum(weighted))
    scale = jnp.asarray(np.asarray(1 / total if reduction == "mean" else 1.0))
    if reader is not None:
        weighted = None if weighted is None else jnp.asarray(weighted)
        source = Source(reader)
        return Streamed(weighted, scale, jnp.asarray(source.key), source, block_of(row, reader.size))
    layout = layout_of(rows)
    if layout is not None:
        rows = jax.device_put(rows, layout.placed)
    own = count if layout is None else count // layout.devices
    if weighted is not None:
        weighted = jax.device_put(weighted, None if layout is None else layout.placed)
    examples = Examples(rows, weighted, scale, size or block_of(row, own))
    return examples if layout is None else Sharded(examples, count, layout)


def count_of(data: Any) -> int:
    """The number of examples; raises where the data have no common first axis."""
    leaves = jax.tree_util.tree_leaves_with_path(data, is_leaf=is_stream)
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
    count = next(iter(lengths.values()))
    if not count:
        raise ValueError("data has no examples.")
    if count > check.MOST:
        raise ValueError(f"data has {count:,} examples; counted in 32 bits, at most {check.MOST:,}.")
    return count


def _weights(given: Any, count: int) -> np.ndarray:
    check_here("weights", given)
    dtype = jnp.zeros(()).dtype
    weights = np.array(given, dtype)  # a copy: JAX may share the caller's memory, who may change it later
    if weights.shape != (count,):
        raise ValueError(f"weights must be of shape ({count},), one for each example, got {weights.shape}.")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError("weights must be finite and not negative, and not all of them 0.")
    return weights


def check_here(name: str, array: Any) -> None:
    """Raise for an array of which this process has a part alone."""
    if isinstance(array, jax.Array) and not array.is_fully_addressable:
        raise ValueError(
            f"{name}: each process has a part alone; give all in NumPy to every process, or write the "
            "loss for jgd.finite_sum, with such arrays as its data."
        )


def _key(given: Any) -> jax.Array:
    if isinstance(given, jax.Array) and jnp.issubdtype(given.dtype, jax.dtypes.prng_key):
        return given
    return jax.random.key(check.whole("key", given, least=0))


def block_of(row: Any, count: int) -> int | None:
    """How many of so many rows are looked at at once: all of them, but on CPU what fits its cache."""
    block = max(1, BLOCK_BYTES // max(1, tree.nbytes(row)))
    return None if jax.default_backend() != "cpu" or count < 2 * block else block


def _takes_many(loss: Callable, x: Any, one: Any, args: tuple) -> bool:
    """Whether the loss takes many rows alone and returns one number for each.

    One that takes a row by itself is that of one row, though many rows may go through it too: a norm or a
    mean in it would be that of them all.
    """

    def of(*count: int) -> Any:
        rows = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((*count, *leaf.shape), leaf.dtype), one)
        try:
            return jax.eval_shape(loss, x, rows, *args)
        except Exception:
            return None

    def is_shaped(*count: int) -> bool:
        return getattr(of(*count), "shape", None) == count

    # of two lengths, since the loss of one row may well be one number for each column
    if is_shaped() or not (is_shaped(2) and is_shaped(3)):
        _check_scalar("loss", jax.eval_shape(loss, x, one, *args))
        return False
    _check_float("loss", of(2))
    return True


def _check_scalar(name: str, out: Any) -> None:
    if not isinstance(out, jax.ShapeDtypeStruct) or out.shape:
        got = f"shape {out.shape}" if hasattr(out, "shape") else type(out).__name__
        raise TypeError(f"{name} must return one number, got {got}.")
    _check_float(name, out)


def _check_float(name: str, out: Any) -> None:
    if not jnp.issubdtype(out.dtype, jnp.floating):
        raise TypeError(f"{name} must return a real float, got {out.dtype}.")
