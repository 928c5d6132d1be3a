"""Convex means global.

The loss of logistic regression, f(w) = Σ log(1 + exp(−yᵢxᵢᵀw)) + λ/2‖w‖² with labels yᵢ = ±1 (in section 11:
0 and 1), is convex: its Hessian XᵀDX + λI, with D = diag(σ(1 − σ)), has no negative eigenvalue. On a convex
function every point of zero gradient is a global minimum. **Do runs from a thousand starts end at one
point?** With λ > 0 they do: f is strongly convex, and ‖w − w*‖ ≤ ‖∇f(w)‖/λ wherever w is.

Without the penalty two statements that are often made are too strong. f is strictly convex exactly if the
columns of X are independent: a column that is there twice makes a line of minimizers. And a minimizer exists
exactly if no w has yᵢxᵢᵀw ≥ 0 for all rows and > 0 for one. On separable data, where a w has > 0 for all, f
falls to 0 and never gets there, ‖w‖ grows as log t over the steps t, and w turns towards ŵ, the shortest w
with yᵢxᵢᵀw ≥ 1 for all rows (Soudry et al., 2018).
"""

import jax.numpy as jnp
import numpy as np

import jgd
from experiments.figures import COLORS, DASHES, contours, legend, panels
from experiments.report import Report
from jgd.study.minima import Minima

CONVERGED = jgd.Status.CONVERGED
logistic = jgd.problems.logistic_loss
MINIMUM, PENALTY = 37.8777655571, 1.0
CORNERS = np.array([[2.0, 1.0], [1.0, 2.0], [-1.0, -1.5], [-2.0, -1.0]])
SIDES = np.array([1.0, 1.0, -1.0, -1.0])
MARGIN = np.array([4.0, 6.0]) / 13
"""The shortest w with yᵢxᵢᵀw ≥ 1: the third row decides."""

NORMS = {10: 1.89790, 100: 2.99774, 1_000: 4.16332, 10_000: 5.35511, 100_000: 6.56558}


def mean_loss(w, X, y):
    return logistic(w, X, y, 0.0) / len(X)


def main(quick: bool = False) -> Report:
    """A thousand starts on breast cancer, then the two ways in which "one minimum" fails."""
    report = Report()
    starts = 100 if quick else 1_000
    random = np.random.default_rng(0)
    problem = jgd.problems.breast_cancer(l2=PENALTY)
    drawn = 3 * random.standard_normal((starts, problem.n))
    found = jgd.minimize_many(problem.fun, drawn, jgd.newton(), args=problem.args, gtol=1e-9)
    ends_at, values = found.x, found.value
    report.same(
        "breast cancer, λ = 1: runs that end CONVERGED", starts, int(np.sum(found.status == CONVERGED))
    )
    off = values[np.abs(values - MINIMUM).argmax()]
    report.near("the end value furthest from the reference f*", MINIMUM, off, abs=5e-11, digits=12)
    report.at_most(
        "largest distance between an end and the first: 2√30·‖∇f‖∞/λ",
        2 * np.sqrt(problem.n) * float(found.grad_norm.max()) / PENALTY,
        np.linalg.norm(ends_at - ends_at[0], axis=1).max(),
        digits=2,
    )
    seen = jgd.is_convex_along(problem.fun, drawn[0], drawn[1], args=problem.args)
    report.at_least(
        f"lowest curvature at {seen.samples} points on the way from one start to another: λ",
        PENALTY,
        seen.eigenvalue,
    )
    hills = jgd.problems.himmelblau()
    scattered = random.uniform(-5, 5, (starts, 2))
    basins = jgd.multistart(hills.fun, scattered, method=jgd.gradient_descent(0.005))
    report.same("by contrast, Himmelblau's function, not convex: ends of as many runs", 4, len(basins.points))

    X, y, _ = problem.args
    before, after = _twice(report, X[:, :2], y, 3 * random.standard_normal((starts, 3)))
    growth = _separable(report)
    report.rows = [
        {
            "run": i,
            "steps": int(found.steps[i]),
            "value": values[i],
            "w1": before[i, 0],
            "w3": before[i, 2],
            "w1 end": after[i, 0],
            "w3 end": after[i, 2],
        }
        for i in range(starts)
    ] + growth
    report.draw(
        "starts",
        _starts(drawn, ends_at, scattered, basins, hills),
        "Left: many starts and one end, breast cancer. Right: Himmelblau's four minima and who ends where",
    )
    report.draw(
        "corrections",
        _corrections(before, after, growth),
        "Left: with a column twice the ends form a line. Right: on separable data ‖w‖ grows as log t",
    )
    last = growth[-1]
    report.tell(
        f"All {starts:,} runs of Newton with backtracking end at one point, after at most "
        f"{int(found.steps.max())} steps; gradient descent on Himmelblau's function ends at four, and each "
        "run's start decides at which. "
        "The penalty λ/2‖w‖² removes both exceptions: with it the minimizer exists and is unique. On the "
        f"separable rows, after {last['t']:,} steps, w has a loss of {last['loss']:.1e} and is still "
        f"{last['angle']:.1f}° from ŵ: the direction settles only as 1/log t."
    )
    report.ask(
        "Gradient descent on the data with a column twice: which of the many minimizers does it find?",
        "The one nearest to its start. ∇f has equal entries for equal columns, so that w₁ − w₃ never "
        f"changes: in these runs by at most {np.abs(np.diff((after - before)[:, [0, 2]])).max():.0e}. From 0 "
        "it finds the shortest minimizer, which shares the weight equally, though nothing in f asks for it.",
    )
    return report


def _twice(report: Report, X: np.ndarray, y: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where runs start and end on two features, the first of them there twice, without penalty."""
    args = (X[:, [0, 1, 0]], y, 0.0)
    method = jgd.gradient_descent(1 / jgd.curvature(logistic, jnp.zeros(3), args=args).highest.value)
    once = jgd.minimize(logistic, jnp.zeros(2), method, args=(X, y, 0.0), gtol=1e-10).x
    found = jgd.minimize_many(logistic, before, method, args=args, gtol=1e-9, max_steps=100_000)
    after, values = found.x, found.value
    report.near(
        "a column twice, λ = 0: largest difference of two end values",
        0.0,
        np.ptp(values),
        abs=1e-12,
        digits=2,
    )
    off = np.abs(after[:, 0] + after[:, 2] - once[0]).max()
    report.near(
        "largest departure of w₁ + w₃ from the weight of the column there once", 0.0, off, abs=1e-9, digits=2
    )
    kind = jgd.curvature(logistic, after[0], args=args).kind
    width = np.ptp(after[:, 0])
    report.too_strong(
        "Cross-entropy is strictly convex, so its minimizer is unique.",
        "it is if the columns of X are independent; a column that is there twice makes a line of minimizers.",
        f"{len(after):,} ends of one value, w₁ {after[:, 0].min():.1f} to {after[:, 0].max():.1f}: {kind}",
        bool(width > 1 and kind.startswith("degenerate") and (found.status == CONVERGED).all()),
    )
    return before, after


def _separable(report: Report) -> list[dict]:
    """Gradient descent on separable rows at η = 1 for up to 1e5 steps."""
    growth = []
    for t in sorted({*NORMS, *np.geomspace(1, max(NORMS), 21).astype(int).tolist()}):
        run = jgd.minimize(
            mean_loss, jnp.zeros(2), jgd.gradient_descent(1.0), args=(CORNERS, SIDES), gtol=0.0, max_steps=t
        )
        norm = float(jnp.linalg.norm(run.x))
        cosine = float(run.x @ MARGIN) / norm / np.linalg.norm(MARGIN)
        growth.append(
            {"t": t, "norm": norm, "loss": float(run.value), "angle": float(np.degrees(np.arccos(cosine)))}
        )
    reached = {row["t"]: row for row in growth}
    for t, norm in NORMS.items():
        claim = f"separable rows: ‖w‖ after {t:,} steps (reference value)"
        report.near(claim, norm, reached[t]["norm"], abs=5e-6)
    angles = tuple(reached[t]["angle"] for t in NORMS)
    report.same(
        "the angle between w and ŵ falls from each of these to the next",
        True,
        bool((np.diff(angles) < 0).all()),
    )
    tenfold = np.diff([reached[t]["norm"] for t in NORMS])
    report.near(
        "growth of ‖w‖ in the last tenfold of steps: ‖ŵ‖ log 10 in the limit (on these rows from below)",
        float(np.linalg.norm(MARGIN)) * np.log(10),
        tenfold[-1],
        abs=0.07,
        digits=4,
    )
    early = jgd.minimize(mean_loss, jnp.zeros(2), jgd.gradient_descent(1.0), args=(CORNERS, SIDES), gtol=1e-4)
    report.same(
        "stopped by gtol = 1e-4: the status, and whether the run's notes speak of separable data",
        ("CONVERGED", True),
        (early.status.name, any("separable" in note for note in early.notes)),
    )
    report.too_strong(
        "f is convex and bounded below, so it has a minimizer.",
        "it has one with a penalty, or if no w has yᵢxᵢᵀw ≥ 0 for all rows and > 0 for one; "
        "on separable data f has only an infimum, 0.",
        f"loss {growth[0]['loss']:.2f}, {reached[1000]['loss']:.1e}, {growth[-1]['loss']:.1e} after "
        f"{growth[0]['t']}, 1,000 and {growth[-1]['t']:,} steps, ‖w‖ growing throughout",
        bool(
            np.all(np.diff([row["norm"] for row in growth]) > 0)
            and np.all(np.diff([row["loss"] for row in growth]) < 0)
            and growth[-1]["loss"] > 0
        ),
    )
    return growth


def _starts(
    drawn: np.ndarray,
    ends_at: np.ndarray,
    scattered: np.ndarray,
    basins: Minima,
    hills: jgd.problems.Problem,
):
    figure, (convex, other) = panels(1, 2, (11, 5.2))
    convex.plot(*drawn[:, :2].T, ".", color="0.6", markersize=4, label="starts")
    convex.plot(*ends_at[:, :2].T, "*", color=COLORS[4], markersize=14, label="ends")
    convex.set(xlabel="w₁ of 30 weights", ylabel="w₂", title=f"Convex: {len(drawn):,} starts, one end")
    contours(other, hills.fun, (-5.2, 5.2), (-5.2, 5.2), np.geomspace(2, 400, 9))
    order = sorted(range(len(basins.points)), key=lambda i: tuple(basins.points[i].x))
    for i, point in enumerate(order):
        mine = basins.labels == point
        other.plot(*scattered[mine].T, "os^D"[i], color=COLORS[i], markersize=3)
        other.plot(*basins.points[point].x, "*", color=COLORS[i], markersize=14, markeredgecolor="black")
    other.set(xlabel="x", ylabel="y", title="Not convex: the start decides where a run ends")
    legend(figure, convex)
    return figure


def _corrections(before: np.ndarray, after: np.ndarray, growth: list[dict]):
    figure, (line, norms) = panels(1, 2, (11, 4.8))
    line.plot(*before[:, [0, 2]].T, ".", color="0.6", markersize=4, label="starts")
    line.plot(*after[:, [0, 2]].T, ".", color=COLORS[4], markersize=4, label="ends")
    line.set(
        xlabel="w₁",
        ylabel="w₃, the weight of the same column",
        aspect="equal",
        title="A column twice: a line of minimizers",
    )
    t = np.array([row["t"] for row in growth])
    norms.semilogx(
        t, [row["norm"] for row in growth], "o", color=COLORS[0], markersize=5, label="‖w‖ after t steps"
    )
    norms.semilogx(
        t,
        growth[-1]["norm"] + np.linalg.norm(MARGIN) * np.log(t / t[-1]),
        color="0.35",
        linestyle=DASHES[1],
        label=f"slope ‖ŵ‖ = {np.linalg.norm(MARGIN):.4f} per unit of log t",
    )
    norms.set(
        xlabel="steps t",
        ylabel="‖w‖",
        ylim=(0, 7),
        title="Separable classes: no minimizer, ‖w‖ grows as log t",
    )
    legend(figure, line, norms, columns=2)
    return figure
