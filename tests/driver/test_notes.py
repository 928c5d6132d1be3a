"""What a status does not say is said in notes, and nothing is said of runs that need no word."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd import Status
from jgd.notes import REMAINS, remaining
from tests.catalogue import METHODS, solved
from tests.driver.functions import rosenbrock

ROWS, LABELS = (
    np.array([[2.0, 1.0], [1.0, 2.0], [-1.0, -1.5], [-2.0, -1.0]]),
    np.array([1.0, 1.0, -1.0, -1.0]),
)
"""Separable data of theory.md, row 15: the loss has no minimizer."""


def logistic(w, rows, labels):
    return jnp.mean(jnp.logaddexp(0.0, -labels.astype(w.dtype) * (rows.astype(w.dtype) @ w)))


@pytest.mark.parametrize("dtype", [np.float64, pytest.param(np.float32, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "method",
    [jgd.newton(), jgd.gradient_descent(), jgd.gradient_descent(1.0), jgd.nesterov(1.0), optax.lbfgs()],
)
def test_fault_16_what_has_no_minimizer_is_called_converged_without_a_word(method, dtype):
    """|w| grows as the logarithm of t, so that where |w| is 18 about 1/18 of it is always to come."""
    result = jgd.minimize(logistic, np.zeros(2, dtype), method, args=(ROWS, LABELS), max_steps=20_000)
    if result.success:
        (note,) = result.notes
        assert "separable data" in note
        assert note in str(result)
        assert 0.02 < remaining(result) < 0.2
    else:
        assert result.status == Status.MAX_STEPS


def test_what_has_a_minimizer_is_called_converged_without_a_word():
    rows, labels = np.vstack([ROWS, -ROWS[:2]]), np.concatenate([LABELS, LABELS[:2]])
    for method in (jgd.newton(), jgd.gradient_descent(), jgd.gradient_descent(0.5)):
        result = jgd.minimize(logistic, np.zeros(2), method, args=(rows, labels))
        assert result.success
        assert result.notes == ()


FEW = {"gradient_descent", "gradient_descent-auto", "heavy_ball", "newton", "adam"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in FEW else pytest.mark.slow) for n in METHODS]
)
def test_nothing_is_said_of_a_plain_minimum(name):
    result = solved(name, "bowl")
    assert result.notes == ()
    assert remaining(result) < REMAINS


def test_what_remains_is_what_a_linear_rate_leaves():
    """Steps that shrink by 0.9 each: from w the sum of all that follow is w."""
    result = jgd.minimize(
        lambda w: jnp.sum((w - 1.0) ** 2), np.zeros(1), jgd.gradient_descent(0.05), gtol=1e-2
    )
    assert remaining(result) == pytest.approx(float(1.0 / result.x[0] - 1.0), rel=1e-6)


def test_a_flat_valley_gets_the_word_too():
    """On w^4 the gradient is small while w is not."""
    result = jgd.minimize(lambda w: jnp.sum(w**4), np.ones(1), jgd.gradient_descent(0.05), gtol=1e-4)
    assert result.success
    assert "flat valley" in result.notes[0]


def test_a_start_where_the_gradient_is_exactly_zero_gets_a_word():
    result = jgd.minimize(lambda x: jnp.sum(jnp.round(x)) + x[0] ** 2 - x[1] ** 2, np.zeros(2))
    assert (result.status, result.steps) == (Status.CONVERGED, 0)
    assert "jgd.check(fun, x0)" in result.notes[0]


@pytest.mark.parametrize("method", [jgd.gradient_descent(), jgd.gradient_descent(0.5), jgd.newton()])
def test_a_function_without_a_floor_is_said_to_have_none(method):
    result = jgd.minimize(lambda x: -jnp.sum(x**2), np.ones(2), method, max_steps=20_000)
    assert not result.success
    assert "no lower bound" in result.notes[0]


def test_without_a_history_nothing_is_claimed():
    result = jgd.minimize(logistic, np.zeros(2), jgd.newton(), args=(ROWS, LABELS), recorder=None)
    assert result.notes == ()


def test_a_gradient_that_is_small_beside_that_at_the_start_alone_is_told():
    """At (1e6, 1) the gradient of the valley is 4e20, and that 1e-12 of it is met at its edge."""
    result = jgd.minimize(rosenbrock, np.array([1e6, 1.0]), jgd.gradient_descent())
    assert result.status == Status.CONVERGED
    assert result.grad_norm > 1e6
    (note,) = result.notes
    assert "meets the test since that at the start was 4e+20" in note
    further = jgd.minimize(rosenbrock, start=result, grtol=0.0, max_steps=result.steps + 100)
    assert further.steps > result.steps
    assert further.value < result.value


def test_a_gradient_that_is_small_beside_the_value_needs_no_word():
    result = jgd.minimize(lambda x: 1e14 * jnp.sum(jnp.cosh(x)), np.full(2, 5.0), jgd.lbfgs())
    assert (result.status, result.grad_norm > 1e-5, result.notes) == (Status.CONVERGED, True, ())


def test_a_gradient_that_a_rule_of_ones_own_is_content_with_needs_no_word():
    method, rule = jgd.gradient_descent(0.1), jgd.stop.Gradient(1e-2)
    result = jgd.minimize(lambda x: jnp.sum(x**2), np.ones(2), method, gtol=1e-12, stop=rule)
    assert (result.status, result.notes) == (Status.CONVERGED, ())
