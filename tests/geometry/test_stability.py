"""Rates and factors: theory.md's rows 1, 9 and 16, against roots of polynomials and against runs."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd import Status
from jgd.geometry import stability
from jgd.geometry.stability import best, largest_stable_curvature, predicted
from tests.theory.digits import agrees


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def quadratic(x, eigenvalues):
    return 0.5 * jnp.sum(eigenvalues * x**2)


@pytest.mark.parametrize("dense", [True, False])
def test_row_1_the_digits_of_rosenbrock_at_its_minimum(dense):
    c = jgd.curvature(rosenbrock, jnp.ones(2), dense=dense)
    assert agrees(c.lowest.value, "0.399360767")
    assert agrees(c.highest.value, "1001.60064")
    assert agrees(c.stable_rate, "0.00199680384")
    assert agrees(c.condition, "2508.00960")
    assert agrees(c.best_rate, "0.00199600798")
    assert agrees(c.best["gradient_descent"].factor ** 2, "0.998406381")
    assert c.best["gradient_descent"].learning_rate == c.best_rate


def test_row_9_the_best_factors_of_momentum():
    ball, nesterov = best("heavy_ball", 1.0, 100.0), best("nesterov", 1.0, 100.0)
    assert agrees(ball.factor, "0.818182")
    assert ball.learning_rate == pytest.approx(4 / 121, rel=1e-14)
    assert ball.momentum == pytest.approx((9 / 11) ** 2, rel=1e-14)
    assert nesterov.factor == pytest.approx(0.9, rel=1e-14)
    assert (nesterov.learning_rate, nesterov.momentum) == pytest.approx((0.01, 9 / 11), rel=1e-14)
    assert best("gradient_descent", 1.0, 100.0).factor == pytest.approx(99 / 101, rel=1e-14)


def iteration(method, rate, beta, eigenvalue):
    """The matrix of a step (x, v) -> (x+, v+) on eigenvalue x^2 / 2, written out from the method's own rule."""
    g = eigenvalue
    if method == "gradient_descent":
        return np.array([[1 - rate * g]])
    if method == "heavy_ball":  # v+ = beta v - g x, x+ = x + rate v+
        return np.array([[1 - rate * g, rate * beta], [-g, beta]])
    if method == "nesterov":  # w+ = y - rate g y, y+ = w+ + beta (w+ - w)
        return np.array([[(1 + beta) * (1 - rate * g), -beta], [1 - rate * g, 0.0]])
    # Adam with its second moments as they are: m+ = beta m + (1 - beta) g x, x+ = x - rate m+
    return np.array([[1 - rate * (1 - beta) * g, -rate * beta], [(1 - beta) * g, beta]])


def radius(*given):
    return np.max(np.abs(np.linalg.eigvals(iteration(*given))))


LIMITS = {"gradient_descent": "2.0", "heavy_ball": "3.8", "nesterov": "1.357143", "adam": "38.0"}


@pytest.mark.parametrize("rate", [1.0, 0.1, 1e-3])
@pytest.mark.parametrize("method", LIMITS)
def test_row_16_at_the_limit_a_root_crosses_the_unit_circle(method, rate):
    limit = largest_stable_curvature(method, rate, 0.9)
    assert agrees(limit * rate, LIMITS[method])
    assert radius(method, rate, 0.9, limit * (1 - 1e-6)) < 1 - 1e-8
    assert radius(method, rate, 0.9, limit * (1 + 1e-6)) > 1 + 1e-8
    assert radius(method, rate, 0.9, limit * 1e-3) < 1


METHODS = {
    "gradient_descent": lambda rate, _: jgd.gradient_descent(rate),
    "heavy_ball": jgd.heavy_ball,
    "nesterov": jgd.nesterov,
}


@pytest.mark.parametrize(("fraction", "status"), [(0.999, Status.CONVERGED), (1.001, Status.DIVERGED)])
@pytest.mark.parametrize("momentum", [0.5, 0.9])
@pytest.mark.parametrize("method", METHODS)
def test_row_16_runs_converge_just_below_the_limit_and_diverge_just_above(method, momentum, fraction, status):
    rate = 0.1
    eigenvalue = fraction * largest_stable_curvature(method, rate, momentum)
    run = jgd.minimize(
        quadratic,
        np.ones(1),
        METHODS[method](rate, momentum),
        args=(np.array([eigenvalue]),),
        max_steps=200_000,
    )
    assert run.status == status


ROOTS = {
    "gradient_descent": lambda rate, _, eigenvalue: stability.gradient_descent_roots(rate, eigenvalue),
    "heavy_ball": stability.heavy_ball_roots,
    "nesterov": stability.nesterov_roots,
}


@pytest.mark.parametrize("method", ROOTS)
def test_the_roots_are_the_eigenvalues_of_the_iteration(method):
    for eigenvalue in (0.0, 0.3, 5.0, 12.0, 40.0, -2.0):
        for momentum in (0.0, 0.4, 0.9):
            roots = np.sort_complex(ROOTS[method](0.1, momentum, eigenvalue))
            expected = np.sort_complex(np.linalg.eigvals(iteration(method, 0.1, momentum, eigenvalue)))
            # a double root is found to the root of the precision
            np.testing.assert_allclose(roots, expected, atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_the_factor_is_the_worst_of_all_eigenvalues_between_the_ends(method):
    for rate, momentum in ((0.01, 0.0), (0.03, 0.5), (0.015, 0.9), (0.03, 0.99)):
        worst = max(radius(method, rate, momentum, it) for it in np.linspace(1, 100, 400))
        assert predicted(method, 1.0, 100.0, rate, momentum).factor == pytest.approx(worst, rel=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("condition", [1.5, 10.0, 1e4])
def test_no_other_constants_do_better_than_the_best(method, condition):
    constants = best(method, 2.0, 2.0 * condition)
    tied = predicted(method, 2.0, 2.0 * condition, constants.learning_rate, constants.momentum)
    assert tied.factor == pytest.approx(constants.factor, rel=1e-6)
    checked = 0
    rates = (1.0, 0.97, 1.03) if method != "nesterov" else (1.0,)  # whose 1/L is the usual rate, not the best
    momenta = (0.0, -0.01, 0.01) if method != "gradient_descent" else (0.0,)
    for change, more in itertools.product(rates, momenta):
        rate, momentum = change * constants.learning_rate, constants.momentum + more
        if (change, more) != (1, 0) and 0 <= momentum < 1:
            factor = predicted(method, 2.0, 2.0 * condition, rate, momentum).factor
            assert factor > constants.factor * (1 - 1e-12)
            checked += 1
    assert checked


EIGENVALUES = np.linspace(1, 100, 10)


def steps_of(method, momentum, rate, ratio):
    """Steps of a run until the gradient has fallen to `ratio` times itself, from equal gradients in all modes."""
    run = jgd.minimize(
        quadratic,
        1 / EIGENVALUES,
        METHODS[method](rate, momentum),
        args=(EIGENVALUES,),
        gtol=ratio,
        max_steps=1_000_000,
    )
    assert run.status == Status.CONVERGED
    return run.steps


@pytest.mark.parametrize(
    ("method", "rate", "momentum"),
    [
        ("gradient_descent", 0.01, 0.0),
        ("gradient_descent", 0.0199, 0.0),
        ("heavy_ball", 0.01, 0.5),
        ("heavy_ball", 0.03, 0.9),
        ("nesterov", 0.01, 0.5),
        ("nesterov", 0.013, 0.9),
    ],
)
def test_the_predicted_steps_are_those_of_runs(method, rate, momentum):
    c = jgd.curvature(quadratic, np.zeros(10), args=(EIGENVALUES,))
    steps = c.predicted(method, rate, momentum).steps(1e-100)
    assert steps_of(method, momentum, rate, 1e-100) == pytest.approx(steps, rel=0.03)


@pytest.mark.parametrize("method", METHODS)
def test_the_predicted_steps_at_the_best_constants_are_those_of_runs(method):
    """Momentum's roots are double there, so k steps leave k times the power: it takes small ratios not to see k."""
    c = jgd.curvature(quadratic, 1 / EIGENVALUES, args=(EIGENVALUES,))
    constants = c.best[method]
    steps = steps_of(method, constants.momentum, constants.learning_rate, 1e-200)
    assert steps == pytest.approx(c.steps_to(1e-200, method), rel=0.04)
    assert steps == pytest.approx(constants.steps(1e-200), rel=0.04)


def test_steps_are_none_for_ever_or_one():
    assert predicted("gradient_descent", 1.0, 100.0, 0.021).steps(0.1) == np.inf
    assert predicted("gradient_descent", 1.0, 100.0, 0.019).steps(1.0) == 0
    assert predicted("gradient_descent", 1.0, 100.0, 0.019).steps(0.0) == np.inf
    assert predicted("gradient_descent", 4.0, 4.0, 0.25).steps(1e-9) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: largest_stable_curvature("newton", 1.0),
        lambda: predicted("newton", 1.0, 2.0, 0.1),
        lambda: best("newton", 1.0, 2.0),
    ],
)
def test_of_other_methods_the_names_of_those_that_are_known_are_said(call):
    with pytest.raises(
        ValueError, match=r"^method must be one of gradient_descent, heavy_ball, nesterov.*'newton'\.$"
    ):
        call()


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0), (np.nan, 1.0)])
def test_the_best_constants_are_those_of_positive_eigenvalues(low, high):
    with pytest.raises(ValueError, match=r"^low and high must be 0 < low <= high, got .*\.$"):
        best("gradient_descent", low, high)
