"""The methods users name that know or learn curvature: each a factory that puts the parts together."""

from typing import Any

from jgd.core import check
from jgd.core.objective import Objective
from jgd.directions.newton import NewtonRaphson, SafeNewton
from jgd.directions.newton_cg import NewtonCG
from jgd.directions.quasi_newton import BFGS, LBFGS
from jgd.methods.descent import Descent, search_or
from jgd.methods.trust_region import Exact, Truncated, TrustRegion
from jgd.searches.armijo import Armijo
from jgd.searches.fixed import Fixed
from jgd.searches.wolfe import Wolfe


def newton_raphson() -> Descent:
    """Newton-Raphson, pure: x+ = x - H(x)^-1 grad f(x), the full step, come what may.

    One step on a quadratic, errors that square near a regular minimum, the same iterates under any
    linear change of variables; but it may climb, it is drawn to saddles, and a singular Hessian makes
    the step infinite. It is here to be compared with; `newton()` is the safe one.
    Reference: Nocedal & Wright (2006), Numerical Optimization, eq. 2.15.
    """
    return Descent(NewtonRaphson(), Fixed(1.0), "newton_raphson")


def newton() -> Descent:
    """Newton's method made safe: x+ = x - rate (H(x) + tau D^2)^-1 grad f(x).

    D has the roots of H's diagonal; tau >= 0 is the first tried that makes the matrix positive definite
    (reported for each step as `shift`), and rate backtracks from 1 to a sufficient decrease. The dense
    Hessian takes n^2 numbers.
    Raises ValueError when the Hessian would not fit.
    Reference: Nocedal & Wright (2006), Numerical Optimization, algorithms 3.2 and 3.3.
    """
    return Descent(SafeNewton(), Armijo(growth=None), "newton")


def gauss_newton() -> Descent:
    """Gauss-Newton for `jgd.residuals`: x+ = x - rate (J^T J + tau D^2)^-1 J^T r.

    J is the Jacobian of the residuals r, D has the roots of the diagonal of J^T J; tau >= 0 is the first
    tried that makes the matrix safely positive definite (reported as `shift`), and rate backtracks from 1 to
    a sufficient decrease. Memory: n^2 numbers.
    Raises TypeError when the objective is not one of `jgd.residuals`.
    Reference: Nocedal & Wright (2006), Numerical Optimization, eq. 10.23.
    """
    return Descent(SafeNewton(Objective.ravelled_gauss_newton), Armijo(growth=None), "gauss_newton")


def levenberg_marquardt(radius: Any = None) -> TrustRegion:
    """Levenberg-Marquardt for `jgd.residuals`: the exact trust region on the model |r + J d|^2 / 2.

    x+ = x - (J^T J + tau D^2)^-1 J^T r, with D the roots of the diagonal of J^T J and tau >= 0 such that
    |D d| is within the radius, which follows how well the model foretold f; `radius` is the first one, None
    for |D x0|. Memory: 3 n^2 numbers.

    Raises TypeError when the objective is not one of `jgd.residuals`, or for a radius that is no number,
    ValueError for one that is not positive.
    Reference: More (1978), The Levenberg-Marquardt algorithm: implementation and theory, algorithm 7.1.
    """
    return _trusted(Exact(Objective.ravelled_gauss_newton), radius, "levenberg_marquardt")


def lbfgs(memory: int = 10, search: Any = None) -> Descent:
    """Limited-memory BFGS: x+ = x - rate B grad f(x), B the inverse Hessian of the last `memory` pairs.

    The pairs are s, y, the changes of x and of the gradient at the last steps; rate meets the strong Wolfe
    conditions (`search`, by default `jgd.wolfe()`), 1 being tried first. A run takes
    6 memory + 20 copies of x.

    Raises TypeError or ValueError for a memory below 1, TypeError for what is no search.
    Reference: Liu & Nocedal (1989), On the limited memory BFGS method for large scale optimization.

    >>> import jax.numpy as jnp, jgd
    >>> result = jgd.minimize(lambda x: jnp.sum(jnp.cosh(x - 1)), jnp.zeros(1000), jgd.lbfgs())
    >>> result.status.name
    'CONVERGED'
    """
    return Descent(LBFGS(check.whole("memory", memory)), search_or(Wolfe(), search), "lbfgs")


def bfgs(search: Any = None) -> Descent:
    """BFGS: x+ = x - rate B grad f(x), B the inverse Hessian learnt from all steps so far, n^2 numbers.

    rate meets the strong Wolfe conditions (`search`, by default `jgd.wolfe()`), 1 being tried first.
    Raises TypeError for what is no search.
    Reference: Nocedal & Wright (2006), Numerical Optimization, algorithm 6.1.
    """
    return Descent(BFGS(), search_or(Wolfe(), search), "bfgs")


def newton_cg(most: int = 100) -> Descent:
    """Newton's method by truncated conjugate gradients: x+ = x + rate d, d ~ -H(x)^-1 grad f(x).

    H is never formed: at most `most` products v -> H v a step. Where f bends downward, d goes that way.
    rate meets the strong Wolfe conditions, 1 being tried first. A run takes 15 copies of x.
    Raises TypeError or ValueError for `most` below 1.
    Reference: Nocedal & Wright (2006), Numerical Optimization, algorithm 7.1.
    """
    return Descent(NewtonCG(check.whole("most", most)), Wolfe(), "newton_cg")


def trust_region(radius: Any = None) -> TrustRegion:
    """Trust region with the exact minimum of the model, for up to some hundred parameters.

    x+ = x + d, d the minimum of grad.d + d.Hd/2 with |D d| <= radius, D the roots of H's diagonal: the units
    of x do not matter, and H may be indefinite. The radius follows how well the model foretold f; `radius` is
    the first one, None for |D x0|. Trials that failed are counted as rejected. Memory: 3 n^2 numbers.

    Raises TypeError or ValueError for a radius that is not positive.
    Reference: More & Sorensen (1983), Computing a trust region step; Conn, Gould & Toint (2000).

    >>> import jax.numpy as jnp, jgd
    >>> loss = lambda x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    >>> jgd.minimize(loss, jnp.array([-1.2, 1.0]), jgd.trust_region()).status.name
    'CONVERGED'
    """
    return _trusted(Exact(), radius, "trust_region")


def trust_region_cg(radius: Any = None, most: int = 100) -> TrustRegion:
    """Trust region by truncated conjugate gradients, for any number of parameters: H is never formed.

    x+ = x + d, d where conjugate gradients on the model have a residual of min(1/2, sqrt |grad|) |grad|;
    where they leave the radius or meet negative curvature, the minimum in a larger Krylov space. At most
    `most` + 10 products v -> H v a trial. A step that took 50 or more takes 8 further ones to learn
    units of x in which the rows of H are about equally long; lengths are measured in them from then on.
    `radius` is the first one, by default 1. Trials that failed are counted as rejected. A run takes 31
    copies of x.

    Raises TypeError or ValueError for numbers that are not positive.
    Reference: Steihaug (1983), The conjugate gradient method and trust regions in large scale optimization;
    Gould, Lucidi, Roma & Toint (1999), Solving the trust-region subproblem using the Lanczos method;
    Bradley & Murray (2011), Matrix-free approximate equilibration.
    """
    return _trusted(Truncated(check.whole("most", most)), radius, "trust_region_cg")


def _trusted(model: Any, radius: Any, name: str) -> TrustRegion:
    """The trust region on a model; raises for a first radius that is not positive."""
    if radius is not None:
        check.number("radius", radius, above=0)
    return TrustRegion(model, radius, name=name)
