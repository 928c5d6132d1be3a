"""A Curvature and a Density as plain values, for JSON."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from jgd.geometry.density import Density
from jgd.geometry.spectrum import Eigenpair
from jgd.study.provenance import provenance
from jgd.study.row import plain
from jgd.study.solution import plain_leaves

if TYPE_CHECKING:
    from jgd.study.curvature import Curvature

NEAR_ZERO = 0.01
"""Of the largest size: eigenvalues of up to this are near zero."""

LARGE = 1000
"""With more parameters than this, x and the negative direction are left out."""


def record(c: "Curvature") -> dict[str, Any]:
    """Everything but the gradient and the eigenvectors; NaN and infinity as None."""
    s = c.spectrum
    vectors = {"x": c.x, "negative_direction": c.negative_direction} if c.parameters <= LARGE else {}
    return {
        "kind": c.kind,
        "parameters": c.parameters,
        "dtype": c.dtype,
        "value": plain(c.value),
        "grad_norm": plain(c.grad_norm),
        "gtol": c.gtol,
        "found": c.found,
        "dense": s.dense,
        "products": s.products,
        "starts": s.starts,
        "lowest": _end(s.lowest, s.converged[0]),
        "highest": _end(s.highest, s.converged[1]),
        "zero": s.zero,
        "condition": plain(c.condition),
        "condition_is_bound": c.condition_is_bound,
        "stable_rate": plain(c.stable_rate),
        "best_rate": plain(c.best_rate),
        "best": {
            name: {k: v for k, v in asdict(p).items() if k != "method"}
            | {"steps_to_a_tenth": plain(p.steps(0.1))}
            for name, p in c.best.items()
        },
        "eigenvalues": s.eigenvalues.astype(float).tolist(),
        **{name: None if v is None else plain_leaves(v) for name, v in vectors.items()},
        "provenance": provenance(c.dtype, c.seed),
    }


def _end(end: Eigenpair, converged: bool) -> dict[str, Any]:
    return {"value": end.value, "residual": end.residual, "converged": bool(converged)}


def density_record(d: Density) -> dict[str, Any]:
    """The curve of a density; its error as None where one vector alone was drawn."""
    error = [plain(it) for it in d.error.tolist()]
    return {"grid": d.grid.tolist(), "density": d.density.tolist(), "error": error, "width": d.width}


def density_words(d: Density) -> str:
    """Which part of the eigenvalues is near zero, and which below that."""
    bound = NEAR_ZERO * float(np.abs(d.nodes).max())
    near, below = (
        np.sum(d.weights * part, axis=1).mean() for part in (np.abs(d.nodes) <= bound, d.nodes < -bound)
    )
    return (
        f"{near:.1%} of the eigenvalues within {bound:.3g} of zero, {below:.1%} below; "
        f"by {len(d.nodes)} random vectors"
    )
