"""A row of a comparison: the figures of one method, and which row comes before which."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jgd.core.status import Status
from jgd.result import Result


@dataclasses.dataclass(frozen=True)
class Row:
    """How one method did.

    `status` is None where the method refused to run at all; `message` says why. `gap` is f - f*
    where the run ended. `values`, `grads`, `hvps` and `hessians` count what the method's steps
    took, `rejected` how many of the values were trials thrown away; what was evaluated again to
    return to an earlier point is not among them. `work` is in gradient-equivalents: see
    `gradient_equivalents`. `steps_to` maps a fraction to the first step with
    (f - f*) / (f0 - f*) at most that, None for never. `run_seconds` is without compiling;
    `compile_seconds` is 0 where the program of another row was used again.
    """

    label: str
    method: str
    settings: Mapping[str, float]
    status: Status | None
    message: str
    value: float = math.nan
    gap: float = math.nan
    grad_norm: float = math.nan
    steps: int = 0
    values: int = 0
    grads: int = 0
    hvps: int = 0
    hessians: int = 0
    rejected: int = 0
    work: float = 0.0
    compile_seconds: float = 0.0
    run_seconds: float = 0.0
    steps_to: Mapping[float, int | None] = dataclasses.field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """The status in a word."""
        return "REFUSED" if self.status is None else self.status.name

    @property
    def failed(self) -> bool:
        """Whether the run went wrong or never began."""
        return self.status is None or self.status.failed

    def record(self) -> dict[str, Any]:
        """The row as plain values, flat, NaN and infinity as None."""
        flat = dataclasses.asdict(self)
        settings, steps_to = flat.pop("settings"), flat.pop("steps_to")
        flat["status"] = self.verdict
        flat["settings"] = " ".join(f"{name}={value:g}" for name, value in settings.items())
        flat |= {f"steps_to_{power(fraction)}": steps for fraction, steps in steps_to.items()}
        return {name: plain(value) for name, value in flat.items()}


def measured(
    label: str,
    method: Any,
    result: Result,
    history: Mapping[str, np.ndarray],
    minimum: float,
    steps_to: Mapping[float, int | None],
) -> Row:
    """The row of a run."""
    counts = {name: int(history[name][-1]) for name in ("values", "grads", "hvps", "hessians")}
    return Row(
        label=label,
        method=result.method,
        settings=_settings(method),
        status=result.status,
        message=result.message,
        value=float(result.value),
        gap=float(result.value) - minimum,
        grad_norm=result.grad_norm,
        steps=result.steps,
        **counts,
        rejected=int(history["rejected"][-1]),
        work=float(gradient_equivalents(**counts, parameters=result.parameters)),
        compile_seconds=result.compile_seconds,
        run_seconds=result.run_seconds,
        steps_to=steps_to,
    )


def gradient_equivalents(values: Any, grads: Any, hvps: Any, hessians: Any, parameters: int) -> Any:
    """Work in units of one gradient, its value included; arrays are allowed.

    A value alone counts 1/3 (a gradient's backward sweep takes about twice its forward one), a
    Hessian-vector product 2 (a gradient and its tangent), a Hessian 1 + n (a gradient and n
    tangents).
    """
    alone = np.maximum(values - grads, 0)
    return grads + alone / 3 + 2 * hvps + (1 + parameters) * hessians


def rank(row: Row) -> tuple:
    """The order of the scoreboard: those that reached f* and say so first, failures last."""
    far = sum(steps is None for steps in row.steps_to.values())
    gap = row.gap if math.isfinite(row.gap) else math.inf
    if row.status is None:
        return (3, 0, 0.0, row.label)
    if row.status.ok:
        return (0, far, row.work, row.label)
    return (2 if row.failed else 1, 0, gap, row.label)


def _settings(method: Any) -> dict[str, float]:
    """The numbers of a method by name, such as rate and momentum."""
    settings = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(method):
        if np.ndim(leaf) == 0:
            last = path[-1]
            settings[str(getattr(last, "name", getattr(last, "key", last)))] = float(leaf)
    return settings


def plain(value: Any) -> Any:
    """The value, None for NaN and infinity, which JSON has no words for."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def power(fraction: float) -> str:
    """1e-4 as such, without a padded exponent."""
    return f"{fraction:.0e}".replace("e-0", "e-")
