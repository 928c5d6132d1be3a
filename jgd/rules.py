"""The rules of a run made of what `minimize` is given."""

import dataclasses
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import check, tree
from jgd.driver.epochs import Epochs
from jgd.driver.stop import Divergence, Evaluations, Gradient, Stall, Steps, Stop, Target, When

DEFAULT_TOLERANCES = {2: (1e-2, 1e-2), 4: (1e-4, 1e-6), 8: (1e-8, 1e-12)}
"""Bytes of the widest leaf of x -> (gtol, grtol)."""

MAX_STEPS = 10_000

FIRST: dict[type, dict[str, str]] = {
    Gradient: {"gtol": "gtol", "grtol": "grtol"},
    Target: {"target": "target"},
    Epochs: {"gtol": "gtol", "grtol": "grtol", "target": "target"},
}
"""The rules that stand before those of `stop`: their fields, and what users call them."""

LAST: dict[type, dict[str, str]] = {
    Evaluations: {"limit": "max_evaluations"},
    Steps: {"limit": "max_steps"},
}
"""The rules that stand after them."""

PLAIN = (int, float, type(None))
"""The types of the numbers that rules are remembered by."""


def rules(
    dtype: Any,
    gtol: float | None,
    grtol: float | None,
    ftol: float,
    xtol: float,
    target: float | None,
    max_steps: int,
    max_evaluations: int | None,
    stop: Any,
    between: int | None = None,
) -> tuple[Stop, dict[str, float]]:
    """The rules of a run and the tolerances as they are printed; raises for what they cannot be.

    `between` is the number of steps between two looks at all examples, None where every step sees them.
    """
    given = tree.plain((gtol, grtol, ftol, xtol, target, max_steps, max_evaluations, between))
    if stop == () and all(type(one) in PLAIN for one in given):
        return _remembered(dtype, given, tuple(map(type, given)))
    return _made(dtype, given, stop)


@lru_cache(1024)
def _remembered(dtype: Any, given: tuple, types: tuple) -> tuple[Stop, dict[str, float]]:
    """The same with its numbers on the device: to hand them over takes longer than many a run."""
    stop, tolerances = _made(dtype, given, ())
    wide = max(dtype, jnp.dtype("float32"), key=lambda d: d.itemsize)

    def there(number: Any) -> jax.Array:
        return jax.device_put(np.asarray(number, wide if isinstance(number, float) else None))

    return jax.tree.map(there, stop), tolerances


def _made(dtype: Any, given: tuple, stop: Any) -> tuple[Stop, dict[str, float]]:
    gtol, grtol, ftol, xtol, target, max_steps, max_evaluations, between = given
    default_gtol, default_grtol = DEFAULT_TOLERANCES[min(dtype.itemsize, 8)]
    if grtol is None:
        grtol = default_grtol if gtol is None else 0.0
    gtol = default_gtol if gtol is None else gtol
    tolerances = {"gtol": gtol, "grtol": grtol, "ftol": ftol, "xtol": xtol}
    for name, tolerance in tolerances.items():
        check.scalar(name, tolerance, least=0)
    if target is None:
        target = -np.inf
    else:
        check.scalar("target", target)
    further = [_rule(given) for given in (stop if isinstance(stop, tuple | list) else (stop,))]
    tests: list[Any] = [Gradient(gtol, grtol), Target(target), Divergence()]
    checks: list[Any] = [Stall(ftol, xtol)]
    if any(isinstance(rule, Stall) for rule in further):
        if ftol or xtol:
            raise ValueError("ftol and xtol: stop has a Stall with numbers of its own; give them there.")
        checks = []
    if between is not None:
        _check_batches(further)
        tests = [Divergence()]
        checks = [Epochs(gtol, grtol, ftol, target, np.int32(between)), Stall(0.0, xtol)]
    tests += [rule for rule in further if hasattr(rule, "going")]
    checks += [rule for rule in further if not hasattr(rule, "going")]
    if max_evaluations is not None:
        tests.append(Evaluations(np.int32(check.whole("max_evaluations", max_evaluations))))
    tests.append(Steps(np.int32(check.whole("max_steps", max_steps, least=0))))
    return Stop(tuple(tests), tuple(checks)), {**tolerances, "target": target}


def with_numbers(stop: Stop, numbers: dict[str, Any]) -> Stop:
    """Rules that `rules` made, with these numbers in place of theirs; those of `stop` stay as they are."""

    def given(made: tuple[Any, ...]) -> tuple[Any, ...]:
        places = {type(rule): i for i, rule in enumerate(made) if type(rule) in LAST}
        places |= {type(rule): i for i, rule in reversed(list(enumerate(made))) if type(rule) in FIRST}
        found = list(made)
        for kind, i in places.items():
            fields = {field: name for field, name in (FIRST | LAST)[kind].items() if name in numbers}
            found[i] = dataclasses.replace(
                made[i], **{field: numbers[name] for field, name in fields.items()}
            )
        return tuple(found)

    return Stop(given(stop.tests), given(stop.checks))


def _check_batches(further: list[Any]) -> None:
    """Raise for a rule that takes the value or the gradient of a mini-batch for that of all examples."""
    for rule in further:
        if isinstance(rule, Gradient | Target | Stall | When):
            raise ValueError(
                f"stop: {type(rule).__name__} would compare values of different mini-batches. gtol, grtol, "
                "ftol and target are held against all examples, every test_every epochs of jgd.finite_sum."
            )


def _rule(given: Any) -> Any:
    """A rule as it is, a function of a Point as a rule."""
    if not isinstance(given, type):
        if hasattr(given, "going") or hasattr(given, "check"):
            check.registered("stop", given)
            return given
        if callable(given):
            return When(given)
    name = getattr(given, "__name__", type(given).__name__)
    hint = f"; write {name}(...)" if isinstance(given, type) else ""
    raise TypeError(f"stop must be a function of a Point or a rule of jgd.stop, got {name}{hint}.")
