"""Quadratics, a saddle and a two-sided slope: the small losses on which rates can be reasoned."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from jgd.problems.casting import same_dtype
from jgd.problems.problem import Problem


def quadratic_loss(x: Any, H: Any) -> jax.Array:
    """Quadratic form f(x) = x^T H x / 2; an H of shape (n,) is a diagonal matrix's diagonal."""
    x, H = same_dtype(x, H)
    return 0.5 * jnp.vdot(x, H * x if H.ndim == 1 else H @ x)


def quadratic(
    spectrum: ArrayLike,
    *,
    rotate: bool = False,
    seed: int = 0,
    x0: ArrayLike | None = None,
) -> Problem:
    """Quadratic with the eigenvalues given, diagonal or turned by a random rotation.

        f(x) = x^T H x / 2,  H = diag(spectrum)  or  Q diag(spectrum) Q^T

    spectrum: the n eigenvalues of H, of any sign; with a negative one f has no minimum.
    rotate: take Q, orthogonal and uniformly distributed, from NumPy's generator at `seed`.
    x0: the start, of shape (n,); all ones by default.
    Raises ValueError where a shape is wrong.
    """
    spectrum = np.asarray(spectrum, float)
    if spectrum.ndim != 1 or spectrum.size == 0:
        raise ValueError(f"spectrum must be a vector of eigenvalues, not of shape {spectrum.shape}")
    start = np.ones_like(spectrum) if x0 is None else np.asarray(x0, float)
    if start.shape != spectrum.shape:
        raise ValueError(f"x0 must have the shape of spectrum, {spectrum.shape}, not {start.shape}")
    sizes = np.abs(spectrum)
    condition = sizes.max() / sizes.min() if sizes.min() > 0 else np.inf
    bounded = bool((spectrum >= 0).all())
    return Problem(
        name=f"quadratic-{condition:g}" + ("-rotated" if rotate else ""),
        fun=quadratic_loss,
        x0=start,
        args=(_rotated(spectrum, seed) if rotate else spectrum,),
        minimum=0.0 if bounded else None,
        minimizers=(np.zeros_like(spectrum),) if bounded else (),
        note=f"n = {spectrum.size}, condition number {condition:g}",
    )


def _rotated(spectrum: np.ndarray, seed: int) -> np.ndarray:
    """Q diag(spectrum) Q^T with Q uniform over the orthogonal matrices.

    Reference: Mezzadri (2007), How to generate random matrices from the classical compact groups
    (the signs of R's diagonal make QR's Q uniform).
    """
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((spectrum.size,) * 2))
    q = q * np.sign(np.diag(r))
    H = (q * spectrum) @ q.T
    return 0.5 * (H + H.T)


def valley(condition: float = 100.0, *, x0: ArrayLike = (3.0, 1.0)) -> Problem:
    """Valley: the two-dimensional quadratic of a given condition number.

        f(x, y) = (x^2 + condition y^2) / 2

    From x0 = (condition, 1), or any multiple, exact line search does as badly as it ever can:
    each step multiplies f by ((condition - 1) / (condition + 1))^2.

    Reference: Akaike (1959), On a successive transformation of probability distribution.
    """
    return dataclasses.replace(
        quadratic([1.0, condition], x0=x0),
        name="valley" if condition == 100.0 else f"valley-{condition:g}",
    )


def saddle_loss(x: Any) -> jax.Array:
    """Saddle f(x, y) = x^2/2 - y^2/2 + y^4/4, for x of shape (2,)."""
    x = jnp.asarray(x)
    return 0.5 * x[0] ** 2 - 0.5 * x[1] ** 2 + 0.25 * x[1] ** 4


def saddle() -> Problem:
    """Saddle at the origin between two minima, started close to the line that leads into it.

        f(x, y) = x^2/2 - y^2/2 + y^4/4

    Gradient descent comes in along x at rate 1 - eta and leaves along y at 1 + eta, so the start's
    y = 1e-2 costs ln(100) / ln(1 + eta) steps. From y = 0 exactly it never leaves.
    """
    return Problem(
        name="saddle",
        fun=saddle_loss,
        x0=np.array([1.0, 1e-2]),
        minimum=-0.25,
        minimizers=(np.array([0.0, 1.0]), np.array([0.0, -1.0])),
    )


def two_slopes_loss(w: Any, steepness: Any) -> jax.Array:
    """Two slopes f(w) = exp(s w) - s w - 1 with s = steepness, summed over the entries of w."""
    w, steepness = same_dtype(w, steepness)
    return jnp.sum(jnp.expm1(steepness * w) - steepness * w)


def two_slopes(steepness: float = 4.0) -> Problem:
    """Two slopes: a one-dimensional convex loss, straight on the left, exponential on the right.

        f(w) = exp(s w) - s w - 1,  f'(w) = s (exp(s w) - 1),  f''(w) = s^2 exp(s w),  s = steepness

    No single rate eta does both of what is needed. To settle at the minimum it must stay under
    2 / f''(0) = 2 / s^2; on the left, where f' = -s and no curvature shows, it then walks at most
    2 / s a step however far it has to go. A larger rate walks faster and lands on the right, where
    the slope throws it back by eta s exp(s w). The start is on the left.
    """
    return Problem(
        name="two-slopes" if steepness == 4.0 else f"two-slopes-{steepness:g}",
        fun=two_slopes_loss,
        x0=np.array([-5.0]),
        args=(np.asarray(steepness, float),),
        minimum=0.0,
        minimizers=(np.zeros(1),),
    )
