"""Local minima and saddles.

Gradient descent goes downhill until ∇f = 0, which need not be at the lowest point. **Where does it end, and
how long is it held up by saddles?** At a minimum all curvatures are positive, and what starts near it ends
there: these starts are its basin. At a saddle some are negative. Near one, a step multiplies the part of x
along a curvature λ by 1 − ηλ. So the part along λ < 0 grows, and from ε to δ it takes

ln(δ/ε)/ln(1 + η·abs(λ))

steps. Starts that have no such part form the stable manifold of the saddle. It has measure 0: a random start
is not on it, and one that lies within ε of it is held up for ln(1/ε) steps only. The saddle here is that of
½x² − ½y² + ¼y⁴ at (0, 0), its manifold the axis y = 0, and η = 0.1.

Newton–Raphson is another matter: it looks for ∇f = 0 and multiplies every part by about 0, so that to it a
saddle is as good as a minimum. In return it finds all critical points of a plane, and these can be counted:
where f grows on all sides, and at none of them a curvature is 0, minima + maxima − saddles = 1. Two of its
relatives tell the kinds apart: Newton-CG, which finds its step from products with H, and the trust region,
which goes to the lowest point of the quadratic model within a radius. Both follow a negative curvature that
they meet.

The functions are Himmelblau's, (x² + y − 11)² + (x + y² − 7)², the six-hump camel, (4 − 2.1x² + x⁴/3)x² + xy
+ 4(y² − 1)y², and the loss of a network of two hidden units, whose 9 weights w are to learn exclusive or:
mean((output − target)²) + 0.01‖w‖², with targets ±1.
"""

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.colors import to_rgb

import jgd
from experiments import exclusive_or
from experiments.figures import COLORS, DASHES, legend, panels
from experiments.report import Report
from jgd.problems import himmelblau
from jgd.problems.quadratics import saddle_loss
from jgd.study.basins import Basins

RATE, FAR, LOOSE = 0.1, 0.5, 0.05
"""The rate, the |y| at which a run has left the saddle, and a loose gradient tolerance."""

DESCENT = jgd.gradient_descent(RATE)
WAYS = {
    "gradient descent": DESCENT,
    "heavy ball, β = 0.9": jgd.heavy_ball(RATE, 0.9),
    "Newton-CG": jgd.newton_cg(),
    "trust region": jgd.trust_region(),
}
NETWORK = {"method": jgd.gradient_descent(0.2), "max_steps": 100_000}


def camel(x):
    a, b = x[0] ** 2, x[1] ** 2
    return (4 - 2.1 * a + a**2 / 3) * a + x[0] * x[1] + 4 * (b - 1) * b


def turned_saddle(x, angle):
    c, s = jnp.cos(angle), jnp.sin(angle)
    return saddle_loss(jnp.stack([c * x[0] + s * x[1], c * x[1] - s * x[0]]))


def flat_saddle(x):
    return 0.5 * x[0] ** 2 - 0.25 * x[1] ** 4 + x[1] ** 6 / 6


def left(point):
    return jnp.abs(point.x[1]) >= FAR


def main(quick: bool = False) -> Report:
    """Maps of basins, a network from many starts, and the ways off a saddle."""
    report = Report()
    maps = _planes(report, 40 if quick else 200)
    maps["Network, gradient descent"] = _network(report, 64 if quick else 2_000, 16 if quick else 100)
    distances = np.logspace(-16, -2, 8 if quick else 15)
    counts = {name: _leaving(saddle_loss, method, distances) for name, method in WAYS.items()}
    _check_leaving(report, distances, counts)
    staying = _random_starts(report, 20_000 if quick else 100_000)
    _check_manifold(report)
    _check_newton(report, 2_001 if quick else 20_001)
    report.rows = [
        {"distance": distance, **{name: float(count[i]) for name, count in counts.items()}}
        for i, distance in enumerate(distances)
    ]
    report.draw(
        "basins",
        _basins_figure(maps),
        "Where starts end. Gradient descent: basins of 4 and of 6 minima. Newton–Raphson: saddles and the "
        "maximum (all grey) have basins, too. Network: from some regions it learns, from others not",
    )
    report.draw(
        "saddle",
        _saddle_figure(distances, counts, staying),
        "Left, steps to leave a saddle against the distance from its manifold: straight lines in ln ε, flat "
        "for methods that use negative curvature. Right, the share of random starts that are still there "
        "is divided by 1.1 at every step",
    )
    _conclude(report, maps, 40 if quick else 200)
    return report


def _planes(report: Report, size: int) -> dict[str, Basins]:
    """Basins of functions of two variables."""
    camels = (np.array([-2.0, -1.2]), np.array([2.0, 1.2]))
    maps = {}
    for name, fun, box, rate, points in (
        ("Himmelblau", himmelblau().fun, (-5.0, 5.0), 0.005, (4, 4, 1)),
        ("Camel", camel, camels, 0.01, (6, 7, 2)),
    ):
        descent, newton = (
            jgd.basins(fun, box, method, x0=jnp.zeros(2), size=size)
            for method in (jgd.gradient_descent(rate), jgd.newton_raphson())
        )
        maps |= {f"{name}, gradient descent": descent, f"{name}, Newton–Raphson": newton}
        report.same(
            f"{name}, gradient descent from {size**2:,} starts: minima found, and runs that end elsewhere",
            (points[0], 0),
            (len(descent.found.minima), size**2 - sum(point.runs for point in descent.found.minima)),
        )
        kinds = [point.kind.partition(" ")[0] for point in newton.found.points]
        report.same(
            f"{name}, Newton–Raphson from the same starts: minima, saddles, maxima found",
            points,
            tuple(kinds.count(kind) for kind in ("minimum", "saddle", "maximum")),
        )
        report.same(
            f"{name}: minima + maxima − saddles",
            1,
            kinds.count("minimum") + kinds.count("maximum") - kinds.count("saddle"),
        )
    return maps


def _network(report: Report, starts: int, size: int) -> Basins:
    """The minima that the network's runs end at, and a map of two of its weights."""
    found = jgd.multistart(exclusive_or.loss, jgd.normal(jnp.zeros(9), 1.5), starts, **NETWORK)
    learned, stuck = _levels(found)
    lowest, highest = found.minima[0], found.minima[-1]
    same = max(abs(float(exclusive_or.loss(_mirrored(lowest.x, way))) - lowest.value) for way in range(8))
    report.near(
        "network: f at the 2!·2² copies of its best minimum, units exchanged, signs changed: difference",
        0.0,
        same,
        abs=1e-14,
        digits=2,
    )
    report.at_least("network: minima of the lowest f that runs end at", 8, learned.size)
    share = sum(found.minima[i].share for i in stuck)
    wrong = float(jnp.abs(exclusive_or.outputs(highest.x)).min())
    report.too_strong(
        "The minima of a network are copies of one another, so any will do.",
        "each has its copies, but there are others that are higher.",
        f"{share:.0%} of {starts:,} random starts end at f = {highest.value:.4f} in place of "
        f"{lowest.value:.4f}, where an output is {wrong:.3f}",
        bool(stuck.size and highest.value > 2 * lowest.value),
    )
    x0 = 1.5 * np.random.default_rng(2).standard_normal(9)
    return jgd.basins(exclusive_or.loss, (-6.0, 6.0), x0=jnp.asarray(x0), size=size, **NETWORK)


def _levels(found) -> tuple[np.ndarray, np.ndarray]:
    """Which of the points have the lowest value, and which do not."""
    values = np.array([point.value for point in found.points])
    low = values < values.min() + 1e-6
    return np.flatnonzero(low), np.flatnonzero(~low)


def _mirrored(w: jax.Array, way: int) -> jax.Array:
    """One of the 8 networks that compute the same: hidden units in another order, with other signs."""
    signs = jnp.array([1.0 - 2 * (way & 1), 1.0 - (way & 2)])
    order = jnp.array([1, 0]) if way & 4 else jnp.array([0, 1])
    inner, bias, outer = w[:4].reshape(2, 2) * signs, w[4:6] * signs, w[6:8] * signs
    return jnp.concatenate([inner[:, order].ravel(), bias[order], outer[order], w[8:]])


def _leaving(fun, method, distances: np.ndarray) -> np.ndarray:
    """Steps from (1, ε) until |y| ≥ ½; infinite where that is not reached."""
    starts = np.stack([np.ones_like(distances), distances], axis=1)
    ends = jgd.minimize_many(fun, starts, method, gtol=0.0, stop=left, max_steps=1_000_000)
    return np.where(ends.status == jgd.Status.STOPPED_BY_RULE, ends.steps, np.inf)


def _check_leaving(report: Report, distances: np.ndarray, counts: dict[str, np.ndarray]) -> None:
    reference = _leaving(saddle_loss, DESCENT, np.array([1e-8, 1e-4, 0.0]))
    claim = "gradient descent from (1, ε), ε = 1e-8, 1e-4, 0: steps until |y| ≥ ½ (reference values)"
    report.same(claim, "188, 91, never", ", ".join(f"{n:.0f}" if n < np.inf else "never" for n in reference))
    recursion = np.array([[1 + RATE + 0.9, -0.9], [1.0, 0.0]])
    momentum = np.linalg.eigvals(recursion).max()
    root = ", the larger root of z² − (1 + β + η)z + β"
    for name, factor, where in (("gradient descent", 1 + RATE, ""), ("heavy ball, β = 0.9", momentum, root)):
        slope = -np.polyfit(np.log(distances), counts[name], 1)[0]
        report.near(
            f"{name}: steps per unit of ln(1/ε), 1/ln {factor:.4g}{where}",
            1 / np.log(factor),
            slope,
            rel=0.01,
            digits=5,
        )
    for name, most in (("Newton-CG", 2), ("trust region", 1)):
        report.at_most(f"{name}: most steps, ε = 1e-16 to 1e-2 (chosen)", most, int(counts[name].max()))
    flat = np.geomspace(1e-2, 1e-1, 5)
    steps = _leaving(flat_saddle, DESCENT, flat)
    slope = np.polyfit(np.log(flat), np.log(steps), 1)[0]
    report.too_strong(
        "Saddles hold up a run for ln(1/ε) steps.",
        "those that have a negative curvature; others may take a power of 1/ε.",
        f"½x² − ¼y⁴ + y⁶/6, ε = 0.01: {steps[0]:,.0f} steps; slope of log steps against log ε {slope:.2f}",
        bool(slope < -1.9),
    )


def _random_starts(report: Report, count: int) -> np.ndarray:
    """The share of random starts that are still at the saddle after k steps."""
    starts = np.random.default_rng(0).uniform(-1, 1, (count, 2))
    steps = jgd.minimize_many(saddle_loss, starts, DESCENT, gtol=0.0, stop=left, max_steps=10_000).steps
    k = np.arange(steps.max() + 1)
    staying = 1 - np.searchsorted(np.sort(steps), k, side="right") / count
    enough = (staying > 100 / count) & (k >= 10)
    slope = np.polyfit(k[enough], np.log(staying[enough]), 1)[0]
    report.near(
        f"{count:,} random starts: factor of those still at the saddle in a step, 1/(1 + η)",
        1 / (1 + RATE),
        float(np.exp(slope)),
        abs=0.005,
        digits=4,
    )
    ends = jgd.minimize_many(saddle_loss, starts, DESCENT, gtol=1e-8)
    report.same("and how many of them end there, gtol = 1e-8", 0, _at_saddle(ends))
    caught = _at_saddle(jgd.minimize_many(saddle_loss, starts, DESCENT, gtol=LOOSE))
    expected = count * _met_on_the_way(LOOSE)
    report.near(
        f"the same with gtol = {LOOSE}: runs that meet the test on their way past the saddle, "
        "as |x|(1 − η)ᵏ and |y|(1 + η)ᵏ do",
        expected,
        caught,
        abs=4 * np.sqrt(expected),
        digits=4,
    )
    report.too_strong(
        "From a random start no run ends at a saddle.",
        "no run that goes on for ever; one that stops where ‖∇f‖∞ ≤ gtol may stop there.",
        f"gtol = {LOOSE}: {caught:,} of {count:,} runs are CONVERGED at the saddle",
        caught > 0,
    )
    return staying


def _at_saddle(ends) -> int:
    return int(np.sum(ends.success & (np.abs(ends.x[:, 1]) < FAR)))


def _met_on_the_way(gtol: float) -> float:
    """The probability that |x|(1 − η)ᵏ and |y|(1 + η)ᵏ are both at most gtol at some k."""
    k = np.arange(1, 200)
    nearer = np.minimum(1.0, gtol * (1 - RATE) ** -k) - np.minimum(1.0, gtol * (1 - RATE) ** -(k - 1.0))
    return float(gtol * gtol + np.sum(nearer * gtol * (1 + RATE) ** -k))


def _check_manifold(report: Report) -> None:
    """On the manifold itself: who is held for ever, and what helps."""
    on = jnp.array([1.0, 0.0])
    held = jgd.minimize(saddle_loss, on, DESCENT)
    why = jgd.explain(held)["stable-manifold"]
    out = jgd.minimize(saddle_loss, **{"x0": on, "method": DESCENT, **why.hint})
    report.same(
        "gradient descent from (1, 0): status, kind of point by jgd.curvature; f after jgd.explain's advice",
        ("CONVERGED", "saddle", -0.25),
        (held.status.name, jgd.curvature(saddle_loss, held.x).kind.split()[0], round(float(out.value), 12)),
    )
    ends = {name: jgd.minimize(saddle_loss, on, WAYS[name]) for name in ("trust region", "Newton-CG")}
    region, cg = ends["trust region"], ends["Newton-CG"]
    report.near("trust region from (1, 0): f at the end", -0.25, float(region.value), abs=1e-12)
    report.too_strong(
        "A method that follows negative curvature leaves every saddle.",
        "one that looks for it in all directions, as the trust region does; Newton-CG looks only where "
        "gradients and their products with H lead, and on the manifold these stay on it.",
        f"Newton-CG from (1, 0): {cg.status.name} at f = {abs(float(cg.value)):.0f}, y = {cg.x[1]:.0f}",
        bool(cg.success and cg.value > -0.01),
    )
    start = jnp.array([np.cos(1.0), np.sin(1.0)])
    turned = jgd.minimize(turned_saddle, start, DESCENT, args=(1.0,), gtol=0.0, max_steps=100_000)
    report.too_strong(
        "From its stable manifold a run never leaves a saddle.",
        "so it is in exact numbers, and where the manifold is an axis, as 0 times a factor is 0. Elsewhere "
        "rounding puts the run off it, and ε is about 1e-16.",
        f"axes turned by 1 radian, start on the manifold to rounding: f = {float(turned.value):.2f} after "
        f"{turned.steps:,} steps",
        bool(turned.value < -0.2),
    )


def _check_newton(report: Report, count: int) -> None:
    """Newton-Raphson on the saddle from (1, y)."""
    y = np.linspace(0, 1, count)
    ends = jgd.minimize_many(saddle_loss, np.stack([np.ones(count), y], axis=1), jgd.newton_raphson())
    report.near(
        "Newton–Raphson from (1, y): the smallest y that does not lead to the saddle, 1/√5",
        1 / np.sqrt(5),
        float(y[~(np.abs(ends.x[:, 1]) < 1e-6)].min()),
        abs=2 / count,
        digits=5,
    )


def _conclude(report: Report, maps: dict[str, Basins], size: int) -> None:
    newton, humps = (maps[name].found for name in ("Himmelblau, Newton–Raphson", "Camel, gradient descent"))
    report.tell(
        f"On Himmelblau's function {sum(point.share for point in newton.minima):.0%} of the starts lead "
        f"Newton–Raphson to a minimum and {sum(point.share for point in newton.others):.0%} to a saddle or "
        "the maximum. Gradient descent on the camel ends at its lowest f from "
        f"{sum(point.share for point in humps.minima[:2]):.0%} of the starts, and at "
        f"{humps.minima[2].value:.3f} or {humps.minima[4].value:.3f}, higher than "
        f"{humps.minima[0].value:.3f}, from the others."
    )
    at = {
        rate: jgd.basins(
            himmelblau().fun, (-5.0, 5.0), jgd.gradient_descent(rate), x0=jnp.zeros(2), size=size
        )
        for rate in (0.0025, 0.005, 0.014)
    }
    places = {rate: _places(found) for rate, found in at.items()}
    moved = {rate: float(np.mean((places[rate] != places[0.0025]).any(axis=1))) for rate in at}
    report.ask(
        "Two runs of gradient descent on Himmelblau's function begin at the same point, at different rates. "
        "Do they end at the same minimum?",
        f"Mostly, where both rates are small: between η = 0.0025 and 0.005, {moved[0.005]:.1%} of the starts "
        f"change their minimum, between 0.0025 and 0.014, {moved[0.014]:.1%}. Short steps follow −∇f, which "
        "crosses no border between basins; long ones may leap over a border. Start and rate decide together.",
    )


def _places(basins: Basins) -> np.ndarray:
    """Where each start ended, to 1e-3."""
    return np.round(basins.found.ends.x, 3)


def _basins_figure(maps: dict[str, Basins]):
    shown = ("Himmelblau, gradient descent", "Himmelblau, Newton–Raphson", "Camel, gradient descent")
    figure, axes = panels(2, 2, (11, 9))
    for one, name in zip(axes, (*shown, "Network, gradient descent"), strict=True):
        basins = maps[name]
        network = name.startswith("Network")
        colors = _colors(basins, network)
        one.imshow(
            colors[basins.labels],
            origin="lower",
            extent=(*basins.across[[0, -1]], *basins.up[[0, -1]]),
            aspect="auto",
            interpolation="nearest",
        )
        one.grid(visible=False)
        for point in () if network else basins.found.points:
            sign = "*" if point.is_minimum else "X"
            one.plot(
                *point.x, sign, color="white", markeredgecolor="black", markersize=15 if sign == "*" else 9
            )
        one.set(xlabel="x", ylabel="y", title=name)
    axes[-1].set(xlabel="w₁", ylabel="w₂", title="Network: from orange it learns, from black it does not")
    for sign, size, label in (("*", 15, "minimum"), ("X", 9, "saddle or maximum where runs end")):
        axes[0].plot([], [], sign, color="white", markeredgecolor="black", markersize=size, label=label)
    legend(figure, axes[0])
    return figure


def _colors(basins: Basins, levels: bool) -> np.ndarray:
    """A color for each point; the last, which label −1 finds, for none."""
    points = basins.found.points
    if levels:
        low, _ = _levels(basins.found)
        names = [COLORS[1] if i in low else COLORS[7] for i in range(len(points))]
    else:
        order = sorted((i for i, p in enumerate(points) if p.is_minimum), key=lambda i: tuple(points[i].x))
        names = ["#bbbbbb"] * len(points)
        for color, i in zip(COLORS, order, strict=False):
            names[i] = color
    return np.array([to_rgb(name) for name in (*names, "white")])


def _saddle_figure(distances: np.ndarray, counts: dict[str, np.ndarray], staying: np.ndarray):
    figure, (ways, starts) = panels(1, 2, (11, 4.8))
    for i, (name, count) in enumerate(counts.items()):
        look = {"color": COLORS[i], "markersize": 5 + 2 * i, "fillstyle": "none"}
        ways.semilogx(distances, count, "osDv"[i], **look, label=name)
    law = np.log(FAR / distances) / np.log(1 + RATE)
    ways.semilogx(distances, law, color="0.35", linestyle=DASHES[1], label="ln(½/ε)/ln(1 + η)")
    ways.set(
        xlabel="distance ε of the start from the manifold",
        ylabel="steps until |y| ≥ ½",
        title="A saddle holds up a run for ln(1/ε) steps",
    )
    k = np.arange(staying.size)
    starts.semilogy(k, staying, "o", color=COLORS[0], markersize=4, label="random starts, measured")
    starts.semilogy(
        k, staying[10] * (1 + RATE) ** (10.0 - k), color="0.35", linestyle=DASHES[1], label="slope −ln(1 + η)"
    )
    starts.set(
        xlabel="steps k",
        ylabel="share still at |y| < ½",
        title="Random starts: ever fewer are held up longer",
    )
    legend(figure, ways, starts)
    return figure
