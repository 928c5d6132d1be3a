"""What a callback and a loop over segments see, how they stop a run, and what is refused."""

import math
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd import Status
from tests.driver.functions import rosenbrock
from tests.sums.fits import START, X, Y, of_one, ridge

X0 = np.array([-1.2, 1.0])
CREEP = jgd.gradient_descent(1e-9)
ENDLESS = {"max_steps": 2 * 10**9}


def test_a_snapshot_is_the_run_at_its_step():
    snapshots = list(jgd.segments(rosenbrock, X0, jgd.gradient_descent(1e-3), max_steps=500, gtol=1e-4))
    *under_way, last = [snapshot.status for snapshot in snapshots]
    assert (set(under_way), last) == ({Status.RUNNING}, Status.MAX_STEPS)
    assert (snapshots[0].step, snapshots[-1].step) == (1, 500)
    for snapshot in snapshots:
        until = jgd.minimize(rosenbrock, X0, jgd.gradient_descent(1e-3), max_steps=snapshot.step, gtol=1e-4)
        assert (snapshot.value, snapshot.grad_norm) == (float(until.value), until.grad_norm)
        assert snapshot.best_value == float(until.best_value)
        assert snapshot.tolerance == until.tolerances.grad == 1e-4
        assert snapshot.rate == 1e-3
        assert isinstance(snapshot.x, jax.Array)
        assert np.array_equal(snapshot.x, until.x)
        assert np.array_equal(snapshot.history["value"], until.history["value"])
        assert np.array_equal(snapshot.result.x, until.x)
        assert snapshot.result.work == until.work
        assert snapshot.result.status == snapshot.status
        assert snapshot.seconds > 0
        assert 0 < snapshot.steps_per_second < 1e9
    seconds = [snapshot.seconds for snapshot in snapshots]
    assert seconds == sorted(seconds)
    assert repr(snapshots[0]).startswith("Snapshot(RUNNING, step=1, value=5.35")


def test_a_result_that_is_asked_for_midway_does_not_disturb_the_run():
    def swinging(**options):
        return jgd.minimize(rosenbrock, X0, jgd.heavy_ball(1e-3, 0.9), max_steps=300, **options)

    seen = []
    result = swinging(callback=lambda snapshot: seen.append(snapshot.result))
    assert any(one.best_value < one.value for one in seen)
    assert np.array_equal(result.x, swinging().x)
    more = jgd.minimize(rosenbrock, start=seen[1], max_steps=300)
    assert (more.steps, more.method) == (300, "heavy_ball")
    assert np.array_equal(more.x, result.x)


def test_under_mini_batches_the_numbers_are_those_of_a_batch_and_the_result_of_all():
    fit = jgd.finite_sum(of_one, (X, Y), regularizer=ridge, batch_size=16, test_every=2)
    snapshots = list(jgd.segments(fit, START, jgd.gradient_descent(0.3), max_steps=60, gtol=1e-3))
    for snapshot in snapshots[:3]:
        objective = fit.objective(jnp.asarray(START)).at(snapshot.step)
        assert snapshot.value == pytest.approx(float(objective.value(snapshot.x)), rel=1e-12)
        assert float(snapshot.result.value) == pytest.approx(float(fit(snapshot.x)), rel=1e-12)
    assert snapshots[-1].best_value < float(fit(jnp.asarray(START)))


@pytest.mark.parametrize("yes", [True, np.bool_(True), jnp.array(True)])
def test_a_callback_stops_a_run(yes):
    seen = []
    result = jgd.minimize(
        rosenbrock,
        X0,
        CREEP,
        **ENDLESS,
        callback=lambda s: (seen.append(s), yes if s.step > 100 else None)[1],
    )
    assert result.status == Status.STOPPED_BY_CALLBACK
    assert seen[-2].step <= 100 < seen[-1].step == result.steps
    assert not result.success
    assert result.status.usable


def test_a_callback_at_the_end_does_not_change_how_the_run_ended():
    result = jgd.minimize(rosenbrock, X0, jgd.newton(), callback=lambda s: s.status != Status.RUNNING)
    assert result.status == Status.CONVERGED


@pytest.mark.parametrize("answer", [1, "stop", np.array([True, False]), 0.0])
def test_any_other_answer_of_a_callback_is_refused(answer):
    with pytest.raises(
        TypeError, match=r"callback must return True to stop .* got (int|str|ndarray|float)\."
    ):
        jgd.minimize(rosenbrock, X0, callback=lambda snapshot: answer)


def test_an_error_of_a_callback_comes_out_and_has_the_run_with_it():
    def fail(snapshot):
        if snapshot.step > 100:
            raise RuntimeError("no more paper")

    with pytest.raises(RuntimeError, match="no more paper") as raised:
        jgd.minimize(rosenbrock, X0, CREEP, callback=fail)
    assert raised.value.__notes__[0].startswith("The run up to step ")
    first = raised.value.snapshot.result
    assert first.steps > 100
    more = jgd.minimize(rosenbrock, start=first, max_steps=2000)
    assert np.array_equal(more.x, jgd.minimize(rosenbrock, X0, CREEP, max_steps=2000).x)


def test_the_limit_of_time_ends_a_run_in_time():
    jgd.minimize(rosenbrock, X0, CREEP, max_steps=10, time_limit=100)
    began = time.monotonic()
    result = jgd.minimize(rosenbrock, X0, CREEP, **ENDLESS, time_limit=1.0)
    assert result.status == Status.TIME_LIMIT
    assert 1.0 < time.monotonic() - began < 3.0
    assert result.run_seconds == pytest.approx(1.0, rel=0.3)
    assert result.status.usable


def test_a_limit_of_time_counts_the_loop_s_own_time_too():
    snapshot = None
    for snapshot in jgd.segments(rosenbrock, X0, CREEP, **ENDLESS, time_limit=2.0):  # noqa: B007
        time.sleep(0.2)
    assert snapshot is not None
    assert snapshot.status == Status.TIME_LIMIT
    assert snapshot.result.run_seconds < 1.5


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"time_limit": 0}, ValueError, "time_limit must be positive"),
        ({"time_limit": math.nan}, ValueError, "time_limit must be finite"),
        ({"time_limit": "1 h"}, TypeError, "time_limit must be a number"),
        ({"callback": 3}, TypeError, "callback must be a function of a jgd.Snapshot or None, got int"),
        ({"progress": "yes"}, TypeError, "progress must be True or False, got 'yes'"),
    ],
)
def test_bad_input_is_refused_at_once(given, error, words):
    with pytest.raises(error, match=words):
        jgd.minimize(rosenbrock, X0, **given)


def test_segments_refuse_bad_input_when_they_are_called():
    with pytest.raises(TypeError, match=r"callback is an argument of jgd\.minimize"):
        jgd.segments(rosenbrock, X0, callback=print)
    with pytest.raises(ValueError, match="x0 is missing"):
        jgd.segments(rosenbrock)
    with pytest.raises(ValueError, match="time_limit must be positive"):
        jgd.segments(rosenbrock, X0, time_limit=-1)
