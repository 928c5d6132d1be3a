"""What a status alone does not say of a run: sentences read off its history."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.status import Status

if TYPE_CHECKING:
    from jgd.result import Result

REMAINS = 1e-2
"""The share of the way made that may remain where a run is called converged without a word."""


STEEP = 1e3
"""A gradient so many times above gtol, also beside the value, is small beside that at the start alone."""


def notes(result: "Result") -> tuple[str, ...]:
    """What is to be known of a run beside its status; empty for most."""
    of_loss = tuple(_of_loss(result))
    of_start = (*_critical_start(result), *_steep_start(result))
    return (*result.origin, *of_start, *(of_loss or _moving(result)), *_unbounded(result))


def _critical_start(result: "Result") -> Iterator[str]:
    if result.steps == 0 and result.grad_norm == 0:
        yield (
            "The gradient is exactly zero at the start: x0 may be a saddle or a maximum, or fun is flat "
            "there or has no derivative (round, argmax, stop_gradient); jgd.check(fun, x0) tells which."
        )


def _steep_start(result: "Result") -> Iterator[str]:
    asked = result.tolerances
    large = STEEP * asked.gtol * max(1.0, abs(float(result.value)))
    if result.status == Status.CONVERGED and 0 < large < result.grad_norm <= asked.grad:
        first = (asked.grad - asked.gtol) / asked.grtol
        yield (
            f"A gradient of {result.grad_norm:.3g} meets the test since that at the start was {first:.3g}: "
            "with start=result and grtol=0 the run goes on."
        )


def _moving(result: "Result") -> Iterator[str]:
    share = remaining(result) if result.status == Status.CONVERGED else 0.0
    if share > REMAINS:
        yield (
            f"x was still moving when the gradient test was met: at its pace some {share:.0%} of the way "
            "made is left. A flat valley looks like this, and a function without a minimizer, such as "
            "logistic regression on separable data; a smaller gtol shows whether x settles."
        )


def unbounded(result: "Result") -> bool:
    """Whether the values fell further than those of a function with a lower bound."""
    lowest = -(float(jnp.finfo(np.asarray(result.value).dtype).max) ** 0.5)
    return not result.success and float(result.best_value) < lowest


def _unbounded(result: "Result") -> Iterator[str]:
    if unbounded(result):
        yield f"The value fell to {float(result.best_value):.3g}: fun seems to have no lower bound."


def _of_loss(result: "Result") -> Iterator[str]:
    """What a loss of examples has to say of a run on it."""
    fun: Any = result.program.objective.fun
    remarks = getattr(getattr(fun, "loss", None), "remarks", None)
    if remarks is not None and not result.fault:
        yield from remarks(result)


def remaining(result: "Result") -> float:
    """An estimate of the distance still to go, as a share of the largest one of |x| and |x - x0|.

    By the secant through the gradients at the last two recorded steps, the largest entries standing for
    the vectors: distance = path * |g| / (|g before| - |g|). 0 where the history cannot tell.
    """
    h = result.history
    if len(h.get("step", ())) < 2:
        return 0.0
    (before, after), sizes = h["step"][-2:], h["grad_norm"][-2:]
    known = h["step_norm"][-2:][np.isfinite(h["step_norm"][-2:])]
    if not known.size or not sizes[0] > sizes[1]:
        return 0.0
    path = known[-1] * (after - before)
    scale = max(largest(result.x), largest(jax.tree.map(np.subtract, result.x, result.x0)))
    return float(path * sizes[1] / (sizes[0] - sizes[1]) / scale) if scale > 0 else 0.0


def largest(x: Any) -> float:
    """The largest absolute entry."""
    return max(float(np.max(np.abs(leaf))) for leaf in jax.tree.leaves(x) if np.size(leaf))
