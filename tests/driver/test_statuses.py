"""Each way for a run to end, and what is said of it."""

import signal

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd import Status
from jgd.driver.solve import begin, run
from tests.driver.functions import misled, quadratic, rosenbrock, square, walled

X = np.array([3.0, 1.0])
H = np.array([1.0, 100.0])

RUNS = {
    "CONVERGED": lambda: jgd.minimize(square, X, jgd.gradient_descent(0.25)),
    "TARGET_REACHED": lambda: jgd.minimize(square, X, jgd.gradient_descent(0.25), target=1e-3),
    "STALLED": lambda: jgd.minimize(square, X, jgd.gradient_descent(1e-20)),
    "PRECISION_LIMIT": lambda: jgd.minimize(
        rosenbrock, np.float32([-1.2, 1.0]), jgd.gradient_descent(1e-3), gtol=1e-12, max_steps=10**6
    ),
    "MAX_STEPS": lambda: jgd.minimize(square, X, jgd.gradient_descent(0.25), max_steps=3),
    "MAX_EVALUATIONS": lambda: jgd.minimize(square, X, jgd.gradient_descent(0.25), max_evaluations=4),
    "STOPPED_BY_RULE": lambda: jgd.minimize(square, X, jgd.gradient_descent(0.25), stop=small_enough),
    "SEARCH_FAILED": lambda: jgd.minimize(misled, X, jgd.gradient_descent()),
    "DIVERGED": lambda: jgd.minimize(quadratic, X, jgd.gradient_descent(0.1), args=(H,)),
    "NONFINITE": lambda: jgd.minimize(
        walled, np.zeros(2), jgd.gradient_descent(0.01), args=(np.asarray(0.5),)
    ),
    "NONFINITE_START": lambda: jgd.minimize(
        walled, np.zeros(2), jgd.gradient_descent(0.01), args=(np.asarray(-0.5),)
    ),
    "TIME_LIMIT": lambda: jgd.minimize(
        quadratic, X, jgd.gradient_descent(1e-9), args=(H,), max_steps=2 * 10**9, time_limit=0.3
    ),
    "STOPPED_BY_CALLBACK": lambda: jgd.minimize(
        square, X, jgd.gradient_descent(0.25), callback=lambda snapshot: snapshot.step > 0
    ),
    "INTERRUPTED": lambda: jgd.minimize(square, X, jgd.gradient_descent(1e-9), callback=terminated),
    "DATA_FAILED": lambda: jgd.minimize(
        jgd.finite_sum(lambda x, row: (x[0] - row) ** 2, Gone()), np.zeros(1), jgd.gradient_descent(0.01)
    ),
}


def terminated(snapshot):
    if snapshot.step == 1:
        signal.raise_signal(signal.SIGTERM)


class Gone:
    """Rows that cannot be read."""

    name, shape, dtype, take = "gone", (3,), np.dtype(float), None

    def read(self, start, stop):
        raise OSError("gone: no such file")


def small_enough(point):
    return point.x[0] < 0.1


@pytest.mark.parametrize("name", RUNS)
def test_this_is_how_a_run_comes_to(name):
    result = RUNS[name]()
    assert result.status == Status[name]
    assert result.message == f"{Status[name].message} {result.fault}".rstrip()
    assert result.success == (name in ("CONVERGED", "TARGET_REACHED"))
    assert str(result).startswith(f"{name}: {result.message}")
    if result.success:
        assert result.raise_if_failed() is result
    else:
        with pytest.raises(RuntimeError, match=name):
            result.raise_if_failed()


def test_every_end_is_shown_here():
    assert set(RUNS) | {"NOT_STARTED", "RUNNING"} == {status.name for status in Status}


def test_a_run_that_is_under_way_says_so():
    program = jgd.Program(
        jgd.Objective(square), jgd.gradient_descent(0.25), jgd.stop.Stop((jgd.stop.Gradient(1e-9),))
    )
    carry = begin(program, jnp.asarray(X))
    assert carry.status == Status.NOT_STARTED
    assert run(program, carry, 3).status == Status.RUNNING


def test_statuses_fall_into_good_usable_and_failed():
    for status in Status:
        under_way = status in (Status.NOT_STARTED, Status.RUNNING)
        assert status.message.endswith(".")
        assert status.usable or not status.ok
        assert (status.ok or status.usable, status.failed).count(True) == (0 if under_way else 1)
    assert len({status.message for status in Status}) == len(Status)
    assert Status.MAX_STEPS.usable
    assert Status.DIVERGED.failed


def test_a_start_that_is_the_minimum_takes_no_step():
    result = jgd.minimize(square, np.zeros(2), jgd.gradient_descent(0.25))
    assert (result.status, result.steps) == (Status.CONVERGED, 0)
    assert result.work.values == result.work.grads == 1
    assert result.history["step"].tolist() == [0]


def test_no_steps_allowed_is_no_step_taken():
    result = jgd.minimize(square, X, jgd.gradient_descent(0.25), max_steps=0)
    assert (result.status, result.steps) == (Status.MAX_STEPS, 0)
    assert (np.asarray(result.x) == X).all()


def test_the_start_may_be_at_the_target_already():
    result = jgd.minimize(square, X, jgd.gradient_descent(0.25), target=100.0)
    assert (result.status, result.steps) == (Status.TARGET_REACHED, 0)


def test_the_gradient_test_is_named_before_others_that_hold_too():
    result = jgd.minimize(square, X, jgd.gradient_descent(0.5), target=1.0, max_steps=1, stop=small_enough)
    assert result.steps == 1
    assert result.status == Status.CONVERGED


def test_a_method_that_can_go_no_further_reports_it_once():
    result = jgd.minimize(misled, X, jgd.gradient_descent())
    assert result.steps == 1
    assert result.history["accepted"].tolist() == [1.0, 0.0]
    assert (np.asarray(result.x) == X).all()
    assert result.work.discarded == result.work.values - 1


def test_an_overflow_of_the_method_is_not_finite():
    result = jgd.minimize(square, X, optax.sgd(1e308))
    assert (result.status, result.steps) == (Status.NONFINITE, 0)
    assert (np.asarray(result.x) == X).all()
