"""The checkup of an objective before it is minimized: what would go wrong, in sentences."""

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.prepare import prepare

FLAT = ("round", "floor", "ceil", "sign", "argmax", "argmin", "stop_gradient")
"""Primitives whose derivative is zero, or taken to be."""

LARGE = 2**20
"""Bytes of data in a closure above which it should travel in `args`."""

DIRECTIONS = 3


@dataclass(frozen=True)
class Checkup:
    """What `check` found: `errors` forbid a run, `warnings` are to be known, `facts` are what was seen."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    facts: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the objective can be minimized."""
        return not self.errors

    def __str__(self) -> str:
        """One line each."""
        groups = (("error", self.errors), ("warning", self.warnings), ("ok", self.facts))
        return "\n".join(f"{kind:8} {line}" for kind, lines in groups for line in lines)


def check(fun: Callable, x0: Any, *, args: tuple = (), has_aux: bool = False, seed: int = 0) -> Checkup:
    """Look an objective over at its start: arity, dtypes, finiteness, gradient, purity.

    The gradient is held against central differences along 3 random directions; where it is exactly zero
    although the value moves, the operations that flatten it are named. An exception raised inside
    `fun` comes out as it is.

    Returns a `Checkup` with `ok`, `errors`, `warnings` and `facts`; printing it shows them all.

    >>> import jax.numpy as jnp, jgd
    >>> print(jgd.check(lambda x: jnp.sum(jnp.round(x)), jnp.array([0.2, 0.7])).warnings[0])
    The gradient is exactly zero, yet the value moves: round in fun has no derivative.
    """
    try:
        objective, x, _ = prepare(fun, x0, None, args, has_aux)
    except (TypeError, ValueError) as error:
        if error.__traceback__ is not None and _raised_inside(error, fun):
            raise
        return Checkup((str(error),), (), ())
    point = jax.device_get(jax.jit(Objective.evaluate)(objective, x))
    facts = [f"{tree.size(x):,} parameters in {tree.dtype(x)}, value {float(point.value):.6g} at the start."]
    warnings = list(_dtypes(x0, x, point.value))
    fault = objective.fault()
    errors = [fault] if fault else list(_finiteness(point))
    if not errors:
        found = _differences(objective, x, point, seed)
        (facts if found.startswith("The gradient agrees") else warnings).append(found)
    warnings += _traces(objective, x)
    return Checkup(tuple(errors), tuple(warnings), tuple(facts))


def _raised_inside(error: BaseException, fun: Callable) -> bool:
    """Whether the traceback runs through the code of fun, or of the function that it wraps."""
    while isinstance(fun, functools.partial):
        fun = fun.func
    inner: Any = inspect.unwrap(fun)
    code = getattr(inner if hasattr(inner, "__code__") else type(inner).__call__, "__code__", None)
    frame = error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code is code:
            return True
        frame = frame.tb_next
    return False


def _dtypes(given: Any, x: Any, value: Any) -> Iterator[str]:
    pairs = zip(jax.tree.leaves(given), jax.tree.leaves(x), strict=True)
    if any(getattr(a, "dtype", b.dtype) == np.float64 and b.dtype != np.float64 for a, b in pairs):
        yield (
            "x0 is float64 but runs in float32: call jax.config.update('jax_enable_x64', True) first, or "
            "give --x64 on the command line."
        )
    if value.dtype != tree.dtype(x):
        wider = value.dtype.itemsize > tree.dtype(x).itemsize
        yield f"x is {tree.dtype(x)} but the value is {value.dtype}: " + (
            "data or constants in fun are wider than x; cast them to x's dtype, or x to theirs."
            if wider
            else "fun makes its value in a narrower dtype than that of x, and loses digits of it."
        )


def _finiteness(point: Any) -> Iterator[str]:
    if not np.isfinite(point.value):
        yield f"fun(x0) is {point.value}: choose an x0 where fun is finite."
    for path, leaf in jax.tree_util.tree_leaves_with_path(point.grad):
        bad = int(np.sum(~np.isfinite(leaf)))
        if bad:
            yield (
                f"The gradient at x0{jax.tree_util.keystr(path)} has {bad} entries that are NaN or infinite: "
                "look for sqrt, log or division at zero, also in branches that jnp.where does not take."
            )


def _differences(objective: Objective, x: Any, point: Any, seed: int) -> str:
    """Hold the gradient against central differences along random directions."""
    flat, unravel = tree.ravel(x)
    grad = np.asarray(tree.ravel(point.grad)[0], np.float64)
    value = jax.jit(lambda v: objective.value(unravel(v)))
    eps = float(jnp.finfo(flat.dtype).eps)
    scale = max(1.0, float(jnp.max(jnp.abs(flat))))
    worst, moved, unknown = (0.0, 0.0, 0.0), False, False
    for direction in np.random.default_rng(seed).standard_normal((DIRECTIONS, flat.size)):
        d = direction / np.max(np.abs(direction))
        slope = float(grad @ d)
        estimates, largest = [], abs(float(point.value))
        for step in (eps ** (1 / 3) * scale, 4 * eps ** (1 / 3) * scale):
            ahead, behind = (float(value(flat + jnp.asarray(s * step * d, flat.dtype))) for s in (1, -1))
            estimates.append((ahead - behind) / (2 * step))
            largest = max(largest, abs(ahead), abs(behind))
        noise = 8 * eps * largest / (eps ** (1 / 3) * scale)
        doubt = 4 * abs(estimates[0] - estimates[1]) + noise + 1e-3 * abs(slope)
        error = abs(slope - estimates[0])
        unknown |= not np.isfinite(estimates).all()
        if not error <= doubt and error > worst[0]:
            worst = (error, slope, estimates[0])
        far = [float(value(flat + jnp.asarray(s * d, flat.dtype))) for s in (0.5 * scale, -0.5 * scale)]
        moved |= any(f != float(point.value) for f in far if np.isfinite(f))
    names = " and ".join(sorted(_primitives(objective, x) & set(FLAT)))
    if not grad.any() and moved:
        why = f"{names} in fun has no derivative" if names else "this is a critical point"
        return f"The gradient is exactly zero, yet the value moves: {why}."
    if worst[0] > 0:
        return (
            f"The gradient does not agree with finite differences: the slope along a random direction is "
            f"{worst[1]:.6g} by automatic differentiation and {worst[2]:.6g} by differences"
            + (f"; {names} in fun has no derivative." if names else ".")
        )
    if unknown:
        return (
            "The gradient could not be held against finite differences: beside x0 fun is NaN or infinite, so "
            "x0 lies at the edge of where fun is defined; choose another one."
        )
    return f"The gradient agrees with finite differences along {DIRECTIONS} random directions."


def _jaxpr(objective: Objective, x: Any) -> Any:
    return jax.make_jaxpr(lambda v: objective.value(v))(x)


def _primitives(objective: Objective, x: Any) -> set[str]:
    """The names of the primitives in fun, those in its inner functions too."""

    def walk(jaxpr: Any) -> Iterator[str]:
        for equation in jaxpr.eqns:
            yield equation.primitive.name
            for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=_is_jaxpr):
                if _is_jaxpr(inner):
                    yield from walk(getattr(inner, "jaxpr", inner))

    return set(walk(_jaxpr(objective, x).jaxpr))


def _is_jaxpr(thing: Any) -> bool:
    return hasattr(thing, "eqns") or hasattr(getattr(thing, "jaxpr", None), "eqns")


def _traces(objective: Objective, x: Any) -> Iterator[str]:
    """Whether two traces are the same, and how much data is baked in."""
    first, second = _jaxpr(objective, x), _jaxpr(objective, x)
    same = str(first.jaxpr) == str(second.jaxpr) and all(
        np.array_equal(a, b, equal_nan=True) for a, b in zip(first.consts, second.consts, strict=True)
    )
    if not same:
        yield (
            "fun is not pure: traced twice it gives two programs. Random numbers, clocks and counters belong "
            "in args; a run sees only their first value."
        )
    size = sum(getattr(const, "nbytes", 0) for const in first.consts)
    if size > LARGE:
        yield (
            f"{size / 2**20:.1f} MiB of data are baked into fun: pass them in args, so that other data of "
            "the same shape needs no compilation."
        )
