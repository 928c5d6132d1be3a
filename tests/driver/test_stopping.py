"""The rules that end a run: when exactly they fire, and how further ones are given."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd import Status
from jgd.driver.stop import Evaluations, When
from tests.contract.counting import Counting
from tests.driver.functions import quadratic, square

X = np.array([8.0])
HALVING = jgd.gradient_descent(0.25)
"""On w^2 it halves w at each step: 8, 4, 2, 1, ..."""


def test_the_gradient_test_fires_at_the_first_step_that_meets_it():
    result = jgd.minimize(square, X, HALVING, gtol=1.0)
    assert (result.status, result.steps, result.grad_norm) == (Status.CONVERGED, 4, 1.0)


def test_the_gradient_may_be_held_against_the_one_at_the_start():
    result = jgd.minimize(square, X, HALVING, gtol=0.0, grtol=1 / 16)
    assert (result.status, result.steps, result.grad_norm) == (Status.CONVERGED, 4, 1.0)
    assert result.tolerances.grad == 1.0


def test_the_two_tolerances_add_up():
    result = jgd.minimize(square, X, HALVING, gtol=0.5, grtol=1 / 32)
    assert (result.steps, result.tolerances.grad) == (4, 1.0)


def test_given_gtol_alone_the_start_does_not_count():
    assert jgd.minimize(square, X, HALVING, gtol=1e-3).tolerances.grtol == 0


@pytest.mark.parametrize(("dtype", "expected"), [(np.float64, 1e-8 + 16e-12), (np.float32, 1e-4 + 16e-6)])
def test_default_tolerances_know_the_dtype(dtype, expected):
    result = jgd.minimize(square, X.astype(dtype), HALVING)
    assert result.tolerances.grad == pytest.approx(expected, rel=1e-6)
    assert result.success


def test_the_target_is_met_at_the_first_step_at_or_below_it():
    result = jgd.minimize(square, X, HALVING, target=1.0)
    assert (result.status, result.steps, result.value) == (Status.TARGET_REACHED, 3, 1.0)


def test_a_target_below_zero_is_a_target():
    def shifted(x):
        return square(x) - 10.0

    result = jgd.minimize(shifted, X, HALVING, target=-9.0)
    assert (result.status, result.steps) == (Status.TARGET_REACHED, 3)


def test_evaluations_of_a_search_count_as_they_are_made():
    diagonal, counting = np.array([1.0, 100.0]), Counting(quadratic, 2)
    for budget in (5, 10, 20):
        counting.reset()
        result = jgd.minimize(
            counting.fun,
            np.ones(2),
            jgd.gradient_descent(),
            args=(diagonal,),
            max_evaluations=budget,
        )
        assert result.status == Status.MAX_EVALUATIONS
        before = result.history["values"][-2]
        assert before < budget <= result.history["values"][-1] == result.work.values
        assert result.work.values == counting.counts()["values"]
        assert result.steps < budget - 1


def test_a_value_that_hardly_changes_stalls_at_the_eighth_look():
    result = jgd.minimize(square, X, jgd.gradient_descent(1e-6), ftol=1e-3)
    assert (result.status, result.steps) == (Status.STALLED, 8)


def test_an_x_that_hardly_changes_stalls_at_the_eighth_look():
    result = jgd.minimize(square, X, jgd.gradient_descent(1e-6), xtol=1e-3)
    assert (result.status, result.steps) == (Status.STALLED, 8)


def test_a_pause_is_no_stall():
    """Seven steps that do not move, then one that does, over and over."""

    def rate(k):
        return jnp.where(k % 8 == 7, 0.25, 1e-9)

    result = jgd.minimize(square, X, jgd.gradient_descent(rate), gtol=1.0, xtol=1e-6, ftol=1e-6)
    assert (result.status, result.steps) == (Status.CONVERGED, 32)


def test_a_warm_up_at_rate_zero_is_no_stall():
    def rate(k):
        return jnp.where(k < 40, 0.0, 0.25)

    for method in (jgd.gradient_descent(rate), jgd.from_optax(optax.sgd, learning_rate=rate)):
        result = jgd.minimize(square, X, method, gtol=1.0)
        assert (result.status, result.steps) == (Status.CONVERGED, 44)


@pytest.mark.parametrize(
    "method", [None, jgd.newton(), jgd.newton_raphson()], ids=["default", "newton", "raphson"]
)
def test_steps_to_and_fro_by_the_last_bits_are_the_limit_of_precision(method):
    """A gradient of exactly zero is not to be had: the sums round."""
    rows = np.random.default_rng(0).standard_normal((200, 8))
    fit = jgd.models.logistic(rows, rows @ np.arange(1, 9) > rows[:, 0] ** 2, ridge=0.1)
    result = jgd.minimize(fit, method=method, gtol=0.0, max_steps=2000)
    assert result.status == Status.PRECISION_LIMIT, result
    assert result.steps < 100
    assert result.grad_norm < 1e-13
    assert result.history["step_norm"][-8:].max() > 0


def test_steps_of_the_last_bit_that_lead_on_are_no_stall():
    def slope(x):
        return x[0] - 2.0

    result = jgd.minimize(slope, np.ones(1), jgd.gradient_descent(2.0**-53), max_steps=1000)
    assert (result.status, result.steps) == (Status.MAX_STEPS, 1000)
    assert float(result.x[0]) == 1 - 1000 * 2.0**-53


def test_a_rate_that_has_decayed_to_zero_is_a_stall_and_no_limit_of_precision():
    def rate(k):
        return jnp.where(k < 20, 1e-3, 0.0)

    result = jgd.minimize(square, X, jgd.gradient_descent(rate))
    assert (result.status, result.steps) == (Status.STALLED, 28)


GATHERING = {
    "MultiSteps": optax.MultiSteps(optax.sgd(0.25), 16),
    "apply_every": optax.chain(optax.apply_every(16), optax.sgd(0.25 / 16)),
}


@pytest.mark.parametrize("name", GATHERING)
def test_gathering_gradients_for_a_later_step_is_no_stall(name):
    result = jgd.minimize(square, X, GATHERING[name], gtol=1.0, max_steps=200)
    assert (result.status, result.steps) == (Status.CONVERGED, 64)
    assert result.history["accepted"].sum() == 1 + 4


def test_patience_may_be_changed():
    for patience in (3, 20):
        result = jgd.minimize(
            square, X, jgd.gradient_descent(1e-6), stop=jgd.stop.Stall(xtol=1e-3, patience=patience)
        )
        assert (result.status, result.steps) == (Status.STALLED, patience)


@pytest.mark.parametrize("recorder", [None, jgd.Recorder(2), jgd.Recorder(16), jgd.Recorder(1024)])
@pytest.mark.parametrize("rate", [1e-2, 1e-3])
def test_what_is_recorded_changes_no_verdict(recorder, rate):
    known = jgd.minimize(square, X, jgd.gradient_descent(rate), xtol=1e-4 * rate / 1e-2, ftol=1e-5)
    other = jgd.minimize(
        square, X, jgd.gradient_descent(rate), xtol=1e-4 * rate / 1e-2, ftol=1e-5, recorder=recorder
    )
    assert known.status == Status.STALLED
    assert (other.status, other.steps) == (known.status, known.steps)
    assert known.steps > 300
    assert (np.asarray(other.x) == np.asarray(known.x)).all()


def test_short_steps_are_no_stall_unless_asked_for():
    result = jgd.minimize(square, X, jgd.gradient_descent(1e-12), max_steps=5000)
    assert result.status == Status.MAX_STEPS


def below_two(point):
    return point.value < 2.0


@pytest.mark.parametrize("given", [below_two, When(below_two), (below_two,), [below_two]])
def test_a_rule_of_ones_own_is_asked_at_every_step(given):
    result = jgd.minimize(square, X, HALVING, stop=given)
    assert (result.status, result.steps, result.value) == (Status.STOPPED_BY_RULE, 3, 1.0)


def test_of_several_rules_the_first_to_fire_wins():
    result = jgd.minimize(square, X, HALVING, stop=(below_two, Evaluations(3)))
    assert (result.status, result.steps) == (Status.MAX_EVALUATIONS, 2)
    result = jgd.minimize(square, X, HALVING, stop=(Evaluations(4), below_two))
    assert (result.status, result.steps) == (Status.MAX_EVALUATIONS, 3)


@jgd.record
class ThreeLooks:
    """A check with a memory: it fires at its third look at a step."""

    def init(self, f, point):
        return jnp.zeros((), jnp.int32)

    def check(self, f, look, memory):
        memory = memory + (look.step_norm > 0).astype(jnp.int32)
        fires = memory >= 3
        return jnp.where(fires, int(Status.STOPPED_BY_RULE), 0).astype(jnp.int32), memory


def test_a_rule_may_remember():
    result = jgd.minimize(square, X, HALVING, stop=ThreeLooks())
    assert (result.status, result.steps) == (Status.STOPPED_BY_RULE, 3)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_relative_tests_have_a_floor_below_which_they_are_absolute(scale):
    result = jgd.minimize(
        quadratic,
        X,
        jgd.gradient_descent(0.25 / scale),
        args=(np.array([2.0 * scale]),),
        ftol=1e-3,
        gtol=1e-300,
    )
    changes = np.abs(np.diff(result.history["value"]))
    assert result.status == Status.STALLED
    assert (changes[-8:] <= 1e-3).all()
    assert result.steps == 8 or changes[-9] > 1e-3


def test_a_large_entry_does_not_make_steps_of_others_small():
    def fun(x):
        return 0.5 * x["small"] ** 2 + 0.0 * x["large"]

    x0 = {"small": jnp.float32(5), "large": jnp.float32(1e7)}
    assert jgd.minimize(fun, x0, jgd.heavy_ball(0.002, 0.99)).success


HINGES = {
    "fixed rate": jgd.gradient_descent(0.05),
    "adam": jgd.adam(0.05),
    "armijo": jgd.gradient_descent(),
    "auto": jgd.gradient_descent("auto"),
}


@pytest.mark.parametrize("name", HINGES)
def test_mini_batches_without_a_gradient_end_no_run(name):
    rng = np.random.default_rng(0)
    X, w = rng.standard_normal((500, 5)), np.array([2.0, -1.0, 0.5, 0.0, 1.0])
    y = np.sign(X @ w)
    X = X + 0.5 * y[:, None] * w / np.linalg.norm(w)

    def hinge(w, row):
        return jnp.maximum(0, 1 - row[1] * jnp.dot(row[0], w))

    fit = jgd.finite_sum(hinge, (X, y), batch_size=1)
    result = jgd.minimize(fit, jnp.zeros(5), HINGES[name], max_steps=20_000)
    assert result.status in (Status.CONVERGED, Status.MAX_STEPS)
    assert result.value < 0.01
