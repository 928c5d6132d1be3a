"""The gauge of curvature: what a run tells of it as it goes."""

from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import check, tree
from jgd.core.objective import Objective
from jgd.core.record import record, static
from jgd.core.types import Point
from jgd.linalg import lanczos


@record
class CurvatureGauge:
    """Measures of curvature at recorded steps, from x to x+ at the rate eta, with g = grad f(x), s = x+ - x.

    `rayleigh`: R = g.Hg/g.g at x, by one Hessian-vector product; without `product` the secant's
    s.(g+ - g)/s.s, which is free: the mean curvature along the step, and the same as
    g.(g - g+)/(eta g.g) where s = -eta g. `rate_curvature`: eta R; gradient descent converges monotonically
    along g below 1, overshoots up to 2, and diverges above. `alpha`: eta R - 1. `decrease_ratio`: the actual
    decrease f - f+ over the -g.s that the model of degree 1 predicts. `cosine`: that of the angle between g
    and g+. `path_ratio`: the length of the path so far over |x+ - x0|. `sharpness`: the highest eigenvalue
    of H at x+, by as many Lanczos steps as `sharpness` says, begun at the vector found before.

    At the start, and where a quotient has no denominator, the measures of a step are NaN. What a gauge
    evaluates is not part of a Result's work.
    """

    product: bool = static(default=True)
    sharpness: int = static(default=0)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""
        step = ("rayleigh", "rate_curvature", "alpha", "decrease_ratio", "cosine", "path_ratio")
        return (*step, "sharpness") if self.sharpness else step

    def init(self, f: Objective, point: Point) -> tuple[Any, jax.Array, Any]:
        """x0, a path of no length, and a random vector to look for the sharpest direction from."""
        dtype = tree.scalar_dtype(point.x)
        vector = None
        if self.sharpness:
            vector = jax.random.normal(jax.random.key(0), (tree.size(point.x),), dtype)
        return point.x, jnp.zeros((), dtype), vector

    def follow(self, old: Point, new: Point, memory: tuple[Any, jax.Array, Any]) -> Any:
        """The path, longer by the step."""
        start, path, vector = memory
        step = tree.subtract(new.x, old.x)
        return start, path + jnp.sqrt(tree.dot(step, step)), vector

    def read(
        self, f: Objective, old: Point, new: Point, rate: Any, memory: tuple[Any, jax.Array, Any]
    ) -> tuple[tuple[Any, ...], Any]:
        """The measures of a step."""
        start, path, vector = memory
        g, s = old.grad, tree.subtract(new.x, old.x)
        gg, ss = tree.dot(g, g), tree.dot(s, s)
        if self.product:
            rayleigh = _ratio(tree.dot(g, f.hvp(old.x)(g)), gg)
        else:
            rayleigh = _ratio(tree.dot(s, tree.subtract(new.grad, g)), ss)
        wide = gg.dtype
        moved = ss > 0
        rate_curvature = jnp.asarray(rate, wide) * rayleigh
        decrease = old.value.astype(wide) - new.value.astype(wide)
        away = tree.subtract(new.x, start)
        lengths = jnp.sqrt(gg) * jnp.sqrt(tree.dot(new.grad, new.grad))
        measured = [
            rayleigh,
            rate_curvature,
            rate_curvature - 1,
            _ratio(decrease, -tree.dot(g, s)),
            jnp.where(moved, _ratio(tree.dot(g, new.grad), lengths), jnp.nan),
            _ratio(path, jnp.sqrt(tree.dot(away, away))),
        ]
        if self.sharpness:
            sharpness, vector = _sharpest(f, new.x, vector, self.sharpness)
            measured.append(sharpness)
        return tuple(measured), (start, path, vector)


def _ratio(a: jax.Array, b: jax.Array) -> jax.Array:
    """a/b, NaN where b is 0."""
    nothing = b == 0
    return jnp.where(nothing, jnp.nan, a / jnp.where(nothing, jnp.ones_like(b), b))


def _sharpest(f: Objective, x: Any, vector: jax.Array, steps: int) -> tuple[jax.Array, jax.Array]:
    """The highest Ritz value of some Lanczos steps from `vector`, and its vector."""
    t = lanczos.extend(f.ravelled_hvp(x), lanczos.begin(vector, min(steps, vector.size)), steps)
    values, weights = lanczos.small_eigh(t)
    return values[-1], weights[:, -1] @ t.basis[:-1]


def curvature_gauge(product: bool = True, sharpness: int = 0) -> CurvatureGauge:
    """A gauge of curvature for `recorder=jgd.Recorder(gauge=jgd.curvature_gauge())`: see `CurvatureGauge`.

    `product`: whether R(g) takes a Hessian-vector product at each recorded step, or the free secant.
    `sharpness`: Lanczos steps spent on the highest eigenvalue at each recorded step, 0 for none; 5 to 20 do.
    The path's length is summed at every step; everything else is made at recorded steps only.

    Raises TypeError or ValueError for a number of steps that is negative or not whole.

    >>> import jax.numpy as jnp, jgd
    >>> recorder, method = jgd.Recorder(gauge=jgd.curvature_gauge()), jgd.gradient_descent(0.4)
    >>> run = jgd.minimize(lambda x: 2.0 * jnp.sum(x**2), jnp.ones(2), method, recorder=recorder)
    >>> float(run.history["rate_curvature"][1].round(4))  # eta R = 0.4 * 4: it overshoots
    1.6
    """
    check.whole("sharpness", sharpness, least=0)
    return CurvatureGauge(bool(product), sharpness)
