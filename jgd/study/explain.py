"""Why a run went as it went: findings from measured curvature, each with its numbers and what to do."""

from dataclasses import asdict, dataclass, field
from typing import Any

from jgd.result import Result
from jgd.study.evidence import Evidence
from jgd.study.finding import Finding
from jgd.study.findings import FINDINGS
from jgd.study.regime import Direction, directions, regime
from jgd.study.row import plain


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a run went as it went.

    `findings` are the reasons, the weightiest first, each with `name`, `sentence`, `numbers`, `advice` and
    `hint`, the keyword arguments of `jgd.minimize` that follow the advice. `regime` says how the last steps
    went, in a word; `directions` says so for single eigenvectors of the Hessian, the steepest first.
    """

    result: Result
    findings: tuple[Finding, ...]
    regime: str
    directions: tuple[Direction, ...] = field(default=())

    def __contains__(self, name: str) -> bool:
        """Whether there is a finding of that name."""
        return any(finding.name == name for finding in self.findings)

    def __getitem__(self, name: str) -> Finding:
        """The finding of that name; KeyError if there is none."""
        for finding in self.findings:
            if finding.name == name:
                return finding
        raise KeyError(f"no finding is named {name!r}; there are {', '.join(f.name for f in self.findings)}")

    def __str__(self) -> str:
        """The verdict, the findings and the advice."""
        r = self.result
        lines = [f"{r.method}: {r.status.name} after {r.steps:,} steps, value {float(r.value):.6g}"]
        for finding in self.findings:
            lines.append(f"  - {finding.sentence}")
            if finding.advice:
                lines.append(f"    {finding.advice}")
        if self.regime:
            lines.append(f"  last steps: {self.regime}")
        lines += [f"    {direction}" for direction in self.directions]
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """The explanation as plain values."""
        return {
            "method": self.result.method,
            "status": self.result.status.name,
            "regime": self.regime,
            "findings": [
                {
                    "name": f.name,
                    "sentence": f.sentence,
                    "advice": f.advice,
                    "numbers": {key: plain(value) for key, value in f.numbers.items()},
                }
                for f in self.findings
            ],
            "directions": [asdict(direction) for direction in self.directions],
        }


def explain(result: Result) -> Explanation:
    """Why a run ended where it did and went as it went, and what to do about it.

    Measures the curvature where the run ended (or at the best point, if it diverged), and makes a run of less
    than ten seconds again to measure its steps, unless its recorder had a gauge of curvature. Every finding
    comes with its numbers, and with a `hint` where something can be done: keyword arguments to call
    `jgd.minimize` with instead.

    Raises TypeError if `result` is not a Result, ValueError for a run on mini-batches.

    >>> import jax.numpy as jnp, jgd
    >>> run = jgd.minimize(lambda x: jnp.sum(4.0 * x**2), jnp.ones(2), jgd.gradient_descent(0.5))
    >>> why = jgd.explain(run)
    >>> [finding.name for finding in why.findings]
    ['rate-over-limit']
    >>> round(why["rate-over-limit"].numbers["limit"], 6)
    0.25
    """
    if not isinstance(result, Result):
        raise TypeError(f"result must be the Result of jgd.minimize, got {type(result).__name__}.")
    if not result.program.objective.fixed:
        raise ValueError(
            "result: the steps of a run on mini-batches are noise, and what explains them is not known yet; "
            "explain a run on all examples (batch_size=None), or measure jgd.curvature(fit, result.x)."
        )
    evidence = Evidence(result)
    found: list[Finding] = []
    for look in FINDINGS:
        finding = look(evidence, tuple(f.name for f in found))
        if finding is not None:
            found.append(finding)
    return Explanation(result, tuple(found), regime(evidence), directions(evidence))
