"""The shape of an objective: convexity, Taylor models, spectral density and trace, input checked."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jgd.core import check
from jgd.geometry import density
from jgd.geometry.convexity import Convexity, along, around
from jgd.geometry.density import Density, Trace
from jgd.geometry.taylor import Taylor, taylor_model
from jgd.prepare import prepare_objective


def is_convex_along(
    fun: Callable, x: Any, y: Any, *, args: tuple = (), has_aux: bool = False, samples: int = 100
) -> Convexity:
    """Whether f is seen to be non-convex on the segment from x to y: the curvature along it at many points.

    The answer prints as `violated at ..., lambda = ...` or `no violation in N samples`; never as 'convex',
    which no number of samples shows. lambda is d.H d/d.d with d = y - x, by two products a sample; samples
    where it or f is not finite do not count.

    Raises TypeError or ValueError for bad input, for x and y of different shapes and for x equal to y.

    >>> import jax.numpy as jnp, jgd
    >>> left, right = jnp.array([-1.0]), jnp.array([1.0])
    >>> print(jgd.is_convex_along(lambda x: jnp.sum(x**4 - x**2), left, right, samples=3))
    violated at [0.], lambda = -2
    """
    objective, x = prepare_objective(fun, x, args, has_aux, "x")
    _, y = prepare_objective(fun, y, args, has_aux, "y")
    check.whole("samples", samples, least=2)
    described = [jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), it) for it in (x, y)]
    if described[0] != described[1]:
        raise ValueError("x and y must be of the same structure, shapes and dtypes.")
    if all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(x), jax.tree.leaves(y), strict=True)):
        raise ValueError("x and y are the same point: give two, for example two starts.")
    return along(objective, x, y, samples)


def convexity(
    fun: Callable,
    x: Any,
    radius: float,
    *,
    args: tuple = (),
    has_aux: bool = False,
    samples: int = 100,
    products: int = 10,
    seed: int = 0,
) -> Convexity:
    """Whether f is seen to be non-convex around x: the lowest curvature at points drawn from a box.

    The points are x and `samples` - 1 further ones, uniform in x +- radius in every entry; at each a few
    steps of Lanczos (`products`) look for negative curvature. A violation found is a proof; none found
    proves nothing; samples where f or the curvature is not finite do not count.
    The answer prints as `violated at ..., lambda = ...` or `no violation in N samples`.

    Raises TypeError or ValueError for bad input.

    >>> import jax.numpy as jnp, jgd
    >>> print(jgd.convexity(lambda x: jnp.sum(x**2), jnp.zeros(3), 1.0))
    no violation in 100 samples
    """
    objective, x = prepare_objective(fun, x, args, has_aux, "x")
    check.scalar("radius", radius, least=0)
    check.whole("samples", samples)
    check.whole("products", products, least=2)
    check.whole("seed", seed, least=0)
    return around(objective, x, float(radius), samples, products, seed)


def taylor(fun: Callable, x: Any, degree: int = 2, *, args: tuple = (), has_aux: bool = False) -> Taylor:
    """Taylor's model of degree 1 or 2 at x: m(d) = f(x) + grad.d (+ d.H d/2).

    Its methods tell the predicted and the actual decrease along a step, and where the model is lowest:
    within a bound for degree 1, which is a step of gradient descent, or at all for degree 2: Newton's.

    Raises TypeError or ValueError for bad input.

    >>> import jax.numpy as jnp, jgd
    >>> model = jgd.taylor(lambda x: jnp.sum(x**2), jnp.array([3.0]))
    >>> round(float(model.minimizer()[0]), 4), round(model.ratio(model.minimizer()), 4)
    (-3.0, 1.0)
    """
    objective, x = prepare_objective(fun, x, args, has_aux, "x")
    if degree not in (1, 2):
        raise ValueError(f"degree must be 1 or 2, got {degree!r}.")
    return taylor_model(objective, x, degree)


def spectral_density(
    fun: Callable,
    x: Any,
    *,
    args: tuple = (),
    has_aux: bool = False,
    steps: int = 40,
    samples: int = 10,
    points: int = 400,
    width: float | None = None,
    seed: int = 0,
) -> Density:
    """The density of the Hessian's eigenvalues at x, by stochastic Lanczos quadrature.

    `samples` random vectors, `steps` products each. `width` is the standard deviation of the Gaussian that
    stands for one eigenvalue, by default a fiftieth of the range. Returns a `Density` with `grid`, `density`
    and its standard `error`. Needs matfree: `jgd[curvature]`.

    Raises TypeError or ValueError for bad input, ImportError without matfree.
    """
    objective, x = prepare_objective(fun, x, args, has_aux, "x")
    for name, value in {"steps": steps, "samples": samples, "points": points}.items():
        check.whole(name, value, least=1)
    if width is not None:
        check.number("width", width, above=0)
    check.whole("seed", seed, least=0)
    return density.estimated(
        objective, x, steps=steps, samples=samples, points=points, width=width, seed=seed
    )


def hessian_trace(
    fun: Callable, x: Any, *, args: tuple = (), has_aux: bool = False, samples: int = 100, seed: int = 0
) -> Trace:
    """The trace of the Hessian at x, with its standard error, from random signs.

    Needs matfree: `jgd[curvature]`.

    Raises TypeError or ValueError for bad input, ImportError without matfree.
    """
    objective, x = prepare_objective(fun, x, args, has_aux, "x")
    check.whole("samples", samples)
    check.whole("seed", seed, least=0)
    return density.trace(objective, x, samples=samples, seed=seed)
