"""Adam.

Adam steps by m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², x ← x − ηm/√v, per coordinate, with m and v divided by
1 − β₁ᵏ and 1 − β₂ᵏ, since they start at 0, and a small ε added to √v. A gradient that is c times as large
leads to the same step: curvature that differs from axis to axis costs nothing. **What if the axes of the
curvature are not those of the coordinates, and what does the division cost at a constant rate η?**

Near a minimum the gradients shrink, √v follows them, and the step η/√v per gradient grows until Adam is at
its limit of stability (section 16: its edge): with v standing still, curvature λ is stable below λ/√v = (2
+ 2β₁)/((1 − β₁)η), which is 38/η for β₁ = 0.9. There v stops falling. Since √v is the root mean square of
λx, that of x stays at η/38: the floor on which Adam hovers is its stability limit, and in the long run only
a falling rate lowers it. A test may stop Adam before that: while v still remembers the first, large
gradients, x shrinks far below the floor (sections 4 and 6 stop there); when v has forgotten them, x comes
back. (At the floor β₂ is 0.99 where nothing else is said; with 0.999 v is slower, and the floor in the end
the same.)
"""

import jax.numpy as jnp
import numpy as np
import optax

import jgd
from experiments.figures import COLORS, DASHES, contours, legend, panels
from experiments.report import Report, words
from jgd.problems import rosenbrock

NEAR = 1e-3
ANGLES = {"aligned": 0.0, "rotated by 45°": np.pi / 4}
EDGE = 38.0
"""(2 + 2 β₁)/(1 − β₁) at β₁ = 0.9."""

DECAY = 0.99
"""β₂ where Adam hovers: v forgets in 100 steps."""


ROSENBROCK = {1e-3: 12_649, 1e-2: 5_416, 1e-1: 1_685}
"""Rates of Adam on Rosenbrock's function, and reference values of its steps."""

STEPS = 2**14
FALLING = optax.exponential_decay(0.1, STEPS, 0.01)
"""A rate that falls from 0.1 to 0.001."""


def quadratic(x, h):
    return 0.5 * jnp.vdot(x, h @ x)


def parabola(x, curvature):
    return 0.5 * curvature * x**2


def arrived(point):
    return jnp.linalg.norm(point.x) <= NEAR


def left(point):
    return jnp.abs(point.x) > 1e-20


def main(quick: bool = False) -> Report:
    """Steps against κ with and without rotation, the stability limit, and the floor."""
    report = Report()
    _rotation(report, quick)
    _valley(report)
    _edge(report, quick)
    _floor(report, quick)
    return report


def _valleys(kappas: np.ndarray, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The Hessians of ½(u² + κv²) along turned axes, and starts at distance 1 turned with them."""
    flat = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    steep = np.stack([-np.sin(angles), np.cos(angles)], axis=1)
    hessians = np.einsum("ni,nj->nij", flat, flat) + np.einsum("n,ni,nj->nij", kappas, steep, steep)
    return hessians, np.cos(0.3) * flat + np.sin(0.3) * steep


def _steps(method, *axes: np.ndarray) -> np.ndarray:
    """Steps of method(κ, angle, ...) to ‖x‖ ≤ 1e-3 over a grid; infinite where 4 κ do not suffice."""
    grid = np.meshgrid(*axes, indexing="ij")
    columns = [column.ravel() for column in grid]
    hessians, starts = _valleys(*columns[:2])
    limits = {"gtol": 0.0, "stop": arrived, "max_steps": int(4 * axes[0].max())}
    found = jgd.minimize_many(quadratic, starts, method(*columns), args=(hessians,), args_axis=0, **limits)
    there = found.success | (found.status == jgd.Status.STOPPED_BY_RULE)
    return np.where(there, found.steps, np.inf).reshape(grid[0].shape)


def _rotation(report: Report, quick: bool) -> None:
    kappas = np.logspace(0, 4 if quick else 5, 5 if quick else 11)
    angles, rates = np.array(list(ANGLES.values())), np.logspace(-2, 1, 13 if quick else 25)
    adam = _steps(lambda kappa, angle, rate: jgd.adam(rate), kappas, angles, rates).min(axis=2)
    descent = _steps(lambda kappa, angle: jgd.gradient_descent(2 / (1 + kappa)), kappas, angles)
    for i, kappa in enumerate(kappas):
        counts = {"Adam": adam[i], "gradient descent": descent[i]}
        report.rows += [
            {"of": f"{name}, {angle}", "kappa or rate": kappa, "steps or rms": float(counted[j])}
            for name, counted in counts.items()
            for j, angle in enumerate(ANGLES)
        ]
    low, high = kappas[[0, -1]]
    spread = f"κ = {low:g} to {high:,.0f}"
    report.same(f"Adam, aligned: most steps, as many as the fewest, {spread}", adam[0, 0], adam[:, 0].max())
    off = np.abs(descent[:, 1] - descent[:, 0]).max()
    report.same(f"gradient descent: change of its steps by the rotation, {spread}", 0.0, off)
    predicted = np.log(np.cos(0.3) / NEAR) * high / EDGE
    report.near(
        f"Adam, rotated, κ = {high:,.0f}: steps, κ ln(x₀/x)/38 for large κ",
        predicted,
        adam[-1, 1],
        rel=0.4 if quick else 0.15,
    )
    gain = descent[-1, 1] / adam[-1, 1]
    report.at_most(
        f"gain of Adam over gradient descent, rotated, κ = {high:,.0f}: 38/2 for large κ", 19.0, gain
    )
    report.too_strong(
        "Adam removes bad scaling.",
        "it removes bad scaling along the coordinates; on a valley at 45° to them its steps grow as κ.",
        f"κ = {high:,.0f}: {adam[-1, 0]:,.0f} steps aligned, {adam[-1, 1]:,.0f} rotated",
        bool(adam[-1, 1] > 20 * adam[-1, 0]),
    )
    report.draw(
        "rotation",
        _rotation_figure(kappas, adam, descent),
        "Left, the path of Adam on an aligned and on a rotated valley. Right, steps against κ: level for "
        "Adam aligned, slope 1 for Adam rotated and for gradient descent",
    )
    report.tell(
        f"At κ = {high:,.0f} Adam at its best rate needs {adam[-1, 0]:,.0f} steps on the aligned valley and "
        f"{adam[-1, 1]:,.0f} on the rotated one; gradient descent needs {descent[-1, 0]:,.0f} on both. After "
        "the rotation both coordinates see the steep direction, √v is the same for both, and Adam is "
        "gradient descent with momentum: its limit is at 38 instead of 2, which makes it "
        f"{gain:.0f} times as fast here, and 19 times where κ is large and v stands still."
    )


def _valley(report: Report) -> None:
    """Steps on Rosenbrock's function, whose valley is bent."""
    problem = rosenbrock()
    limits = {"gtol": 1e-6, "max_steps": 100_000}
    runs = [jgd.minimize(problem.fun, problem.x0, jgd.adam(rate), **limits) for rate in ROSENBROCK]
    report.same(
        f"Rosenbrock from (−1.2, 1), η = {words(tuple(ROSENBROCK))}: steps to ‖∇f‖∞ ≤ 1e-6 (reference)",
        tuple(ROSENBROCK.values()),
        tuple(r.steps if r.success else r.status.name for r in runs),
    )
    few, many = runs[-1].steps, runs[0].steps
    report.tell(
        f"On Rosenbrock's function a rate a hundred times as large saves a factor of {many / few:.1f} only, "
        "and the test stops the runs before they come back to the floor. Gradient descent takes "
        "15,938 steps at nearly the largest rate that it bears (section 16), AdGD about 8,470 (section 5)."
    )


def _edge(report: Report, quick: bool) -> None:
    """With √v far below ε the division is by ε, which stands still: curvature 1 is stable up to a rate."""
    for b1 in (0.0, 0.9) if quick else (0.0, 0.5, 0.9):
        limit = (2 + 2 * b1) / (1 - b1)
        low, high = 0.5 * limit, 2 * limit
        while high - low > 1e-6 * limit:
            rate = (low + high) / 2
            low, high = (rate, high) if _shrinks(rate, b1) else (low, rate)
        report.near(
            f"edge with v standing still, β₁ = {b1:g}: largest stable ηλ/√v, (2+2β₁)/(1−β₁)",
            limit,
            low,
            rel=1e-4,
        )


def _shrinks(rate: float, b1: float) -> bool:
    """Whether |x| ends lower than at the start or half way, in a run that stays far below ε = 1."""
    limits = {"gtol": 0.0, "max_steps": 2**14 - 1, "stop": left}
    method = jgd.adam(rate, b1=b1, eps=1.0)
    run = jgd.minimize(parabola, jnp.float64(1e-100), method, args=(jnp.float64(1.0),), **limits)
    size = run.history["grad_norm"]
    return run.status != jgd.Status.STOPPED_BY_RULE and bool(size[-1] <= max(size[0], size[len(size) // 2]))


def _hover(method, curvature: float, steps: int = STEPS) -> np.ndarray:
    """The root mean square of x in 64 windows of a run."""
    limits = {"gtol": 0.0, "max_steps": steps - 1, "recorder": jgd.Recorder(rows=STEPS, x=True)}
    run = jgd.minimize(parabola, jnp.float64(1.0), method, args=(jnp.float64(curvature),), **limits)
    return np.sqrt(np.mean(run.history["x"][:STEPS].reshape(64, -1) ** 2, axis=1))


def _floor(report: Report, quick: bool) -> None:
    rates = np.geomspace(1e-3, 0.3, 4 if quick else 12)
    floors = {}
    for curvature in (1.0, 100.0):
        runs = [_hover(jgd.adam(rate, b2=DECAY), curvature) for rate in rates]
        rms = floors[curvature] = np.sqrt(np.mean(np.square(runs)[:, 32:], axis=1))
        ratio = np.mean(rms * EDGE / rates)
        report.near(
            f"floor at λ = {curvature:g}, β₂ = {DECAY}: rms of x over η/38", 1.0, ratio, abs=0.12, digits=3
        )
        slope = np.polyfit(np.log(rates), np.log(rms), 1)[0]
        report.near(
            f"floor at λ = {curvature:g}: slope of log rms against log η", 1.0, slope, abs=0.02, digits=4
        )
        report.rows += [
            {"of": f"floor, λ = {curvature:g}", "kappa or rate": rate, "steps or rms": one}
            for rate, one in zip(rates, rms, strict=True)
        ]
    bursts = _hover(jgd.adam(0.1), 1.0, 2**17)
    ratio = float(np.sqrt(np.mean(bursts[32:] ** 2)) * EDGE / 0.1)
    report.tell(
        "At λ = 1, η = 0.1 and β₂ = 0.999 Adam comes back after about ten thousand steps: the rms of x is "
        f"{bursts[1]:.0e} in steps 2,048 to 4,095, and at least {bursts[8:].min():.1g} in every 2,048 steps "
        "from 16,384 on."
    )
    report.near("floor at λ = 1, β₂ = 0.999, η = 0.1: rms of x over η/38", 1.0, ratio, abs=0.12, digits=3)
    constant, falling = (_hover(jgd.adam(rate, b2=DECAY), 1.0) for rate in (0.1, FALLING))
    rate = np.mean(FALLING(np.arange(15 * STEPS // 16, STEPS)))
    report.near(
        "rate falling from 0.1 to 0.001: rms of x at the end over η/38",
        1.0,
        float(np.sqrt(np.mean(falling[-4:] ** 2)) * EDGE / rate),
        abs=0.15,
        digits=3,
    )
    report.draw(
        "floor",
        _floor_figure(rates, floors, constant, falling),
        "Left, x against steps at a constant and at a falling rate: both stay near η/38. Right, the floor "
        "against the rate: slope 1, the same for both curvatures",
    )
    report.ask(
        "The curvature λ is not in the floor η/38 of x. What is then the floor of f, and what would gradient "
        "descent do at these rates?",
        f"f = ½λx², so the floor of f is ½λ(η/38)²: at η = {rates[-1]:g} the rms of x is "
        f"{floors[1.0][-1]:.2e} for λ = 1 and {floors[100.0][-1]:.2e} for λ = 100, so f is about a hundred "
        "times as high for the second. Gradient descent has no floor: below 2/λ it converges, above it "
        f"leaves, for λ = 100 at {np.sum(rates > 0.02)} of the {len(rates)} rates tried. Adam changes its "
        "own scale until it is at its edge, whatever λ is: here it leaves for good at no rate, and stays at "
        "the minimum at none.",
    )


def _rotation_figure(kappas, adam, descent):
    figure, (plane, counts) = panels(1, 2, (10.5, 4.8))
    for i, (name, angle) in enumerate(ANGLES.items()):
        hessians, starts = _valleys(np.array([100.0]), np.array([angle]))
        limits = {"gtol": 0.0, "max_steps": 60, "recorder": jgd.Recorder(x=True)}
        run = jgd.minimize(quadratic, starts[0], jgd.adam(0.1), args=(hessians[0],), **limits)
        back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        path = run.history["x"] @ back.T
        plane.plot(*path.T, "os"[i] + "-", color=COLORS[i], markersize=3, linewidth=1)
        counts.loglog(kappas, adam[:, i], "os"[i] + "-", color=COLORS[i], label=f"Adam, {name}")
        marker = "^x"[i]
        counts.loglog(
            kappas, descent[:, i], marker, color=COLORS[2 + 2 * i], label=f"gradient descent, {name}"
        )
    contours(
        plane,
        lambda x: 0.5 * (x[0] ** 2 + 100 * x[1] ** 2),
        (-0.3, 1.1),
        (-0.25, 0.4),
        np.geomspace(0.02, 8, 8),
    )
    plane.set(
        xlabel="along the valley", ylabel="across the valley", title="κ = 100, η = 0.1: 60 steps of Adam"
    )
    counts.loglog(
        kappas,
        np.log(np.cos(0.3) / NEAR) * kappas / EDGE,
        color="0.35",
        linestyle=DASHES[1],
        label="κ ln(x₀/x)/38",
    )
    counts.set(
        xlabel="condition number κ",
        ylabel="steps until ‖x‖ ≤ 0.001 ‖x₀‖",
        title="Turned by 45°, Adam pays for κ",
    )
    legend(figure, counts)
    return figure


def _floor_figure(rates, floors, constant, falling):
    figure, (steps, against) = panels(1, 2, (10.5, 4.8))
    k = np.arange(64) * STEPS // 64
    paths = (("η = 0.1", constant, 0.1 + 0 * k), ("η falls to 0.001", falling, FALLING(k)))
    for i, (name, rms, rate) in enumerate(paths):
        steps.semilogy(k, rms, "os"[i], color=COLORS[i], markersize=4)
        steps.semilogy(k, rate / EDGE, color=COLORS[i], linestyle=DASHES[i])
        steps.text(k[32], (1.7, 0.2)[i] * rms[32], name, color=COLORS[i], ha=("left", "right")[i])
    steps.set(
        xlabel="steps",
        ylabel="rms of x in a window of 256 steps",
        title=f"λ = 1, β₂ = {DECAY}: x stays near η/38 (lines)",
        ylim=(1e-5, 1e-2),
    )
    for i, (curvature, rms) in enumerate(floors.items()):
        against.loglog(rates, rms, "o^"[i], color=COLORS[2 + 2 * i], label=f"λ = {curvature:g}, measured")
    against.loglog(rates, rates / EDGE, color="0.35", linestyle=DASHES[1], label="η/38, predicted")
    against.set(
        xlabel="constant rate η",
        ylabel="rms of x, late",
        title="The floor grows with the rate, whatever λ is",
    )
    legend(figure, against)
    return figure
