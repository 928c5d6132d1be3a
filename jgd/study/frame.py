"""The variables in which a run's method met curvature: scaled ones, and only those that no bound holds."""

import dataclasses
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import tree
from jgd.core.objective import Objective
from jgd.core.record import record
from jgd.driver.carry import Program
from jgd.methods.scaled import Scaled, stretched


@record
class Face:
    """x = forward(y): the point `x` with the vector y in the places `free` of its ravelled entries."""

    x: Any
    free: jax.Array

    def forward(self, y: jax.Array) -> Any:
        """The point with these free entries."""
        flat, unravel = tree.ravel(self.x)
        return unravel(flat.at[self.free].set(y))


def on_face(f: Objective, x: Any, free: np.ndarray) -> tuple[Objective, jax.Array]:
    """f as a function of the `free` entries of the ravelled x alone, and these; the others stay as in x."""
    places = np.flatnonzero(free)
    args = (Face(x, jnp.asarray(places)), *f.args)
    return dataclasses.replace(f, fun=stretched(f.fun), args=args, box=None), tree.ravel(x)[0][places]


@dataclasses.dataclass(frozen=True, eq=False)
class Frame:
    """z where a run was scaled to x = T z, else z = x; of z the entries that are `free`, a flat array."""

    run: Program
    free: np.ndarray

    @property
    def scaled(self) -> Scaled | None:
        """What moved the method in z; None where z = x."""
        return self.run.method if isinstance(self.run.method, Scaled) else None

    @cached_property
    def program(self) -> Program:
        """What was run, in z."""
        if self.scaled is None:
            return self.run
        inner = self.scaled.inner(self.run.objective)
        return dataclasses.replace(self.run, objective=inner, method=self.scaled.method)

    def inner(self, x: Any) -> Any:
        """The z of a point."""
        return x if self.scaled is None else self.scaled.map.inverse(x)

    def about(self, x: Any) -> tuple[Objective, Any]:
        """f as a function of the free entries of z, and those of a point."""
        f, z = self.program.objective, self.inner(x)
        return (f, z) if self.free.all() else on_face(f, z, self.free)

    def whole(self, part: Any) -> np.ndarray:
        """Rows for all entries of z, as an array, of those for the free ones: 0 for the others."""
        rows = np.asarray(part, float)
        whole = np.zeros((self.free.size, *rows.shape[1:]))
        whole[self.free] = rows
        return whole

    def outer(self, direction: Any, x: Any) -> Any:
        """The unit direction of x that belongs to one of the free entries of z."""
        flat, unravel = tree.ravel(self.inner(x))
        d = unravel(jnp.asarray(self.whole(tree.ravel(direction)[0]), flat.dtype))
        d = d if self.scaled is None else self.scaled.map.forward(d)
        return tree.scale(1 / jnp.sqrt(tree.dot(d, d)), d)
