"""Basins: which minimum every start of a plane leads to, and in how many steps."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core import check, tree
from jgd.core.box import Box
from jgd.methods.curved_recipes import newton_raphson
from jgd.study.canvas import matplotlib_needed, write
from jgd.study.files import write_json
from jgd.study.minima import Critical, Minima
from jgd.study.multistart import multistart
from jgd.study.starts import finite_box

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = 200
"""Starts along each side."""

COARSE = 24
"""Starts along each side from where pure Newton steps look for saddles."""


@dataclass(frozen=True, eq=False, repr=False)
class Basins:
    """What `jgd.basins` returns: `print` it, `figure()` it, `save` it.

    `across` and `up` are the starts' coordinates, (size,) each; `labels` and `steps`, both (up, across), say
    at which of `found.points` each start ended, -1 for none, and after how many steps. `coordinates` are the
    numbers of the two entries of x that differ between the starts, and `newton` makes pure Newton runs from
    some of them, None where x has other entries too.
    """

    found: Minima
    across: np.ndarray
    up: np.ndarray
    coordinates: tuple[int, int]
    newton: Callable[[], Minima] | None

    @property
    def labels(self) -> np.ndarray:
        """At which of the points each start ended, -1 for none."""
        return self.found.labels.reshape(len(self.up), len(self.across))

    @property
    def steps(self) -> np.ndarray:
        """In how many steps."""
        return self.found.ends.steps.reshape(len(self.up), len(self.across))

    @cached_property
    def saddles(self) -> tuple[Critical, ...]:
        """Saddles and maxima in the plane, looked for by pure Newton steps when they are first asked for."""
        return () if self.newton is None else self.newton().others

    def __str__(self) -> str:
        """The table of the points."""
        return str(self.found)

    def __repr__(self) -> str:
        """What was found in a line."""
        return f"Basins({len(self.across)} x {len(self.up)}, {self.found!r})"

    def record(self) -> dict[str, Any]:
        """The points and both maps as plain values, with provenance."""
        maps = {name: getattr(self, name).tolist() for name in ("across", "up", "labels", "steps")}
        return self.found.record() | {"coordinates": list(self.coordinates)} | maps

    def figure(self) -> "Figure":
        """The map: by color where each start ends, by shade in how many steps.

        Raises ImportError without Matplotlib.
        """
        with matplotlib_needed():
            from jgd.study.basins_plot import basins_figure
        return basins_figure(self)

    def save(self, folder: str | Path) -> list[Path]:
        """Write basins.json and basins-map.png into a folder; the paths."""
        prefix, record = Path(folder) / "basins", self.record()
        drawn = write({"map": self.figure()}, prefix, record["provenance"])
        return [write_json(prefix.with_suffix(".json"), record), *drawn]


def basins(
    fun: Callable,
    box: tuple[Any, Any],
    method: Any = None,
    *,
    x0: Any = None,
    coordinates: tuple[int, int] = (0, 1),
    size: int = SIZE,
    **options: Any,
) -> Basins:
    """Minimize from every start of a grid in a plane, and tell where each ends, and in how many steps.

    Args:
      fun: as for `jgd.minimize`.
      box: `(lower, upper)`, each a number or a tree of arrays like x; two of its entries are the plane's.
      method: as for `jgd.minimize`, the same for all runs.
      x0: what x is like, where the box is told by two numbers; with more than two parameters also the values
        of all others.
      coordinates: which two entries of x differ between the starts, numbers of the raveled x: the first goes
        to the right, the second up.
      size: starts along each side, size^2 in all.
      options: those of `jgd.multistart` (args, gtol, max_steps, distance, ...).

    Returns:
      `Basins`: print it, `.figure()` it, `.save(folder)` it, read its `labels`, `steps` and `found`.

    Raises:
      TypeError, ValueError: for bad input, before anything is compiled, naming the argument.

    >>> import jax.numpy as jnp, jgd
    >>> double_well = lambda x: (x[0] ** 2 - 1) ** 2 + x[1] ** 2
    >>> found = jgd.basins(double_well, (-2.0, 2.0), jgd.gradient_descent(0.05), x0=jnp.zeros(2), size=10)
    >>> [round(float(minimum.x[0])) for minimum in found.found.minima], found.labels.shape
    ([-1, 1], (10, 10))
    """
    bounds = finite_box(box, x0)
    n = tree.size(bounds.lower)
    if n < 2:
        raise ValueError("A map of basins needs a function of two parameters at least, and x has one.")
    if n > 2 and x0 is None:
        raise ValueError(f"x0 is missing: x has {n:,} entries, and all but two of them are those of x0.")
    if (
        len(set(coordinates)) != 2
        or len(coordinates) != 2
        or not all(0 <= check.whole("coordinates", i, least=0) < n for i in coordinates)
    ):
        raise ValueError(f"coordinates must be two different numbers below {n:,}, got {coordinates!r}.")
    check.whole("size", size, least=2)
    center = bounds.lower if x0 is None else x0
    starts, across, up = _grid(bounds, center, coordinates, size)
    found = multistart(fun, starts, method=method, **options)
    newton = None
    if n == 2 and options.get("bounds") is None and found.ends.parts[0].batch.one[0].objective.fixed:
        data = {name: options[name] for name in ("args", "has_aux") if name in options}
        coarse = _grid(bounds, center, coordinates, COARSE)[0]
        newton = partial(multistart, fun, coarse, method=newton_raphson(), **data)
    return Basins(found, across, up, coordinates, newton)


def _grid(box: Box, x0: Any, coordinates: tuple[int, int], size: int) -> tuple[Any, np.ndarray, np.ndarray]:
    """The starts row by row, from below, as a pytree with a first axis of them, and their coordinates."""
    center, unravel = tree.ravel(jax.tree.map(lambda like, x: np.asarray(x, like.dtype), box.lower, x0))
    low, high = (np.asarray(tree.ravel(corner)[0], float) for corner in (box.lower, box.upper))
    across, up = (np.linspace(low[i], high[i], size) for i in coordinates)
    points = np.tile(np.asarray(center), (size * size, 1))
    points[:, coordinates[0]], points[:, coordinates[1]] = np.tile(across, size), np.repeat(up, size)
    return jax.tree.map(np.asarray, jax.vmap(unravel)(jnp.asarray(points))), across, up
