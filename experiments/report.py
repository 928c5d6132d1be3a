"""The report of an experiment: claimed against measured, figures, rows, and words that quote the run."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Line:
    """A claim, what it says, what was measured, and the verdict: `holds`, `fails` or `too strong`."""

    claim: str
    claimed: str
    measured: str
    verdict: str


@dataclass
class Report:
    """What an experiment found. Numbers are printed to `digits` significant digits where none are named."""

    lines: list[Line] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    figures: "dict[str, tuple[Figure, str]]" = field(default_factory=dict)
    paragraphs: list[str] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)
    question: str = ""
    answer: str = ""

    def near(
        self, claim: str, claimed: Any, measured: Any, rel: float = 0.0, abs: float = 0.0, digits: int = 6
    ) -> None:
        """The measured number, or each of a tuple, is the claimed one, up to `abs` + `rel` times it."""
        off = abs + rel * np.abs(claimed)
        within = f" ± {words(tuple(np.unique(off)), 2)}" if np.any(off) else ""
        holds = bool(np.all(np.abs(np.subtract(measured, claimed)) <= off))
        self._add(claim, f"{words(claimed, digits)}{within}", words(measured, digits), holds)

    def at_most(self, claim: str, bound: Any, measured: Any, digits: int = 6) -> None:
        """The measured number, or each of a tuple, is the bound or below."""
        holds = bool(np.all(np.less_equal(measured, bound)))
        self._add(claim, f"≤ {words(bound, digits)}", words(measured, digits), holds)

    def at_least(self, claim: str, bound: float, measured: float, digits: int = 6) -> None:
        """The measured number is the bound or above."""
        self._add(claim, f"≥ {words(bound, digits)}", words(measured, digits), bool(measured >= bound))

    def same(self, claim: str, claimed: Any, measured: Any) -> None:
        """What was measured is what was claimed: names, counts, tuples."""
        self._add(claim, words(claimed), words(measured), bool(claimed == measured))

    def too_strong(self, claim: str, instead: str, counterexample: str, refuted: bool) -> None:
        """A statement as it is often made, which this run refutes or not, and what holds instead."""
        verdict = "too strong" if refuted else "fails"
        self.lines.append(Line(f"*{claim}* Instead: {instead}", "no counterexample", counterexample, verdict))

    def _add(self, claim: str, claimed: str, measured: str, holds: bool) -> None:
        self.lines.append(Line(claim, claimed, measured, "holds" if holds else "fails"))

    def draw(self, name: str, figure: "Figure", says: str) -> None:
        """Add a figure; `says` is what a reader who cannot see it should know."""
        self.figures[name] = figure, says

    def keep(self, name: str, figures: Any) -> None:
        """Keep plain figures as `name`.json, beside those that were kept there under other names."""
        self.kept[name] = figures

    def tell(self, paragraph: str) -> None:
        """Add a paragraph of Markdown."""
        self.paragraphs.append(paragraph)

    def ask(self, question: str, answer: str) -> None:
        """End with a question to the reader and the answer that this run gives."""
        self.question, self.answer = question, answer

    @property
    def failed(self) -> list[Line]:
        """The lines that do not hold."""
        return [line for line in self.lines if line.verdict == "fails"]

    @property
    def verdict(self) -> str:
        """`fails` if any line does; else `holds`, `as corrected` where a statement was too strong."""
        if self.failed or not self.lines:
            return f"fails ({len(self.failed)} of {len(self.lines)} lines)"
        corrected = sum(line.verdict == "too strong" for line in self.lines)
        counted = f"{len(self.lines)} of {len(self.lines)} lines"
        return f"holds as corrected ({counted}, {corrected} corrected)" if corrected else f"holds ({counted})"


def words(value: Any, digits: int = 6) -> str:
    """A value as the tables print it."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating) or getattr(value, "shape", None) == ():
        return f"{float(value):.{digits}g}"
    if isinstance(value, tuple | list):
        return ", ".join(words(one, digits) for one in value)
    return str(value)
