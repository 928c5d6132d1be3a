"""The kind of a critical point, word for word: what was found, and no more."""

import re

import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd import Status, problems
from tests.geometry.matrices import form, turned

SADDLE = r"saddle \(lambda = -1, residual \d(\.\d)?e-\d+\)"


@pytest.mark.parametrize("method", [jgd.gradient_descent(0.1), jgd.gradient_descent(), jgd.newton_raphson()])
@pytest.mark.parametrize("dense", [True, False])
def test_fault_7_a_saddle_is_called_one_although_a_run_converged_there(method, dense):
    """From y = 0 exactly, descent runs along the stable manifold into the saddle and is done."""
    saddle = problems.get("saddle")
    result = jgd.minimize(saddle.fun, np.array([1.0, 0.0]), method)
    assert result.status == Status.CONVERGED
    assert np.asarray(result.x) == pytest.approx([0, 0], abs=1e-8)
    c = jgd.curvature(saddle.fun, result.x, dense=dense)
    assert re.fullmatch(SADDLE, c.kind)
    assert np.abs(c.negative_direction) == pytest.approx([0, 1], abs=1e-8)


def test_where_the_run_leads_off_the_saddle_it_ends_in_a_minimum():
    saddle = problems.get("saddle")
    result = jgd.minimize(saddle.fun, saddle.x0, jgd.gradient_descent(0.1))
    assert result.status == Status.CONVERGED
    c = jgd.curvature(saddle.fun, result.x)
    assert (c.kind, c.negative_direction) == ("minimum (dense)", None)
    assert (c.lowest.value, c.highest.value) == pytest.approx((1, 2), rel=1e-7)


def kind(eigenvalues, dense=True, **options):
    H = turned(eigenvalues, np.random.default_rng(0))
    return jgd.curvature(form, np.zeros(len(H)), args=(H,), dense=dense, **options).kind


@pytest.mark.parametrize(
    ("eigenvalues", "words"),
    [
        ([1.0, 2.0, 3.0], r"minimum \(dense\)"),
        ([1e-10, 2.0, 3.0], r"minimum \(dense\)"),
        ([-1.0, -2.0, -3.0], r"maximum \(dense\)"),
        ([-1.0, 2.0, 3.0], SADDLE),
        ([-1.0, -2.0, 3.0], r"saddle \(lambda = -2, residual .*\)"),
        ([-1e-10, 2.0, 3.0], r"saddle \(lambda = -1e-10, residual .*\)"),
        ([-1.0, 1e-10, -3.0], r"saddle \(lambda = -3, residual .*\)"),
        ([0.0, 2.0, 3.0], r"degenerate \(lambda = -?\d(\.\d)?e-\d+ is zero to rounding\)"),
        ([0.0, 0.0, 0.0], r"degenerate \(lambda = 0 is zero to rounding\)"),
        ([0.0, -2.0, -3.0], r"degenerate \(lambda = -?\d(\.\d)?e-\d+ is zero to rounding, the lowest -3\)"),
    ],
)
def test_from_all_eigenvalues(eigenvalues, words):
    assert re.fullmatch(words, kind(eigenvalues))


@pytest.mark.parametrize(
    ("eigenvalues", "words"),
    [
        ([1.0, 2.0, 3.0], r"no negative curvature found \(k = 3, 3 starts\)"),
        ([0.0, 2.0, 3.0], r"no negative curvature found \(k = 3, 3 starts\)"),
        ([0.0, 0.0, 0.0], r"no negative curvature found \(k = 1, 3 starts\)"),
        ([-1.0, -2.0, -3.0], r"no positive curvature found \(k = 3, 3 starts\)"),
        ([0.0, -2.0, -3.0], r"no positive curvature found \(k = 3, 3 starts\)"),
        ([-1.0, 2.0, 3.0], SADDLE),
        (np.linspace(1, 3, 100), r"no negative curvature found \(k = 38, 3 starts\)"),
    ],
)
def test_from_a_few_products_minimum_is_never_said(eigenvalues, words):
    assert re.fullmatch(words, kind(eigenvalues, dense=False, starts=3, tolerance=0.0))


def test_one_start_is_said_in_the_singular():
    assert kind([1.0, 2.0, 3.0], dense=False) == "no negative curvature found (k = 3, 1 start)"


def test_a_negative_ritz_value_is_proof_before_it_has_converged():
    H = turned(np.linspace(-1, 30, 100), np.random.default_rng(0))
    c = jgd.curvature(form, np.zeros(100), args=(H,), dense=False, products=16)
    assert c.spectrum.converged == (False, False)
    assert c.lowest.residual > 0.1
    assert c.kind.startswith(f"saddle (lambda = {c.lowest.value:.4g}, residual ")
    y = np.asarray(c.negative_direction)
    assert y @ H @ y == pytest.approx(c.lowest.value, rel=1e-9)
    assert c.lowest.value < -0.1


@pytest.mark.parametrize("dense", [True, False])
def test_a_fourth_power_is_degenerate_and_its_minimum_not_claimed(dense):
    c = jgd.curvature(lambda x: x**4, np.array(0.0), dense=dense)
    words = (
        "degenerate (lambda = 0 is zero to rounding)"
        if dense
        else "no negative curvature found (k = 1, 1 start)"
    )
    assert c.kind == words
    assert c.condition == c.stable_rate == np.inf


@pytest.mark.parametrize("dense", [True, False])
def test_away_from_a_critical_point_no_kind_is_said(dense):
    c = jgd.curvature(lambda x: jnp.sum(x**2), np.array([0.5, 0.0]), dense=dense)
    assert c.kind == "not a critical point (max |grad| = 1)"
    assert jgd.curvature(lambda x: jnp.sum(x**2), np.array([0.5, 0.0]), dense=dense, gtol=1.0).kind != c.kind


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rounding_of_what_is_flat_in_most_directions_is_no_negative_curvature(dtype):
    """Of 2,000 parameters and 40 rows all but 40 eigenvalues are zero, some of the others small."""
    rng = np.random.default_rng(0)
    rows, w = rng.standard_normal((40, 2000)).astype(dtype), (0.1 * rng.standard_normal(2000)).astype(dtype)

    def logistic(w, rows):
        return jnp.mean(jnp.logaddexp(jnp.zeros((), w.dtype), rows @ w))

    for products in (30, 41, 42, 43, 60):
        c = jgd.curvature(
            logistic, w, args=(rows,), dense=False, products=products, gtol=10.0, tolerance=0.0, seed=products
        )
        assert c.kind.startswith("no negative curvature found")
        assert c.negative_direction is None
        assert c.lowest.value > -c.spectrum.zero
