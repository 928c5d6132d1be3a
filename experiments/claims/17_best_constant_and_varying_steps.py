"""Best possible constant and varying steps.

A method is as good as the worst function it may meet. For curvature at most L and a start at distance R from
the minimizer, theory knows many of these functions; for some methods a run on one meets the bound to the
last digits.
**What is the best constant rate, and how much do varying steps and memory gain?**

- On quadratics with curvatures in [μ, L], κ = L/μ, the best constant rate is 2/(L + μ): f shrinks by
  ((κ−1)/(κ+1))² a step.
- On convex functions N steps of the rate h/L, h ≤ 1, leave f − f* ≤ LR²/(4Nh + 2), with equality on Huber's
  function: a parabola up to a threshold and straight beyond, where every step is too short. With 1 < h < 2
  the worst case is the larger of this and ½(1−h)²ᴺLR², met on the parabola ½Lx², where steps overshoot
  (conjectured by Drori & Teboulle, 2014); the best h makes the two equal.
- Silver steps hᵢ = 1 + ρ^(ν(i)−1), ρ = 1 + √2 and ν(i) the exponent of 2 in i, guarantee
  LR²/(1 + √(4ρ²ᵏ − 3)) after N = 2ᵏ − 1 steps. This is plain gradient descent with rates fixed beforehand.
- With memory, the optimized gradient method (OGM) guarantees LR²/(2θ²), which in many dimensions no method
  that uses gradients alone can better. Nesterov's method guarantees LR²/(2t²), about twice as much. Here
  t₀ = 1, t₊ = (1 + √(1 + 4t²))/2; Nesterov's t is that after N steps; OGM's θ = (1 + √(1 + 8t²))/2 with the
  t after N − 1. Heavy ball is fast on quadratics, where its error shrinks by (√κ−1)/(√κ+1) a step in the
  long run, and may cycle for ever elsewhere.

In the tables L = R = 1 where nothing else is said, and the spectral radius of a step is the factor by which
the error shrinks in the long run. The 301 functions: Huber's with 300 thresholds from 1e-5 R to 0.9 R, and
the parabola. The counterexample (Lessard et al., 2016): f′ = 25x below 1, x + 24 up to 2, 25x − 24 beyond;
heavy ball takes its best constants on quadratics of these curvatures, the rate 4/(√L+√μ)² = 1/9 and β =
4/9.
"""

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from experiments.figures import COLORS, DASHES, legend, mark, panels
from experiments.report import Report

RHO = 1 + 2**0.5
SILVER = jgd.gradient_descent(jgd.silver(1.0))
ROUNDING = 1e-13
PARABOLA = 1e9
"""A threshold of Huber's function beyond all iterates."""

THRESHOLDS = np.append(np.geomspace(1e-5, 0.9, 300), PARABOLA)


def huber(x, threshold):
    """Curvature 1 up to the threshold, straight beyond."""
    size = jnp.abs(x)
    return jnp.where(size <= threshold, 0.5 * x**2, threshold * size - 0.5 * threshold**2)


def quadratic(x, h):
    return 0.5 * jnp.sum(h * x**2)


def pieces(x):
    """f' is 25x below 1, x + 24 up to 2 and 25x − 24 above, so that μ = 1 and L = 25."""
    low, middle = 12.5 * x**2, 0.5 * x**2 + 24 * x - 12
    return jnp.where(x < 1, low, jnp.where(x < 2, middle, 12.5 * x**2 - 24 * x + 36))


def silver_bound(steps: int) -> float:
    return 1 / (1 + (4 * RHO ** (2 * np.log2(steps + 1)) - 3) ** 0.5)


def inertia(steps: int) -> float:
    """t after the steps: t₀ = 1, t₊ = (1 + √(1 + 4t²))/2."""
    t = 1.0
    for _ in range(steps):
        t = (1 + (1 + 4 * t**2) ** 0.5) / 2
    return t


def ogm_bound(steps: int) -> float:
    """1/(2θ²), where the last θ = (1 + √(1 + 8t²))/2."""
    return 2 / (1 + (1 + 8 * inertia(steps - 1) ** 2) ** 0.5) ** 2


METHODS = {
    "rate 1/L": (lambda n: jgd.gradient_descent(1.0), lambda n: 1 / (4 * n + 2)),
    "silver": (lambda n: SILVER, silver_bound),
    "Nesterov": (lambda n: jgd.nesterov(1.0), lambda n: 1 / (2 * inertia(n) ** 2)),
    "OGM": (lambda n: jgd.ogm(n, 1.0), ogm_bound),
}
"""Name -> the method for a number of steps, and what it guarantees of f − f* with L = R = 1."""


def main(quick: bool = False) -> Report:
    """Constant rates, silver steps, memory: each on its worst functions."""
    report = Report()
    _constant(report, quick)
    worst = _guarantees(report, quick)
    _exact(report, quick)
    paths = _heavy_ball(report)
    report.draw(
        "varying",
        _varying_figure(worst, paths),
        "Left, worst f against steps on logarithmic axes: 1/L, silver, Nesterov, OGM from slow to fast. "
        "Right, heavy ball on the counterexample goes round three points while gradient descent arrives",
    )
    return report


def _ends(method, steps: int, thresholds: np.ndarray) -> np.ndarray:
    """f after the steps on Huber's function with each of the thresholds, from x = 1."""
    given = {"args": (thresholds,), "args_axis": 0, "gtol": 0.0, "max_steps": steps}
    return jgd.minimize_many(huber, np.ones_like(thresholds), method, **given).value


def value(method, steps: int, threshold: float) -> float:
    """f after the steps on one of Huber's functions."""
    return float(_ends(method, steps, np.full_like(THRESHOLDS, threshold))[0])


def largest(method, steps: int) -> float:
    """The largest f after the steps, over 300 of Huber's functions and the parabola."""
    return float(_ends(method, steps, THRESHOLDS).max())


def _factor(rate: float, kappa: float) -> float:
    """The worst factor of f in a step on ½(x² + κy²): that of the fourth step from (1, 1)."""
    method, recorder = jgd.gradient_descent(rate), jgd.Recorder(x=True)
    h, limits = jnp.array([1.0, kappa]), {"gtol": 0.0, "max_steps": 4, "recorder": recorder}
    x = jgd.minimize(quadratic, jnp.ones(2), method, args=(h,), **limits).history["x"]
    return float(np.max(np.abs(x[4])) / np.max(np.abs(x[3]))) ** 2


def _constant(report: Report, quick: bool) -> None:
    cases = [
        (k, 2 / (k + 1), ((k - 1) / (k + 1)) ** 2) for k in ((10.0, 100.0) if quick else np.logspace(1, 4, 4))
    ]
    for kappa, rate, factor in (*cases, (100.0, 0.01, 0.9801)):
        name = "1/L" if factor == 0.9801 else "2/(L+μ)"
        report.near(
            f"rate {name}, κ = {kappa:,.0f}: factor of f in a step",
            factor,
            _factor(rate, kappa),
            rel=1e-11,
            digits=9,
        )
    rates = np.linspace(0.09, 0.198, 28 if quick else 55)
    h = np.linspace(1.0, 1.98, 50 if quick else 99)
    factors = np.array([_factor(rate, 10.0) for rate in rates])
    short = _ends(jgd.gradient_descent(h), 10, 1 / (20 * h + 1))
    long = _ends(jgd.gradient_descent(h), 10, np.full_like(h, PARABOLA))
    worst, fine = np.maximum(short, long), np.linspace(1.0, 2.0, 100_001)
    meet = fine[np.argmin(np.maximum(1 / (40 * fine + 2), 0.5 * (1 - fine) ** 20))]
    for name, best, tried, f in (
        ("κ = 10, 2/(L+μ)", 2 / 11, rates, factors),
        ("convex functions, N = 10, where 1/(4Nh+2) = ½(1−h)²ᴺ", meet, h, worst),
    ):
        gap = tried[1] - tried[0]
        report.near(f"best of {len(tried)} rates for {name}", best, tried[np.argmin(f)], abs=gap, digits=4)
        report.rows += [{"of": name, "rate or steps": r, "value": v} for r, v in zip(tried, f, strict=True)]
    report.draw(
        "constant",
        _constant_figure(rates, factors, h, worst, meet),
        "Left, worst factor of f against the rate for κ = 10, lowest at 2/(L+μ). Right, worst f after 10 "
        "steps against h on convex functions, lowest where short and long steps are equally bad",
    )


def _guarantees(report: Report, quick: bool) -> dict[str, dict[int, float]]:
    """The worst value of each method found after 2ᵏ − 1 steps."""
    counts = (3, 31, 127) if quick else (3, 7, 31, 127, 511, 1023)
    found = {name: {n: largest(method(n), n) for n in counts} for name, (method, _) in METHODS.items()}
    for name, (_, bound) in METHODS.items():
        reached = max(worst / bound(n) for n, worst in found[name].items())
        report.at_most(
            f"{name}: worst f − f* of 301 functions over its guarantee, N = 3 to {counts[-1]:,}",
            1 + ROUNDING,
            reached,
        )
        report.rows += [{"of": name, "rate or steps": n, "value": worst} for n, worst in found[name].items()]
    return found


def _exact(report: Report, quick: bool) -> None:
    """The worst functions that are known, and the gains that follow."""
    for n, h in ((4, 1.0), (10, 1.0), (10, 1.5)) if quick else ((4, 1.0), (10, 1.0), (100, 1.0), (10, 1.5)):
        report.near(
            f"rate {h:g}/L, N = {n}: f − f* at threshold 1/(2Nh+1), 1/(4Nh+2)",
            1 / (4 * n * h + 2),
            value(jgd.gradient_descent(h), n, 1 / (2 * n * h + 1)),
            rel=1e-12,
            digits=9,
        )
    for k in (3, 5) if quick else (3, 5, 7, 10):
        report.near(
            f"silver, N = {2**k - 1:,}: f − f* at threshold 1/(2ρᵏ−1), 1/(4ρᵏ−2)",
            1 / (4 * RHO**k - 2),
            value(SILVER, 2**k - 1, 1 / (2 * RHO**k - 1)),
            rel=1e-9,
            digits=9,
        )
    for n in (4, 100) if quick else (4, 10, 100, 1000):
        for name, threshold in (("at threshold 1/θ²", 2 * ogm_bound(n)), ("on the parabola", PARABOLA)):
            measured = value(jgd.ogm(n, 1.0), n, threshold)
            report.near(f"OGM, N = {n:,}: f − f* {name}, 1/(2θ²)", ogm_bound(n), measured, rel=1e-9, digits=7)
    for n, times in ((1023, 3.286), (16_383, 6.973)):
        constant = value(jgd.gradient_descent(1.0), n, 1 / (2 * n + 1))
        ratio = constant / silver_bound(n)
        report.near(f"rate 1/L over silver's guarantee, N = {n:,}", times, ratio, abs=5e-4, digits=4)
    _silver_steps(report)


def _silver_steps(report: Report) -> None:
    limits = {"gtol": 0.0, "max_steps": 1023, "recorder": jgd.Recorder(rows=1024)}
    run = jgd.minimize(huber, jnp.float64(1.0), SILVER, args=(jnp.float64(1e-9),), **limits)
    rates, root = run.history["rate"][1:], 2**0.5
    off = np.abs(rates[:8] - (root, 2, root, 2 + root, root, 2, root, 2 + RHO * 2)).max()
    report.at_most("silver steps √2, 2, √2, 2+√2, √2, 2, √2, 4+2√2: largest error", 1e-14, off, digits=2)
    worst = {n: largest(SILVER, n) for n in (7, 8, 15, 1023)}
    report.too_strong(
        "A run that takes steps above 2/L cannot be trusted.",
        "long steps are safe where enough short ones go with them, and silver steps gain by them.",
        f"{np.mean(rates > 2):.0%} of 1,023 silver steps are above 2/L, the longest is {rates.max():,.0f}/L; "
        f"the worst f − f* of 301 functions is {worst[1023]:.2e}, that of the rate 1/L {1 / 4094:.2e}",
        bool(rates.max() > 2) and worst[1023] < 1 / 4094,
    )
    report.tell(
        f"After 1,023 steps f − f* is guaranteed to be at most {1 / 4094:.2e} LR² at the rate 1/L, "
        f"{silver_bound(1023):.2e} LR² with silver steps, {METHODS['Nesterov'][1](1023):.2e} LR² with "
        f"Nesterov's momentum and {ogm_bound(1023):.2e} LR² with OGM. Silver steps need no memory and no "
        "end fixed beforehand, but the run may be stopped only after 2ᵏ − 1 steps. OGM's last step differs "
        "from the others, so OGM must know which one is last."
    )
    report.ask(
        "The guarantee of silver holds after 7, 15, 31, ... steps. Is a run that is stopped after 8 steps at "
        "least as good as one stopped after 7?",
        f"No. The eighth step is {rates[7]:.3f}/L long. On the parabola it multiplies x by "
        f"{1 - rates[7]:.3f}: f is {value(SILVER, 7, PARABOLA):.5f} after 7 steps and "
        f"{value(SILVER, 8, PARABOLA):.5f} after 8. The worst of 301 functions rises from {worst[7]:.4f} to "
        f"{worst[8]:.4f}, and is {worst[15]:.4f} after 15. A long step is a debt, which the short steps "
        "around it pay.",
    )


def _heavy_ball(report: Report) -> dict[str, np.ndarray]:
    """Its radius on quadratics, and its cycle on a function with the same curvatures."""
    q = 9 / 11
    for name, method, radius in (
        ("heavy ball", jgd.heavy_ball(4 / 11**2, q**2), q),
        ("Nesterov", jgd.nesterov(0.01, q), 0.9),
    ):
        report.near(f"{name}, κ = 100: spectral radius of a step", radius, _radius(method), rel=1e-6)
    ball, short, long = (
        _path(method)
        for method in (jgd.heavy_ball(1 / 9, 4 / 9), *map(jgd.gradient_descent, (1 / 25, 1 / 9)))
    )
    last = np.sort(ball.history["x"][-3:, 0])
    for claimed, measured in zip((-2208, 792, 2592), 1225 * last, strict=True):
        report.near("heavy ball, κ = 25: 1225 x in its cycle", claimed, measured, rel=1e-9)
    report.same(
        "gradient descent there, at 1/25 = 1/L and at 1/9 > 2/L",
        ("CONVERGED", "DIVERGED"),
        (short.status.name, long.status.name),
    )
    report.too_strong(
        "Heavy ball with its best constants converges on every function with curvature in [μ, L].",
        "on every quadratic.",
        f"after {ball.steps:,} steps it still goes round {', '.join(f'{x:.4f}' for x in last)}",
        ball.status.name == "MAX_STEPS" and np.ptp(last) > 1,
    )
    return {"heavy ball": ball.history["x"][:31, 0], "gradient descent": short.history["x"][:31, 0]}


def _radius(method) -> float:
    """The spectral radius of (x, state) -> (x, state) on ½(x² + 100y²), from its derivative."""
    objective = jgd.Objective(quadratic, (jnp.array([1.0, 100.0]),))

    def step(z):
        taken = method.step(objective, objective.evaluate(z[:2]), (z[2:], None))
        return jnp.concatenate([taken.to, taken.state[0]])

    return float(np.abs(np.linalg.eigvals(jax.jacfwd(step)(jnp.zeros(4)))).max())


def _path(method) -> jgd.Result:
    recorder = jgd.Recorder(rows=1024, x=True)
    return jgd.minimize(pieces, jnp.float64(3.3), method, max_steps=1000, recorder=recorder)


def _constant_figure(rates, factors, h, worst, meet):
    figure, (valley, convex) = panels(1, 2)
    for axes, x, short, long, y in (
        (valley, rates, (1 - rates) ** 2, (1 - 10 * rates) ** 2, factors),
        (convex, h, 1 / (40 * h + 2), 0.5 * (1 - h) ** 20, worst),
    ):
        axes.plot(x, short, color=COLORS[1], linestyle=DASHES[1], label="steps too short: (1−ημ)²; 1/(4Nh+2)")
        axes.plot(x, long, color=COLORS[2], linestyle=DASHES[0], label="steps too long: (1−ηL)²; ½(1−h)²ᴺ")
        axes.plot(x, y, "o", color=COLORS[0], markersize=4, label="worst, measured")
    valley.set(
        xlabel="rate η, μ = 1, L = 10",
        ylabel="factor of f in a step",
        title="Quadratics, κ = 10: best at 2/(L+μ)",
    )
    convex.set(
        xlabel="h = ηL",
        ylabel="f − f* after N = 10 steps",
        title="Convex functions: best where both are equal",
    )
    convex.set(yscale="log", ylim=(1e-3, 1))
    mark(valley, "x", 2 / 11, "best rate, predicted")
    mark(convex, "x", meet, "best rate, predicted")
    legend(figure, convex, columns=2)
    return figure


def _varying_figure(worst: dict[str, dict[int, float]], paths: dict[str, np.ndarray]):
    figure, (bounds, cycle) = panels(1, 2, (11, 4.8), width_ratios=(4, 3))
    steps = 2 ** np.arange(1, 11) - 1
    for i, (name, found) in enumerate(worst.items()):
        guaranteed = [METHODS[name][1](int(n)) for n in steps]
        bounds.loglog(steps, guaranteed, color=COLORS[i], linestyle=DASHES[i % 3])
        bounds.loglog(found.keys(), found.values(), "os^D"[i], color=COLORS[i], label=name)
    bounds.set(
        xlabel="steps N",
        ylabel="f − f*, L = R = 1",
        title="Guaranteed (lines), worst of 301 functions (markers)",
    )
    for i, path in enumerate(paths.values()):
        cycle.plot(path, "o", color=COLORS[(4, 0)[i]], linestyle=DASHES[i], markersize=4)
    cycle.text(30, -3.1, "heavy ball: three points, for ever", color=COLORS[4], ha="right")
    cycle.text(0.8, 3.5, "gradient descent, rate 1/L: 0 after two steps", color=COLORS[0])
    cycle.set(xlabel="steps", ylabel="x", ylim=(-3.6, 4.2), title="Heavy ball, caught in a cycle")
    legend(figure, bounds, columns=4)
    return figure
