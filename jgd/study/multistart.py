"""Minimize from many starts: the distinct minima, and which share of the starts leads to each."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import check
from jgd.core.status import Status
from jgd.core.words import method_name
from jgd.ends import Ends
from jgd.geometry.critical import critical_kind
from jgd.many import minimize_many
from jgd.study.clusters import clustered
from jgd.study.curvature import Curvature, curvature
from jgd.study.frame import on_face
from jgd.study.minima import Critical, Minima
from jgd.study.starts import is_sampled, sampled

CRITICAL = (Status.CONVERGED, Status.PRECISION_LIMIT)
"""Runs that ended so are at a critical point."""

STARTS = 256
"""How many starts are drawn where nobody said."""


def multistart(
    fun: Callable,
    starts: Any,
    n: int | None = None,
    method: Any = None,
    *,
    x0: Any = None,
    sampling: str = "sobol",
    seed: int = 0,
    distance: float = 1e-3,
    name: str | None = None,
    **options: Any,
) -> Minima:
    """Minimize from many starts, and tell the minima that they lead to apart.

    Runs that CONVERGED or came to the PRECISION_LIMIT are at a critical point. The lowest of their ends is
    the first such point, and so is every end that is the same as it: no entry of x differs by more than
    `distance` times the range of the starts in that entry, and the value by no more than rounding and the
    gradients there allow. The lowest of the others is the second point, and so on: the order of the runs has
    no part in it. Of which kind each point is its Hessian tells, as `jgd.curvature` does; where negative
    curvature is found it is no minimum, whatever the gradient test said. All other runs are counted by
    status.

    Args:
      fun: as for `jgd.minimize`.
      starts: a box as a tuple `(lower, upper)`, each a number or a tree of arrays like x; `jgd.normal(center,
        scale)`; or the starts themselves, a pytree of float arrays whose first axis counts them, and which is
        no tuple of two.
      n: how many starts are drawn, 256 by default; not for given starts.
      method: as for `jgd.minimize`, the same for all runs.
      x0: what x is like, where a box is told by two numbers; its values are of no account.
      sampling: "sobol", which covers evenly, or "random".
      seed: of what is random in the starts.
      distance: up to this part of the range of the starts two ends may be one point.
      name: what to call the objective.
      options: those of `jgd.minimize_many` (args, gtol, max_steps, bounds, ...), the same for all runs. The
        box of the starts bounds no run; `bounds` does.

    Returns:
      `Minima`: print it, read its `minima`, `others`, `labels` and `ends`, go on from `best.x`.

    Raises:
      TypeError, ValueError: for bad input, before anything is compiled, naming the argument.

    >>> import jax.numpy as jnp, jgd
    >>> found = jgd.multistart(lambda x: (x**2 - 1) ** 2 + x / 8, (-2.0, 2.0), 64, x0=jnp.array(0.0))
    >>> [(round(float(minimum.x), 3), round(minimum.share, 1)) for minimum in found.minima]
    [(-1.015, 0.5), (0.984, 0.5)]
    """
    check.scalar("distance", distance, least=0)
    check.whole("seed", seed, least=0)
    drawn = is_sampled(starts)
    if drawn:
        n = STARTS if n is None else check.whole("n", n)
        x0s = sampled(starts, n, x0, sampling, seed)
    elif n is not None or x0 is not None:
        raise ValueError(
            "n and x0 are for starts that are drawn: give a box as a tuple (lower, upper) or "
            "jgd.normal(center, scale), or the starts alone."
        )
    else:
        x0s = starts
    if "args_axis" in options:
        raise TypeError("args_axis: all runs of jgd.multistart minimize one function, with the same args.")
    ends = minimize_many(fun, x0s, method, **options)
    return minima(
        ends,
        x0s,
        partial(curvature, fun, **{k: options[k] for k in ("args", "has_aux") if k in options}),
        distance=distance,
        name=name or getattr(fun, "__name__", type(fun).__name__),
        sampling={"sampling": sampling, "seed": seed} if drawn else {"sampling": "given"},
    )


def minima(
    ends: Ends, starts: Any, curvature_at: Callable[[Any], Curvature], distance: float, **told: Any
) -> Minima:
    """The distinct critical points that runs ended at."""
    arrived = np.flatnonzero(np.isin(ends.status, CRITICAL))
    first, last = _flat(starts, ends.count), _flat(ends.x, ends.count)[arrived]
    first = first[np.isfinite(first).all(axis=1)]
    spread = np.ptp(first, axis=0)
    reach = distance * np.where(spread > 0, spread, np.maximum(1.0, np.abs(first[0])))
    rounding = float(jnp.sqrt(jnp.finfo(ends.value.dtype).eps))
    groups = clustered(last, ends.value[arrived].astype(float), ends.grad_norm[arrived], reach, rounding)
    found = [(_critical(ends, arrived[group], curvature_at), arrived[group]) for group in groups]
    found.sort(key=lambda pair: not pair[0].is_minimum)
    labels = np.full(ends.count, -1)
    for i, (_, runs) in enumerate(found):
        labels[runs] = i
    method = method_name(ends.parts[0].batch.one[0].method)
    return Minima(
        method=method,
        points=tuple(point for point, _ in found),
        labels=labels,
        starts=starts,
        ends=ends,
        **told,
    )


def _critical(ends: Ends, runs: np.ndarray, curvature_at: Callable[[Any], Curvature]) -> Critical:
    """The point that these runs ended at, the first of them being the lowest."""
    run = int(runs[0])
    x = jax.tree.map(lambda leaf: leaf[run], ends.x)
    what, is_minimum = _kind(ends, run, x, curvature_at)
    return Critical(
        x=x,
        value=float(ends.value[run]),
        grad_norm=float(ends.grad_norm[run]),
        kind=what,
        is_minimum=is_minimum,
        run=run,
        runs=runs.size,
        share=runs.size / int(ends.made.sum()),
        steps=int(np.median(ends.steps[runs])),
    )


def _kind(ends: Ends, run: int, x: Any, curvature_at: Callable[[Any], Curvature]) -> tuple[str, bool]:
    """What kind of point it is, its gradient passing for zero, and whether it passes for a minimum.

    Where a bound holds entries of x, that of the function of the others.
    """
    objective, x = ends.parts[0].batch.one[0].objective.full, jax.tree.map(jnp.asarray, x)
    free, where = np.ones(1, bool), ""
    if objective.box is not None:
        point = objective.evaluate(x)
        free = np.asarray(objective.ravelled_free(point, near=float(ends.grad_norm[run])))
    if not free.any():
        return "at a bound", True
    if not free.all():
        f, x = on_face(objective, x, free)
        where, curvature_at = ", at a bound", partial(curvature, f.fun, args=f.args, has_aux=f.has_aux)
    try:
        found = curvature_at(x)
    except ValueError:
        return f"unknown (the Hessian is not finite){where}", True
    return critical_kind(found.spectrum) + where, found.negative_direction is None


def _flat(x: Any, count: int) -> np.ndarray:
    """The runs as rows of numbers."""
    return np.concatenate([np.asarray(leaf, float).reshape(count, -1) for leaf in jax.tree.leaves(x)], axis=1)
