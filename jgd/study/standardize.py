"""A change of variables that evens out curvature, and what it does to the condition number."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import tree
from jgd.core.compiled import compiled
from jgd.core.linear import Diagonal, Linear, scales, transposed, whitening
from jgd.core.objective import Objective
from jgd.core.words import plural
from jgd.geometry.spectrum import DENSE_LIMIT, check_finite, negligible
from jgd.geometry.stability import best
from jgd.prepare import prepare_objective, start_of

KINDS = ("diagonal", "whitening")

RATIO = 1e-6
"""The error that steps are told for, as a share of that at the start."""

ALIKE = 1.5
"""What a condition number may be a multiple of before its excess is worth a word."""

SHOWN = 8
"""So many features without a deviation are named."""


@dataclass(frozen=True, eq=False)
class Standardization:
    """x = T z, to be handed to `jgd.minimize` as `x_scale`; `forward(z)` is x and `inverse(x)` is z.

    `kind` is that of T, `x` where it was made. `examples` says how many examples gave the features that T
    comes from, None where the Hessian H at x gave it; `constant` are the features (or entries of the ravelled
    x) without deviation (or curvature), whose scale is 1, and `left` is the number of directions that
    whitening leaves unscaled, since nothing but rounding is in them.
    `eigenvalues` are those of H, and of T^T H T for both kinds of T, ascending, by the names "given",
    "diagonal" and "whitening"; None where there are more than 500 parameters.
    """

    kind: str
    map: Linear
    x: Any
    examples: int | None
    constant: tuple[int, ...]
    left: int
    eigenvalues: dict[str, np.ndarray] | None

    def forward(self, z: Any) -> Any:
        """T z, a tree like x."""
        return self.map.forward(z)

    def inverse(self, x: Any) -> Any:
        """The z with T z = x, a tree like x."""
        return self.map.inverse(x)

    @property
    def condition(self) -> float:
        """max |lambda| / min |lambda| of H; infinite if singular to rounding, NaN if not measured."""
        return self._condition("given")

    @property
    def condition_diagonal(self) -> float:
        """The same of T^T H T, T diagonal or, where there is an intercept, diagonal about the mean."""
        return self._condition("diagonal")

    @property
    def condition_whitened(self) -> float:
        """The same of T^T H T, T whitening."""
        return self._condition("whitening")

    def _condition(self, name: str) -> float:
        if self.eigenvalues is None:
            return float("nan")
        sizes = np.abs(self.eigenvalues[name])
        least, most = float(sizes.min()), float(sizes.max())
        return most / least if least > negligible(self.x) * most else float("inf")

    def __repr__(self) -> str:
        """The three condition numbers in a line."""
        numbers = (self.condition, self.condition_diagonal, self.condition_whitened)
        return f"Standardization({self.kind}, condition {' -> '.join(f'{k:.3g}' for k in numbers)})"

    def __str__(self) -> str:
        """The report."""
        return "\n".join(_report(self))


def _report(s: Standardization) -> list[str]:
    featured = s.examples is not None
    source = f"the features of {plural(s.examples or 0, 'example')}" if featured else "the Hessian at x"
    lines = [
        f"{s.kind} standardization by {source}",
        f"  parameters   {tree.size(s.x):,}, {tree.dtype(s.x)}",
    ]
    if s.constant:
        named = ", ".join(map(str, s.constant[:SHOWN])) + ", ..." * (len(s.constant) > SHOWN)
        what = f"feature {named}, constant" if featured else f"entry {named}, without curvature of its own"
        lines.append(f"  scale 1      {what}")
    if s.left > len(s.constant):
        what = "features do not vary" if featured else "the Hessian has no curvature"
        lines.append(f"  unscaled     {plural(s.left, 'direction')} where {what} beyond rounding")
    if s.eigenvalues is None:
        return [*lines, f"  condition    not measured: it takes at most {DENSE_LIMIT} parameters"]
    numbers = (s.condition, s.condition_diagonal, s.condition_whitened)
    given, scaled, whitened = map(_told, numbers)
    lines.append(f"  condition    {given}, scaled {scaled}, whitened {whitened}: that of the Hessian at x")
    low, high = s.eigenvalues["given"][[0, -1]]
    if low < -negligible(s.x) * max(high, -low):
        lines.append("  curvature    negative in some directions: T evens out its size, not its sign")
    else:
        steps = ", ".join(map(_steps, numbers))
        lines.append(f"  steps        {steps} to {RATIO:g} of the error, gradient descent at its best rate")
    return lines + _conclusion(featured, *numbers)


def _told(number: float) -> str:
    return f"{number:.3g}" if np.isfinite(number) else "infinite"


def _steps(condition: float) -> str:
    """About kappa/2 ln(1/RATIO)."""
    needed = best("gradient_descent", 1, condition).steps(RATIO) if np.isfinite(condition) else np.inf
    return _told(np.ceil(needed))


def _conclusion(featured: bool, given: float, scaled: float, whitened: float) -> list[str]:
    if not np.isfinite([given, scaled, whitened]).any():
        return ["The Hessian is singular at x, and no change of variables makes it regular."]
    coupling = "correlation between features" if featured else "coupling between entries of x"
    first = f"Scaling takes the condition number from {_told(given)} to {_told(scaled)}"
    if scaled > ALIKE * whitened:
        lines = [f"{first}; what is left is {coupling}, which whitening takes to {_told(whitened)}."]
    else:
        lines = [f"{first}; whitening, which takes out {coupling}, makes it {_told(whitened)}."]
    if featured and whitened > ALIKE:
        lines.append(
            "What whitening leaves is no matter of features: the losses bend unequally, or a penalty does."
        )
    return lines


def standardize(
    fun: Callable, x0: Any = None, *, args: tuple = (), has_aux: bool = False, kind: str = "diagonal"
) -> Standardization:
    """A linear change of variables x = T z in which one learning rate serves better, for `x_scale`.

    `jgd.minimize(fun, x0, method, x_scale=jgd.standardize(fun, x0))` takes the steps of the method in z;
    the objective, a penalty included, the tests, the history and the answer are those in x.

    For the fits of `jgd.models` T comes from the features, wherever they are, and their weights:
    `diagonal` takes each less its mean m_j and by its deviation s_j, which in the parameters is
    coef_j = u_j / s_j, intercept = c - sum_j m_j u_j / s_j. Without an intercept nothing is taken less its
    mean, since that would be another problem, and s_j is the root mean square.
    `whitening` goes on to features without correlation, coef = S C^(-1/2) u with S = diag(1/s) and C their
    matrix of correlations. For K classes each row of coef has the same T.
    For any other function it comes from the dense Hessian H at x0: T = S = diag(1/sqrt |H_ii|), or
    S |S H S|^(-1/2), the absolute value that of its eigenvalues.

    A feature without a deviation and a direction without curvature keep the scale 1, since nothing is known
    of theirs; the report says so. x is what the function is evaluated at: where a mean is 10^m deviations
    from 0, m digits are lost in its sums, whatever T is.

    Args:
      fun: a function as for `jgd.minimize`, or a `jgd.finite_sum` or one of `jgd.models`.
      x0: where the Hessian is taken, a pytree of float arrays; a model's start if None.
      args: further arguments of `fun`.
      has_aux: whether `fun` returns `(value, aux)`.
      kind: "diagonal" or "whitening".

    Returns:
      A `Standardization`; printing it tells what the condition number is, what scaling makes of it, and what
      is left.

    Raises:
      TypeError, ValueError: for bad input, naming the argument; for a dense matrix that would not fit; for
        data that cannot be read or a Hessian that is not finite.

    Reference: LeCun, Bottou, Orr & Muller (1998), Efficient BackProp, section 4.3.

    >>> import jax.numpy as jnp, numpy as np, jgd
    >>> X = np.array([[100.0, 1.0], [101.0, 1.1], [102.0, 1.4], [103.0, 1.3]])
    >>> fit = jgd.models.linear(X, np.array([0.0, 1.0, 2.0, 3.0]), intercept=True)
    >>> change = jgd.standardize(fit)
    >>> f"{change.condition:.1e} {change.condition_diagonal:.1f} {change.condition_whitened:.1f}"
    '2.6e+08 12.2 1.0'
    >>> jgd.minimize(fit, method=jgd.gradient_descent(0.25), x_scale=change).success
    True
    """
    if kind not in KINDS:
        raise ValueError(f'kind must be "diagonal" or "whitening", got {kind!r}.')
    objective, x = prepare_objective(fun, start_of(fun, x0), args, has_aux)
    objective = objective.full
    measured = tree.size(x) <= DENSE_LIMIT
    features = getattr(getattr(objective.fun, "loss", None), "features", None)
    hessian: Any = _hessian(objective, x) if measured or features is None else None
    if features is None:
        M, scaled, around = hessian, x, _itself
    else:
        M, scaled, around = features(x, objective.args[-1], measured or kind == "whitening")
    _check(objective, hessian, M)
    own = np.asarray(M if M.ndim == 1 else jnp.diagonal(M))
    scale = jnp.tile(scales(M), tree.size(scaled) // own.size)
    maps, left = {"diagonal": around(Diagonal(tree.unravelled(scale, scaled)))}, 0
    if M.ndim == 2:
        dense, left = _whitening(M, negligible(x))
        maps["whitening"] = around(dense)
    found = None
    if measured:
        found = {"given": np.linalg.eigvalsh(np.asarray(hessian))}
        found |= {name: np.asarray(_eigenvalues(hessian, map, x)) for name, map in maps.items()}
    return Standardization(
        kind=kind,
        map=maps[kind],
        x=x,
        examples=None if features is None else objective.args[-1].count,
        constant=tuple(np.flatnonzero(own == 0).tolist()),
        left=int(left),
        eigenvalues=found,
    )


_hessian, _whitening = compiled(Objective.hessian), compiled(whitening)


@compiled
def _eigenvalues(hessian: jax.Array, map: Linear, x: Any) -> jax.Array:
    """Those of T^T H T, ascending."""

    @jax.vmap
    def pulled(row: jax.Array) -> jax.Array:
        return tree.vector(transposed(map.forward, tree.unravelled(row, x)))

    return jnp.linalg.eigvalsh(pulled(pulled(hessian).T))


def _itself(map: Linear) -> Linear:
    return map


def _check(objective: Objective, hessian: Any, M: jax.Array) -> None:
    """Raise for data that cannot be read, and for what is not finite."""
    fault = objective.fault()
    if fault:
        raise ValueError(fault)
    if hessian is not None:
        check_finite(np.asarray(hessian))
    if not np.isfinite(np.asarray(M)).all():
        raise ValueError(f"fun: the squares of a feature are beyond {M.dtype}; give it in other units.")
