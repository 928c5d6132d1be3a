"""Edge of stability.

On a quadratic gradient descent is stable while the sharpness, the largest eigenvalue λmax of the Hessian,
is below 2/η. The Hessian of a network changes as it learns. **Where does the sharpness go, and what happens
when it gets to 2/η?** Cohen et al. (2021) found that training sharpens the valley until λmax = 2/η, and that
the run then neither leaves nor settles: it goes on at the edge, its loss up and down from step to step and
down in the long run.

Each method has an edge of its own, the largest λ under which it is stable on a quadratic: (2 + 2β)/η for
heavy ball, (2 + 2β)/(η(1 + 2β)) for Nesterov, and (2 + 2β₁)/((1 − β₁)η) for Adam, where λ is an eigenvalue of
diag(√v)⁻¹H, H the Hessian and √v the roots of the mean squared gradients (Cohen et al., 2022). With β = β₁ =
0.9 these are 3.8/η, 1.357/η and 38/η.

Two dimensions are enough for an edge. At the minimum (1, 1) of Rosenbrock's function, 100(y − x²)² + (1 −
x)², the curvatures are 0.3994 and 1001.6, and 2/λmax is 0.001997: of two runs from (−1.2, 1) the one at η =
0.00199 arrives, and the one at η = 0.002, which is 0.16% above the edge, cannot. In many dimensions, a
network of two hidden layers learns how diabetes progressed in 442 patients, all of them in every step.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from sklearn.datasets import load_diabetes

import jgd
from experiments.figures import COLORS, DASHES, legend, mark, panels
from experiments.report import Report, words
from jgd.problems import rosenbrock

WIDTHS = (10, 20, 20, 1)
RATES = (0.1, 0.15, 0.2)
METHODS = {
    **{f"gradient descent, η = {rate:g}": (jgd.gradient_descent(rate), 2 / rate, 0.05) for rate in RATES},
    "heavy ball, η = 0.07": (jgd.heavy_ball(0.07, 0.9), 3.8 / 0.07, 0.05),
    "Nesterov, η = 0.05": (jgd.nesterov(0.05, 0.9), 3.8 / 2.8 / 0.05, 0.05),
    "Adam, η = 0.005": (jgd.adam(0.005), 38 / 0.005, 0.1),
}
"""Name -> the method, its edge, and how near to it the sharpness has to stay, relatively."""

VALLEY = {1e-3: 31_798, 1.5e-3: 21_188, 1.99e-3: 15_938}
"""Rates at which gradient descent arrives on Rosenbrock's function, and reference values of its steps."""

BEYOND, LONG = 2e-3, 400_000
"""A rate beyond the edge there, and how many steps a run at it gets."""

HALVED = 512
"""The step at which a run has its rate halved."""


def loss(layers, X, y):
    """Half the mean squared error of a network with tanh in its hidden layers."""
    for layer in layers[:-1]:
        X = jnp.tanh(X @ layer["w"] + layer["b"])
    return 0.5 * jnp.mean((X @ layers[-1]["w"] + layers[-1]["b"] - y) ** 2)


def scaled_loss(z, scales, X, y):
    """The loss at scales · z, whose Hessian in z is that of the loss, scaled from both sides."""
    return loss(jax.tree.map(jnp.multiply, scales, z), X, y)


def main(quick: bool = False) -> Report:
    """An edge in two dimensions; sharpness and loss of a network along six runs, each against its edge."""
    report, data = Report(), _data()
    _two_dimensions(report)
    steps, looks = (2**11, 16) if quick else (2**12, 64)
    runs = {}
    for name, (method, edge, _) in METHODS.items():
        follow = _adam if name.startswith("Adam") else _descend
        runs[name] = step, value, sharpness = follow(method, data, steps, looks)
        report.rows += [
            {"method": name, "step": int(k), "loss": float(f), "sharpness": float(s), "edge": edge}
            for k, f, s in zip(step, value, sharpness, strict=True)
        ]
    first = runs[f"gradient descent, η = {RATES[0]:g}"][2][0]
    report.at_most("sharpness at the start, against the lowest edge 2/η", 2 / RATES[-1], first, digits=3)
    for name, (step, _, sharpness) in runs.items():
        _, edge, near = METHODS[name]
        report.near(
            f"{name}: sharpness{' divided by √v' * name.startswith('Adam')}, median of the second half",
            edge,
            np.median(sharpness[step >= steps / 2]),
            rel=near,
            digits=4,
        )
    _unstable(report, runs)
    _question(report, data, steps, looks)
    return report


def _two_dimensions(report: Report) -> None:
    """Rosenbrock's function, below 2/λmax at its minimum and just above."""
    problem = rosenbrock()
    there = jgd.curvature(problem.fun, problem.minimizers[0])
    report.near(
        "Rosenbrock, at (1, 1): λmin (reference value)",
        0.399360767,
        float(there.lowest.value),
        abs=5e-10,
        digits=9,
    )
    report.near("λmax (reference value)", 1001.60064, float(there.highest.value), rel=1e-8, digits=9)
    report.near("2/λmax (reference value)", 0.00199680384, float(there.stable_rate), rel=1e-8, digits=9)

    def run(rate: float, steps: int) -> jgd.Result:
        method, recorder = jgd.gradient_descent(rate), jgd.Recorder(rows=1024, x=True)
        return jgd.minimize(problem.fun, problem.x0, method, gtol=1e-6, max_steps=steps, recorder=recorder)

    arrived = [run(rate, 100_000) for rate in VALLEY]
    report.same(
        f"steps from (−1.2, 1) to ‖∇f‖∞ ≤ 1e-6 at η = {words(tuple(VALLEY))} (reference values)",
        tuple(VALLEY.values()),
        tuple(r.steps if r.success else r.status.name for r in arrived),
    )
    ends = [run(BEYOND, steps) for steps in (LONG, LONG + 1)]
    report.same(f"at η = {BEYOND}: how {LONG:,} steps end", "MAX_STEPS", ends[0].status.name)
    low, high = sorted(ends, key=lambda r: float(r.value))
    report.near(
        "there, f at the last two points, the lower one first (reference values)",
        (1.24955e-3, 1.25521e-3),
        (float(low.value), float(high.value)),
        abs=5e-9,
    )
    again = run(BEYOND, LONG + 2)
    apart = np.abs(again.x - ends[0].x).max()
    report.near("and how far apart are points two steps apart: the run goes to and fro", 0.0, apart, abs=1e-6)
    middle = (ends[0].x + ends[1].x) / 2
    sharpness = float(jgd.curvature(problem.fun, middle).highest.value)
    report.near("and λmax midway between the two: 2/η", 2 / BEYOND, sharpness, rel=1e-4, digits=7)
    report.tell(
        f"On Rosenbrock's function the run at η = {BEYOND} goes down the valley like the others. Then it "
        f"jumps for ever between ({ends[0].x[0]:.6f}, {ends[0].x[1]:.6f}) and "
        f"({ends[1].x[0]:.6f}, {ends[1].x[1]:.6f}), not across (1, 1), but across the floor of the valley "
        f"at ({middle[0]:.4f}, {middle[1]:.4f}). There λmax is 2/η: the floor leads down to (1, 1), the "
        "swing drives the run back to where the valley is just flat enough, and the two are in balance. The "
        "network does the same in more dimensions."
    )
    report.draw(
        "valley",
        _valley_figure({max(VALLEY): arrived[-1], BEYOND: ends[0]}, [end.x for end in ends]),
        "Left, how far from the floor of the valley two runs on Rosenbrock's function are: one comes to rest "
        "on it, the other stays at a distance. Right, the two points between which that one jumps, above and "
        "below the floor",
    )


def _unstable(report: Report, runs: dict) -> None:
    """What a run does while it is above 2/η."""
    name = f"gradient descent, η = {RATES[-1]:g}"
    step, value, sharpness = runs[name]
    above = sharpness > METHODS[name][1]
    since = np.argmax(above)
    rises = int(np.sum(np.diff(value) > 0))
    report.at_least(f"{name}: checks at which the loss is higher than at the check before", 1, rises)
    report.at_most(
        f"{name}: loss at the end over loss when 2/η was passed (chosen)",
        0.2,
        value[-1] / value[since],
        digits=3,
    )
    report.too_strong(
        "Gradient descent with a rate above 2/λmax diverges.",
        "on a quadratic; on Rosenbrock's function it stays nearby, and this network even goes on learning.",
        f"at η = {RATES[-1]:g} the sharpness is above 2/η at {np.mean(above[since:]):.0%} of the checks from "
        f"step {step[since]:,.0f} on, while the loss falls from {value[since]:.3g} to {value[-1]:.3g}",
        bool(np.mean(above[since:]) > 0.5) and value[-1] < value[since],
    )
    name = f"gradient descent, η = {RATES[0]:g}"
    report.tell(
        f"At η = {RATES[0]:g} the sharpness starts at {runs[name][2][0]:.1f}, rises past 2/η = "
        f"{2 / RATES[0]:g} to {runs[name][2].max():.1f}, falls back and is {runs[name][2][-1]:.2f} at the "
        f"end; at twice the rate it ends at half of that, {sharpness[-1]:.2f}. Where it is above 2/η "
        "the run swings out along the sharpest direction, and what it finds there is flatter: the "
        "instability that a quadratic would not survive holds the sharpness down."
    )
    report.draw(
        "descent",
        _descent_figure(runs),
        "Left, sharpness rises past 2/η at three rates, falls back and stays near it. Right, the loss goes "
        "on falling; at the larger rates it is up and down, seen every 64 steps",
    )
    report.draw(
        "others",
        _others_figure(runs),
        "Sharpness over the edge of heavy ball, Nesterov and Adam: it gets to 1 or beyond, falls back and "
        "stays near",
    )


def _data() -> tuple[np.ndarray, np.ndarray]:
    """Features of unit variance, and a centered target of standard deviation 3."""
    X, y = map(np.asarray, load_diabetes(return_X_y=True))
    return (X - X.mean(0)) / X.std(0), 3 * (y[:, None] - y.mean()) / y.std()


def _start() -> list[dict[str, np.ndarray]]:
    """Normal weights of variance 1 / fan in, biases of 0."""
    random = np.random.default_rng(0)
    return [
        {"w": random.standard_normal((a, b)) / np.sqrt(a), "b": np.zeros(b)}
        for a, b in itertools.pairwise(WIDTHS)
    ]


def _sharpness(x, data, scales=None) -> float:
    """The largest eigenvalue of the Hessian, scaled from both sides."""
    scales = jax.tree.map(jnp.ones_like, x) if scales is None else scales
    z = jax.tree.map(jnp.divide, x, scales)
    return jgd.curvature(scaled_loss, z, args=(scales, *data), dense=False, products=20).highest.value


def _descend(method, data, steps: int, looks: int, x0=None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps, losses and sharpness along a run."""
    x0 = _start() if x0 is None else x0
    limits = {"gtol": 0.0, "max_steps": steps - 1, "recorder": jgd.Recorder(rows=looks, x=True)}
    history = jgd.minimize(loss, x0, method, args=data, **limits).history
    layers = ravel_pytree(x0)[1]
    return history["step"], history["value"], np.array([_sharpness(layers(x), data) for x in history["x"]])


def _adam(method, data, steps: int, looks: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same along a run of Adam, which is stopped at every look: its history does not keep v."""
    limits, found = {"gtol": 0.0, "recorder": None}, []
    run = jgd.minimize(loss, _start(), method, args=data, max_steps=1, **limits)
    for step in range(steps // looks, steps + 1, steps // looks):
        run = jgd.minimize(loss, start=run, args=data, max_steps=step, **limits)
        v = optax.tree.get(run.carry.motion.at.state, "nu")
        found.append((step, float(run.value), _sharpness(run.x, data, _scales(v, step))))
    step, value, sharpness = np.array(found).T
    return step, value, sharpness


def _scales(v, step: int):
    """One over the root of what Adam divides by: √v, made larger for the steps that v has not seen, and ε."""
    return jax.tree.map(lambda v: (jnp.sqrt(v / (1 - 0.999**step)) + 1e-8) ** -0.5, v)


def _question(report: Report, data, steps: int, looks: int) -> None:
    """The rate is halved in the middle of a run: its edge moves up, and the sharpness follows."""
    high, low = RATES[-1], RATES[-1] / 2
    recorder = jgd.Recorder(rows=looks, x=True)
    limits = {"gtol": 0.0, "max_steps": HALVED, "recorder": recorder}
    begun = jgd.minimize(loss, _start(), jgd.gradient_descent(high), args=data, **limits)
    step, value, sharpness = _descend(jgd.gradient_descent(low), data, steps, looks, begun.x)
    report.near(
        f"gradient descent, η = {high:g} for {HALVED} steps, then {low:g}: sharpness at the end",
        2 / low,
        sharpness[-1],
        rel=0.05,
        digits=4,
    )
    report.ask(
        f"The run at η = {high:g} is at its edge. Its rate is halved. Does the run now settle where it is?",
        f"No, it is free to go where it is steeper. After {HALVED} steps the sharpness is "
        f"{sharpness[0]:.1f}, with 2/η = {2 / high:g}. {step[-1]:,} steps at η = {low:g} later it is "
        f"{sharpness[-1]:.1f}, with 2/η = {2 / low:g}, and the loss has fallen from {value[0]:.3g} to "
        f"{value[-1]:.3g}. The curvature where a run ends tells of its rate as much as of the problem.",
    )


def _valley_figure(runs, ends):
    figure, (far, close) = panels(1, 2, (10.5, 4.8))
    for i, (rate, run) in enumerate(runs.items()):
        step, (x, y) = run.history["step"], run.history["x"].T
        name = f"η = {rate:g}, every {step[1]:,}th step" if step[1] > 1 else f"η = {rate:g}"
        far.loglog(step[1:], np.abs(y - x**2)[1:], color=COLORS[i], linestyle=DASHES[i], label=name)
    x, y = np.array(ends).T
    close.plot(x, y - x**2, "o-", color=COLORS[1], markersize=7, label=f"the end at η = {BEYOND:g}")
    close.plot(x.mean(), 0, "x", color="0.2", markersize=9, label="here λmax = 2/η")
    close.plot(1, 0, "*", color="0.2", markersize=12, label="the minimum (1, 1)")
    mark(close, "y", 0, "floor of the valley, y = x²")
    far.set(xlabel="steps", ylabel="distance |y − x²| from the floor", title="One run settles on the floor")
    close.set(
        xlabel="x",
        ylabel="y − x²",
        title="The other jumps across it",
        xticks=(0.997, 0.998, 0.999, 1.0, 1.001),
    )
    legend(figure, far, close, columns=3)
    return figure


def _descent_figure(runs):
    figure, (sharp, fall) = panels(1, 2, (10.5, 4.8))
    for i, rate in enumerate(RATES):
        step, value, sharpness = runs[f"gradient descent, η = {rate:g}"]
        sharp.plot(step, sharpness, "os^"[i] + "-", color=COLORS[i], markersize=3, linewidth=1)
        sharp.axhline(2 / rate, color=COLORS[i], linestyle=DASHES[1], linewidth=1.2)
        fall.semilogy(
            step,
            value,
            "os^"[i] + "-",
            color=COLORS[i],
            markersize=3,
            linewidth=1,
            label=f"η = {rate:g}, 2/η = {2 / rate:.4g}",
        )
    sharp.set(xlabel="steps", ylabel="sharpness λmax", title="Sharpness passes 2/η (dashed), then stays near")
    fall.set(xlabel="steps", ylabel="loss", title="The loss goes on falling, with relapses")
    legend(figure, fall)
    return figure


def _others_figure(runs):
    figure, (axes,) = panels(1, 1, (8, 4.8))
    for i, (name, (step, _, sharpness)) in enumerate(list(runs.items())[len(RATES) :]):
        edge = METHODS[name][1]
        axes.plot(
            step,
            sharpness / edge,
            "os^"[i] + "-",
            color=COLORS[i],
            markersize=3,
            linewidth=1,
            label=f"{name}: edge {edge:,.4g}",
        )
    mark(axes, "y", 1.0, "edge of stability")
    axes.set(
        xlabel="steps",
        ylabel="sharpness over the edge (Adam: divided by √v)",
        title="Each method rises to an edge of its own",
    )
    legend(figure, axes, columns=2)
    return figure
