"""Trust regions: a quadratic model, minimized where it is trusted."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.record import record, static
from jgd.core.status import Status
from jgd.core.types import Info, Point, Step
from jgd.linalg.dense import times, units
from jgd.linalg.free import among, part, reduced
from jgd.linalg.krylov import beyond
from jgd.linalg.region import within_radius
from jgd.linalg.rows import PROBES, Rows, looked, row_units, unknown
from jgd.linalg.symmetric import eigh
from jgd.linalg.truncated import forcing, normalized, steihaug
from jgd.searches.trials import noise, told

PAYS = 50
"""A step of fewer products is too cheap for a look at the rows to pay."""


@record
class Exact:
    """The model's minimum within the radius, by the eigenvalues of a dense Hessian.

    Lengths are those of D d, with D the roots of the Hessian's diagonal: the units of x do not matter.
    One Hessian a step, whatever the number of trials. Memory: 3 n^2 numbers. `curvature` gives the products
    v -> H v that the Hessian is made of.
    """

    curvature: Callable = static(default=Objective.ravelled_hvp)

    def init(self, point: Point) -> None:
        """Nothing is kept from step to step."""

    def look(self, f: Objective, p: Point, kept: None) -> tuple[Any, Info]:
        """Eigenvalues, eigenvectors, the gradient in their basis, 1/D, and which entries are free."""
        free = f.ravelled_free(p)
        hessian = reduced(f.hessian(p.x, self.curvature), free)
        scale = units(hessian)
        values, basis = eigh(hessian * scale[:, None] * scale)
        g = part(tree.vector(p.grad), free) * scale
        return (values, basis, times(g, basis), scale, free), Info(hessians=1)

    def first_radius(self, f: Objective, p: Point, seen: Any) -> jax.Array:
        """|D x|, or |grad / D| where that is 0."""
        length = jnp.linalg.norm(tree.vector(p.x) / seen[3])
        return jnp.where(length > 0, length, jnp.linalg.norm(seen[2]))

    def minimum(self, f: Objective, p: Point, seen: Any, radius: jax.Array) -> tuple:
        """d, its length, the decrease that the model promises, and no products."""
        values, basis, g, scale, free = seen
        d = within_radius(values, g, radius)
        promised = -jnp.sum(d * (g + values * d / 2))
        return part(scale * times(basis, d), free), jnp.linalg.norm(d), promised, jnp.zeros((), jnp.int32)

    def promise(self, f: Objective, p: Point, seen: Any, move: jax.Array) -> tuple[jax.Array, int]:
        """The decrease that the model promises of another move, and the products that it took."""
        values, basis, g, scale, _ = seen
        d = times(move / scale, basis)
        return -jnp.sum(d * (g + values * d / 2)), 0

    def learn(self, f: Objective, p: Point, kept: None, products: jax.Array) -> tuple[None, int]:
        """Nothing, by no products."""
        return None, 0


@record
class Truncated:
    """Truncated conjugate gradients on the model, by Hessian-vector products alone.

    They end at a residual of min(1/2, sqrt |grad|) |grad|, at the radius, at negative curvature or
    after `most` products; where they end on the boundary early, the model is minimized in a larger Krylov
    space. All lengths are those in units in which the Hessian's rows are about equally long: a step that
    took `PAYS` products or more looks at the rows, those of entries that a bound holds included.
    Memory: 22 copies of x.
    """

    most: int = static(default=100)
    curvature: Callable = static(default=Objective.ravelled_hvp)

    def init(self, point: Point) -> Rows:
        """All units are 1."""
        return unknown(tree.vector(point.x).size)

    def look(self, f: Objective, p: Point, kept: Rows) -> tuple[Any, Info]:
        """The units."""
        return row_units(kept).astype(tree.vector(p.x).dtype), Info()

    def first_radius(self, f: Objective, p: Point, seen: Any) -> jax.Array:
        """1 in x: a longer first step may lead into another basin."""
        return (1 / jnp.max(seen)).astype(tree.scalar_dtype(p.x))

    def minimum(self, f: Objective, p: Point, seen: Any, radius: jax.Array) -> tuple:
        """d, its length, the decrease that the model promises, and the number of products."""
        free = f.ravelled_free(p)
        bend = among(self.curvature(f, p.x), free)
        g = seen * part(tree.vector(p.grad), free)
        product, g, unit = normalized(lambda v: seen * bend(seen * v), g)
        ended = steihaug(product, g, radius, forcing(g, unit), min(self.most, 2 * g.size))
        ended = beyond(product, g, radius, ended)
        return seen * ended.d, jnp.linalg.norm(ended.d), ended.decrease * unit, ended.products

    def promise(self, f: Objective, p: Point, seen: Any, move: jax.Array) -> tuple[jax.Array, int]:
        """The decrease that the model promises of another move, and the products that it took."""
        g = tree.vector(p.grad)
        return -times(move, g + self.curvature(f, p.x)(move) / 2), 1

    def learn(self, f: Objective, p: Point, kept: Rows, products: jax.Array) -> tuple[Rows, jax.Array]:
        """What is known of the rows, and the products that took."""
        probes = jnp.where(products >= PAYS, PROBES, 0)
        product, dtype = self.curvature(f, p.x), tree.vector(p.x).dtype
        return lax.cond(probes > 0, lambda: looked(product, kept, dtype, probes), lambda: kept), probes


@record
class Region:
    """The radius, 0 where there is none yet, and what the model keeps."""

    radius: jax.Array
    kept: Any


@record
class TrustRegion:
    """x+ = x + d, d the minimum of the quadratic model of f at x within a radius that follows its success.

    A trial is taken if f falls by at least `least` of what the model promised; otherwise the radius becomes a
    quarter of |d| and the model is minimized again. The radius doubles where the model was good (3/4) and
    d on the boundary. Where values differ by no more than rounding, the change of f is that of the mean
    slope. Within bounds the entries that are pressed against one are left out of the model, a trial is moved
    into the bounds, and what is promised is what the model says of the move. Where no trial is taken from a
    radius that earlier steps have left, the next step begins with a first radius again; where none is from
    there, the method has failed. The state is the radius, reported as `radius`.

    Reference: Conn, Gould & Toint (2000), Trust-Region Methods, algorithm 6.1.1; Nocedal & Wright (2006),
    Numerical Optimization, algorithm 4.1.
    """

    model: Any
    first_radius: Any = None
    least: Any = 1e-4
    name: str = static(default="trust_region")
    max_trials: int = static(default=40)

    def init(self, f: Objective, point: Point) -> Region:
        """No radius yet."""
        return Region(jnp.zeros((), tree.scalar_dtype(point.x)), self.model.init(point))

    def step(self, f: Objective, point: Point, state: Region) -> Step:
        """One accepted trial."""
        dtype = state.radius.dtype
        x = tree.vector(point.x)
        seen, looked = self.model.look(f, point, state.kept)
        first = self.model.first_radius(f, point, seen) if self.first_radius is None else self.first_radius
        radius = jnp.where(state.radius > 0, state.radius, jnp.asarray(first, dtype))
        value, rounding = point.value.astype(dtype), noise(point, dtype)

        def trying(carry: tuple) -> jax.Array:
            _, _, good, _, trials, *_ = carry
            return ~good & (trials < self.max_trials)

        def attempt(carry: tuple) -> tuple:
            radius, _, _, products, trials, at_first, inside, _ = carry
            d, length, promised, took = self.model.minimum(f, point, seen, radius)
            trial = f.evaluate(tree.unravelled(x + d, point.x))
            if f.box is not None:
                promised, more = self.model.promise(f, point, seen, tree.vector(trial.x) - x)
                took = took + more
            fell = value - trial.value.astype(dtype)
            move = tree.subtract(trial.x, point.x)
            by_slope = -(tree.dot(point.grad, move) + tree.dot(trial.grad, move)).astype(dtype) / 2
            fell = jnp.where(jnp.abs(fell) <= rounding, by_slope, fell)
            ratio = fell / promised
            good = (promised > 0) & (ratio >= self.least) & jnp.isfinite(fell) & tree.all_finite(trial.grad)
            smaller = ~(ratio >= 0.25) | ~good
            larger = (ratio >= 0.75) & (length >= 0.8 * radius)
            at_first = jnp.where(trials == 0, promised, at_first)
            inside = jnp.where(trials == 0, length < 0.8 * radius, inside)
            radius = jnp.where(smaller, length / 4, jnp.where(larger, 2 * radius, radius))
            return radius, trial, good, products + took, trials + 1, at_first, inside, length

        zero, nothing = jnp.zeros((), jnp.int32), jnp.zeros((), dtype)
        start = (radius, point, zero > 0, zero, zero, nothing, zero > 0, nothing)
        radius, trial, good, products, trials, at_first, inside, length = lax.while_loop(
            trying, attempt, start
        )
        again = ~good & ~inside & (state.radius > 0)
        radius = jnp.where(again, nothing, radius)
        beneath = (at_first >= 0) & (at_first <= rounding)
        failure = jnp.where(beneath, Status.PRECISION_LIMIT, Status.SEARCH_FAILED)
        failure = jnp.where(again, Status.RUNNING, failure)
        kept, more = self.model.learn(f, point, state.kept, products)
        info = told(length, good, trials, failure, products + more)
        info = dataclasses.replace(info, hessians=looked.hessians)
        return Step(tree.select(good, trial, point), Region(radius, kept), info)

    def report(self, state: Region) -> dict[str, jax.Array]:
        """The radius of the next step."""
        return {"radius": state.radius}
