"""The methods users name that know gradients alone: each a factory that puts the parts together."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import check
from jgd.core.types import is_search
from jgd.directions.conjugate import Conjugate, hager_zhang, polak_ribiere
from jgd.directions.momentum import Accelerated, HeavyBall, LookAhead, Optimized
from jgd.directions.steepest import Steepest
from jgd.directions.variance_reduced import VarianceReduced
from jgd.methods.descent import Descent, search_or
from jgd.methods.optax import OptaxMethod, from_optax
from jgd.searches.armijo import Armijo
from jgd.searches.fixed import Fixed, Scheduled
from jgd.searches.measured import Measured
from jgd.searches.wolfe import Wolfe


def _search(learning_rate: Any, measured: Measured) -> Any:
    """The search that a learning rate stands for: a number, a schedule, "auto", or a search as it is."""
    if learning_rate is None:
        return Armijo()
    if isinstance(learning_rate, str) and learning_rate == "auto":
        return measured
    if is_search(learning_rate):
        return learning_rate
    if callable(learning_rate):
        return Scheduled(_schedule(learning_rate))
    check.number("learning_rate", learning_rate, above=0)
    return Fixed(learning_rate)


def _measured_heavy_ball(momentum: Any) -> Measured:
    """0.7 (1 + sqrt beta)^2/lambda max: well inside of what a quadratic bears, since others bear less."""
    return Measured(scale=0.7 * (1 + momentum**0.5) ** 2, tilt=0.0)


def _schedule(schedule: Callable) -> Callable:
    """The schedule; TypeError if it does not take a step number and return a rate."""
    name = getattr(schedule, "__name__", type(schedule).__name__)
    try:
        with jax.numpy_dtype_promotion("standard"):
            rate = jax.eval_shape(lambda k: jnp.asarray(schedule(k), float), jnp.zeros((), int))
    except Exception as error:
        hint = f"; if it makes a search, write {name}(...)" if hasattr(schedule, "__name__") else ""
        raise TypeError(
            f"learning_rate: {name} is not a schedule, a function of the step number that returns a rate "
            f"({str(error).splitlines()[0]}){hint}."
        ) from error
    if rate.shape != ():
        raise TypeError(f"learning_rate: the schedule {name} must return one number, got shape {rate.shape}.")
    return schedule


def gradient_descent(learning_rate: Any = None, momentum: Any = None, nesterov: bool = False) -> Descent:
    """Gradient descent: x+ = x - learning_rate * grad f(x).

    Args:
      learning_rate: a positive number (in units of x per unit of gradient), an optax schedule
        `step -> rate`, a search (`jgd.armijo()`, `jgd.exact()`, `jgd.silver(1/L)`), or "auto": the rate that
        the Hessian's eigenvalues allow, measured as the run goes: without momentum 1.95/(lambda max +
        lambda min). None, the default, is Armijo backtracking.
      momentum: None for none; else beta in [0, 1), and v <- beta v - grad, x+ = x + rate v.
      nesterov: with momentum, take the gradient at the look-ahead point.

    A run takes 8 copies of x, 11 with momentum or with a search.

    Raises:
      TypeError, ValueError: for a rate that is not positive and finite, a momentum outside [0, 1),
        or `nesterov` without a momentum.

    Reference: Cauchy (1847); Polyak (1964), eq. 9; Nesterov (2004), scheme 2.2.11.

    >>> import jax.numpy as jnp, jgd
    >>> result = jgd.minimize(lambda x: jnp.sum(x**2), jnp.ones(2), jgd.gradient_descent(0.25))
    >>> result.status.name
    'CONVERGED'
    """
    if momentum is None:
        if nesterov:
            raise ValueError("nesterov=True needs a momentum, for example momentum=0.9.")
        return Descent(Steepest(), _search(learning_rate, Measured(scale=1.95)), "gradient_descent")
    check.number("momentum", momentum, least=0, below=1)
    if nesterov:
        search = _search(learning_rate, Measured(scale=1.0, tilt=0.0))
        return Descent(LookAhead(momentum), search, "gradient_descent")
    search = _search(learning_rate, _measured_heavy_ball(momentum))
    return Descent(HeavyBall(momentum), search, "gradient_descent")


def heavy_ball(learning_rate: Any, momentum: Any = 0.9) -> Descent:
    """The heavy-ball method: x+ = x - learning_rate * grad f(x) + momentum * (x - x_before).

    On a quadratic with eigenvalues in [mu, L] the best constants are
    learning_rate = 4/(sqrt L + sqrt mu)^2 and momentum = ((sqrt kappa - 1)/(sqrt kappa + 1))^2,
    kappa = L/mu. On other convex functions they may cycle for ever. learning_rate="auto" is
    0.7 (1 + sqrt momentum)^2/L with L measured as the run goes; f never rises, and where the velocity leads
    uphill it is dropped. A run takes 11 copies of x.

    Raises TypeError or ValueError for a rate that is not positive or a momentum outside [0, 1).
    Reference: Polyak (1964), Some methods of speeding up the convergence of iteration methods.
    """
    check.number("momentum", momentum, least=0, below=1)
    search = _search(learning_rate, _measured_heavy_ball(momentum))
    return Descent(HeavyBall(momentum), search, "heavy_ball")


def nesterov(learning_rate: Any, momentum: Any = None) -> Descent:
    """Nesterov's accelerated gradient: x+ = y - h grad f(y), y+ = x+ + beta (x+ - x).

    h is `learning_rate`, best 1/L. `momentum` is beta in [0, 1), for a strongly convex function best
    (sqrt kappa - 1)/(sqrt kappa + 1); None, the default, lets it grow as (t_k - 1)/t_{k+1}, for convex
    functions. The Point of the run is y, where the gradient is taken. learning_rate="auto" is 1/L with L
    measured as the run goes; f never rises, and where the momentum leads uphill it is dropped.
    A run takes 12 copies of x.

    Raises TypeError or ValueError for a rate that is not positive or a momentum outside [0, 1).
    Reference: Nesterov (1983); Nesterov (2004), Introductory Lectures, scheme 2.2.11.
    """
    if momentum is None:
        return Descent(Accelerated(), _search(learning_rate, Measured(scale=1.0, tilt=0.0)), "nesterov")
    check.number("momentum", momentum, least=0, below=1)
    return Descent(LookAhead(momentum), _search(learning_rate, Measured(scale=1.0, tilt=0.0)), "nesterov")


def ogm(steps: int, learning_rate: Any) -> Descent:
    """The optimized gradient method over `steps` steps: the best worst case of all first-order methods.

    `learning_rate` is 1/L for an L-smooth convex function; after `steps` steps
    f - f* <= L R^2 / (2 theta_N^2), R the distance from the start to the minimizer. Run it with
    `max_steps=steps`; further steps begin the plan afresh.

    Raises TypeError or ValueError for steps below 1 or a rate that is not positive.
    Reference: Kim & Fessler (2016), Optimized first-order methods for smooth convex minimization.
    """
    check.number("learning_rate", learning_rate, above=0)
    return Descent(Optimized(check.whole("steps", steps)), Fixed(learning_rate), "ogm")


def svrg(learning_rate: Any, epochs: int = 2) -> Descent:
    """Stochastic variance-reduced gradient, for `jgd.finite_sum` with a batch_size.

    x+ = x - learning_rate (grad f_k(x) - grad f_k(s) + grad F(s)), f_k the batch of step k, F all examples.
    The snapshot s is the x of the run, taken anew every `epochs` epochs. As x and s come near the minimum the
    noise dies out: a constant rate leads to the exact minimum, linearly where F is strongly convex. Try
    0.1/L, L the largest curvature of one example's loss.
    `epochs` is 2 as Johnson & Zhang have it for convex losses; for others they take 5.
    A step takes the gradient of its batch at x and at s, and a snapshot that of all examples, counted as the
    batches of an epoch: 2 + 1/epochs gradients a step in all. With all examples at every step this is
    gradient descent. A run takes 8 copies of x; on mini-batches 5 more than gradient descent.

    Raises TypeError or ValueError for a rate that is not a positive number, or epochs below 1.
    Reference: Johnson & Zhang (2013), Accelerating stochastic gradient descent using predictive variance
    reduction, figure 1 and theorem 1.

    >>> import jax.numpy as jnp, jgd
    >>> data = (jnp.array([1.0, 2.0, 3.0, 4.0]), jnp.array([1.0, 1.0, 3.0, 2.0]))
    >>> loss = lambda w, row: 0.5 * (row[0] * w - row[1]) ** 2
    >>> fit = jgd.finite_sum(loss, data, batch_size=1)
    >>> result = jgd.minimize(fit, jnp.zeros(()), jgd.svrg(0.02))
    >>> result.status.name, round(float(result.x), 4)  # 20/30
    ('CONVERGED', 0.6667)
    """
    check.number("learning_rate", learning_rate, above=0)
    return Descent(VarianceReduced(check.whole("epochs", epochs)), Fixed(learning_rate), "svrg")


FORMULAS = {"hager-zhang": hager_zhang, "polak-ribiere": polak_ribiere}
"""The names of the coefficients of conjugate gradients."""


def conjugate_gradient(formula: str = "hager-zhang", search: Any = None) -> Descent:
    """Non-linear conjugate gradients: d = -grad + beta d_before, x+ = x + rate d.

    `formula` names beta: "hager-zhang", or "polak-ribiere" for its non-negative part. The search is
    strong Wolfe with a slope of at most a tenth. On a quadratic of n variables n steps are enough.
    A run takes 21 copies of x.

    Raises ValueError for another formula, TypeError for what is no search.
    Reference: Hager & Zhang (2005), A new conjugate gradient method; Gilbert & Nocedal (1992).
    """
    if formula not in FORMULAS:
        raise ValueError(f"formula must be one of {', '.join(FORMULAS)}, got {formula!r}.")
    search = search_or(Wolfe(curvature=0.1), search)
    return Descent(Conjugate(FORMULAS[formula]), search, "conjugate_gradient")


def adam(
    learning_rate: float | Callable = 1e-3, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8
) -> OptaxMethod:
    """Adam, optax's: each coordinate's rate divided by the root of its mean squared gradient.

    m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2, x+ = x - learning_rate m^ / (sqrt v^ + eps), with
    m^ = m/(1 - b1^t), v^ = v/(1 - b2^t). `learning_rate` is a positive number or an optax schedule. A run
    takes 14 copies of x.

    Raises TypeError or ValueError for a rate that is not positive or decays outside [0, 1).
    Reference: Kingma & Ba (2015), Adam: a method for stochastic optimization, algorithm 1.
    """
    if not callable(learning_rate):
        check.number("learning_rate", learning_rate, above=0)
    check.number("b1", b1, least=0, below=1)
    check.number("b2", b2, least=0, below=1)
    check.number("eps", eps, least=0)
    return from_optax(optax.adam, learning_rate=learning_rate, b1=b1, b2=b2, eps=eps)
