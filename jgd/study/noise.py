"""The noise of mini-batch gradients at a point, measured example by example."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from jgd.core import check, tree
from jgd.core.examples import Examples
from jgd.core.minibatch import Batches
from jgd.core.words import plural
from jgd.geometry.noise import scatter
from jgd.prepare import prepare_objective
from jgd.sums import FiniteSum


@dataclass(frozen=True, eq=False)
class GradientNoise:
    """How the gradients g_i of n examples scatter about that of all, g.

    g_i is the gradient of the batch that example i alone makes, weight and regularizer included, so that the
    mean of all g_i is g. `norms` are |g_i|, of shape (n,), `norm` is |g|, both Euclidean; `trace` is
    tr Sigma = mean |g_i - g|^2. `batches` are those of the objective, None where every step sees all.
    """

    norm: float
    trace: float
    norms: np.ndarray
    parameters: int
    dtype: str
    batches: Batches | None

    @property
    def examples(self) -> int:
        """The number of examples."""
        return len(self.norms)

    @property
    def scale(self) -> float:
        """tr Sigma/|g|^2, the size of the batch whose noise is as large as g; infinite where g is 0."""
        return self.trace / self.norm**2 if self.norm > 0 else float("inf")

    def variance(self, batch_size: int, replacement: bool = False) -> float:
        """E|g_B - g|^2 of a batch of that size: tr Sigma/B, without replacement times (n - B)/(n - 1)."""
        size = check.whole("batch_size", batch_size)
        if replacement:
            return self.trace / size
        if size > self.examples:
            raise ValueError(f"batch_size={size:,} is more than the {self.examples:,} examples.")
        return self.trace / size * (self.examples - size) / max(self.examples - 1, 1)

    def floor(self, learning_rate: float, batch_size: int, curvature: float) -> float:
        """E|x - x*|^2 where gradient descent on batches with replacement ends up, the noise at x* being this.

        learning_rate tr Sigma/(B curvature (2 - learning_rate curvature)), exactly where f is quadratic with
        that curvature in all directions and g_i - g is the same everywhere; infinite where steps of that rate
        do not settle. The lowest curvature gives an upper bound up to the rate 2/(lowest + highest).
        """
        check.number("learning_rate", learning_rate, above=0)
        check.number("curvature", curvature, above=0)
        left = 2 - learning_rate * curvature
        noise = learning_rate * self.variance(batch_size, replacement=True)
        return noise / (curvature * left) if left > 0 else float("inf")

    def __repr__(self) -> str:
        """The noise scale in a line."""
        return f"GradientNoise({self.scale:.6g} of {plural(self.examples, 'example')})"

    def __str__(self) -> str:
        """The report."""
        return "\n".join(_report(self))


def _report(noise: GradientNoise) -> list[str]:
    least, *quartiles, most = np.quantile(noise.norms, [0, 0.25, 0.5, 0.75, 1])
    lines = [
        f"gradient noise of {plural(noise.examples, 'example')}",
        f"  point        {plural(noise.parameters, 'parameter')}, {noise.dtype}, |g| {noise.norm:.6g}",
        f"  |g_i|        {least:.3g} to {most:.3g} (example {np.argmax(noise.norms)}), "
        f"quartiles {', '.join(f'{q:.3g}' for q in quartiles)}",
        f"  tr Sigma     {noise.trace:.6g}: a batch of B has E|g_B - g|^2 = tr Sigma/B, "
        "times (n - B)/(n - 1) without replacement",
        f"  noise scale  {noise.scale:.6g} = tr Sigma/|g|^2: in smaller batches the noise exceeds g",
    ]
    if noise.batches is not None:
        size, replacement = noise.batches.size, noise.batches.replacement
        lines.append(
            f"  batches      of {size:,} {'with' if replacement else 'without'} replacement: "
            f"E|g_B - g|^2 = {noise.variance(size, replacement):.6g}"
        )
    return lines


def gradient_noise(fun: Callable, x: Any, *, args: tuple = ()) -> GradientNoise:
    """How the gradients of examples scatter at x, and what follows from that for batches of any size.

    Exact: one gradient for each example, in blocks, so that a few MiB hold them at a time, and one of all.

    Args:
      fun: a `jgd.finite_sum` or one of `jgd.models`, with or without a batch_size.
      x: the point, a pytree of float arrays.
      args: further arguments of the loss.

    Returns:
      A `GradientNoise`: printing it tells it all; `variance(batch_size)` is E|g_B - g|^2.

    Raises:
      TypeError, ValueError: for bad input, naming the argument, and for gradients that are not finite.

    Reference: McCandlish, Kaplan & Amodei (2018), An empirical model of large-batch training, eq. 2.9.

    >>> import jax.numpy as jnp, jgd
    >>> fit = jgd.finite_sum(lambda x, a: 0.5 * (x - a) ** 2, jnp.array([1.0, 2.0, 3.0, 6.0]))
    >>> noise = jgd.gradient_noise(fit, jnp.zeros(()))
    >>> noise.norm, noise.trace, round(noise.scale, 4), noise.norms.tolist()
    (3.0, 3.5, 0.3889, [1.0, 2.0, 3.0, 6.0])
    >>> noise.variance(2, replacement=True), round(noise.variance(2), 4), noise.variance(4)
    (1.75, 1.1667, 0.0)
    """
    if not isinstance(fun, FiniteSum):
        name = getattr(fun, "__name__", type(fun).__name__)
        raise TypeError(f"fun must be a jgd.finite_sum, whose examples make the noise, got {name}.")
    if not isinstance(fun.examples, Examples):
        raise TypeError("fun: its examples must be in the memory of one device, not streamed or sharded.")
    objective, x = prepare_objective(fun, x, args, False, "x")
    grad, norms, offs = scatter(objective, x)
    norms, offs = np.asarray(norms, float), np.asarray(offs, float)
    bad = np.flatnonzero(~np.isfinite(norms))
    if bad.size:
        raise ValueError(f"x: the gradient of example {bad[0]:,} has entries that are NaN or infinite there.")
    return GradientNoise(
        norm=float(np.sqrt(tree.dot(grad, grad))),
        trace=float(np.mean(offs**2)),
        norms=norms,
        parameters=tree.size(x),
        dtype=str(tree.dtype(x)),
        batches=objective.batches,
    )
