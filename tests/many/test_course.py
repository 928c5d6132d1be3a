"""Many runs that are watched: what they show, and how they are cut short."""

import os
import re
import signal
import threading

import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd import Status, batch, chunks, progress
from tests.driver.functions import rosenbrock

STARTS = np.random.default_rng(0).uniform(-2, 2, (600, 2))
NEWTON = jgd.newton()


@pytest.fixture(scope="module")
def whole():
    return jgd.minimize_many(rosenbrock, STARTS, NEWTON)


def check_first_ones(ends, whole, status) -> int:
    """The runs that were made are those of the whole, the others are at their starts; their number."""
    count = int(ends.made.sum())
    assert ends.made[:count].all()
    for name in ("x", "value", "status", "steps", "grad_norm", "best_value", "first_value"):
        np.testing.assert_array_equal(getattr(ends, name)[:count], getattr(whole, name)[:count])
    assert (ends.status[count:] == status).all()
    np.testing.assert_array_equal(ends.x[count:], STARTS[count:])
    np.testing.assert_array_equal(ends.best_x[count:], STARTS[count:])
    assert np.isnan(ends.value[count:]).all()
    assert (ends.steps[count:] == 0).all()
    assert {name: column[count:].sum() for name, column in ends.work.items()} == dict.fromkeys(ends.work, 0)
    assert not ends.success[count:].any()
    return count


def test_a_watched_course_leads_where_one_that_is_not_does(whole, capsys):
    ends = jgd.minimize_many(rosenbrock, STARTS, NEWTON, time_limit=1e6, progress=True)
    assert check_first_ones(ends, whole, None) == 600
    assert ends.executed == whole.executed


def test_one_that_is_not_watched_is_one_call(whole, monkeypatch):
    calls = []
    solved = batch._solved
    monkeypatch.setattr(batch, "_solved", lambda piece: calls.append(1) or solved(piece))
    monkeypatch.setattr(chunks, "SECONDS", 1e-9)
    ends = jgd.minimize_many(rosenbrock, STARTS, NEWTON)
    assert calls == [1]
    assert check_first_ones(ends, whole, None) == 600


def test_pieces_grow_tenfold_until_they_take_as_long_as_they_may(whole, monkeypatch):
    sizes, solved = [], batch._solved
    monkeypatch.setattr(
        batch, "_solved", lambda piece: sizes.append(int(piece.counts.sum())) or solved(piece)
    )
    monkeypatch.setattr(chunks, "SECONDS", 1e6)
    ends = jgd.minimize_many(rosenbrock, STARTS, NEWTON, time_limit=1e6)
    assert sizes == [1, 10, 100, 489]
    assert ends.executed == whole.executed


def test_a_limit_of_time_lets_no_further_run_begin(whole, monkeypatch):
    monkeypatch.setattr(chunks, "SECONDS", 1e-9)
    ends = jgd.minimize_many(rosenbrock, STARTS, NEWTON, time_limit=1e-9, recorder=jgd.Recorder(4))
    assert check_first_ones(ends, whole, Status.TIME_LIMIT) == 1
    assert "TIME_LIMIT             599   0 steps" in str(ends)
    assert ends.history(599) == {} or not ends.history(599)["step"].size
    assert ends.history(0)["step"].size > 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_does_so_too_and_the_handlers_come_back(whole, monkeypatch, number):
    monkeypatch.setattr(chunks, "SECONDS", 1e-9)
    before = signal.signal(number, signal.default_int_handler)
    try:
        seen = []

        def tell(self, tally):
            seen.append(tally.done)
            if len(seen) == 5:
                os.kill(os.getpid(), number)

        monkeypatch.setattr(progress.Progress, "__call__", tell)
        ends = jgd.minimize_many(rosenbrock, STARTS, NEWTON, progress=True)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    count = check_first_ones(ends, whole, Status.INTERRUPTED)
    assert seen == [1, 2, 3, 4, 5, count]
    assert count == 5


@pytest.mark.parametrize("looks", [9, 23])
def test_runs_that_another_method_was_to_go_on_with_are_cut_short_too(looks, monkeypatch):
    """In the midst of the first method's runs, and of those of the second."""
    made = (jgd.methods.default.Stage(jgd.newton(), 3, "chosen"),)
    made += (jgd.methods.default.Stage(jgd.lbfgs(), None, "it goes on"),)
    monkeypatch.setattr("jgd.prepare.stages", lambda *_: made)
    whole = jgd.minimize_many(rosenbrock, STARTS[:8])
    assert len(whole.parts) == 2
    clock = iter([*[0.0] * looks, *[9e9] * 100])
    monkeypatch.setattr(chunks, "SECONDS", 1e-9)
    monkeypatch.setattr("jgd.course.perf_counter", lambda: next(clock))
    ends = jgd.minimize_many(rosenbrock, STARTS[:8], time_limit=1.0)
    cut = ~ends.made
    np.testing.assert_array_equal(ends.value[~cut], whole.value[~cut])
    assert set(np.flatnonzero(cut)) <= set(whole.parts[1].rows)
    if looks == 9:
        assert cut.all()
        assert ends.steps.tolist() == [3] * 5 + [0] * 3
    else:
        assert 0 < cut.sum() < 8
        np.testing.assert_array_equal(ends.steps[cut], 3)
    np.testing.assert_array_equal(np.isfinite(ends.value), ends.steps > 0)


LINE = re.compile(r"(newton|ended)  runs [\d,]+ of 600  600 CONVERGED  [\d,.e+]+ runs/s  0:\d\d")


def test_progress_is_a_line_of_runs(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SHORT", 0.0)
    jgd.minimize_many(rosenbrock, STARTS, NEWTON, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    *_, last = err.splitlines()
    assert LINE.fullmatch(last), last
    assert last.startswith("ended")


def test_in_another_thread_it_goes_on_without_signals(whole):
    found = []
    thread = threading.Thread(
        target=lambda: found.append(jgd.minimize_many(rosenbrock, STARTS, NEWTON, time_limit=1e6))
    )
    thread.start()
    thread.join()
    assert check_first_ones(found[0], whole, None) == 600


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"progress": 1}, TypeError, "progress must be True or False, got 1"),
        ({"time_limit": 0.0}, ValueError, "time_limit must be positive"),
        ({"every": -1}, ValueError, "every must be non-negative"),
        ({"checkpoint": "/proc/here"}, OSError, "/proc/here cannot be written to"),
    ],
)
def test_bad_input(given, error, words):
    if "checkpoint" in given:
        pytest.importorskip("orbax.checkpoint")
    with pytest.raises(error, match=words):
        jgd.minimize_many(lambda x: jnp.sum(x**2), np.ones((3, 2)), NEWTON, **given)
