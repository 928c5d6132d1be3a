"""The report of curvature, its derived figures, its refusals, and a large problem's cost."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd import problems
from tests.geometry.matrices import form, turned

ROOT = Path(__file__).parents[2]


def of(eigenvalues, **options):
    H = turned(eigenvalues, np.random.default_rng(0))
    return jgd.curvature(form, np.zeros(len(H)), args=(H,), **options)


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def test_the_report_of_a_minimum():
    c = jgd.curvature(rosenbrock, np.ones(2))
    lines = str(c).splitlines()
    assert lines[:3] == [
        "minimum (dense)",
        "  point        2 parameters, float64, value 0, max |grad| 0.000e+00",
        "  found by     dense eigh",
    ]
    assert lines[3].startswith("  lambda max   1001.60064  (residual ")
    assert lines[4].startswith("  lambda min   0.399360767  (residual ")
    assert lines[5:] == [
        "  condition    2508.01",
        "  rates        stable below 2/lambda max = 0.0019968, best constant rate 0.00199601",
        "  error a step gradient_descent 0.999203 (2,888 steps to a tenth), heavy_ball 0.960846 (58 steps to a "
        "tenth), nesterov 0.980032 (115 steps to a tenth), at best constants",
    ]
    assert "bound" not in str(c)
    assert repr(c) == "Curvature(0.399361 to 1001.6, minimum (dense))"


def test_the_report_of_a_saddle_shows_the_way_down_and_no_rates_of_minima():
    c = of([-40.0, 1.0, 10.0])
    lines = str(c).splitlines()
    assert lines[0] == c.kind
    assert lines[0].startswith("saddle (lambda = -40, residual ")
    assert lines[5] == "  rates        stable below 2/lambda max = 0.2"
    assert (
        lines[6] == "  descent      along negative_direction, too, although the gradient says nothing of it"
    )
    assert len(lines) == 7
    y = np.asarray(c.negative_direction)
    H = turned([-40.0, 1.0, 10.0], np.random.default_rng(0))
    assert y @ H @ y == pytest.approx(-40, rel=1e-12)
    assert (c.best, c.condition, c.steps_to(1e-8)) == ({}, np.inf, np.inf)
    assert np.isnan(c.best_rate)


def test_a_report_of_lanczos_calls_a_bound_a_bound():
    c = of(np.linspace(1, 1000, 300), dense=False, products=20, tolerance=1e-6)
    lines = str(c).splitlines()
    assert lines[0] == "no negative curvature found (k = 18, 1 start)"
    assert lines[2] == "  found by     Lanczos, 20 products, 1 start"
    assert lines[3].endswith("; a lower bound)")
    assert lines[4].endswith("; an upper bound)")
    assert lines[5].startswith("  condition    >= ")
    assert c.condition_is_bound
    assert 1 < c.condition < 1000


def test_an_end_that_converged_is_not_called_a_bound():
    lines = str(of(np.r_[np.linspace(1, 2, 99), 100], dense=False, tolerance=1e-3, products=12)).splitlines()
    assert "bound" not in lines[3]
    assert lines[4].endswith("; an upper bound)")


def test_dense_or_lanczos_is_chosen_by_size():
    def bowl(x):
        return jnp.sum(jnp.arange(1.0, 1.0 + x.size) * x**2)

    assert jgd.curvature(bowl, np.zeros(500)).found == "dense eigh"
    assert jgd.curvature(bowl, np.zeros(501)).found.startswith("Lanczos, ")
    assert jgd.curvature(bowl, np.zeros(501), dense=True).highest.value == pytest.approx(1002, rel=1e-12)


@pytest.mark.parametrize(
    ("low", "condition"), [(1e-10, 1e10), (1e-17, np.inf), (0.0, np.inf), (-1e-17, np.inf)]
)
@pytest.mark.parametrize("dense", [True, False])
def test_the_condition_is_infinite_where_the_lowest_is_zero_to_rounding(low, condition, dense):
    def diagonal(x, eigenvalues):
        return 0.5 * jnp.sum(eigenvalues * x**2)

    eigenvalues = np.array([low, 0.5, 1.0])
    c = jgd.curvature(diagonal, np.zeros(3), args=(eigenvalues,), dense=dense, tolerance=0.0)
    assert c.condition == pytest.approx(condition, rel=1e-4)
    assert c.negative_direction is None
    assert c.stable_rate == pytest.approx(2, rel=1e-12)


def test_point_and_aux_are_of_where_it_was_asked():
    def fun(x, b):
        return jnp.sum((x - b) ** 2), {"half": x / 2}

    c = jgd.curvature(fun, np.array([3.0, 1.0]), args=(1.0,), has_aux=True)
    assert (c.value, c.grad_norm, c.grad.tolist()) == (4, 4, [4, 0])
    assert c.kind == "not a critical point (max |grad| = 4)"
    assert c.spectrum.point.aux["half"].tolist() == [1.5, 0.5]


@pytest.mark.parametrize(("dtype", "gtol"), [("float64", 1e-8), ("float32", 1e-4), ("bfloat16", 1e-2)])
def test_what_counts_as_critical_knows_the_dtype(dtype, gtol):
    def bowl(x, offset):
        return 0.5 * jnp.sum((x - offset) ** 2)

    for factor, critical in ((0.9, True), (1.2, False)):
        offset = jnp.asarray(factor * gtol, dtype)
        c = jgd.curvature(bowl, jnp.zeros(3, dtype), args=(offset,))
        assert c.gtol == gtol
        assert c.kind.startswith("minimum" if critical else "not a critical point")


def test_the_breast_cancer_problem_has_the_condition_number_of_the_table():
    problem = problems.get("breast-cancer")
    result = jgd.minimize(problem.fun, problem.x0, jgd.newton(), args=problem.args)
    c = jgd.curvature(problem.fun, result.x, args=problem.args)
    assert c.kind == "minimum (dense)"
    assert c.condition == pytest.approx(84.8, abs=0.05)


def waves(x):
    return jnp.sum(jnp.sin(x))


ONE, TWO = np.ones(1), np.ones(2)
ALL = {
    "curvature": lambda fun, x, **options: jgd.curvature(fun, x, **options),
    "convexity": lambda fun, x, **options: jgd.convexity(fun, x, 1.0, **options),
    "is_convex_along": lambda fun, x, **options: jgd.is_convex_along(fun, x, TWO, **options),
    "taylor": lambda fun, x, **options: jgd.taylor(fun, x, **options),
    "spectral_density": lambda fun, x, **options: jgd.spectral_density(fun, x, **options),
    "hessian_trace": lambda fun, x, **options: jgd.hessian_trace(fun, x, **options),
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("fun", "x", "options", "words"),
    [
        ("sin", TWO, {}, "fun must be a function of x, got str."),
        (
            waves,
            np.array([1, 2]),
            {},
            "x must be of a float dtype, got int64; write it as floats, for example 1.0.",
        ),
        (waves, np.zeros(0), {}, "x has no entries: give a float array, or a pytree of them."),
        (waves, np.array([0.0, np.nan]), {}, "x has entries that are NaN or infinite."),
        (waves, 1j * TWO, {}, "x is complex; give its real and imaginary parts as two float arrays."),
        (waves, {"a": "b"}, {}, "x['a'] must be a float array, got str."),
        (jnp.sin, TWO, {}, "fun must return a scalar, got shape (2,); sum or average it"),
        (waves, TWO, {"args": 1.0}, "args must be a tuple of further arguments, got float"),
        (lambda x, y: waves(x), TWO, {}, "cannot be called with x and 0 further arguments"),
        (lambda x: (waves(x), x), TWO, {}, "fun returns two things: has_aux=True"),
        (waves, TWO, {"has_aux": True}, "fun must return (value, aux) where has_aux=True."),
    ],
)
def test_a_bad_function_or_point_is_refused_in_one_sentence(name, fun, x, options, words):
    with pytest.raises((TypeError, ValueError)) as refused:
        ALL[name](fun, x, **options)
    message = str(refused.value)
    assert words in message
    assert "x0" not in message
    assert message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: jgd.curvature(waves, TWO, products=2), "products must be at least 3, got 2."),
        (lambda: jgd.curvature(waves, TWO, products=3.5), "products must be a whole number, got 3.5."),
        (lambda: jgd.curvature(waves, TWO, starts=0), "starts must be at least 1, got 0."),
        (lambda: jgd.curvature(waves, TWO, tolerance=-1.0), "tolerance must be non-negative, got -1.0."),
        (lambda: jgd.curvature(waves, TWO, tolerance="low"), "tolerance must be a number, got 'low'."),
        (lambda: jgd.curvature(waves, TWO, gtol=np.nan), "gtol must be finite, got nan."),
        (lambda: jgd.curvature(waves, TWO, seed=-1), "seed must be at least 0, got -1."),
        (lambda: jgd.curvature(waves, TWO, dense="yes"), "dense must be True, False or None, got 'yes'."),
        (lambda: of([1.0, 2.0]).predicted("newton", 0.1), "method must be one of gradient_descent"),
        (lambda: of([1.0, 2.0]).predicted("heavy_ball", 0.0), "learning_rate must be positive, got 0.0."),
        (lambda: of([1.0, 2.0]).predicted("heavy_ball", 0.1, 1.0), "momentum must be less than 1, got 1.0."),
        (lambda: of([1.0, 2.0]).steps_to(-1.0), "gtol must be non-negative, got -1.0."),
        (lambda: jgd.convexity(waves, TWO, -1.0), "radius must be non-negative, got -1.0."),
        (lambda: jgd.convexity(waves, TWO, TWO), "radius must be one number, got an array of shape (2,)."),
        (lambda: jgd.convexity(waves, TWO, 1.0, samples=0), "samples must be at least 1, got 0."),
        (lambda: jgd.convexity(waves, TWO, 1.0, products=1), "products must be at least 2, got 1."),
        (lambda: jgd.convexity(waves, TWO, 1.0, seed=None), "seed must be a whole number, got None."),
        (lambda: jgd.is_convex_along(waves, TWO, 2 * TWO, samples=1), "samples must be at least 2, got 1."),
        (lambda: jgd.is_convex_along(waves, TWO, TWO), "x and y are the same point: give two"),
        (
            lambda: jgd.is_convex_along(waves, TWO, ONE),
            "x and y must be of the same structure, shapes and dtypes.",
        ),
        (
            lambda: jgd.is_convex_along(waves, TWO, TWO.astype(np.float32)),
            "x and y must be of the same structure, shapes and dtypes.",
        ),
        (
            lambda: jgd.is_convex_along(waves, TWO, np.array([np.inf, 1.0])),
            "y has entries that are NaN or infinite.",
        ),
        (lambda: jgd.spectral_density(waves, TWO, steps=0), "steps must be at least 1, got 0."),
        (lambda: jgd.spectral_density(waves, TWO, samples=0), "samples must be at least 1, got 0."),
        (lambda: jgd.spectral_density(waves, TWO, points=0), "points must be at least 1, got 0."),
        (lambda: jgd.spectral_density(waves, TWO, width=0.0), "width must be positive, got 0.0."),
        (lambda: jgd.spectral_density(waves, TWO, seed=1.5), "seed must be a whole number, got 1.5."),
        (lambda: jgd.hessian_trace(waves, TWO, samples=0), "samples must be at least 1, got 0."),
        (lambda: jgd.hessian_trace(waves, TWO, seed=-2), "seed must be at least 0, got -2."),
    ],
)
def test_a_bad_option_is_refused_in_one_sentence(call, words):
    with pytest.raises((TypeError, ValueError)) as refused:
        call()
    message = str(refused.value)
    assert message.startswith(words)
    assert message.endswith(".")


def test_within_a_program_it_is_refused():
    with pytest.raises(TypeError, match=r"^x or args are being traced: call this outside of jax\.jit"):
        jax.jit(lambda x: jgd.curvature(waves, x).highest.value)(TWO)


def in_a_process(*words):
    ran = subprocess.run(
        [sys.executable, "-m", "tests.study.large", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout)


@pytest.mark.slow
def test_of_ten_million_parameters_both_ends_in_few_products_and_little_memory():
    """Beyond what one gradient takes, memory is that of the Lanczos vectors, under three for each step kept."""
    gradient, told = in_a_process(), in_a_process("curvature")
    low, high = told["ends"]
    highest, lowest = told["true"]
    assert told["products"] < 60
    assert high["value"] == pytest.approx(highest, rel=1e-3)
    assert abs(high["value"] - highest) <= high["residual"] <= 1e-3 * high["value"]
    assert lowest <= low["value"] < 0.51
    assert 0 < low["residual"] < 0.05
    report = told["report"].splitlines()
    assert report[1].startswith("  point        10,000,000 parameters, float32")
    assert "bound" not in report[3]
    assert report[4].endswith("; an upper bound)")
    assert told["dtypes"] == ["float32", "float32"]
    steps, vector = told["products"] - 2, 4 * 10_000_000
    assert told["peak"] - gradient["peak"] < 3 * steps * vector
    assert "10,000,000 parameters takes 372,529.0 GiB" in told["refused"]
    assert "dense=False" in told["refused"]
