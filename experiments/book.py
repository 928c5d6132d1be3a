"""The book of the experiments: the folder of each one's results, and the README that binds them."""

import csv
import json
import re
from pathlib import Path
from types import ModuleType

import jax

from experiments.claims import NAMES
from experiments.figures import overlaps
from experiments.report import Report
from jgd.study.provenance import provenance

HERE = Path(__file__).parent
RESULTS = HERE / "results"

OPENING = """# Gradient descent, by experiment

Each section is a question about gradient descent, a run that answers it, a figure, and a table of what is
claimed against what was measured; the verdict is computed from the run. Statements that turned out too strong
are printed in italics, with what holds instead and the counterexample. Read from top to bottom it is a short
course.

```
python -m experiments list             # the experiments
python -m experiments run 5            # one of them; results in experiments/results/
python -m experiments run all          # all; `make experiments` does the same
python -m experiments run all --quick  # smaller versions, results in experiments/quick/
```

This page is written by those commands. Rates are called η, the Hessian H, its eigenvalues λ or curvatures,
which lie between μ and L; κ = λmax/λmin is the condition number, f* the least value, at x*, and n the
number of parameters. ‖∇f‖∞ is the largest entry of the gradient. jgd is the package of this repository: its
runs end CONVERGED (‖∇f‖∞ is small: the gradient test), TARGET_REACHED (f is as low as was asked for),
STALLED (value or step hardly change, eight times in a row), PRECISION_LIMIT (rounding allows no more),
MAX_STEPS, DIVERGED or NONFINITE. "Armijo" is its line search, which shortens a step until f falls enough,
"auto" its rate from measured curvature. σ(z) is 1/(1 + e⁻ᶻ) where nothing else is said.

In the tables the number before "±" or after "≤" comes from theory, but for those marked "(chosen)" and
reference values, which another program found; what follows "±" is what rounding, grids or chance may do.
"""


def write(report: Report, number: int, module: ModuleType, folder: Path) -> Path:
    """Write an experiment's rows, figures and README.md into a folder of its own; the folder.

    What the folder keeps in JSON under other names stays: it is of other machines.
    Raises ValueError for a figure in which labels overlap, and for a report without figure, rows or question:
    what the folder held before is then still there.
    """
    for part in ("lines", "rows", "figures", "question", "answer"):
        if not getattr(report, part):
            raise ValueError(f"experiment {number}: the report has no {part}.")
    for name, (figure, _) in report.figures.items():
        if over := overlaps(figure):
            raise ValueError(f"experiment {number}, figure {name}: labels overlap: {over}.")
    into = folder / NAMES[number]
    into.mkdir(parents=True, exist_ok=True)
    for old in into.iterdir():
        if old.suffix != ".json":
            old.unlink()
    for name, figures in report.kept.items():
        (into / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    columns = list(dict.fromkeys(name for row in report.rows for name in row))
    with (into / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(report.rows)
    origin = provenance("float64") | {"command": f"python -m experiments run {number}"}
    for name, (figure, _) in report.figures.items():
        figure.savefig(into / f"{name}.png", dpi=110, metadata={"Description": json.dumps(origin)})
    (into / "README.md").write_text(page(report, number, module), encoding="utf-8")
    return into


def page(report: Report, number: int, module: ModuleType) -> str:
    """The README.md of an experiment."""
    title, _, text = (module.__doc__ or "").partition("\n")
    pictures = "\n\n".join(f"![{says}]({name}.png)" for name, (_, says) in report.figures.items())
    cells = [(line.claim, line.claimed, line.measured, line.verdict) for line in report.lines]
    rows = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in cells]
    table = "\n".join(f"| {row} |" for row in rows)
    return "\n\n".join(
        [
            f"# {number}. {title.strip().rstrip('.')}",
            text.strip(),
            pictures,
            *report.paragraphs,
            f"| claim | claimed | measured | verdict |\n|---|---|---|---|\n{table}",
            f"**Verdict: {report.verdict}.** `python -m experiments run {number}`, float64, "
            f"JAX {jax.__version__}, {jax.default_backend().upper()}.",
            f"**Question.** {report.question}",
            f"<details><summary>Answer</summary>\n\n{report.answer}\n\n</details>\n",
        ]
    )


def bind(folder: Path = RESULTS, book: Path = HERE / "README.md") -> None:
    """Write the README of all experiments that have results in the folder."""
    sections, contents = [], []
    for name in NAMES.values():
        path = folder / name / "README.md"
        if not path.exists():
            continue
        text = path.read_text(encoding="utf-8")
        title = text.splitlines()[0].removeprefix("# ")
        verdict = re.search(r"\*\*Verdict: (\w+)", text)
        contents.append(f"- [{title}](#{_anchor(title)}): {verdict.group(1) if verdict else 'unknown'}")
        inside = path.parent.relative_to(book.parent).as_posix()
        sections.append("#" + re.sub(r"(!\[[^]]*\]\()", rf"\1{inside}/", text))
    book.write_text("\n".join([OPENING, *contents, "", *sections]), encoding="utf-8")


def _anchor(title: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
