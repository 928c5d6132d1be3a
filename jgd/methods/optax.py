"""The adapter that makes a method of any optax gradient transformation."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Number
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jgd.core import check, tree
from jgd.core.objective import Objective
from jgd.core.record import record, static
from jgd.core.types import Info, Point, Step, is_search


@record
class OptaxMethod:
    """x+ = x + updates, with updates, state = factory(**constants, **hyper).update(grad, state, x, ...).

    `hyper` holds the leaves: numbers that may change without recompiling. Of value, grad and value_fn a
    transformation is passed what it takes; those that evaluate more by themselves, as `sophia` does, are not
    served. optax runs under its own promotion rules, and its state keeps the dtypes it had at `init`. The
    state is (optax's state, number of steps).
    """

    factory: Callable[..., optax.GradientTransformation] = static()
    constants: tuple[tuple[str, Any], ...] = static()
    hyper: dict[str, Any]
    name: str = static(default="optax")

    @property
    def remark(self) -> str:
        """What a summary adds to the name."""
        return (
            "another rate compiles anew; not so with jgd.from_optax(factory, ...)"
            if isinstance(self.factory, _Ready)
            else ""
        )

    def _transformation(self) -> optax.GradientTransformationExtraArgs:
        return optax.with_extra_args_support(self.factory(**dict(self.constants), **self.hyper))

    def init(self, f: Objective, point: Point) -> tuple[Any, jax.Array]:
        """optax's state at the start, and zero steps."""
        with jax.numpy_dtype_promotion("standard"):
            state = self._transformation().init(point.x)
        return jax.tree.map(jnp.asarray, state), jnp.zeros((), jnp.int32)

    def step(self, f: Objective, point: Point, state: tuple[Any, jax.Array]) -> Step:
        """One update."""
        before, k = state
        with jax.numpy_dtype_promotion("standard"):
            update = self._transformation().update
            given = {
                "value": point.value,
                "grad": point.grad,
                "value_fn": lambda x: f.value(f.inside(x)),
            }
            updates, after = update(point.grad, before, point.x, **_taken(update, given))
            to = jax.tree.map(lambda x, u: x + jnp.asarray(u, x.dtype), point.x, updates)
        trials, gradients = _search_work(after)
        info = Info(
            rate=self._rate(after, k, point),
            accepted=_emitted(after),
            values=trials,
            grads=gradients,
            rejected=trials,
        )
        return Step(to, (_like(before, after), k + 1), info)

    def _rate(self, state: Any, k: jax.Array, point: Point) -> Any:
        """The learning rate of this step, where it can be known; else NaN."""
        given = {**dict(self.constants), **self.hyper}.get("learning_rate")
        if callable(given) and not _entries(state, (optax.MultiStepsState,)):
            with jax.numpy_dtype_promotion("standard"):
                return jnp.asarray(given(k), tree.scalar_dtype(point.x))
        if given is not None and not callable(given):
            return given
        for found in _found(state, "learning_rate"):
            return jnp.asarray(found, tree.scalar_dtype(point.x))
        return float("nan")


def _taken(update: Callable, given: dict[str, Any]) -> dict[str, Any]:
    """Those of the arguments that a function takes by their names."""
    parameters = inspect.signature(update).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return given
    return {name: value for name, value in given.items() if name in parameters}


def _found(state: Any, name: str) -> list[Any]:
    """The entries of optax's state under a name, in its order."""
    return [entry for _, entry in optax.tree.get_all_with_path(state, name)]


_SEARCHES = (optax.ScaleByBacktrackingLinesearchState, optax.ScaleByZoomLinesearchState)


def _search_work(state: Any) -> tuple[Any, Any]:
    """How many values and gradients optax's line searches took in this step.

    The zoom search takes both at every trial; backtracking takes values, and one gradient at the end
    if it is to keep it.
    """
    values: Any = 0
    grads: Any = 0
    for entry in _entries(state, _SEARCHES):
        trials = jnp.asarray(entry.info.num_linesearch_steps, jnp.int32)
        values = values + trials
        if isinstance(entry, optax.ScaleByZoomLinesearchState):
            grads = grads + trials
        elif entry.grad is not None:
            grads = grads + jnp.minimum(trials, 1)
    return values, grads


def _emitted(state: Any) -> Any:
    """False at steps that only gather gradients for a later one (optax.MultiSteps, optax.apply_every)."""
    emitted: Any = True
    for entry in _entries(state, (optax.MultiStepsState, optax.ApplyEvery)):
        gathered = entry.mini_step if isinstance(entry, optax.MultiStepsState) else entry.count
        emitted = emitted & (gathered == 0)
    return emitted


def _entries(state: Any, kinds: tuple[type, ...]) -> list[Any]:
    """The parts of optax's state that are of these kinds."""
    leaves = jax.tree.leaves(state, is_leaf=lambda entry: isinstance(entry, kinds))
    return [entry for entry in leaves if isinstance(entry, kinds)]


def _like(before: Any, after: Any) -> Any:
    """`after` in the dtypes of `before`."""
    try:
        chex.assert_trees_all_equal_structs(before, after)
        chex.assert_trees_all_equal_shapes(before, after)
    except AssertionError:
        raise TypeError(
            "method: this optax transformation changes the structure or the shapes of its state from "
            "one step to the next, so it cannot run inside a compiled loop."
        ) from None
    return jax.tree.map(lambda a, b: jnp.asarray(b, a.dtype), before, after)


def from_optax(factory: Callable[..., Any], **hyper: Any) -> OptaxMethod:
    """The method of an optax factory, its numbers leaves: `from_optax(optax.adam, learning_rate=1e-2)`.

    Numbers and arrays among the keyword arguments can be changed, swept and vmapped without
    recompiling; anything else (schedules, masks, flags, whole numbers) is part of the structure.

    Raises TypeError if `factory` is not callable or does not take the given arguments, ValueError for a
    learning rate that is not positive.

    >>> import jax.numpy as jnp, jgd, optax
    >>> method = jgd.from_optax(optax.sgd, learning_rate=0.1, momentum=0.5)
    >>> result = jgd.minimize(lambda x: jnp.sum(x**2), jnp.ones(2), method)
    >>> result.success
    True
    """
    if isinstance(factory, optax.GradientTransformation) or not callable(factory):
        raise TypeError(
            "factory must be a function that makes an optax transformation, such as optax.adam; a "
            f"ready-made transformation can be given as the method itself. Got {type(factory).__name__}."
        )
    if type(hyper.get("learning_rate")) is int:
        hyper["learning_rate"] = float(hyper["learning_rate"])
    leaves = {name: value for name, value in hyper.items() if _is_leaf(value)}
    constants = tuple((name, value) for name, value in hyper.items() if name not in leaves)
    for name, value in hyper.items():
        if name in leaves:
            check.number(name, value, above=0 if name == "learning_rate" else None)
        elif is_search(value):
            raise ValueError(f"{name} must be a number or a schedule: optax does not know jgd's searches.")
    name = f"optax.{getattr(factory, '__name__', 'transformation')}"
    try:
        made = factory(**hyper)
    except TypeError as error:
        raise TypeError(f"factory: {name} does not take these arguments: {error}.") from None
    if not isinstance(made, optax.GradientTransformation):
        raise TypeError(f"factory: {name} does not make an optax transformation.")
    return OptaxMethod(factory, constants, leaves, name)


def _is_leaf(value: Any) -> bool:
    if isinstance(value, jax.Array | np.ndarray):
        return True
    return isinstance(value, Number) and not isinstance(value, bool | int)


@dataclass(frozen=True)
class _Ready:
    """A factory that returns one ready-made transformation; equal to another of the same one."""

    transformation: optax.GradientTransformation

    def __call__(self) -> optax.GradientTransformation:
        return self.transformation


def wrap(transformation: optax.GradientTransformation) -> OptaxMethod:
    """The method of a ready-made transformation, static by identity."""
    return OptaxMethod(_Ready(transformation), (), {}, "optax transformation")
