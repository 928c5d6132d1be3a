"""The adapter that makes an optax gradient transformation of a jgd method."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.types import Method, Point, is_method

MISSING = (
    "value_fn and value are missing: this method evaluates; give them to update(...), the "
    "value alone where it needs no more."
)


def as_optax(method: Method) -> optax.GradientTransformationExtraArgs:
    """A jgd method as an optax gradient transformation, for loops that are written around optax.

    `update(grads, state, params, value=, value_fn=)` returns the method's step, to be added to params, which
    are needed always; `value` and `value_fn` are needed by methods that evaluate: searches, trust regions,
    Newton. The loop has to evaluate the gradient at each step as usual, on the same function unless the
    method uses one gradient alone.

    Raises TypeError if `method` is not a jgd method, and at `update` where something it needs is missing.

    >>> import jax, jax.numpy as jnp, jgd, optax
    >>> loss = lambda x: jnp.sum(jnp.cosh(x))
    >>> optimizer, x = jgd.as_optax(jgd.lbfgs()), jnp.ones(3)
    >>> state = optimizer.init(x)
    >>> @jax.jit
    ... def step(x, state):
    ...     value, grads = jax.value_and_grad(loss)(x)
    ...     updates, state = optimizer.update(grads, state, x, value=value, value_fn=loss)
    ...     return optax.apply_updates(x, updates), state
    >>> for _ in range(8):
    ...     x, state = step(x, state)
    >>> bool(jnp.max(jnp.abs(x)) < 1e-3)
    True
    """
    if not is_method(method):
        raise TypeError(f"method must be a jgd method, such as jgd.lbfgs(), got {type(method).__name__}.")

    def init(params: Any) -> tuple[jax.Array, Any]:
        """Not begun yet: the method's state is made at the first update, when there is a gradient."""
        start = Point(params, jnp.zeros((), tree.scalar_dtype(params)), tree.zeros_like(params))
        return jnp.zeros((), bool), tree.strong(method.init(_objective(None), start))

    def update(
        updates: Any,
        state: Any,
        params: Any = None,
        *,
        value: Any = None,
        value_fn: Any = None,
        **_: Any,
    ) -> tuple[Any, tuple[jax.Array, Any]]:
        """The step from params, `updates` being their gradient."""
        if params is None:
            raise TypeError("params is missing: write update(grads, state, params, ...).")
        if value_fn is not None and value is None:
            raise TypeError("value is missing: give the value at params beside value_fn.")
        begun, inner = state
        value = _Missing() if value is None else jnp.asarray(value)
        point, f = Point(params, value, updates), _objective(value_fn)
        inner = tree.select(begun, inner, tree.strong(method.init(f, point)))
        step = method.step(f, point, inner)
        to = step.to.x if isinstance(step.to, Point) else step.to
        return tree.subtract(to, params), (jnp.ones((), bool), step.state)

    return optax.GradientTransformationExtraArgs(init, update)


class _Missing:
    """The value that was not given."""

    def __getattr__(self, name: str) -> Any:
        """Raise: a method uses it."""
        raise TypeError(MISSING)


def _objective(value_fn: Callable | None) -> Objective:
    def missing(x: Any) -> Any:
        raise TypeError(MISSING)

    return Objective(missing if value_fn is None else value_fn)
