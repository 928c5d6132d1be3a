"""Sweep a method's numbers: one run at every point of a grid, all of them one compiled program."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np

from jgd.many import minimize_many
from jgd.prepare import start_of
from jgd.study.curvature import curvature
from jgd.study.grid import factory_name, grid_of, methods_of, takes
from jgd.study.swept import Sweep

OPTIONS = tuple(
    name
    for name, parameter in inspect.signature(minimize_many).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY and name != "args_axis"
)
"""What is handed on to `minimize_many`; everything else is the factory's."""


def sweep(fun: Callable, x0: Any, factory: Callable, *, name: str | None = None, **given: Any) -> Sweep:
    """Minimize from one start by a method with every value of its numbers, in one compiled program.

    A run that diverges is as good an answer as one that converges. The verdicts: a run is `diverging` whose
    status is DIVERGED or NONFINITE, and `failed` if no step was found or the start or the data were bad. It
    is `good` if it succeeded in at most twice the fewest steps of all runs. Of the others, among runs that
    differ by the learning rate alone, `overshooting` are those with a higher rate than the best of them, and
    the rest are `too slow`, or `not made` where time was over before. The best is the run with the fewest
    steps among those that succeeded; where none did, the one that ended lowest.

    Args:
      fun: as for `jgd.minimize`.
      x0: the start, a pytree of float arrays.
      factory: makes the method: `jgd.gradient_descent`, `jgd.adam`, an optax factory such as `optax.sgd`, a
        `functools.partial` or a function of your own.
      name: what to call the objective.
      given: the factory's keyword arguments, at least one of them an array or a list of values, which are
        swept; several make the grid of all their combinations. And the options of `jgd.minimize_many` (args,
        gtol, target, max_steps, stop, bounds, recorder, ...), which are the same for all runs.

    Returns:
      A `Sweep`: print it, read its `columns`, `.figure()` it, `.save(folder)` it.

    Raises:
      TypeError, ValueError: for bad input, before anything is compiled, naming the argument; for a number
        that is static, such as lbfgs's `memory`: its values make programs of their own.

    >>> import jax.numpy as jnp, jgd
    >>> found = jgd.sweep(lambda w: w**2, 3.0, jgd.gradient_descent, learning_rate=[0.1, 0.5, 0.8, 1.1])
    >>> found.verdicts.tolist()
    ['too slow', 'good', 'overshooting', 'diverging']
    >>> found.best, found.steps.tolist()[1]
    ({'learning_rate': 0.5}, 1)
    """
    for option in OPTIONS:
        if option in given and callable(factory) and takes(factory, option):
            raise ValueError(
                f"{option} is an option of the runs and an argument of {factory_name(factory)}, too: hand "
                "over a function of your own as the factory, with another name for its argument."
            )
    options = {option: given.pop(option) for option in OPTIONS if option in given}
    for option in ("gtol", "target"):
        if np.ndim(options.get(option, 0)):
            raise ValueError(
                f"{option} must be one number: a sweep holds all its runs against the same test."
            )
    grid = grid_of(given)
    methods, method = methods_of(factory, grid)
    x0 = start_of(fun, x0)
    count = len(methods)
    x0s = jax.tree.map(lambda leaf: np.broadcast_to(np.asarray(leaf), (count, *np.shape(leaf))), x0)
    ends = minimize_many(fun, x0s, method, **options)
    data = {option: options[option] for option in ("args", "has_aux") if option in options}
    plain = options.get("bounds") is None and options.get("x_scale") is None
    fixed = ends.parts[0].batch.one[0].objective.fixed
    return Sweep(
        name=name or getattr(fun, "__name__", type(fun).__name__),
        grid=grid,
        methods=tuple(methods),
        ends=ends,
        curvature_at=partial(curvature, fun, **data) if plain and fixed else None,
    )
