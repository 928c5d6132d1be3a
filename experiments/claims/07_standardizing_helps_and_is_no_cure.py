"""Standardizing helps and is no cure.

A feature in millimeters is a thousand times the feature in meters, and its curvature a million times as
large: units alone make a bad condition number κ. To standardize is to take each feature less its mean and by
its deviation. That changes the coordinates and not the problem: w = Tz, and the Hessian in z is TᵀHT.
**How much does that buy, what does it leave, and who takes the rest?**

- Two standardized features of correlation ρ have at w = 0 a Hessian in proportion to (1 ρ; ρ 1): its
  condition number is (1 + ρ)/(1 − ρ), and 1 + pρ/(1 − ρ) for p features of which each two correlate by
  ρ > 0. This is the interaction of features: which value of one weight is best depends on the other. Units
  belong to single features and cannot take it out: for two features, equal deviations are the best units.
- To whiten is to go on to features without correlation. At w = 0 that makes κ = 1. Elsewhere a row counts
  by d = σ(1 − σ), and κ is at most max d / min d: that is no matter of features any more.
- A penalty counts in the coordinates in which it was written. Whitening stretches directions in which the
  data hardly vary, and the penalty with them.
- Newton's step is the same in all coordinates (section 13).

Two features of correlation ρ, mean 0 and deviation 1, exactly, are given in units that make the deviations 1
and 4, with labels that depend on the first one, and neither penalty nor intercept. Breast cancer (569 × 30)
has an intercept and the penalty λ/2·Σ(sⱼwⱼ)² of standardized weights, s the deviations: one problem in all
coordinates. T is that of `jgd.standardize`, which `jgd.minimize` takes as its `x_scale`. Gradient descent
takes the rate "auto", and runs go from w = 0 until f − f* is 1e-8 of f*.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from scipy.special import expit

import jgd
from experiments.figures import COLORS, DASHES, contours, legend, panels
from experiments.report import Report
from jgd.problems.scikit_learn import load

KINDS = {"raw": None, "standardized": "diagonal", "whitened": "whitening"}
"""Coordinates -> the kind of jgd.standardize, None for none."""

AUTO, NEWTON = jgd.gradient_descent("auto"), jgd.newton()
UNITS = (1.0, 4.0)


def loss(z, T, X, y, penalty):
    """The logistic loss of w = Tz, and half the penalty of each weight times its square."""
    w = T @ z
    return jnp.sum(jax.nn.softplus(-y * (X @ w))) + 0.5 * jnp.sum(penalty * w**2)


def main(quick: bool = False) -> Report:
    """Correlation in two features, then thirty real ones."""
    report = Report()
    report.draw(
        "coordinates",
        _coordinates_figure(),
        "40 steps at the best rate on contours of one loss, ρ = 0.9, κ at the minimum: narrow in raw units, "
        "less so standardized, round whitened",
    )
    report.draw(
        "correlation",
        _correlation_figure(*_units(report, quick), *_steps(report, quick)),
        "Left, κ against the ratio of deviations, least at 1. Right, steps against (1 + ρ)/(1 − ρ): raw and "
        "standardized slope 1, whitened and Newton level",
    )
    _breast_cancer(report, quick)
    given, divided, centered = _years()
    report.ask(
        "One feature is a year, 2,000 give or take 10, and the model has an intercept. Is it enough to "
        "divide the feature by its deviation?",
        f"No. At w = 0 κ is {given:.2g} for the year as it is, {divided:.2g} divided by its deviation, and "
        f"{centered:.3g} less its mean too. Dividing leaves the mean m = 200 deviations from 0, where the "
        "feature looks like the ones of the intercept: of the two curvatures one is about m² times as large "
        "as after centering, the other as much smaller, and κ is about m⁴.",
    )
    return report


def features(rho: float, size: int = 2) -> np.ndarray:
    """200 rows of features of mean 0 and deviation 1, each two of which correlate by rho, exactly."""
    drawn = np.random.default_rng(0).standard_normal((200, size))
    free = np.linalg.qr(drawn - drawn.mean(axis=0))[0] * np.sqrt(200)
    return free @ np.linalg.cholesky(np.full((size, size), rho) + (1 - rho) * np.eye(size)).T


def pair(rho: float) -> tuple[np.ndarray, np.ndarray]:
    """Two features in their units, and labels of 1 or −1; the first feature is the same for all rho."""
    X = features(rho)
    y = np.random.default_rng(1).uniform(size=len(X)) < expit(X[:, 0])
    return X * UNITS, 2.0 * y - 1


def changes(X: np.ndarray, y: np.ndarray, intercept: bool = False) -> dict[str, np.ndarray]:
    """The matrices T by the names of the coordinates."""
    fit = jgd.models.logistic(X, y, ridge=0.0, intercept=intercept)
    start, unravel = ravel_pytree(fit.start)
    found = {}
    for name, kind in KINDS.items():
        forward = jgd.standardize(fit, kind=kind).forward if kind else lambda z: z
        found[name] = np.stack([ravel_pytree(forward(unravel(e)))[0] for e in jnp.eye(start.size)], axis=1)
    return found


def condition(w, T: np.ndarray, *data) -> float:
    """κ in the coordinates of T, at w."""
    return jgd.curvature(loss, jnp.asarray(np.linalg.solve(T, w)), args=(T, *data)).condition


def minimum(*data) -> jgd.Result:
    """The minimum, by Newton in raw coordinates."""
    n = data[0].shape[1]
    return jgd.minimize(loss, jnp.zeros(n), NEWTON, args=(np.eye(n), *data), gtol=1e-6).raise_if_failed()


def steps_to(least: jgd.Result, method, T: np.ndarray, *data, budget: int = 100_000) -> jgd.Result:
    limits = {"target": least.value * (1 + 1e-8), "gtol": 0.0, "max_steps": budget}
    return jgd.minimize(loss, jnp.zeros(len(T)), method, args=(T, *data), **limits)


def _units(report: Report, quick: bool) -> tuple[np.ndarray, dict[float, np.ndarray]]:
    """Ratios of deviations, and κ at w = 0 against them for some ρ."""
    ratios, origin, y = np.logspace(-2, 2, 21 if quick else 81), np.zeros(2), np.ones(200)
    kappas = {}
    for rho in (0.0, 0.9, 0.99):
        data = features(rho), y, origin
        kappas[rho] = kappa = np.array([condition(origin, np.diag([1, u]), *data) for u in ratios])
        report.rows += [
            {"of": f"two features, rho = {rho:g}, w = 0", "coordinates": f"deviations 1, {u:.3g}", "kappa": k}
            for u, k in zip(ratios, kappa, strict=True)
        ]
        told = f"two features, ρ = {rho:g}"
        claim = f"{told}: least κ at w = 0 over {len(ratios)} ratios of deviations, (1 + ρ)/(1 − ρ)"
        report.near(claim, (1 + rho) / (1 - rho), kappa.min(), rel=1e-9)
        report.near(f"{told}: the ratio where it is", 1.0, ratios[kappa.argmin()], abs=1e-9)
    units = np.geomspace(0.01, 100, 10)
    ten = jgd.standardize(jgd.models.logistic(features(0.9, 10) * units, np.arange(200) % 2, ridge=0.0))
    told = f"ten features, ρ = 0.9, in units that make κ = {ten.condition:.1e}"
    report.near(f"{told}: standardized, 1 + pρ/(1 − ρ)", 91.0, ten.condition_diagonal, rel=1e-9)
    report.near("the same, whitened", 1.0, ten.condition_whitened, rel=1e-9)
    return ratios, kappas


def _steps(report: Report, quick: bool) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(1 + ρ)/(1 − ρ), and steps against it in all coordinates and by Newton."""
    along = np.logspace(1, 3 if quick else 3.5, 3 if quick else 6)
    found, shares = {name: np.zeros(len(along)) for name in (*KINDS, "Newton")}, []
    for i, ratio in enumerate(along):
        rho = (ratio - 1) / (ratio + 1)
        X, y = pair(rho)
        data = X, y, np.zeros(2)
        least, T = minimum(*data), changes(X, y)
        runs = {name: (AUTO, T[name]) for name in KINDS} | {"Newton": (NEWTON, T["raw"])}
        for name, (method, map) in runs.items():
            run, kappa = steps_to(least, method, map, *data), condition(least.x, map, *data)
            found[name][i] = run.steps if run.success else np.nan
            row = {"of": f"two features, rho = {rho:.6g}", "coordinates": name, "kappa": kappa}
            report.rows.append(row | {"steps": run.steps, "ended": run.status.name})
        p = expit(X @ np.asarray(least.x))
        d = p * (1 - p)
        shares.append(condition(least.x, T["whitened"], *data) * d.min() / d.max())
    for name, slope in (("standardized", 1.0), ("whitened", 0.0), ("Newton", 0.0)):
        rise = np.diff(np.log(found[name]))[-1] / np.diff(np.log(along))[-1]
        report.near(f"{name}: slope of log steps, last two (1 + ρ)/(1 − ρ)", slope, rise, abs=0.05, digits=3)
    report.at_most("whitened: κ at the minimum over max d / min d, the largest", 1.0, max(shares), digits=3)
    report.too_strong(
        "Standardize the features, and gradient descent is fast.",
        "it takes out units; the interaction of features, (1 + ρ)/(1 − ρ), stays in any units.",
        f"(1 + ρ)/(1 − ρ) = {along[-1]:,.0f}: {found['raw'][-1]:,.0f} steps raw, "
        f"{found['standardized'][-1]:,.0f} standardized, {found['whitened'][-1]:,.0f} whitened, "
        f"{found['Newton'][-1]:,.0f} by Newton",
        bool(found["standardized"][-1] > 20 * found["whitened"][-1]),
    )
    return along, found


def _breast_cancer(report: Report, quick: bool) -> None:
    """Runs at two penalties, and κ against the penalty."""
    X, y = load("breast_cancer")
    T, squares = changes(X, y, intercept=True), np.append(X.var(axis=0), 0)
    rows = np.column_stack([X, np.ones(len(X))]), 2.0 * y - 1
    strengths, kappas = np.logspace(-3, 2, 6 if quick else 11), []
    for strength in strengths:
        data = *rows, strength * squares
        kappas.append({name: condition(minimum(*data).x, map, *data) for name, map in T.items()})
        report.rows += [
            {"of": f"breast cancer, penalty {strength:.3g}", "coordinates": name, "kappa": kappa}
            for name, kappa in kappas[-1].items()
        ]
    budget = 20_000 if quick else 100_000
    weak, strong = (_cancer_runs(report, T, (*rows, squares), strength, budget) for strength in (0.01, 1.0))
    (weakly, strongly), last = (kappas[np.abs(strengths - at).argmin()] for at in (0.01, 1.0)), "whitened"
    report.at_most("λ = 0.01: κ whitened, below that standardized", weakly["standardized"], weakly[last])
    report.too_strong(
        "Whitening finishes what standardizing began.",
        "it evens out the data at w = 0; elsewhere rows count unequally, and it stretches a penalty.",
        f"λ = 1: κ = {strongly['standardized']:,.0f} standardized and {strongly[last]:,.0f} whitened",
        strongly[last] > 10 * strongly["standardized"],
    )
    least, raw = strong["Newton, raw"].best_value, strong["raw"]
    report.tell(
        f"Breast cancer, λ = 1: in the units of the data κ is {strongly['raw']:.1e}, and {budget:,} steps "
        f"leave {(raw.value - least) / (raw.first_value - least):.0%} of f − f*. Standardized κ is "
        f"{strongly['standardized']:.0f}, and {strong['standardized'].steps:,} steps do. With λ = 0.01 the "
        "penalty no longer covers what correlation leaves, and κ is "
        f"{weakly['standardized']:,.0f}, and {weak['standardized'].steps:,} steps; whitened "
        f"{weakly[last]:,.0f}, and {weak[last].steps:,}. Newton takes {strong['Newton, raw'].steps} and "
        f"{weak['Newton, raw'].steps} steps, in raw units as in any others."
    )
    report.draw(
        "breast_cancer",
        _cancer_figure(strong, least, strengths, kappas),
        "Left, f − f* along runs in three coordinates and by Newton. Right, κ against the penalty: whitening "
        "wins where it is weak, standardizing where it is strong",
    )


def _cancer_runs(report: Report, T: dict, data: tuple, strength: float, budget: int) -> dict:
    """Runs in all coordinates, by gradient descent and by Newton."""
    data = *data[:2], strength * data[2]
    least, told = minimum(*data), f"breast cancer, λ = {strength:g}"
    runs = {name: steps_to(least, AUTO, map, *data, budget=budget) for name, map in T.items()}
    runs |= {f"Newton, {name}": steps_to(least, NEWTON, map, *data) for name, map in T.items()}
    for name, run in runs.items():
        row = {"of": f"breast cancer, penalty {strength:g}", "coordinates": name}
        report.rows.append(row | {"steps": run.steps, "ended": run.status.name})
    report.same(
        f"{told}: how {budget:,} steps of gradient descent end, raw and standardized",
        ("MAX_STEPS", "TARGET_REACHED"),
        (runs["raw"].status.name, runs["standardized"].status.name),
    )
    steps = tuple(runs[f"Newton, {name}"].steps for name in T)
    report.same(f"{told}: steps of Newton, raw, standardized, whitened", (steps[0],) * 3, steps)
    return runs


def _years() -> tuple[float, float, float]:
    """κ at w = 0 of an intercept and a year: as it is, divided by its deviation, and less its mean too."""
    year = 2000 + 10 * features(0.0, 1)
    T = changes(year, np.arange(200) % 2, intercept=True)
    data = np.column_stack([year, np.ones(200)]), np.ones(200), np.zeros(2)
    maps = T["raw"], np.diag([0.1, 1.0]), T["standardized"]
    given, divided, centered = (condition(np.zeros(2), map, *data) for map in maps)
    return given, divided, centered


def _coordinates_figure():
    figure, panes = panels(1, 3, (11, 4.0))
    X, y = pair(0.9)
    data = X, y, np.zeros(2)
    least, start = minimum(*data), np.array([-0.9, 0.9])
    for axes, (name, T), color in zip(panes, changes(X, y).items(), COLORS[3:], strict=False):
        goal, z = np.linalg.solve(T, least.x), jnp.asarray(np.linalg.solve(T, start))
        at = jgd.curvature(loss, jnp.asarray(goal), args=(T, *data))
        limits = {"max_steps": 40, "gtol": 0.0, "recorder": jgd.Recorder(x=True)}
        method = jgd.gradient_descent(at.best_rate)
        path = jgd.minimize(loss, z, method, args=(T, *data), **limits).history["x"]
        reach = 1.25 * np.abs(path - goal).max()
        across, up = ((middle - reach, middle + reach) for middle in goal)
        levels = least.value + np.geomspace(0.05, 2000, 14)
        contours(axes, jax.jit(lambda z, T=T: loss(z, T, *data)), across, up, levels)
        axes.plot(*path.T, "o-", color=color, markersize=3, linewidth=1)
        axes.plot(*goal, "k*", markersize=9)
        axes.set(
            xlabel="first coordinate",
            ylabel="second coordinate",
            title=f"{name}: κ = {at.condition:.3g}",
            aspect="equal",
        )
    return figure


def _correlation_figure(ratios, kappas, along, found):
    figure, (units, steps) = panels(1, 2, (10.5, 4.8))
    for i, (rho, kappa) in enumerate(kappas.items()):
        units.loglog(ratios, kappa, color=COLORS[i], linestyle=DASHES[i], label=f"κ, ρ = {rho:g}")
        units.plot(1, (1 + rho) / (1 - rho), "o", color=COLORS[i], markersize=6)
    units.set(
        xlabel="deviation of the second feature over that of the first",
        ylabel="κ at w = 0",
        title="No units take the correlation out",
    )
    for i, (name, counted) in enumerate(found.items()):
        steps.loglog(along, counted, "os^D"[i] + "-", color=COLORS[3 + i], label=f"steps, {name}")
    steps.set(xlabel="(1 + ρ)/(1 − ρ)", ylabel="steps until f − f* ≤ 1e-8 f*", title="What correlation costs")
    legend(figure, units, steps, columns=4)
    return figure


def _cancer_figure(runs, least, strengths, kappas):
    figure, (values, against) = panels(1, 2, (10.5, 4.8))
    for i, name in enumerate((*KINDS, "Newton, raw")):
        step, value = (runs[name].history[column] for column in ("step", "value"))
        values.loglog(
            step + 1,
            np.maximum(value - least, 1e-9),
            "os^D"[i] + "-",
            color=COLORS[3 + i],
            markersize=3,
            label=name,
        )
    values.set(xlabel="steps + 1", ylabel="f − f*", title="Breast cancer, λ = 1")
    for i, name in enumerate(KINDS):
        against.loglog(strengths, [kappa[name] for kappa in kappas], "os^"[i] + "-", color=COLORS[3 + i])
    against.set(xlabel="penalty λ", ylabel="κ at the minimum", title="The penalty decides which is better")
    legend(figure, values, columns=4)
    return figure
