"""What runs on a collection amount to: tables, performance profiles and data profiles.

A problem is solved where f0 - f >= (1 - tau) (f0 - f_best), f_best the lowest value that anyone found; it is
stationary where max |grad| <= 1e-5 max(1, the same at the start), both by an evaluation of our own. Problems
on which anyone went below -1e20 are unbounded and set aside. The time until solved is the share of the warm
run's time that its evaluations took up to the first value that counts as solved. Performance profiles: Dolan
& More (2002), Benchmarking optimization software; data profiles: More & Wild (2009).
"""

import math
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from experiments.benchmarks.collection import MGH, is_for_tuning

UNBOUNDED = -1e20
TAU = {"float64": 1e-6, "float32": 1e-3}
GTOL = 1e-5
OURS = ("jgd", "own")
"""What the peers are compared with: the default, as it is."""
STARTS = (1.0, 10.0, 100.0)

Run = dict[str, Any]
Group = tuple[str, str]


class Outcome:
    """What one run amounts to, given the lowest value that anyone found."""

    def __init__(self, run: Run, best: float) -> None:
        self.run = run
        self.ended = "f" in run and "error" not in run
        self.tau = TAU[run["precision"]]
        self.level = run["f0"] - (1 - self.tau) * (run["f0"] - best) if "f0" in run else -math.inf
        self.solved = self.ended and run["f"] <= self.level
        self.stationary = self.ended and run["g"] <= GTOL * max(1.0, run["g0"])

    @property
    def work(self) -> float:
        """Evaluations and products until solved; infinite where that was not reached or not watched."""
        if not self.solved or "improvements" not in self.run:
            return math.inf
        return next((w for w, value in self.run["improvements"] if value <= self.level), self.run["work"])

    @property
    def seconds(self) -> float:
        """Warm seconds until solved; infinite where it is not."""
        if not self.solved:
            return math.inf
        share = min(self.work / self.run["work"], 1.0) if self.run.get("work") else 1.0
        return self.run["warm_s"] * (share if math.isfinite(share) else 1.0)


def outcomes(
    runs: list[Run], precision: str = "float64", scale: float = 1.0
) -> dict[Group, dict[str, Outcome]]:
    """(contender, setting) -> problem -> outcome, unbounded problems left out.

    The lowest value is that of all runs in this precision and in float64.
    """
    alike = [run for run in runs if run["scale"] == scale and run["precision"] in (precision, "float64")]
    chosen = [run for run in alike if run["precision"] == precision]
    best: dict[str, float] = defaultdict(lambda: math.inf)
    for run in alike:
        if math.isfinite(run.get("f", math.inf)):
            best[run["problem"]] = min(best[run["problem"]], run["f"])
    found: dict[Group, dict[str, Outcome]] = defaultdict(dict)
    for run in chosen:
        if best[run["problem"]] >= UNBOUNDED:
            group = run["contender"], run["setting"]
            found[group][run["problem"]] = Outcome(run, best[run["problem"]])
    return dict(found)


def unbounded(runs: list[Run]) -> list[str]:
    """The problems that are set aside."""
    return sorted({run["problem"] for run in runs if run.get("f", 0.0) < UNBOUNDED})


def geometric_mean(values: list[float]) -> float:
    """exp of the mean logarithm; NaN of nothing."""
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def table(found: dict[Group, dict[str, Outcome]], problems: set[str]) -> list[str]:
    """One line a contender, over the given problems."""
    head = f"{'contender':28}{'setting':8}{'runs':>6}{'solved':>8}{'%':>7}{'stationary':>12}{'time-outs':>11}"
    rows = [head + f"{'errors':>8}{'first s':>9}{'warm ms':>9}{'evaluations':>13}"]
    for (contender, setting), by in sorted(found.items(), key=lambda item: -_count(item[1], problems)):
        some = [outcome for name, outcome in by.items() if name in problems]
        if not some:
            continue
        solved = [o for o in some if o.solved]
        late = sum(o.run.get("error") == "time-out" for o in some)
        failed = sum("error" in o.run for o in some) - late
        first = median([o.run["first_s"] for o in some if "first_s" in o.run] or [math.nan])
        stationary = sum(o.stationary for o in some)
        works = [o.work for o in solved if math.isfinite(o.work)]
        rows.append(
            f"{contender:28}{setting:8}{len(some):6}{len(solved):8}{100 * len(solved) / len(some):7.1f}"
            f"{stationary:12}{late:11}{failed:8}{first:9.2f}"
            f"{1e3 * geometric_mean([o.seconds for o in solved]):9.2f}"
            f"{geometric_mean([max(w, 1) for w in works]):13.0f}"
        )
    return rows


def _count(by: dict[str, Outcome], problems: set[str]) -> int:
    return sum(outcome.solved for name, outcome in by.items() if name in problems)


def ratios(found: dict[Group, dict[str, Outcome]], reference: Group) -> list[str]:
    """Time until solved and first call of every contender relative to one, on the problems both solve."""
    if reference not in found:
        return []
    ours = found[reference]
    rows = [f"relative to {reference[0]} ({reference[1]}), on the problems that both solve:"]
    for group, by in sorted(found.items()):
        common = [name for name, o in by.items() if o.solved and name in ours and ours[name].solved]
        if group == reference or not common:
            continue
        times = geometric_mean([by[name].seconds / ours[name].seconds for name in common])
        firsts = median([by[name].run["first_s"] / ours[name].run["first_s"] for name in common])
        rows.append(
            f"  {group[0]:28}{group[1]:8}{len(common):5} problems"
            f"  warm {times:8.2f}  first call {firsts:6.2f}"
        )
    return rows


def starts(runs: list[Run]) -> list[str]:
    """How many of More, Garbow & Hillstrom's problems are solved from x0, 10 x0 and 100 x0.

    Solved is the same for all starts: f at most (f at x0 - f_best) tau above f_best.
    """
    some = [run for run in runs if run["problem"].startswith(MGH) and "f" in run]
    names = {run["problem"] for run in some}
    best = {name: min(run["f"] for run in some if run["problem"] == name) for name in names}
    first = {run["problem"]: run["f0"] for run in some if run["scale"] == 1}
    counts: dict[Group, dict[float, int]] = defaultdict(lambda: dict.fromkeys(STARTS, 0))
    for run in some:
        name = run["problem"]
        level = best[name] + TAU[run["precision"]] * (first[name] - best[name])
        ended = run["f"] <= level and "error" not in run
        counts[run["contender"], run["setting"]][run["scale"]] += ended
    head = "".join(f"{f'{scale:g} x0':>9}" for scale in STARTS)
    rows = [f"{'contender':28}{'setting':8}{head}  of {len(names)}"]
    for group, by in sorted(counts.items(), key=lambda item: -sum(item[1].values())):
        rows.append(f"{group[0]:28}{group[1]:8}" + "".join(f"{by[scale]:9}" for scale in STARTS))
    return rows


def figures(found: dict[Group, dict[str, Outcome]], groups: list[Group], folder: Path) -> None:
    """The performance profile of time until solved and the data profile of evaluations."""
    import matplotlib.pyplot as plt

    names = sorted(set.intersection(*(set(found[group]) for group in groups)))
    seconds = np.array([[found[group][name].seconds for name in names] for group in groups])
    sizes = np.array([found[groups[0]][name].run["n"] for name in names])
    works = np.array([[found[group][name].work for name in names] for group in groups]) / (sizes + 1)
    fastest = seconds.min(axis=0)
    shares = [seconds[i] / np.where(np.isfinite(fastest), fastest, 1) for i in range(len(groups))]
    folder.mkdir(parents=True, exist_ok=True)
    for file, title, across, lines in (
        ("performance.png", "Performance profile", "time until solved over the fastest", shares),
        ("data.png", "Data profile", "evaluations until solved over n + 1", list(works)),
    ):
        figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
        end = max(float(np.max(values[np.isfinite(values)], initial=1.0)) for values in lines)
        for i, (group, values) in enumerate(zip(groups, lines, strict=True)):
            solved = np.sort(values[np.isfinite(values)])
            reached = np.append(solved, end)
            heights = np.append(np.arange(1, solved.size + 1), solved.size) / len(names)
            ours = group[0].startswith("jgd")
            width, dashed = (2.2 if ours else 1.1), ("-" if i < 10 else "--")
            axes.step(reached, heights, where="post", label=group[0], lw=width, ls=dashed)
        axes.set(xscale="log", ylim=(0, 1), xlabel=across, ylabel="share of problems", title=title)
        axes.legend(fontsize=8, loc="lower right")
        axes.grid(alpha=0.3)
        figure.savefig(folder / file, dpi=140)
        plt.close(figure)


def report(runs: list[Run], folder: Path | None) -> None:
    """Print everything; draw the figures if there is a folder for them."""
    if any(run["problem"].startswith(MGH) for run in runs):
        print("\n".join(starts(runs)) + "\n")
    runs = [run for run in runs if not run["problem"].startswith(MGH)]
    aside = unbounded(runs)
    print(f"set aside, unbounded below: {', '.join(aside) or 'none'}")
    for precision in ("float64", "float32"):
        found = outcomes(runs, precision)
        if not found:
            continue
        names = set().union(*(set(by) for by in found.values()))
        tuning = {name for name in names if is_for_tuning(name)}
        for title, some in (("all", names), ("tuning", tuning), ("examination", names - tuning)):
            print(f"\n{precision}, {title}: {len(some)} problems, tau = {TAU[precision]:g}")
            print("\n".join(table(found, some)))
        print("\n" + "\n".join(ratios(found, OURS)))
    found = outcomes(runs)
    if folder is not None and found:
        most = max(len(by) for by in found.values())
        shown = [group for group in found if group == OURS or (group[1] == "raised" and group[0] != OURS[0])]
        complete = [group for group in shown if len(found[group]) == most]
        figures(found, sorted(complete), folder)
        print(f"figures of {', '.join(name for name, _ in sorted(complete))} in {folder}/")
