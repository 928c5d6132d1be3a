"""What `minimize` is given, checked and made ready before anything is compiled."""

import dataclasses
import inspect
import weakref
from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
import optax

from jgd.core import check, tree
from jgd.core.objective import Objective
from jgd.core.residuals import Residuals, WithResiduals
from jgd.core.sharded import Sharded
from jgd.core.types import is_method
from jgd.methods.default import Stage, stages
from jgd.methods.optax import wrap
from jgd.methods.recipes import adam
from jgd.methods.scaled import Scaled
from jgd.sums import FiniteSum
from jgd.variables import box_of, map_of

FLOATS = tuple(jnp.dtype(name) for name in ("float64", "float32", "bfloat16", "float16"))
"""The dtypes that x may have."""


def prepare(
    fun: Callable,
    x0: Any,
    method: Any,
    args: tuple,
    has_aux: bool,
    bounds: Any = None,
    x_scale: Any = None,
    name: str = "x0",
) -> tuple[Objective, Any, tuple[Stage, ...]]:
    """The objective, the start as arrays and the methods in turn, checked without compiling anything.

    `name` is what a sentence calls the start.
    """
    if _traced((x0, args, method)):
        raise TypeError(
            "minimize cannot be differentiated, jitted or vmapped: x0, args or the method's numbers are "
            "being traced. Use jgd.solve inside a program; derivatives of a solution are not available."
        )
    objective, x0 = prepare_objective(fun, x0, args, has_aux, name)
    if bounds is not None:
        box = box_of(bounds, x0)
        objective, x0 = dataclasses.replace(objective, box=box), box.project(x0)
    if method is None:
        turn = stages(tree.size(x0), isinstance(objective.fun, WithResiduals), objective.structured)
    else:
        turn = (Stage(as_method(method), None, ""),)
    if not objective.fixed:
        turn = (_for_batches(method, turn[0]),)
    if x_scale is not None:
        map = map_of(x_scale, x0, bounds is not None)
        turn = tuple(stage._replace(method=Scaled(stage.method, map)) for stage in turn)
    return objective, x0, turn


def _for_batches(method: Any, given: Stage) -> Stage:
    """The method of a run on mini-batches; raises for one that takes them for the same function."""
    if method is None:
        return Stage(adam(), None, "chosen for mini-batches: it needs no line search and no curvature")
    parts = [given.method]
    for part in parts:
        if getattr(part, "same_objective", False):
            name = type(part).__name__
            raise ValueError(
                f"method: {name} compares gradients of successive points, and mini-batches make those of "
                "different functions: take all examples (batch_size=None), or gradient_descent, svrg, "
                "heavy_ball, nesterov, adam or any optax optimizer."
            )
        if dataclasses.is_dataclass(part):
            parts += [getattr(part, field.name) for field in dataclasses.fields(part)]
    return given


def prepare_objective(
    fun: Callable, x: Any, args: tuple, has_aux: bool, name: str = "x0"
) -> tuple[Objective, Any]:
    """The objective and a point as arrays, checked without compiling anything; `name` is the point's."""
    if not callable(fun):
        raise TypeError(f"fun must be a function of x, got {type(fun).__name__}.")
    try:
        hash(fun)
    except TypeError:
        raise TypeError(
            f"fun must be hashable, since compiled programs are kept by it, and {type(fun).__name__} is not: "
            "wrap it in a function defined once, and pass its data in args."
        ) from None
    if not isinstance(args, tuple):
        raise TypeError(
            f"args must be a tuple of further arguments, got {type(args).__name__}; write args=(data,)."
        )
    if _traced((x, args)):
        raise TypeError(f"{name} or args are being traced: call this outside of jax.jit, grad and vmap.")
    if isinstance(fun, FiniteSum):
        if has_aux:
            raise TypeError("has_aux: a jgd.finite_sum has no auxiliary output.")
        x, args = _floats(x, name), _arrays(args)
        if isinstance(fun.examples, Sharded):
            x, args = jax.device_put((x, args), fun.examples.layout.everywhere)
        objective = fun.objective(x, args)
        objective.fault()  # of an earlier run
        return objective, x
    if isinstance(fun, Residuals):
        if has_aux:
            raise TypeError("has_aux: the auxiliary output of jgd.residuals is the residuals themselves.")
        fun, has_aux = WithResiduals(fun.fun), True
    x, args = _floats(x, name), _arrays(args)
    _check_fun(fun, x, args, has_aux, name)
    return Objective(fun, args, has_aux), x


def start_of(fun: Callable, x0: Any) -> Any:
    """x0, or for None the start that a model brings; raises where there is none."""
    if x0 is None and isinstance(fun, FiniteSum):
        x0 = fun.start
    if x0 is None:
        raise ValueError("x0 is missing: give a start, a float array or a pytree of them.")
    return x0


def _traced(given: Any) -> bool:
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(given))


def _floats(x0: Any, name: str) -> Any:
    """x0 with float arrays for leaves, or one sentence on what is wrong with it."""
    leaves, structure = jax.tree.flatten(x0)
    if not sum(np.size(leaf) for leaf in leaves):
        raise ValueError(f"{name} has no entries: give a float array, or a pytree of them.")
    arrays: list[jax.Array] = []
    try:
        arrays += tree.strong(leaves)
        floats = all(array.dtype in FLOATS and np.isfinite(np.asarray(array)).all() for array in arrays)
    except (TypeError, ValueError):
        floats = False
    if not floats:
        _explain_leaves(x0, name)
    return jax.tree.unflatten(structure, arrays)


def _arrays(args: tuple) -> tuple:
    """args with arrays for leaves."""
    try:
        return tree.strong(args)
    except (TypeError, ValueError):
        for path, leaf in jax.tree_util.tree_leaves_with_path(args):
            try:
                jnp.asarray(leaf)
            except (TypeError, ValueError):
                name = f"args{jax.tree_util.keystr(path)}"
                raise TypeError(
                    f"{name} must be an array or a number, got {type(leaf).__name__}; what is none of them "
                    "belongs in fun, for example by functools.partial."
                ) from None
        raise


def _explain_leaves(x0: Any, name: str) -> None:
    """Raise the sentence on the first leaf that is not a finite float array."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(x0):
        where = f"{name}{jax.tree_util.keystr(path)}"
        try:
            kind = jnp.asarray(leaf).dtype
        except (TypeError, ValueError):
            found = leaf.dtype if isinstance(leaf, np.ndarray) else type(leaf).__name__
            raise TypeError(f"{where} must be a float array, got {found}.") from None
        if jnp.issubdtype(kind, jnp.complexfloating):
            raise TypeError(f"{where} is complex; give its real and imaginary parts as two float arrays.")
        if kind not in FLOATS:
            raise TypeError(
                f"{where} must be of a float dtype, got {kind}; write it as floats, for example 1.0."
            )
        if not np.isfinite(np.asarray(leaf, dtype=np.float64)).all():
            raise ValueError(f"{where} has entries that are NaN or infinite.")


_checked: "weakref.WeakKeyDictionary[Callable, set]" = weakref.WeakKeyDictionary()
"""The shapes that each function was found to be right for."""


def _check_fun(fun: Callable, x0: Any, args: tuple, has_aux: bool, name: str) -> None:
    """One sentence if fun does not take x0 and args or does not return a real scalar."""
    leaves, structure = jax.tree.flatten((x0, args))
    key = (structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves), has_aux)
    try:
        known = _checked.setdefault(fun, set())
    except TypeError:
        known = set()
    if key not in known:
        _check_arity(fun, x0, args, name)
        _check_output(fun, x0, args, has_aux)
        known.add(key)


def _check_arity(fun: Callable, x0: Any, args: tuple, name: str) -> None:
    try:
        signature = inspect.signature(fun)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(x0, *args)
    except TypeError as error:
        raise TypeError(
            f"fun{signature} cannot be called with {name} and {len(args)} further arguments ({error}); "
            "data is passed as args=(...) or bound beforehand by functools.partial."
        ) from None


def _check_output(fun: Callable, x0: Any, args: tuple, has_aux: bool) -> None:
    """One sentence if fun does not return a real scalar; an error inside fun comes out as it is."""
    out: Any = jax.eval_shape(fun, x0, *args)
    if has_aux:
        if not (isinstance(out, tuple) and len(out) == 2):
            raise TypeError("fun must return (value, aux) where has_aux=True.")
        out = out[0]
    elif isinstance(out, tuple) and len(out) == 2:
        raise TypeError(
            "fun returns two things: has_aux=True (--has-aux) says that the second is auxiliary output."
        )
    if not isinstance(out, jax.ShapeDtypeStruct):
        raise TypeError(f"fun must return a scalar, got {type(out).__name__}.")
    if out.shape != ():
        raise TypeError(
            f"fun must return a scalar, got shape {out.shape}; sum or average it, for example jnp.sum(r**2) "
            "of residuals r."
        )
    if not jnp.issubdtype(out.dtype, jnp.floating):
        raise TypeError(f"fun must return a real float, got {out.dtype}.")


def as_method(method: Any) -> Any:
    """The method itself, or an optax transformation wrapped."""
    if isinstance(method, optax.MultiSteps):
        method = method.gradient_transformation()
    if isinstance(method, optax.GradientTransformation):
        return wrap(method)
    if not is_method(method):
        hint = "; call it to make one" if callable(method) else ""
        name = getattr(method, "__name__", type(method).__name__)
        raise TypeError(f"method must be a jgd method, an optax transformation or None, got {name}{hint}.")
    check.registered("method", method)
    return tree.plain(method)
