"""Steepest is only locally best.

Of all steps of one very small length, the one along −∇f lowers f most. That says nothing of a long step.
**How far does −∇f point past the minimum, and what does that cost?** On f(x) = ½xᵀHx the minimum is at 0, and
the angle θ between −∇f = −Hx and the way there, −x, has cos θ = xᵀHx/(‖x‖‖Hx‖). Kantorovich's inequality
bounds it by the condition number κ alone:

cos θ ≥ 2√κ/(κ + 1), that is θ ≤ 90° − 2·arctan(1/√κ).

On ½(x² + κy²) the bound is met at (√κ, 1). A step from there that is longer than the part 2√κ/(√κ + 1)² of
the way does better straight to the minimum than along −∇f. The best step along −∇f, the exact line search,
multiplies f by at most ((κ − 1)/(κ + 1))². From (κ, 1) it does so at every step, at the rate 2/(1 + κ), and
every gradient is at a right angle to the one before: the zigzag.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import root_scalar

import jgd
from experiments.figures import COLORS, DASHES, contours, legend, mark, panels
from experiments.report import Report

KAPPA = 100.0
STEEPEST, STRAIGHT = "along −∇f", "straight to the minimum"
RUNS = {
    "widest": ("constant rate from (√κ, 1)", "o", COLORS[4]),
    "zigzag": ("exact line search from (κ, 1)", "s", COLORS[0]),
    "floor": ("on the floor, from (1, 0)", "^", COLORS[2]),
}
EXACT = jgd.gradient_descent(jgd.exact())
RECORDER = jgd.Recorder(x=True, gauge=jgd.curvature_gauge(product=False))


def valley(x, h):
    return 0.5 * jnp.sum(h * x**2)


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def worst_angle(kappa):
    return 90 - 2 * np.degrees(np.arctan(1 / np.sqrt(kappa)))


def zigzag_angle(kappa):
    return 45 - np.degrees(np.arctan(1 / kappa))


def turning_point(kappa):
    return 2 * np.sqrt(kappa) / (np.sqrt(kappa) + 1) ** 2


def worst_factor(kappa):
    return ((kappa - 1) / (kappa + 1)) ** 2


def angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The angle in degrees between vectors, exact to rounding also near 0 and 90 (Kahan)."""
    a, b = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (a, b))
    return np.degrees(2 * np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1)))


def main(quick: bool = False) -> Report:
    """Angles against κ, a short and a long step compared, and the zigzag against its bound."""
    report = Report()
    kappas = np.logspace(0.5, 6, 6 if quick else 12)
    angles = {name: np.array([_angles(name, kappa) for kappa in kappas]) for name in RUNS}
    report.rows = [
        {"kappa": kappa, **{name: found[i].max() for name, found in angles.items()}}
        for i, kappa in enumerate(kappas)
    ]
    x = np.random.default_rng(0).standard_normal((10_000 if quick else 100_000, 2))
    widest = [angle(x, x * np.array([1.0, kappa])).max() for kappa in kappas]
    report.at_most(
        f"{len(x):,} points drawn at random: largest θ over the bound",
        1.0,
        np.max(widest / worst_angle(kappas)),
    )
    report.near(
        f"from (√κ, 1) at the rate 2/(1 + κ): θ at the step furthest from the bound, κ = {kappas[-1]:,.0f}",
        worst_angle(kappas[-1]),
        angles["widest"][-1].min(),
        abs=1e-9,
        digits=9,
    )
    report.near(
        f"the same for {len(kappas)} κ: largest departure from the bound, degrees",
        0.0,
        np.abs(angles["widest"] - worst_angle(kappas)[:, None]).max(),
        abs=1e-9,
    )
    distance, decrease = _decreases()
    report.near(
        f"κ = {KAPPA:.0f}, steps of 1e-4 from (√κ, 1): decrease along −∇f over the straight one, 1/cos θ",
        (KAPPA + 1) / (2 * np.sqrt(KAPPA)),
        decrease(STEEPEST, 1e-4) / decrease(STRAIGHT, 1e-4),
        rel=1e-4,
    )
    equal = root_scalar(
        lambda t: decrease(STEEPEST, t) - decrease(STRAIGHT, t), bracket=(1e-2, distance), xtol=1e-13
    )
    report.near(
        "beyond which part of the way the straight step is better: 2√κ/(√κ + 1)²",
        turning_point(KAPPA),
        equal.root / distance,
        rel=1e-10,
        digits=9,
    )
    _bounds(report, 60 if quick else 1_000)
    zigzag, floor = angles["zigzag"], angles["floor"]
    report.too_strong(
        "In a narrow valley −∇f is nearly at a right angle to the way to the minimum.",
        "it can be; but in the slowest zigzag the angle is 45° − arctan(1/κ), and on the valley's floor 0°.",
        f"κ = {kappas[-1]:,.0f}: {zigzag[-1].max():.4f}° in the zigzag, {floor[-1].max():.0f}° on the floor",
        bool(np.abs(zigzag - zigzag_angle(kappas)[:, None]).max() < 1e-9 and floor.max() == 0),
    )
    report.draw(
        "zigzag",
        _zigzag(),
        "Left: a zigzag, and −∇f against the way to the minimum. Right: f along zigzags, on its bound",
    )
    report.draw(
        "angle",
        _angle(report.rows),
        "Left: the decrease of f against the length of a step. Right: the angle against κ, 0° to the bound",
    )
    report.tell(
        f"The angle is no measure of the cost. At κ = {kappas[-1]:,.0f} the slowest zigzag, at 45°, and the "
        f"run at the widest angle, {worst_angle(kappas[-1]):.2f}°, shrink f by the same factor, "
        f"1 − {1 - worst_factor(kappas[-1]):.1e} a step. So does the run on the floor at the rate 2/(1 + κ), "
        "where −∇f points straight at the minimum: its step is too short, by a factor of (κ + 1)/2."
    )
    away, steps = _on_rosenbrock()
    report.ask(
        "Can −∇f point away from the minimum?",
        "Not where f is convex: f(x*) ≥ f(x) + ∇f(x)·(x* − x) gives −∇f·(x* − x) ≥ f(x) − f(x*) ≥ 0, so "
        "θ ≤ 90°. In a bent valley it can: on Rosenbrock's function from (−1.2, 1) at η = 1e-3, θ is "
        f"{away.max():.0f}° at step {steps[away.argmax()]}. The next step goes down to the floor, and "
        f"from then on θ is at most {away[away < 90].max():.0f}° (first {len(away) - 1:,} steps).",
    )
    return report


def _run(kappa: float, start: tuple[float, float], method: jgd.Descent) -> dict[str, np.ndarray]:
    args, recorder = (jnp.array([1.0, kappa]),), RECORDER
    return jgd.minimize(
        valley, jnp.array(start), method, args=args, gtol=0.0, max_steps=40, recorder=recorder
    ).history


def _angles(name: str, kappa: float) -> np.ndarray:
    """θ at each step of one of `RUNS`."""
    start = {"widest": (np.sqrt(kappa), 1.0), "zigzag": (kappa, 1.0), "floor": (1.0, 0.0)}[name]
    x = _run(kappa, start, EXACT if name == "zigzag" else jgd.gradient_descent(2 / (1 + kappa)))["x"]
    return angle(x, x * np.array([1.0, kappa]))


def _decreases() -> tuple[float, Callable[[str, float], float]]:
    """The distance to the minimum from (√κ, 1), and the decrease of f by a step of length t either way."""
    x = jnp.array([np.sqrt(KAPPA), 1.0])
    distance = float(jnp.linalg.norm(x))
    model = jgd.taylor(valley, x, 1, args=(jnp.array([1.0, KAPPA]),))
    units = {STEEPEST: model.minimizer(bound=1.0), STRAIGHT: -x / distance}
    return distance, lambda way, t: model.actual_decrease(t * units[way])


def _bounds(report: Report, starts: int) -> None:
    zigzag = _run(KAPPA, (KAPPA, 1.0), EXACT)
    for what, claimed, measured in (
        ("factor of f", 0.9607881580237231, zigzag["value"][1:] / zigzag["value"][:-1]),
        ("rate, 2/(1 + κ)", 2 / (1 + KAPPA), zigzag["rate"][1:]),
    ):
        off = measured[np.abs(measured - claimed).argmax()]
        claim = f"κ = {KAPPA:.0f}, zigzag from (κ, 1): {what}, at the worst of 40 steps"
        report.near(claim, claimed, off, rel=1e-13, digits=14)
    cosines = np.abs(zigzag["cosine"][1:])
    report.near(
        "the same: largest cosine of the angle between successive gradients", 0, cosines.max(), abs=1e-13
    )
    h, drawn = jnp.linspace(1.0, KAPPA, 10), np.random.default_rng(1).standard_normal((starts, 10))
    found = jgd.minimize_many(valley, drawn, EXACT, args=(h,), gtol=0.0, max_steps=40)
    report.at_most(
        f"{starts:,} random starts in 10 dimensions: worst mean factor of f over 40 steps",
        worst_factor(KAPPA),
        np.max((found.value / found.first_value) ** (1 / 40)),
    )


def _on_rosenbrock() -> tuple[np.ndarray, np.ndarray]:
    recorder = jgd.Recorder(rows=1024, x=True)
    method = jgd.gradient_descent(1e-3)
    path = jgd.minimize(
        rosenbrock, jnp.array([-1.2, 1.0]), method, max_steps=1_000, recorder=recorder
    ).history
    grads = np.asarray(jax.vmap(jgd.Objective(rosenbrock).grad)(path["x"]))
    return angle(-grads, 1.0 - path["x"]), path["step"]


def _zigzag():
    figure, (plane, steps) = panels(1, 2, (11, 4.8), width_ratios=(6, 5))
    h = np.array([1.0, 10.0])
    contours(plane, lambda x: valley(x, h), (-3.0, 10.5), (-3.6, 3.6), np.geomspace(1, 90, 8))
    plane.plot(*_run(10.0, (10.0, 1.0), EXACT)["x"].T, "o-", color=COLORS[0], markersize=3)
    x = np.sqrt([25.0, 2.5])
    ways = {"−∇f": (-4.5 * h * x / np.linalg.norm(h * x), 4), "the way to the minimum": (-x, 2)}
    for name, (way, i) in ways.items():
        arrow = {"arrowstyle": "-|>", "color": COLORS[i], "linewidth": 2, "shrinkA": 0}
        plane.annotate("", x + way, x, arrowprops=arrow)
        plane.plot([], [], color=COLORS[i], linewidth=2, label=name)
    plane.plot(0, 0, "k*", markersize=9)
    plane.set(
        xlabel="x (curvature 1)",
        ylabel="y (curvature 10)",
        aspect="equal",
        title="κ = 10: −∇f points across the valley",
    )
    for i, kappa in enumerate((10.0, 100.0, 1_000.0)):
        history = _run(kappa, (kappa, 1.0), EXACT)
        k, f = history["step"], history["value"]
        steps.semilogy(
            k, f / f[0], "os^"[i], color=COLORS[i], markersize=4, label=f"zigzag, κ = {kappa:,.0f}"
        )
        steps.semilogy(k, worst_factor(kappa) ** k, color=COLORS[i], linewidth=1)
    steps.plot([], [], color="0.35", linewidth=1, label="((κ − 1)/(κ + 1))²ᵏ")
    steps.set(
        xlabel="steps k",
        ylabel="f after k steps / f at the start",
        title="The zigzag meets its bound at every step",
    )
    _legends(figure, plane, steps)
    return figure


def _angle(rows: list[dict]):
    figure, (lengths, against) = panels(1, 2, (11, 4.8))
    t = np.linspace(0, 1.1, 67)
    distance, decrease = _decreases()
    for way, i in ((STEEPEST, 4), (STRAIGHT, 2)):
        lengths.plot(
            t,
            [decrease(way, distance * one) for one in t],
            color=COLORS[i],
            linestyle=DASHES[i == 2],
            label=way,
        )
    mark(lengths, "x", turning_point(KAPPA), "2√κ/(√κ + 1)²")
    lengths.set(
        xlabel="length of the step / distance to the minimum",
        ylabel="f(x) − f(x + step)",
        ylim=(-60, 110),
        title="From (√κ, 1), κ = 100: steepest wins short steps only",
    )
    kappas = np.array([row["kappa"] for row in rows])
    fine = np.geomspace(kappas[0], kappas[-1], 200)
    against.semilogx(fine, worst_angle(fine), color="0.35", label="bound 90° − 2·arctan(1/√κ)")
    against.semilogx(fine, zigzag_angle(fine), color="0.35", linestyle=DASHES[2], label="45° − arctan(1/κ)")
    for name, (label, marker, color) in RUNS.items():
        against.semilogx(kappas, [row[name] for row in rows], marker, color=color, markersize=6, label=label)
    against.set(
        xlabel="condition number κ",
        ylabel="θ along the run, degrees",
        yticks=range(0, 91, 15),
        title="One valley, and angles from 0° to the bound",
    )
    _legends(figure, lengths, against)
    return figure


def _legends(figure, left, right) -> None:
    """One legend for both panels, the left one's entries first."""
    legend(figure, left, right)
