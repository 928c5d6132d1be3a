"""How many steps: to a small gradient, away from a saddle; what a gradient bounds: rows 10, 13 and 17."""

import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd import problems


def quadratic(x, h):
    return 0.5 * jnp.sum(h * x**2)


def saddle(x):
    return 0.5 * x[0] ** 2 - 0.5 * x[1] ** 2 + 0.25 * x[1] ** 4


def methods(L):
    """The methods of the table with their constants for eigenvalues in [1, L]."""
    root = L**0.5
    slow = (root - 1) / (root + 1)
    return {
        "rate 1/L": jgd.gradient_descent(1 / L),
        "rate 2/(L + mu)": jgd.gradient_descent(2 / (L + 1)),
        "exact": jgd.gradient_descent(jgd.exact()),
        "nesterov": jgd.nesterov(1 / L, slow),
        "heavy ball": jgd.heavy_ball(4 / (root + 1) ** 2, slow**2),
    }


@pytest.mark.parametrize(
    ("condition", "counts"),
    [
        (1e2, {"rate 1/L": 1833, "rate 2/(L + mu)": 1152, "exact": 917, "nesterov": 204, "heavy ball": 143}),
        (
            1e4,
            {
                "rate 1/L": 184_198,
                "rate 2/(L + mu)": 138_156,
                "exact": 91_489,
                "nesterov": 2143,
                "heavy ball": 1791,
            },
        ),
    ],
)
def test_steps_to_a_small_gradient_are_the_printed_ones(condition, counts):
    h = np.linspace(1, condition, 10)
    for name, method in methods(condition).items():
        result = jgd.minimize(
            quadratic, np.ones(10), method, args=(h,), gtol=1e-8, grtol=0.0, max_steps=200_000
        )
        assert result.success, name
        assert abs(result.steps - counts[name]) <= 2, name


@pytest.mark.parametrize(
    ("condition", "adgd", "long", "short"), [(1e2, 568, 127, 52), (1e4, 53_981, 1453, 1364)]
)
def test_steps_of_adaptive_methods_are_the_printed_ones(condition, adgd, long, short):
    """AdGD within 3 %, Barzilai and Borwein within a factor of 3: chaotic in the last bits; CG within 2."""
    h = np.linspace(1, condition, 10)

    def steps(method):
        result = jgd.minimize(
            quadratic, np.ones(10), method, args=(h,), gtol=1e-8, grtol=0.0, max_steps=200_000
        )
        assert result.success
        return result.steps

    def borwein(step):
        return jgd.gradient_descent(jgd.barzilai_borwein(1 / condition, step, window=100))

    assert steps(jgd.gradient_descent(jgd.adgd())) == pytest.approx(adgd, rel=0.03)
    assert long / 3 <= steps(borwein("long")) <= 3 * long
    assert short / 3 <= steps(borwein("short")) <= 3 * short
    for formula in ("hager-zhang", "polak-ribiere"):
        assert abs(steps(jgd.conjugate_gradient(formula, search=jgd.exact())) - 10) <= 2


@pytest.mark.parametrize(("y", "steps"), [(1e-8, 188), (1e-4, 91)])
def test_a_saddle_is_left_after_the_printed_number_of_steps(y, steps):
    result = jgd.minimize(
        saddle,
        np.array([0.0, y]),
        jgd.gradient_descent(0.1),
        gtol=0.0,
        stop=lambda point: jnp.abs(point.x[1]) >= 0.5,
    )
    assert (result.status.name, result.steps) == ("STOPPED_BY_RULE", steps)
    assert steps == pytest.approx(np.log(0.5 / y) / np.log(1.1), abs=2.5)


def test_from_its_stable_manifold_a_saddle_is_never_left():
    result = jgd.minimize(saddle, np.array([1.0, 0.0]), jgd.gradient_descent(0.1))
    assert result.success
    assert result.x[1] == 0


@pytest.mark.parametrize("name", ["quadratic-100", "breast-cancer"])
def test_the_gradient_bounds_the_error_from_both_sides(name):
    problem = problems.get(name)
    mu, L = 1.0, 100.0
    if name == "breast-cancer":
        L = 1 + np.linalg.norm(problem.args[0], 2) ** 2 / 4
    rows = 64
    result = jgd.minimize(
        problem.fun,
        problem.x0,
        jgd.gradient_descent(1 / L),
        args=problem.args,
        max_steps=rows - 1,
        recorder=jgd.Recorder(rows=rows, x=True),
    )
    f = jgd.Objective(problem.fun, problem.args)
    for x, value in zip(result.history["x"], result.history["value"], strict=True):
        square = float(jnp.sum(f.grad(jnp.asarray(x)) ** 2))
        assert square / (2 * L) <= (value - problem.minimum) * (1 + 1e-12)
        assert (value - problem.minimum) <= square / (2 * mu) * (1 + 1e-12)
