"""The scoreboard: a comparison as aligned plain text."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jgd.core.words import plural
from jgd.study.row import power

if TYPE_CHECKING:
    from jgd.study.comparison import Comparison, Row


def scoreboard(comparison: "Comparison") -> str:
    """The objective, one line a method, failures last, and what needs saying about them."""
    c = comparison
    origin = "best found" if c.best_found else "known"
    lines = [
        f"{c.name}: {plural(c.parameters, 'parameter')}, {c.dtype}, "
        f"f0 = {c.first_value:.10g}, f* = {c.minimum:.10g} ({origin})",
        f"stopping: {c.stopping}",
        "",
        *table(_heads(c), [_cells(row) for row in c.rows]),
        "",
        *_notes(c),
    ]
    return "\n".join(lines).rstrip()


def _heads(c: "Comparison") -> list[str]:
    fractions = [f"to {power(fraction)}" for fraction in _fractions(c.rows)]
    gap = "f - f*" + (" (best found)" if c.best_found else "")
    columns = ["steps", *fractions, "evaluations", "compile s", "run s"]
    return ["method", "status", gap, "max |grad|", *columns]


def _fractions(rows: Sequence["Row"]) -> list[float]:
    return list(dict.fromkeys(fraction for row in rows for fraction in row.steps_to))


def _cells(row: "Row") -> list[str]:
    if row.status is None:
        return [row.label, row.verdict]
    reached = ["never" if steps is None else f"{steps:,}" for steps in row.steps_to.values()]
    return [
        row.label,
        row.verdict,
        _number(row.gap),
        _number(row.grad_norm),
        f"{row.steps:,}",
        *reached,
        _evaluations(row),
        f"{row.compile_seconds:.2f}",
        f"{row.run_seconds:.4f}",
    ]


def _number(value: float) -> str:
    return f"{value:.2e}" if math.isfinite(value) else str(value)


def _evaluations(row: "Row") -> str:
    """One number for values with their gradients, and the rest apart."""
    parts = [f"{row.values:,}"]
    if row.grads != row.values:
        parts = [f"{row.values:,} f", f"{row.grads:,} g"]
    parts += [f"{row.hvps:,} Hv"] if row.hvps else []
    parts += [f"{row.hessians:,} H"] if row.hessians else []
    return " + ".join(parts)


def table(heads: list[str], rows: list[list[str]]) -> list[str]:
    """Aligned lines, the first two columns to the left; short rows end early."""
    widths = [max(len(row[i]) for row in [heads, *rows] if i < len(row)) for i in range(len(heads))]

    def line(cells: list[str]) -> str:
        left = [cell.ljust(width) for cell, width in zip(cells[:2], widths, strict=False)]
        right = [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=False)]
        return "  ".join(left + right).rstrip()

    return [line(heads), line(["-" * width for width in widths]), *map(line, rows)]


def _notes(c: "Comparison") -> list[str]:
    notes = [f"{row.label}: {row.verdict}. {row.message}" for row in c.rows if row.failed]
    if c.note:
        notes.append(c.note)
    fractions = " and ".join(map(power, _fractions(c.rows)))
    if fractions:
        notes.append(f"to 1e-...: the first step with (f - f*) / (f0 - f*) at most {fractions}.")
    notes.append("evaluations: of f with its gradient" + _legend(c.rows) + ".")
    if any(row.status is not None and row.compile_seconds == 0 for row in c.rows):
        notes.append("compile s: 0.00 where a program that was compiled before is used again.")
    return notes


def _legend(rows: Sequence["Row"]) -> str:
    """What the letters among the evaluations stand for, of those that occur."""
    text = "; f, g: of values and gradients apart" if any(r.grads != r.values for r in rows) else ""
    text += "; Hv: Hessian-vector products" if any(r.hvps for r in rows) else ""
    return text + ("; H: Hessians" if any(r.hessians for r in rows) else "")
