"""Newton–Raphson.

Newton–Raphson divides the gradient by the curvature, x₊ = x − H(x)⁻¹∇f(x): it goes to where the quadratic
model at x is stationary. **What does that buy, and what does it cost?** Three advantages: one step on a
quadratic, of whatever condition number; the same iterates in any coordinates, since under x = Ay the step
H⁻¹∇f is transformed as x is; and near a minimum where H has no eigenvalue 0, errors that square from step
to step,

x₊ − x* ≈ ½H⁻¹∇³f[e, e], e = x − x*,

∇³f[e, e] being the vector of the third derivatives applied to e twice.

Three costs: far from a minimum f may climb; saddles attract it as minima do, since it looks for ∇f = 0; and
a step takes n Hessian-vector products, n² numbers to store and about n³/3 multiplications to solve for it,
where a step of gradient descent takes one gradient. The seconds are measured on a chain of springs,
f(x) = Σ log cosh xᵢ + ½Σ(xᵢ − 1)² + ½Σ(xᵢ₊₁ − xᵢ)², whose curvatures lie between 1 and 6 at any n.
"""

import jax.numpy as jnp
import numpy as np
from scipy.special import expit

import jgd
from experiments.figures import COLORS, DASHES, legend, panels
from experiments.report import Report

NEWTON = jgd.newton_raphson()
PRINTED = (24.2, 4.73188, 1411.85, 0.0559655, 0.313189, 1.85274e-11)
HALF_UNITS = (5e-14, 5e-6, 5e-3, 5e-8, 5e-7, 5e-17)


def rosenbrock(y, A):
    """Rosenbrock's function of x = Ay."""
    x = A @ y
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def chain(x):
    """Springs in a row, tied to the ground by springs that soften: H has its eigenvalues in (1, 6)."""
    ground = jnp.log(jnp.cosh(x)) + 0.5 * (x - 1) ** 2
    return jnp.sum(ground) + 0.5 * jnp.sum((x[1:] - x[:-1]) ** 2)


def hyperbola(x):
    """Two functions of one variable in one run."""
    return jnp.sum(jnp.sqrt(1 + x**2))


def main(quick: bool = False) -> Report:
    """The advantages, then the costs."""
    report = Report()
    for kappa in (1e2, 1e6):
        problem = jgd.problems.quadratic(np.geomspace(1, kappa, 50), rotate=True)
        run = jgd.minimize(problem.fun, problem.x0, NEWTON, args=problem.args, gtol=0.0, grtol=1e-12)
        claim = f"quadratic of κ = {kappa:,.0f}, n = 50: steps until ‖∇f‖∞ has shrunk by 1e-12"
        report.same(claim, 1, run.steps)
    pure, safe = _rosenbrock(report)
    distances, errors, predicted = _squares(report)
    _prices(report)
    report.rows = _costs((10, 300) if quick else (10, 30, 100, 300, 1_000))
    small, large = report.rows[0], report.rows[-1]
    for name, steps in (("Newton–Raphson", "newton_steps"), ("gradient descent", "gradient_steps")):
        claim = f"chain, {name}: steps do not depend on n; those at n = {large['n']:,} over n = {small['n']}"
        report.near(claim, 1, large[steps] / small[steps], abs=0.1, digits=3)
    report.draw(
        "steps",
        _steps(pure, safe, distances, errors, predicted),
        "Left: Rosenbrock's f against steps, pure and safe. Right: errors square from step to step",
    )
    report.draw("cost", _cost(report.rows), "Seconds of whole runs against n, by both methods")
    report.tell(
        f"At n = {large['n']:,} the chain takes Newton–Raphson {large['newton_steps']} steps and "
        f"{large['newton_raphson']:.2g} s, gradient descent at the rate 2/(1 + 6) {large['gradient_steps']} "
        f"steps and {large['gradient_descent']:.2g} s where this page was made: with κ small, few good steps "
        f"lose to many cheap ones. The Hessian takes {8 * large['n'] ** 2 / 1e6:,.3g} MB, the gradient "
        f"{8 * large['n'] / 1e3:,.3g} kB. With κ large and n small it is the other way round."
    )
    x = jnp.array([0.9, 1.1])
    inside, beyond = x + jgd.taylor(hyperbola, x).minimizer()
    report.ask(
        "√(1 + x²) is strictly convex, with its minimum at 0. From where does Newton–Raphson find it?",
        "f′ = x/√(1 + x²) and f″ = (1 + x²)^(−3/2), so x₊ = x − x(1 + x²) = −x³. From between −1 and 1 it "
        f"does, with errors that even cube: a step from 0.9 ends at {inside:.3f}. From ±1 it jumps to and "
        f"fro for ever. From beyond it leaves: a step from 1.1 ends at {beyond:.3f}, the next one further "
        "out. Convexity is not enough: it takes nearness, or a step that is cut where f does not fall, as "
        "jgd.newton() does.",
    )
    return report


def _rosenbrock(report: Report) -> tuple:
    """f along both Newton methods; the pure one's values as printed, and its iterates in two coordinates."""
    eye, bent, recorder = jnp.eye(2), jnp.array([[3.0, 1.0], [-40.0, 2.0]]), jgd.Recorder(x=True)

    def run(method, A, **given):
        y = jnp.linalg.solve(A, jnp.array([-1.2, 1.0]))
        return jgd.minimize(rosenbrock, y, method, args=(A,), recorder=recorder, **given)

    pure, turned = run(NEWTON, eye, gtol=1e-6), run(NEWTON, bent, gtol=1e-6)
    off = np.abs(turned.history["x"] @ bent.T - pure.history["x"]).max()
    report.near("Rosenbrock in y, x = Ay: largest distance of A·yₖ from xₖ", 0.0, off, abs=1e-10, digits=2)
    ends = [run(jgd.gradient_descent(1e-3), A, gtol=1e-6, max_steps=50_000) for A in (eye, bent)]
    report.same(
        "gradient descent at η = 1e-3, in x and in y",
        ("CONVERGED", "DIVERGED"),
        tuple(end.status.name for end in ends),
    )
    values = pure.history["value"]
    for k, (printed, half) in enumerate(zip(PRINTED, HALF_UNITS, strict=True)):
        claim = f"Rosenbrock from (−1.2, 1): f after {k} step{'' if k == 1 else 's'} (reference value)"
        report.near(claim, printed, values[k], abs=half)
    report.same("f after 6 steps: power of ten", -20, int(np.floor(np.log10(values[6]))))
    safe = run(jgd.newton(), eye, gtol=1e-8)
    falls = bool((np.diff(safe.history["value"]) < 0).all())
    report.same(
        "jgd.newton(), which cuts its steps: steps, and whether f always falls",
        (21, True),
        (safe.steps, falls),
    )
    return values, safe.history["value"]


def _squares(report: Report) -> tuple[np.ndarray, np.ndarray, float]:
    """Distances from the minimizer of logistic regression, those after one step, and their quotient e₊/e²."""
    problem = jgd.problems.breast_cancer()
    X, _, l2 = problem.args

    def end(x0: np.ndarray, steps: int) -> np.ndarray:
        return np.asarray(
            jgd.minimize(problem.fun, x0, NEWTON, args=problem.args, gtol=0.0, max_steps=steps).x
        )

    w = end(problem.x0, 20)
    v = np.random.default_rng(0).standard_normal(w.size)
    v /= np.linalg.norm(v)
    distances = np.logspace(-6, 0, 25)
    errors = np.array([np.linalg.norm(end(w + distance * v, 1) - w) for distance in distances])
    p = expit(X @ w)
    hessian = X.T @ ((p * (1 - p))[:, None] * X) + l2 * np.eye(w.size)
    third = X.T @ (p * (1 - p) * (1 - 2 * p) * (X @ v) ** 2)
    predicted = float(np.linalg.norm(np.linalg.solve(hessian, third)) / 2)
    inside = (distances > 1e-5) & (distances < 1e-2)
    slope = np.polyfit(np.log(distances[inside]), np.log(errors[inside]), 1)[0]
    report.near(
        "logistic regression: slope of log error after a step against log error before", 2, slope, abs=0.01
    )
    at = np.abs(distances - 1e-4).argmin()
    report.near(
        "at distance 1e-4: error after a step over ½‖H⁻¹∇³f[e, e]‖",
        1,
        errors[at] / distances[at] ** 2 / predicted,
        abs=1e-3,
    )
    return distances, errors, predicted


def _prices(report: Report) -> None:
    fun = jgd.problems.saddle().fun
    end = jgd.minimize(fun, jnp.array([0.5, 0.3]), NEWTON)
    away = float(jnp.linalg.norm(end.x))
    report.near(
        "½x² − ½y² + ¼y⁴ from (0.5, 0.3): distance of the end from the saddle (0, 0)", 0.0, away, abs=1e-8
    )
    try:
        jgd.minimize(chain, jnp.zeros(16_385), NEWTON)
        answer = "runs"
    except ValueError:
        answer = "refused"
    report.same("n = 16,385, whose Hessian takes more than 2 GiB", "refused", answer)


def _costs(sizes: tuple[int, ...]) -> list[dict]:
    """The fastest of some whole runs of each method at each n, compiled before."""
    rows = []
    for n in sizes:
        row = {"n": n}
        for method, steps in ((NEWTON, "newton_steps"), (jgd.gradient_descent(2 / 7), "gradient_steps")):
            runs = [jgd.minimize(chain, jnp.zeros(n), method, gtol=1e-6) for _ in range(5)]
            row |= {method.name: min(run.run_seconds for run in runs[1:]), steps: runs[0].steps}
        rows.append(row)
    return rows


def _steps(pure: np.ndarray, safe: np.ndarray, distances: np.ndarray, errors: np.ndarray, predicted: float):
    figure, (values, squares) = panels(1, 2, (11, 4.8))
    values.semilogy(
        pure, "o-", color=COLORS[4], markersize=5, label=f"newton_raphson(): climbs to {max(pure[1:]):.0f}"
    )
    values.semilogy(
        safe, marker="s", color=COLORS[0], linestyle=DASHES[1], markersize=4, label="newton(): always falls"
    )
    values.set(
        xlabel="steps", ylabel="Rosenbrock's f", title="Far from the minimum: sooner there, but not monotone"
    )
    squares.loglog(
        distances, errors, "o", color=COLORS[2], markersize=5, label="one step of newton_raphson()"
    )
    squares.loglog(
        distances, predicted * distances**2, color="0.35", linewidth=1, label="½‖H⁻¹∇³f[e, e]‖: slope 2"
    )
    squares.loglog(
        distances, distances, color="0.35", linewidth=1, linestyle=DASHES[2], label="no better than before"
    )
    squares.set(
        xlabel="distance to the minimizer before a step",
        ylabel="after the step",
        title="Logistic regression, near the minimum: squared",
    )
    legend(figure, values, squares)
    return figure


def _cost(rows: list[dict]):
    figure, (axes,) = panels(1, 1, (8, 4.8))
    n = np.array([row["n"] for row in rows])
    for i, (name, steps) in enumerate(
        (("newton_raphson", "newton_steps"), ("gradient_descent", "gradient_steps"))
    ):
        seconds = [row[name] for row in rows]
        axes.loglog(
            n, seconds, "os"[i] + "-", color=COLORS[4 * (1 - i)], label=f"{name}: {rows[-1][steps]} steps"
        )
    axes.set(
        xlabel="number of parameters n",
        ylabel="seconds of a whole run, compiled before",
        title="A well-conditioned chain, κ ≤ 6: Newton's step outgrows its use",
    )
    legend(figure, axes)
    return figure
