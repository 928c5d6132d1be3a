"""Curvature at a point, in numbers and in words: the front door to `jgd.geometry`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jgd.core import check, tree
from jgd.core.objective import Objective
from jgd.core.words import plural
from jgd.geometry import stability
from jgd.geometry.critical import kind
from jgd.geometry.spectrum import DENSE_LIMIT, Eigenpair, Spectrum, spectrum
from jgd.prepare import prepare_objective
from jgd.rules import DEFAULT_TOLERANCES
from jgd.study.canvas import write
from jgd.study.curvature_record import record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from jgd.geometry.density import Density

METHODS = ("gradient_descent", "heavy_ball", "nesterov")


@dataclass(frozen=True, eq=False)
class Curvature:
    """The curvature of an objective at a point, and what follows from it for methods of descent.

    `lowest` and `highest` are the ends of the Hessian's spectrum, each with `value`, `residual` and `vector`.
    `found` says how, `products` how many Hessian-vector products it took (n for a dense Hessian). Where
    Lanczos found them `condition` is a lower bound, to rounding (`condition_is_bound`). `kind` says what kind
    of critical point this is, held against `gtol`. `seed` is that of the random starts.
    """

    objective: Objective
    x: Any
    value: float
    grad: Any
    grad_norm: float
    gtol: float
    parameters: int
    dtype: str
    spectrum: Spectrum
    seed: int

    @property
    def lowest(self) -> Eigenpair:
        """The lowest eigenvalue."""
        return self.spectrum.lowest

    @property
    def highest(self) -> Eigenpair:
        """The highest eigenvalue."""
        return self.spectrum.highest

    @property
    def products(self) -> int:
        """Hessian-vector products taken."""
        return self.spectrum.products

    @property
    def found(self) -> str:
        """How the eigenvalues were found."""
        if self.spectrum.dense:
            return "dense eigh"
        return f"Lanczos, {self.products} products, {plural(self.spectrum.starts, 'start')}"

    @property
    def condition(self) -> float:
        """Highest over lowest eigenvalue; infinite where the lowest is not positive beyond rounding."""
        low, high = self.lowest.value, self.highest.value
        return high / low if low > self.spectrum.zero else float("inf")

    @property
    def condition_is_bound(self) -> bool:
        """Whether the condition number is but a lower bound, to rounding in the dtype of scalars about x."""
        return not self.spectrum.dense

    @property
    def stable_rate(self) -> float:
        """2/lambda_max: constant rates of gradient descent above it are unstable here."""
        high = self.highest.value
        return 2 / high if high > self.spectrum.zero else float("inf")

    @property
    def best_rate(self) -> float:
        """2/(lambda_max + lambda_min), gradient descent's best constant rate; NaN unless both positive."""
        low, high = self.lowest.value, self.highest.value
        return 2 / (high + low) if np.isfinite(self.condition) else float("nan")

    @cached_property
    def kind(self) -> str:
        """What kind of critical point this is, in words that claim no more than was found."""
        return kind(self.spectrum, self.grad_norm, self.gtol)

    @property
    def negative_direction(self) -> Any:
        """The unit direction of the most negative curvature, a pytree like x; None if none was found."""
        low = self.lowest
        return low.vector if low.value < -self.spectrum.zero else None

    @cached_property
    def best(self) -> dict[str, stability.Prediction]:
        """Gradient descent, heavy ball and Nesterov with their best constants, if lambda min > 0."""
        if not np.isfinite(self.condition):
            return {}
        return {name: stability.best(name, self.lowest.value, self.highest.value) for name in METHODS}

    def predicted(self, method: str, learning_rate: float, momentum: float = 0.0) -> stability.Prediction:
        """What becomes of a method with constants of one's own: its factor, and steps to a ratio."""
        check.number("learning_rate", learning_rate, above=0)
        check.number("momentum", momentum, least=0, below=1)
        return stability.predicted(method, self.lowest.value, self.highest.value, learning_rate, momentum)

    def steps_to(self, gtol: float, method: str = "gradient_descent") -> float:
        """Steps with a method's best constants until max |grad| has fallen to gtol, were f quadratic."""
        check.scalar("gtol", gtol, least=0)
        if method not in self.best:
            return float("inf")
        return self.best[method].steps(gtol / self.grad_norm if self.grad_norm > 0 else 1.0)

    def record(self) -> dict[str, Any]:
        """Everything but the vectors as plain values, with provenance; x where it is not large."""
        return record(self)

    def figures(self, density: "Density | None" = None) -> dict[str, "Figure"]:
        """`spectrum` and `slices`, as Matplotlib figures. Raises ImportError without Matplotlib."""
        from jgd.study.curvature_plots import slices_figure, spectrum_figure

        return {"spectrum": spectrum_figure(self, density), "slices": slices_figure(self)}

    def plot(self, prefix: str | Path, density: "Density | None" = None) -> list[Path]:
        """Write PREFIX-spectrum.png, with a `Density` over it if given, and PREFIX-slices.png; the paths."""
        return write(self.figures(density), prefix, self.record()["provenance"])

    def __repr__(self) -> str:
        """Both ends in a line."""
        return f"Curvature({self.lowest.value:.6g} to {self.highest.value:.6g}, {self.kind})"

    def __str__(self) -> str:
        """The report."""
        return "\n".join(_report(self))


def _end(name: str, end: Eigenpair, bound: str) -> str:
    return f"  {name:12} {end.value:.9g}  (residual {end.residual:.1e}{bound})"


def _report(c: Curvature) -> list[str]:
    low_met, high_met = c.spectrum.converged
    lines = [
        f"{c.kind}",
        f"  point        {plural(c.parameters, 'parameter')}, {c.dtype}, value {c.value:.10g}, "
        f"max |grad| {c.grad_norm:.3e}",
        f"  found by     {c.found}",
        _end("lambda max", c.highest, "" if high_met else "; a lower bound"),
        _end("lambda min", c.lowest, "" if low_met else "; an upper bound"),
    ]
    if np.isfinite(c.condition):
        sign = ">= " if c.condition_is_bound else ""
        lines.append(f"  condition    {sign}{c.condition:.6g}")
    if np.isfinite(c.stable_rate):
        lines.append(f"  rates        stable below 2/lambda max = {c.stable_rate:.6g}" + _best_rate(c))
    if c.best:
        told = [f"{name} {p.factor:.6g} ({_steps(p)} steps to a tenth)" for name, p in c.best.items()]
        lines.append(f"  error a step {', '.join(told)}, at best constants")
    if c.negative_direction is not None:
        lines.append("  descent      along negative_direction, too, although the gradient says nothing of it")
    return lines


def _best_rate(c: Curvature) -> str:
    return f", best constant rate {c.best_rate:.6g}" if np.isfinite(c.best_rate) else ""


def _steps(p: stability.Prediction) -> str:
    return f"{np.ceil(p.steps(0.1)):,.0f}"


def curvature(
    fun: Callable,
    x: Any,
    *,
    args: tuple = (),
    has_aux: bool = False,
    dense: bool | None = None,
    products: int = 40,
    starts: int = 1,
    tolerance: float = 1e-3,
    gtol: float | None = None,
    seed: int = 0,
) -> Curvature:
    """Both ends of the spectrum of the Hessian of `fun(x, *args)` at x, and what follows from them.

    Up to 500 parameters the Hessian is formed and `eigh` finds all eigenvalues; beyond that, or with
    `dense=False`, Lanczos' method with full reorthogonalization finds the ends from Hessian-vector products
    at the highest matmul precision, on any pytree of floats; its memory is `products` vectors like x.

    Args:
      fun: a pure JAX function, as for `jgd.minimize`.
      x: the point, a pytree of float arrays.
      args: further arguments of `fun`.
      has_aux: whether `fun` returns `(value, aux)`.
      dense: whether to form the Hessian; None decides by size.
      products: the most Hessian-vector products from each start, two of them to measure the residuals.
      starts: random starts of Lanczos; the more, the less likely a direction is missed.
      tolerance: an end has converged when its residual is at most this times its size.
      gtol: up to this max |grad| the point is called critical; by default 1e-8 in float64, 1e-4 in float32,
        1e-2 in 16 bits.
      seed: of the random starts.

    Returns:
      A `Curvature`; printing it tells it all.

    Raises:
      TypeError, ValueError: for bad input, naming the argument; for a dense Hessian that would not fit; for
        a Hessian that is not finite.

    Reference: Lanczos (1950); Golub & Van Loan (2013), Matrix Computations, section 10.3.

    >>> import jax.numpy as jnp, jgd
    >>> found = jgd.curvature(lambda x: 0.5 * (x[0] ** 2 + 4 * x[1] ** 2), jnp.zeros(2))
    >>> round(found.highest.value, 4), round(found.condition, 4), found.kind
    (4.0, 4.0, 'minimum (dense)')
    """
    objective, x = prepare_objective(fun, x, args, has_aux, "x")
    check.whole("products", products, least=3)
    check.whole("starts", starts)
    check.scalar("tolerance", tolerance, least=0)
    check.whole("seed", seed, least=0)
    if dense not in (None, True, False):
        raise TypeError(f"dense must be True, False or None, got {dense!r}.")
    n, dtype = tree.size(x), tree.dtype(x)
    gtol = DEFAULT_TOLERANCES[min(dtype.itemsize, 8)][0] if gtol is None else gtol
    check.scalar("gtol", gtol, least=0)
    dense = n <= DENSE_LIMIT if dense is None else dense
    found = spectrum(
        objective, x, dense=dense, products=products, starts=starts, tolerance=tolerance, seed=seed
    )
    point = found.point
    grad_norm = float(tree.norm_inf(point.grad))
    value = float(point.value)
    return Curvature(objective, x, value, point.grad, grad_norm, gtol, n, str(dtype), found, seed)
