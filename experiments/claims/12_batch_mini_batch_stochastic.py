"""Batch, mini-batch, stochastic.

f is a mean over n examples (n is their number here), and so is its gradient. Batch gradient descent
computes all of it at every step, mini-batch gradient descent that of B examples drawn at random, and
stochastic gradient descent takes B = 1. A drawn gradient is right on average, and off by a variance tr Σ/B,
where Σ is the covariance of the gradients of single examples. **What does an example buy, where does a
constant rate end, and when does which win?**

Where f has curvature λ and the noise the variance σ² (a number, not the function), a step multiplies the
error by 1 − ηλ and adds η times the noise. In the balance of the two, for batches drawn with replacement,
the variance of x is

Var∞ = ησ²/(Bλ(2 − ηλ)),

a floor that falls with η and as 1/B, and no number of steps gets below it. Summed over the directions it is
a floor of f − f* of about η·tr Σ/(4B), whatever the curvatures. Three ways lead down:

- A falling rate. η = 1/(λ(k + 1)) makes x the running mean of what was drawn, with Var = σ²/(Bλ²k), the
  best that k batches allow. But that needs λ: where the curvature is cλ, c < ½, x² falls as k^(−2c) only.
- Drawing without replacement. The noise of an epoch adds up to 0, so that little is left at its end, if x
  remembers an epoch: if 1/(ηλ) steps are many more than n/B.
- All examples in every step, which costs n/B times as much.

B steps at the rate η/B do almost the same as one step of B examples at the rate η. So by examples seen
B = 1 is never far behind, and larger batches are for the machine, which does their examples together.

Floors are measured on ½λx² − bᵢx, σ = 1, for 512 x at once, half with λ = 1 and half with λ = ¼; the 1,024
values of each b are uncorrelated with those of the others, exactly. The race is logistic regression of
32,768 × 20, κ = 105, from w = 0; L is the curvature there.
"""

import jax.numpy as jnp
import numpy as np

import jgd
from experiments.figures import COLORS, DASHES, legend, panels
from experiments.race import FAR, LIMITS, Race, reached
from experiments.report import Report

COUNT, SIZE = 1024, 512
CURVATURES = np.where(np.arange(SIZE) < SIZE // 2, 1.0, 0.25)
STEPS, SETTLED = 4096, 1024
"""So many steps a run for a floor has, and so many of them are not looked at."""

FLOORED = np.array([0.03, 0.055, 0.1, 0.18, 0.32, 0.56, 1.0, 1.8])
"""The rates at which floors are measured."""

RATES = np.array([2.0, 0.5, 0.125, 0.03125])
"""The rates of the race in units of 1/L for all examples and for 64; for B = 1 divided by 64."""

LEVELS = 10.0 ** -np.arange(1, 9)


def parabola(x, b):
    return jnp.sum(0.5 * CURVATURES * x**2 - b * x)


def falling(k):
    """1/(λ(k + 1)) for λ = 1."""
    return 1 / (k + 1)


def noise() -> np.ndarray:
    """b: columns of mean 0 and variance 1, exactly and without correlation."""
    drawn = np.random.default_rng(0).standard_normal((COUNT, SIZE))
    return np.linalg.qr(drawn - drawn.mean(axis=0))[0] * np.sqrt(COUNT)


def main(quick: bool = False) -> Report:
    """Floors of constant rates, falling rates, and a race."""
    report = Report()
    report.draw(
        "floor",
        _floor_figure(*_floors(report, quick), _reshuffled(report, quick)),
        "Left, floors of x² against the rate, on their formula. Right, against the batch size: slope −1, and "
        "lower without replacement",
    )
    paths, (runs, needed) = _falling(report), _race(report, quick)
    report.draw(
        "rates",
        _rates_figure(paths, needed),
        "Left, x² against steps: constant rates end on a floor, 1/k falls on. Right, examples needed against "
        "accuracy: drawn batches need few, and stop at a floor",
    )
    report.draw("race", _race_figure(runs), "f − f* against examples seen and against seconds")
    return report


def floor(rate, batch, curvature):
    """Var∞ with σ = 1."""
    return rate / (batch * curvature * (2 - rate * curvature))


def _both(x: np.ndarray) -> np.ndarray:
    """The mean of x² over the columns of λ = 1 and of λ = ¼."""
    return np.array([np.mean(x[:, curvature == CURVATURES] ** 2) for curvature in (1.0, 0.25)])


def _floors(report: Report, quick: bool) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Rates, and for each batch size the floor of x² at each rate, for both curvatures."""
    rates, data = FLOORED[:: 2 if quick else 1], noise()
    found = {}
    for size in (1, 64) if quick else (1, 4, 16, 64, 256):
        fit = jgd.finite_sum(parabola, data, batch_size=size, replacement=True, test_every=FAR)
        limits = {"gtol": 0.0, "max_steps": STEPS, "recorder": jgd.Recorder(rows=128, x=True)}
        runs = jgd.minimize_many(fit, np.zeros((len(rates), SIZE)), jgd.gradient_descent(rates), **limits)
        histories = [runs.history(i) for i in range(len(rates))]
        found[size] = np.array([_both(h["x"][h["step"] >= SETTLED]) for h in histories])
        report.rows += [
            {"of": f"floor, lambda = {curvature}", "batch": size, "rate": rate, "measured": x2[j]}
            for rate, x2 in zip(rates, found[size], strict=True)
            for j, curvature in enumerate((1.0, 0.25))
        ]
    predicted = {size: floor(rates[:, None], size, np.array([1.0, 0.25])) for size in found}
    ratios = np.array([found[size] / predicted[size] for size in found]).ravel()
    worst = ratios[np.abs(np.log(ratios)).argmax()]
    told = f"{ratios.size} floors, B = 1 to {max(found)}, η from {rates[0]:g} to {rates[-1]:g}"
    report.near(f"{told}: x² over Var∞, the worst", 1.0, worst, abs=0.05, digits=4)
    tenth = {size: x2[rates == 0.1][0, 0] for size, x2 in found.items()}
    report.near("λ = 1, η = 0.1, B = 1: x² (reference value)", 0.0526315789, tenth[1], rel=0.05, digits=3)
    slope = np.polyfit(np.log(list(tenth)), np.log(list(tenth.values())), 1)[0]
    report.near("λ = 1, η = 0.1: slope of log floor against log B", -1.0, slope, abs=0.05, digits=4)
    return rates, found


def _reshuffled(report: Report, quick: bool) -> dict[int, np.ndarray]:
    """For each batch size x² at the ends of epochs, drawn without replacement, at the rate 0.1."""
    data, found = noise(), {}
    for size in (64,) if quick else (1, 4, 16, 64, 256):
        fit = jgd.finite_sum(parabola, data, batch_size=size, test_every=FAR)
        limits = {"gtol": 0.0, "max_steps": STEPS, "recorder": jgd.Recorder(rows=128, x=True)}
        h = jgd.minimize(fit, jnp.zeros(SIZE), jgd.gradient_descent(0.1), **limits).history
        ends = (h["step"] >= SETTLED) & (h["step"] % (COUNT // size) == 0)
        found[size] = _both(h["x"][ends])
    size = max(found)
    for curvature, x2 in zip((1.0, 0.25), found[size], strict=True):
        report.near(
            f"without replacement, B = {size}, η = 0.1, λ = {curvature:g}: x² at ends of epochs over Var∞",
            reshuffled_floor(0.1, size, curvature) / floor(0.1, size, curvature),
            x2 / floor(0.1, size, curvature),
            rel=0.1,
            digits=3,
        )
    return found


def reshuffled_floor(rate, batch, curvature):
    """The variance of x at the ends of epochs, with σ = 1."""
    steps, q = COUNT // batch, 1 - rate * curvature
    squares, sums = (1 - q ** (2 * steps)) / (1 - q**2), (1 - q**steps) / (1 - q)
    own, other = (COUNT - batch) / (COUNT - 1) / batch, -1 / (COUNT - 1)
    return rate**2 * (own * squares + other * (sums**2 - squares)) / (1 - q ** (2 * steps))


def _falling(report: Report) -> dict[str, np.ndarray]:
    """x² of both curvatures along runs at a constant and at a falling rate, from x = 1 with B = 1."""
    fit = jgd.finite_sum(parabola, noise(), batch_size=1, replacement=True, test_every=FAR)
    limits = {"gtol": 0.0, "max_steps": STEPS, "recorder": jgd.Recorder(rows=2 * STEPS, x=True)}
    paths = {}
    for name, rate in (("η = 0.1", 0.1), ("η = 1/(k + 1)", falling)):
        run = jgd.minimize(fit, jnp.ones(SIZE), jgd.gradient_descent(rate), **limits)
        paths[name] = np.array([_both(x[None]) for x in run.history["x"]])
    k = np.arange(len(paths[name]))
    report.rows += [
        {"of": f"{name}, lambda = {curvature}", "batch": 1, "steps": int(step), "measured": path[step, j]}
        for name, path in paths.items()
        for j, curvature in enumerate((1.0, 0.25))
        for step in 2 ** np.arange(int(np.log2(STEPS)) + 1)
    ]
    for j, (curvature, slope) in enumerate(((1.0, -1.0), (0.25, -0.5))):
        fitted = np.polyfit(np.log(k[8:]), np.log(paths[name][8:, j]), 1)[0]
        claim = f"η = 1/(k + 1), λ = {curvature:g}: slope of log x² against log k"
        report.near(claim, slope, fitted, abs=0.05, digits=4)
    return paths


def _race(report: Report, quick: bool) -> tuple[dict, dict]:
    """Some runs by name, and for each batch size the fewest examples to each level."""
    race, epochs = (Race(2**12, 0.3), 16) if quick else (Race(2**15, 0.1), 32)
    tracks, costs = {}, {}
    for size in (1, 64, race.count):
        rates = RATES * race.rate * min(1, size / 64)
        steps = 640 if size == race.count else epochs * race.count // size
        starts, method = np.zeros((len(rates), 20)), jgd.gradient_descent(rates)
        ends = jgd.minimize_many(race.fit(size), starts, method, max_steps=steps, **LIMITS)
        costs[size] = ends.seconds[1] / int(ends.steps.sum())
        tracks[size] = [race.track(ends.history(i), size, costs[size]) for i in range(len(rates))]
    needed = {size: [min(reached(one, level) for one in tracks[size]) for level in LEVELS] for size in tracks}
    report.rows += [
        {"of": f"examples to {level:.0e}", "batch": size, "measured": examples}
        for size in needed
        for level, examples in zip(LEVELS, needed[size], strict=True)
    ]
    _compared(report, race, tracks, needed, costs)
    runs = {
        f"all {race.count:,}, η = 2/L": tracks[race.count][0],
        "B = 64, η = 1/(2L)": tracks[64][1],
        "B = 1, η = 1/(128L)": tracks[1][1],
        "B = 64, η falling from 1/(2L)": _fallen(report, race, tracks[64][1], epochs),
    }
    _question(report, race, epochs, needed[race.count][-1] / race.count)
    return runs, needed


def _compared(report: Report, race: Race, tracks: dict, needed: dict, costs: dict) -> None:
    """What the runs say of the three."""
    n = race.count
    report.at_least(
        f"examples until (f − f*)/(f₀ − f*) ≤ 0.01, all {n:,} in a step, over those with B = 64, each at the "
        "best of 4 rates (chosen)",
        2.0,
        needed[n][1] / needed[64][1],
        digits=3,
    )
    for i in (1, 2):
        report.near(
            f"B = 64, η = {RATES[i]:g}/L: floor of f − f* over η·tr Σ/(4B)",
            1.0,
            np.median(tracks[64][i]["error"][128:]) * race.first / (RATES[i] * race.rate * race.trace / 256),
            abs=0.2,
            digits=3,
        )
    report.near(
        f"examples until 0.01 with B = 1 at η = {RATES[2]:g}/(64L), over those with B = 64 at {RATES[2]:g}/L",
        1.0,
        reached(tracks[1][2], 1e-2) / reached(tracks[64][2], 1e-2),
        abs=0.2,
        digits=3,
    )
    lowest = {size: min(np.median(one["error"][128:]) for one in tracks[size]) for size in (1, 64)}
    to = {size: np.array(counted) / n for size, counted in needed.items()}
    report.too_strong(
        "A stochastic step is n times cheaper, so stochastic gradient descent is faster.",
        "counted in examples it is far ahead to a coarse answer; a machine wants them in batches, and at a "
        "constant rate neither gets to a fine one.",
        f"to 0.1: {to[1][0]:.2g} passes over the data with B = 1, {to[n][0]:.3g} with all; to 1e-8: "
        f"{to[n][-1]:.0f} with all, while the second halves of the runs are at {lowest[1]:.1g} with B = 1 "
        f"and at {lowest[64]:.1g} with B = 64, in the median, at the best of 4 rates",
        bool(to[1][0] < to[n][0] and to[n][-1] < np.inf == to[1][-1] == to[64][-1]),
    )
    report.at_least(
        "seconds of a step with all examples over one with B = 1 (chosen)", 5, costs[n] / costs[1], digits=3
    )
    each = {size: cost / size for size, cost in costs.items()}
    seconds = [[f"{needed[size][i] * each[size]:.2g}" for size in (1, 64, n)] for i in (0, 1)]
    report.tell(
        f"When this was run a step took {1e6 * costs[1]:.2g} µs with B = 1, {1e6 * costs[64]:.2g} µs with "
        f"B = 64 and {1e6 * costs[n]:,.0f} µs with all. By examples B = 1 and B = 64 are alike; by seconds "
        f"B = 64 is {each[1] / each[64]:.0f} times as fast. (f − f*)/(f₀ − f*) was at 0.1 after "
        f"{', '.join(seconds[0])} s with B = 1, 64 and all examples, at 0.01 after {', '.join(seconds[1])} "
        "s. So: a batch to get near, a falling rate or all examples to get there, and one example at a time "
        f"where more at a time gain nothing. (Newton, which 20 parameters suit, takes {race.least.steps} "
        "steps.)"
    )


def _fallen(report: Report, race: Race, constant: dict, epochs: int) -> dict[str, np.ndarray]:
    """A run at a rate that falls as 1/(μk) in the end."""
    rate, low = 0.5 * race.rate, jgd.curvature(race.whole, race.least.x).lowest.value
    method = jgd.gradient_descent(lambda k: rate / (1 + rate * low * k))
    run = jgd.minimize(race.fit(64), method=method, max_steps=epochs * race.count // 64, **LIMITS)
    track = race.track(run.history, 64, run.run_seconds / run.steps)
    ends = tuple(float(np.median(one["error"][-32:])) for one in (track, constant))
    report.at_most(
        "B = 64, η = η₀/(1 + η₀μk): error at the end, below that at the constant η₀",
        ends[1],
        ends[0],
        digits=2,
    )
    return track


def _question(report: Report, race: Race, epochs: int, passes: float) -> None:
    """What variance reduction does about the floor."""
    method, steps = jgd.svrg(0.5 * race.rate), epochs * race.count // 64
    run = jgd.minimize(race.fit(64), method=method, max_steps=steps, **LIMITS)
    track = race.track(run.history, 64, 0.0) | {"examples": run.history["grads"] * 64}
    reduced = reached(track, 1e-8) / race.count
    claim = "SVRG, B = 64: passes over the data until 1e-8, below those of all examples in a step"
    report.at_most(claim, passes, reduced, digits=3)
    report.ask(
        "A falling rate slows the progress with the noise. Can a method have cheap steps, a constant rate, "
        "and no floor?",
        "Yes, if it takes the noise out. SVRG keeps a point s and ∇f(s), computed from all examples every "
        "two epochs, and steps along ∇f_B(x) − ∇f_B(s) + ∇f(s): right on average, and with a noise that "
        f"vanishes as x and s near the minimum. With B = 64 at η = 1/(2L) it gets to 1e-8 in {reduced:.0f} "
        "passes over the data, its full gradients included.",
    )


def _floor_figure(rates, floors, reshuffled):
    figure, (against, sizes) = panels(1, 2, (10.5, 4.8))
    fine, at = np.geomspace(rates[0], rates[-1], 200), list(rates).index(0.1)
    for i, (size, x2) in enumerate(floors.items()):
        for j, curvature in enumerate((1.0, 0.25)):
            against.loglog(
                fine, floor(fine, size, curvature), color=COLORS[i], linestyle=DASHES[j], linewidth=1
            )
            against.plot(rates, x2[:, j], "o^"[j], color=COLORS[i], markersize=4)
        against.plot([], [], "o", color=COLORS[i], label=f"B = {size}")
    against.set(
        xlabel="rate η", ylabel="mean of x², late", title="The floor, λ = 1 (circles) and ¼ (triangles)"
    )
    count = np.geomspace(1, max(floors), 200)
    for j, curvature in enumerate((1.0, 0.25)):
        color, told = COLORS[5 + j], f"λ = {curvature:g}"
        sizes.loglog(count, floor(0.1, count, curvature), color=color, linewidth=1)
        sizes.plot(
            floors.keys(),
            [x2[at, j] for x2 in floors.values()],
            "s",
            color=color,
            label=f"{told}, with replacement",
        )
        sizes.plot(
            reshuffled.keys(),
            [x2[j] for x2 in reshuffled.values()],
            "D",
            color=color,
            fillstyle="none",
            label=f"{told}, without, ends of epochs",
        )
    sizes.set(
        xlabel="batch size B", ylabel="mean of x², late", title="η = 0.1: the floor falls as 1/B, or faster"
    )
    legend(figure, against, sizes, columns=5)
    return figure


def _rates_figure(paths, needed):
    figure, (steps, examples) = panels(1, 2, (10.5, 4.8))
    k = np.arange(STEPS + 1)
    for i, (name, path) in enumerate(paths.items()):
        for j, curvature in enumerate((1.0, 0.25)):
            steps.loglog(
                k[1:], path[1:, j], color=COLORS[i], linestyle=DASHES[j], label=f"{name}, λ = {curvature:g}"
            )
    steps.loglog(k[1:], 1 / k[1:], color="0.35", linewidth=1, linestyle=DASHES[2], label="1/k")
    steps.set(xlabel="steps k, B = 1", ylabel="mean of x²", title="Constant and falling rates, from x = 1")
    for i, (size, counted) in enumerate(needed.items()):
        examples.loglog(LEVELS, counted, "os^"[i] + "-", color=COLORS[2 + i], label=f"B = {size:,}")
    examples.invert_xaxis()
    examples.set(
        xlabel="(f − f*)/(f₀ − f*)",
        ylabel="fewest examples, best of 4 rates",
        title="Drawn batches stop where their floor is",
    )
    legend(figure, steps, examples, columns=4)
    return figure


def _race_figure(runs):
    figure, both = panels(1, 2, (10.5, 4.8), sharey=True)
    for axes, of in zip(both, ("examples", "seconds"), strict=True):
        for i, (name, track) in enumerate(runs.items()):
            axes.loglog(
                track[of][1:],
                np.maximum(track["error"][1:], 1e-12),
                color=COLORS[i],
                linewidth=1.2,
                label=name if of == "examples" else None,
            )
    both[0].set(xlabel="examples seen", ylabel="(f − f*)/(f₀ − f*)", title="By examples: one and 64 alike")
    both[1].set(xlabel="seconds, compiled before", title="By seconds: 64 before one")
    legend(figure, both[0], columns=4)
    return figure
