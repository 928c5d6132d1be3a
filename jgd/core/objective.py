"""The objective: a pure function of x, and everything that is derived from it."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jgd.core import tree
from jgd.core.box import Box
from jgd.core.examples import SumOf, hessian_of
from jgd.core.minibatch import Batches
from jgd.core.record import record, static
from jgd.core.residuals import WithResiduals
from jgd.core.sharded import Sharded
from jgd.core.streamed import Streamed
from jgd.core.types import Point

HESSIAN_LIMIT = 2**31
"""The largest dense Hessian that is formed, in bytes."""

HESSIAN_BLOCK = 128
"""How many columns of a dense Hessian are computed at once: their intermediate results share memory."""

HESSIAN_ROWS = 2048
"""At least so many rows of data go into a part of a dense Hessian: products of matrices want large ones."""


def check_dense(n: int, dtype: Any) -> None:
    """Raise ValueError, with the figure and the way out, if n^2 numbers take more than `HESSIAN_LIMIT`."""
    needed = n**2 * dtype.itemsize
    if needed > HESSIAN_LIMIT:
        raise ValueError(
            f"A dense Hessian of {n:,} parameters takes {needed / 2**30:,.1f} GiB "
            f"(limit {HESSIAN_LIMIT / 2**30:.0f} GiB): use a matrix-free method instead, for "
            "example jgd.lbfgs() or jgd.trust_region_cg(), and for jgd.curvature dense=False."
        )


@partial(jax.jit, static_argnums=(0, 3), inline=True)
def value_aux_and_grad(fun: Callable, x: Any, args: tuple, has_aux: bool) -> Any:
    """((value, aux), grad) of `fun(x, *args)`; traced once for each function, shape and dtype."""
    if has_aux:
        return jax.value_and_grad(fun, has_aux=True)(x, *args)
    value, grad = jax.value_and_grad(fun)(x, *args)
    return (value, None), grad


@record
class Objective:
    """The function to minimize, `fun(x, *args) -> scalar`, or `-> (scalar, aux)` with `has_aux`.

    `fun` is pure JAX and compared by identity: hand over the same function object to reuse a
    compiled program, and data through `args`, whose leaves may change without recompiling. Where there is a
    `box` every x that is evaluated is moved into it first. A sum over examples (`SumOf`, the last of `args`
    its `Examples`) is evaluated in blocks, and with `batches` the objective of step k is made of its rows.
    """

    fun: Callable = static()
    args: tuple = ()
    has_aux: bool = static(default=False)
    box: Box | None = None
    batches: Batches | None = None
    k: Any = None

    def at(self, k: Any) -> "Objective":
        """The objective of step k: without batches the same at every step."""
        return self if self.batches is None else dataclasses.replace(self, k=k)

    @property
    def fixed(self) -> bool:
        """Whether it is the same function at every step."""
        return self.batches is None

    @property
    def epoch(self) -> int:
        """The number of steps in which as many examples are drawn as there are; 1 without batches."""
        return 1 if self.batches is None else self.batches.epoch(self.args[-1].count)

    @property
    def between(self) -> int | None:
        """The steps between two looks at all examples, None where every step sees them."""
        return None if self.batches is None else self.batches.between(self.args[-1].count)

    @property
    def full(self) -> "Objective":
        """The objective of all rows."""
        return dataclasses.replace(self, batches=None, k=None)

    @property
    def structured(self) -> bool:
        """Whether it has a dense Hessian that is not made of products."""
        return isinstance(self.fun, SumOf) and hasattr(self.fun.loss, "hessian")

    @property
    def spread(self) -> bool:
        """Whether its examples lie on several devices, all of which then make each evaluation."""
        return isinstance(self.fun, SumOf) and isinstance(self.args[-1], Sharded)

    def fault(self) -> str:
        """What kept streamed data from being read since the last time, a sentence; empty if nothing did."""
        data = self.args[-1] if isinstance(self.fun, SumOf) else None
        return data.reader.fault() if isinstance(data, Streamed) else ""

    def _added(self, of: Callable[[Callable, tuple], Any], least: int = 1) -> Any:
        """`of(fun, args)`, which is linear in fun; of a sum over examples that of its parts.

        A part has at least so many rows.
        """
        if not isinstance(self.fun, SumOf):
            return of(self.fun, self.args)
        if self.batches is None or self.k is None:
            return self.fun.added(of, self.args, least)
        *own, whole = self.args
        return self.fun.added(of, (*own, self.batches.draw(self.k, whole)), least)

    def value(self, x: Any) -> jax.Array:
        """f(x)."""
        out = self._added(lambda fun, args: fun(x, *args))
        return out[0] if self.has_aux else out

    def _evaluated(self, x: Any) -> tuple[tuple[jax.Array, Any], Any]:
        """((value, aux), grad)."""
        return self._added(lambda fun, args: value_aux_and_grad(fun, x, args, self.has_aux))

    def evaluate(self, to: Any) -> Point:
        """The Point at `to`, moved into the box; a Point of this very function is handed back."""
        if isinstance(to, Point):
            if self.fixed:
                return to
            to = to.x
        x = self.inside(to)
        (value, aux), grad = self._evaluated(x)
        return Point(x, value, grad, aux)

    def inside(self, x: Any) -> Any:
        """x, or the nearest point in the box."""
        return x if self.box is None else self.box.project(x)

    def grad(self, x: Any) -> Any:
        """The gradient at x, a pytree like x."""
        return self._evaluated(x)[1]

    def hvp(self, x: Any) -> Callable[[Any], Any]:
        """v -> H(x) v, each product costing about two gradients, at the highest matmul precision."""

        def product(v: Any) -> Any:
            def of(fun: Callable, args: tuple) -> Any:
                return jax.jvp(lambda x: value_aux_and_grad(fun, x, args, self.has_aux)[1], (x,), (v,))[1]

            with jax.default_matmul_precision("highest"):
                return self._added(of)

        return product

    def ravelled_hvp(self, x: Any) -> Callable[[jax.Array], jax.Array]:
        """v -> H(x) v on vectors over the ravelled x, in the dtype of scalars about x."""
        flat, unravel = tree.ravel(x)
        product, dtype = self.hvp(x), tree.scalar_dtype(x)
        return lambda v: tree.ravel(product(unravel(v.astype(flat.dtype))))[0].astype(dtype)

    def ravelled_gauss_newton(self, x: Any) -> Callable[[jax.Array], jax.Array]:
        """v -> J^T J v on vectors over the ravelled x, with J the Jacobian of the residuals.

        The Hessian of |r|^2 / 2 less the share of r's own curvature. Raises TypeError where the objective is
        not one of `jgd.residuals`.
        """
        if not isinstance(self.fun, WithResiduals):
            raise TypeError("fun must be jgd.residuals(r), with r(x, *args) the residuals, for this method.")
        flat, unravel = tree.ravel(x)
        fun, dtype = self.fun.fun, tree.scalar_dtype(x)

        def along(v: jax.Array) -> jax.Array:
            with jax.default_matmul_precision("highest"):
                _, pull = jax.vjp(lambda x: fun(x, *self.args), x)
                push = jax.jvp(lambda x: fun(x, *self.args), (x,), (unravel(v.astype(flat.dtype)),))[1]
                return tree.ravel(pull(push)[0])[0].astype(dtype)

        return along

    def hessian(self, x: Any, curvature: Callable | None = None) -> jax.Array:
        """The dense Hessian at x, of shape (n, n) over the ravelled x, in the dtype of scalars about x.

        Its columns are Hessian-vector products, or those of another `curvature(self, x)` on vectors, at most
        `HESSIAN_BLOCK` of them in flight at once. Where the loss of the examples has a `hessian` of its own,
        that is summed instead. Raises ValueError if it would take more than `HESSIAN_LIMIT` bytes.
        """
        n, dtype = tree.size(x), tree.scalar_dtype(x)
        check_dense(n, dtype)
        if curvature in (None, Objective.ravelled_hvp) and self.structured:
            with jax.default_matmul_precision("highest"):
                return self._added(lambda fun, args: hessian_of(fun, x, args), HESSIAN_ROWS).astype(dtype)
        product = (curvature or Objective.ravelled_hvp)(self, x)

        def column(i: jax.Array) -> jax.Array:
            return product((jnp.arange(n) == i).astype(dtype))

        if n <= HESSIAN_BLOCK:
            hessian = jax.vmap(column)(jnp.arange(n))
        else:
            blocks = jnp.arange(-(-n // HESSIAN_BLOCK) * HESSIAN_BLOCK).reshape(-1, HESSIAN_BLOCK)
            hessian = lax.map(jax.vmap(column), blocks).reshape(-1, n)[:n]
        return (hessian + hessian.T) * jnp.asarray(0.5, dtype)

    def stationarity(self, point: Point) -> Any:
        """What is zero at a solution: the gradient, within bounds x - project(x - gradient)."""
        return point.grad if self.box is None else self.box.stationarity(point.x, point.grad)

    def tangent(self, x: Any, d: Any) -> Any:
        """The part of d that does not lead out of the box from x."""
        return d if self.box is None else self.box.tangent(x, d)

    def ravelled_free(self, point: Point, near: Any = 0.0) -> jax.Array | None:
        """True for the entries of the ravelled x that no bound `near` them holds; None without bounds."""
        if self.box is None:
            return None
        return tree.ravel(self.box.free(point.x, point.grad, near))[0]
