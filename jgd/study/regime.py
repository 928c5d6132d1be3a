"""In which regime a run was: overall, and along single directions."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import tree
from jgd.core.compiled import compiled
from jgd.core.status import Status
from jgd.driver.carry import Carry, Program
from jgd.driver.solve import begin, run
from jgd.driver.stop import Stop
from jgd.study.evidence import Evidence

MORE = 8
"""Steps made beyond the end to see how the gradient changes along each direction."""

SHOWN = 4
"""Directions that are told of."""

EVEN = 1e-3
"""A gradient that keeps its size to this share along a direction oscillates for ever."""

AGREE = 0.1
"""Single ratios that differ by no more than this share of the largest are one ratio."""

LEADING = 0.1
"""From this share of the gradient on a part of it is not what the others leave of a turning direction."""


@dataclass(frozen=True)
class Direction:
    """How gradient descent went along an eigenvector.

    `rate_curvature` is eta lambda; `ratio` the factor of the gradient along it from one step to the next, as
    measured, 1 - eta lambda on a quadratic; `regime` in a word: `monotone`, `overshooting`, `oscillating` or
    `diverging`.
    """

    eigenvalue: float
    rate_curvature: float
    ratio: float
    regime: str

    def __str__(self) -> str:
        """The direction in a line."""
        return (
            f"lambda = {self.eigenvalue:.6g}: eta lambda = {self.rate_curvature:.4g}, "
            f"gradient times {self.ratio:.4g} a step, {self.regime}"
        )


def _word(ratio: float) -> str:
    if abs(ratio) > 1 + EVEN:
        return "diverging"
    if ratio < -1 + EVEN:
        return "oscillating"
    return "overshooting" if ratio < 0 else "monotone"


def regime(e: Evidence) -> str:
    """`diverging`, `oscillating`, `zigzag`, `overshooting` or `monotone`; empty where it cannot be told.

    Told by the cosines of successive gradients in the last quarter of the steps and by whether f still fell.
    """
    cosines, decreases = e.last("cosine"), e.last("decrease_ratio")
    if e.result.status == Status.DIVERGED or (e.broken and float(e.result.value) > e.result.first_value):
        return "diverging"
    if cosines.size < 2 or not e.descends:
        return ""
    if e.backwards > 0.9:
        lasting = np.median(np.abs(decreases)) < 0.05 and not e.falls("grad_norm")
        return "oscillating" if lasting else "overshooting"
    if np.median(np.abs(cosines)) < 0.2:
        return "zigzag"
    return "overshooting" if e.backwards > 0.5 else "monotone"


def directions(e: Evidence) -> tuple[Direction, ...]:
    """The steepest and the flattest eigenvectors, for gradient descent with a constant rate."""
    plain = e.family == "gradient_descent" and np.isfinite(e.rate)
    if not plain or e.result.status == Status.NONFINITE_START or e.eigen is None:
        return ()
    values, vectors = e.eigen
    shown = list(range(values.size))[::-1]
    if len(shown) > SHOWN:
        shown = [*shown[: SHOWN // 2], *shown[-SHOWN // 2 :]]
    grads = _grads(e, MORE)
    sizes = np.max(np.abs(grads), axis=1)
    told = []
    for i in shown:
        parts = grads @ vectors[:, i]
        ratios = parts[1:] / np.where(parts[:-1] == 0, np.nan, parts[:-1])
        noise = 1e4 * np.finfo(e.result.dtype).eps * abs(values[-1]) * e.length
        known = np.isfinite(ratios) & (np.abs(parts[:-1]) > noise)
        ratios, share = ratios[known], np.abs(parts[:-1])[known] / sizes[:-1][known]
        if ratios.size and (np.ptp(ratios) <= AGREE * np.max(np.abs(ratios)) or np.min(share) >= LEADING):
            ratio = float(np.exp(np.mean(np.log(np.abs(ratios))))) * float(np.sign(np.median(ratios)))
            told.append(Direction(float(values[i]), float(e.rate * values[i]), ratio, _word(ratio)))
    return tuple(told)


def _grads(e: Evidence, steps: int) -> np.ndarray:
    """The gradients of some further steps, one a row, those of numbers, up to where the run stands still."""
    program = replace(e.program, stop=Stop((), ()), recorder=None)
    numbers = np.arange(1, steps + 1, dtype=np.int32)
    grads, made = (np.asarray(rows) for rows in _follow(program, e.frame.inner(e.x), numbers))
    return grads[made == np.r_[0, numbers]].astype(float)


@compiled
def _follow(program: Program, x: Any, steps: Any) -> tuple[jax.Array, jax.Array]:
    """The gradients at x and after the steps of those numbers, one a row, and how many steps were made."""

    def step(carry: Carry, limit: jax.Array) -> tuple[Carry, tuple[jax.Array, jax.Array]]:
        after = run(program, carry, limit)
        return after, (tree.ravel(after.motion.point.grad)[0], after.motion.k)

    start, first = step(begin(program, x), jnp.zeros((), jnp.int32))
    _, further = jax.lax.scan(step, start, steps)
    return jax.tree.map(lambda one, more: jnp.concatenate([one[None], more]), first, further)
