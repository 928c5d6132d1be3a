"""One iteration by hand.

Take f(w) = w², so f′(w) = 2w, and start at w₀ = 3. A step of gradient descent is w₊ = w − η·2w = (1 − 2η)·w:
every step multiplies w by the same factor. **What do η = 0.8, ½, 1 and more than 1 do?** With a pencil: η =
0.8 gives the factor −0.6, hence −1.8, 1.08, −0.648; η = ½ gives 0 and lands at once; η = 1 gives −1, and the
run jumps between 3 and −3 for ever; above 1 the factor is larger than 1 in size, and the run leaves. f″ = 2,
so 2/f″ = 1 is the limit of stability.
"""

import jax.numpy as jnp
import numpy as np

import jgd
from experiments.figures import COLORS, DASHES, legend, panels
from experiments.report import Report

RATES = (0.2, 0.5, 0.8, 1.0, 1.1)
START = 3.0


def square(w):
    return w**2


def run(rate: float, steps: int) -> jgd.Result:
    method = jgd.gradient_descent(rate)
    return jgd.minimize(
        square, jnp.float64(START), method, max_steps=steps, gtol=0.0, recorder=jgd.Recorder(x=True)
    )


def main(quick: bool = False) -> Report:
    """The first iterates at five rates, and where long runs end."""
    report = Report()
    paths = {}
    for rate in RATES:
        history = run(rate, 12).history
        paths[rate] = history["x"][:, 0]
        report.rows += [
            {"rate": rate, "step": k, "w": w} for k, w in zip(history["step"], paths[rate], strict=True)
        ]
    for k, by_hand in enumerate((-1.8, 1.08, -0.648), start=1):
        report.near(f"η = 0.8: w{'₀₁₂₃'[k]}", by_hand, paths[0.8][k], rel=1e-14)
    report.same("η = ½: steps to w = 0", 1, int(np.flatnonzero(paths[0.5] == 0)[0]))
    forever = run(1.0, 1_000 if quick else 100_000)
    report.same(f"η = 1: w after {forever.steps:,} steps", START, float(forever.x))
    report.same("η = 1: the values w takes in its first 12 steps", (-3.0, 3.0), tuple(np.unique(paths[1.0])))
    report.near("η = 1.1: factor of w in a step", -1.2, paths[1.1][12] / paths[1.1][11], rel=1e-14)
    report.same("η = 1.1: how a long run ends", "DIVERGED", run(1.1, 10_000).status.name)
    report.near(
        "the limit of stability, 2/λmax of jgd.curvature",
        1.0,
        jgd.curvature(square, 3.0).stable_rate,
        rel=1e-12,
    )
    report.draw(
        "iterates",
        _figure(paths),
        "w against steps: η = 0.2 creeps, 0.5 lands, 0.8 overshoots, 1 jumps, 1.1 leaves",
    )
    report.ask(
        "Which other rate has the same |w| after every step as η = 0.8?",
        f"The factor is 1 − 2η, and 0.6 is the other number of that size: η = 0.2. The run at 0.2 has "
        f"w₃ = {paths[0.2][3]:.3f}, that at 0.8 {paths[0.8][3]:.3f}: one creeps from one side, the other "
        "jumps across, and neither is ever nearer than the other.",
    )
    return report


def _figure(paths: dict[float, np.ndarray]):
    figure, (parabola, steps) = panels(1, 2, (10, 4.6), width_ratios=(2, 3))
    w = np.linspace(-4, 4, 201)
    parabola.plot(w, w**2, color="0.6")
    for rate in (0.2, 0.8):
        color = COLORS[RATES.index(rate)]
        parabola.plot(paths[rate], paths[rate] ** 2, "o-", color=color, markersize=4, linewidth=1.2)
    parabola.set(xlabel="w", ylabel="f(w) = w²", ylim=(-0.5, 12), title="0.2 creeps, 0.8 overshoots")
    for i, (rate, path) in enumerate(paths.items()):
        factor = f"η = {rate:g}: factor {1 - 2 * rate:+.1f}"
        steps.plot(path, marker="o", color=COLORS[i], linestyle=DASHES[i % 3], markersize=4, label=factor)
    steps.set(
        xlabel="steps",
        ylabel="w",
        ylim=(-14, 14),
        yscale="symlog",
        title="0.5 lands, 1 jumps for ever, 1.1 leaves",
    )
    legend(figure, steps)
    return figure
