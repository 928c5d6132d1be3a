"""The algorithm.

Start anywhere. Step against the gradient, x₊ = x − η∇f(x), until ‖∇f‖∞ ≤ gtol or the steps run out. That is
gradient descent, and it leaves two questions open. **Does it matter where a run starts, and how does it know
that it has arrived?**

Where f is strongly convex with curvatures from μ to L, as penalized logistic regression is, every start leads
to the one minimum, at any rate below 2/L (section 3). A neural network needs small random numbers: from zeros
no weight has a gradient, only the last biases, and hidden units that start equal stay equal. As for arriving,
only the gradient speaks of the minimum: f − f* ≤ ‖∇f‖²/(2μ) where f is strongly convex. A step has the length
η‖∇f‖, and the value falls by about η‖∇f‖² in it: both are small at the minimum, and both are small anywhere
if η is.
"""

import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

import jgd
from experiments.figures import COLORS, DASHES, legend, mark, panels
from experiments.report import Report
from jgd.problems import breast_cancer, network

MINIMUM = 37.8777655571
"""f* of the breast cancer data with penalty 1, found by Newton's method."""

MU = 1.0
"""The penalty on those data: the least curvature of any direction is at least that."""

GTOL = 2e-2
TESTS = {
    "gradient": ("max|∇f| ≤ 0.02", {"gtol": GTOL}),
    "value": ("|Δf| < 1e-7·max(|f|, 1)", {"gtol": 0.0, "ftol": 1e-7}),
    "step": ("max|Δx| ≤ 1e-5·max|x|", {"gtol": 0.0, "xtol": 1e-5}),
}
"""What each test asks for, eight times in a row for the last two."""


def main(quick: bool = False) -> Report:
    """Starts of two problems, and three tests at rates over eight decades."""
    report = Report()
    logistic, digits = breast_cancer(), network((4,) if quick else (16,))
    # The second derivative of log(1 + exp(-t)) is at most 1/4, and 1/4 at t = 0.
    L = float(np.linalg.norm(logistic.args[0], 2)) ** 2 / 4 + MU
    convex = {name: _run(logistic, x0, 1 / L) for name, x0 in _starts(logistic, 2 if quick else 4).items()}
    starts = _starts(digits, 1 if quick else 2)
    learned = {name: _run(digits, x0, 0.5, max_steps=300 if quick else 2_000) for name, x0 in starts.items()}
    _check_logistic(report, convex)
    _check_network(report, digits, learned)

    relative = np.array([1e-8, 1e-6, 1e-4, 1.0]) if quick else np.logspace(-8, 0, 9)
    budget = 8_000 if quick else 60_000
    x0 = _starts(logistic, 1)["random 1"]
    stopped = {
        name: [_run(logistic, x0, float(rate) / L, max_steps=budget, **test) for rate in relative]
        for name, (_, test) in TESTS.items()
    }
    _check_tests(report, stopped)
    report.rows = [
        {"loss": loss, "start": start, "step": int(k), "value": float(value)}
        for loss, runs in (("logistic", convex), ("network", learned))
        for start, r in runs.items()
        for k, value in zip(r.history["step"], r.history["value"], strict=True)
    ] + [
        {"test": name, "rate_L": rate, "step": r.steps, "value": float(r.value), "status": r.status.name}
        for name, runs in stopped.items()
        for rate, r in zip(relative, runs, strict=True)
    ]
    report.draw("starts", _start_figure(convex, learned, digits), "Loss against steps from different starts")
    report.draw("tests", _test_figure(relative, stopped), "f − f* where each test stops, against the rate")
    _conclude(report, convex, learned, stopped)
    return report


def _starts(problem: jgd.problems.Problem, seeds: int) -> dict:
    """Zeros, the same small number everywhere, and small random numbers."""
    flat, unravel = ravel_pytree(problem.x0)
    starts = {"zeros": np.zeros(flat.size), "0.1 everywhere": np.full(flat.size, 0.1)}
    for seed in range(1, seeds + 1):
        starts[f"random {seed}"] = 0.1 * np.random.default_rng(seed).standard_normal(flat.size)
    return {name: unravel(jnp.asarray(start)) for name, start in starts.items()}


def _run(problem: jgd.problems.Problem, x0, rate: float, max_steps: int = 100_000, **test) -> jgd.Result:
    method = jgd.gradient_descent(rate)
    return jgd.minimize(problem.fun, x0, method, args=problem.args, max_steps=max_steps, **test)


def _gap(r: jgd.Result) -> float:
    return float(r.value) - MINIMUM


def _bound(r: jgd.Result) -> float:
    """What the gradient says of f − f*."""
    return float(jnp.sum(r.grad**2)) / (2 * MU)


def _check_logistic(report: Report, runs: dict[str, jgd.Result]) -> None:
    report.near(
        "logistic regression from zeros: f*", MINIMUM, float(runs["zeros"].value), abs=5e-11, digits=12
    )
    report.same(
        f"starts, of {len(runs)}, that end CONVERGED", len(runs), sum(r.success for r in runs.values())
    )
    ends = np.stack([r.x for r in runs.values()])
    apart = np.linalg.norm(ends[:, None] - ends, axis=2).max()
    gtol = max(r.tolerances.grad for r in runs.values())
    bound = 2 * ends.shape[1] ** 0.5 * gtol / MU
    report.at_most(
        f"largest distance between two of the ends: 2√n·gtol/μ, gtol = {gtol:.2g}", bound, apart, digits=3
    )


def _check_network(report: Report, problem: jgd.problems.Problem, runs: dict[str, jgd.Result]) -> None:
    X, classes, l2 = problem.args
    frequency = np.bincount(classes) / len(classes)
    report.near(
        "network from zeros: it learns how frequent each digit is, and f is the entropy −Σ p·log p",
        _entropy(problem),
        float(runs["zeros"].value),
        abs=1e-12,
        digits=10,
    )
    report.same("network from zeros: how the run ends", "CONVERGED", runs["zeros"].status.name)
    pull = X.T @ (frequency - np.eye(10)[classes]) / len(classes)
    left, sizes, right = np.linalg.svd(pull)
    first, last = (np.zeros_like(layer["w"]) for layer in problem.x0)
    first[:, 0], last[0] = left[:, 0] / 2**0.5, -right[0] / 2**0.5
    direction = [{"w": w, "b": np.zeros(w.shape[1])} for w in (first, last)]
    model = jgd.taylor(problem.fun, runs["zeros"].x, args=problem.args)
    report.near(
        "and where: on a saddle; curvature along the way out, penalty − ‖Xᵀ(p − Y)/n‖₂, p the frequencies, "
        "Y the labels as 0 and 1",
        float(l2) - float(sizes[0]),
        -2 * model.predicted_decrease(direction),
        rel=1e-6,
    )
    spread = np.ptp(np.asarray(runs["0.1 everywhere"].x[0]["w"]), axis=1).max()
    report.same(
        f"network from 0.1 everywhere: difference of hidden units after {runs['0.1 everywhere'].steps} steps",
        0.0,
        float(spread),
    )
    report.at_most(
        "network from small random numbers: f, below that of equal units",
        float(runs["0.1 everywhere"].value),
        float(runs["random 1"].value),
    )


def _entropy(problem: jgd.problems.Problem) -> float:
    frequency = np.bincount(problem.args[1]) / len(problem.args[1])
    return float(-np.sum(frequency * np.log(frequency)))


def _check_tests(report: Report, stopped: dict[str, list[jgd.Result]]) -> None:
    runs = [r for several in stopped.values() for r in several]
    worst = max(_gap(r) / _bound(r) for r in runs)
    report.at_most(f"f − f* as a multiple of ‖∇f‖²/(2μ), at the worst of {len(runs)} ends", 1.0, worst)
    passed = [_gap(r) for r in stopped["gradient"] if r.success]
    n = runs[0].parameters
    report.at_most(
        f"gradient test met: largest f − f*: n·gtol²/(2μ), gtol = {GTOL}", n * GTOL**2 / (2 * MU), max(passed)
    )
    report.same(
        "what jgd says where the gradient, the value, the step test is met, η = 1/L",
        ("CONVERGED", "STALLED", "STALLED"),
        tuple(stopped[name][-1].status.name for name in TESTS),
    )
    slow = [stopped[name][0] for name in ("value", "step")]
    report.too_strong(
        "When the value or the step hardly changes any more, the minimum is near.",
        "a small step proves nothing, since it is η‖∇f‖; the gradient bounds f − f*.",
        f"η = 1e-8/L: the tests are met after {slow[0].steps} and {slow[1].steps} steps, at f − f* = "
        f"{_gap(slow[0]):.2f} and {_gap(slow[1]):.2f}; the start has {slow[1].first_value - MINIMUM:.2f}",
        all(r.status == jgd.Status.STALLED and _gap(r) > 0.9 * (r.first_value - MINIMUM) for r in slow),
    )


def _conclude(report: Report, convex: dict, learned: dict, stopped: dict) -> None:
    steps = [r.steps for r in convex.values()]
    zeros, equal, small = learned["zeros"], learned["0.1 everywhere"], learned["random 1"]
    report.tell(
        f"All {len(convex)} starts of logistic regression end at the same minimum, after {min(steps):,} to "
        f"{max(steps):,} steps. The network's loss falls to {float(zeros.value):.3f} from zeros, where it "
        f"learns nothing but frequencies, to {float(equal.value):.3f} with equal units, which are as good as "
        f"one, and to {float(small.value):.3f} from small random numbers."
    )
    largest = float(jnp.max(jnp.abs(zeros.x[0]["w"])))
    report.ask(
        "From zeros the network's run ended CONVERGED. Did the gradient test lie?",
        f"No: the largest entry of the gradient is {zeros.grad_norm:.1e}. But it speaks of a minimum only "
        "where f is convex, and here is a saddle. No weight has a gradient, since f stays the same when all "
        "weights and hidden biases change their sign (tanh is odd), and rounding does not break that: after "
        f"{zeros.steps} steps the largest hidden weight is {largest:g}. jgd.curvature tells which.",
    )


def _start_figure(convex: dict, learned: dict, digits: jgd.problems.Problem):
    figure, (left, right) = panels(1, 2, (11, 5))
    for i, (name, r) in enumerate(convex.items()):
        h = r.history
        style = {"color": COLORS[i], "linestyle": DASHES[i % 3], "label": name}
        left.semilogy(h["step"], np.maximum(h["value"] - MINIMUM, 1e-10), **style)
        if name in learned:
            right.plot(learned[name].history["step"], learned[name].history["value"], **style)
    for axes, at in ((right, _entropy(digits)), (left, np.nan)):
        mark(axes, "y", at, "entropy of the digits' frequencies")
    left.set(xlabel="steps", ylabel="max(f − f*, 1e-10)", title="Logistic regression: any start will do")
    right.set(xlabel="steps", ylabel="f", title="Network: zeros learn only frequencies")
    legend(figure, left)
    return figure


def _test_figure(relative: np.ndarray, stopped: dict):
    figure, (axes,) = panels(1, 1, (8, 5))
    for i, (name, runs) in enumerate(stopped.items()):
        gaps = np.array([_gap(r) for r in runs])
        met = np.array([r.status != jgd.Status.MAX_STEPS for r in runs])
        asked = f"{name} test met: {TESTS[name][0]}"
        axes.loglog(relative[met], gaps[met], "o^s"[i], color=COLORS[i], markersize=11 - 3 * i, label=asked)
        if name == "gradient":
            axes.plot(
                relative[~met], gaps[~met], "x", color="0.35", label="gradient test not met: out of steps"
            )
    n = stopped["gradient"][0].parameters
    mark(axes, "y", n * GTOL**2 / (2 * MU), "n·gtol²/(2μ): the most that the gradient test leaves")
    axes.set(
        xlabel="learning rate, in units of 1/L",
        ylabel="f − f* where the run stops",
        title="A small step proves nothing",
    )
    legend(figure, axes, columns=2)
    return figure
