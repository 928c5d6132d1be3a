"""A run that goes on from its checkpoints ends as the one that was never interrupted, to the bit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd import chunks
from jgd.checkpoint.rows import read_rows
from jgd.methods.default import Stage
from tests.catalogue import METHODS, method, problem
from tests.checkpoint.runs import bits, end_of, until, valley
from tests.sums.fits import START, X, Y, of_one, ridge

pytest.importorskip("orbax.checkpoint")
ROOT = Path(__file__).parents[2]
FAST = ("lbfgs", "optax.adamw")


@pytest.fixture(autouse=True)
def step_by_step(monkeypatch):
    """Every chunk is one step, or one run of many."""
    monkeypatch.setattr(chunks, "SECONDS", 0.0)


def check_continues(folder, cuts, fun, *given, every=0.0, **options) -> jgd.Result:
    """Interrupted after so many steps, it ends as the whole run does."""
    whole = jgd.minimize(fun, *given, **options)
    for cut in cuts:
        saving = {"checkpoint": folder, "every": every}
        middle = jgd.minimize(fun, *given, **options, **saving, callback=until(cut))
        assert (middle.status, middle.steps) == (jgd.Status.STOPPED_BY_CALLBACK, cut)
    end = jgd.minimize(fun, *given, **options, checkpoint=folder)
    assert f"Went on from the checkpoint of step {cuts[-1]:,}." in end.origin
    assert bits(end_of(end)) == bits(end_of(whole))
    assert (end.work, end.status, end.best_step) == (whole.work, whole.status, whole.best_step)
    return end


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in METHODS]
)
def test_every_method_goes_on_to_the_bit(name, tmp_path):
    known = problem("rosenbrock")
    made = method(name, "rosenbrock")
    recorder = jgd.Recorder(x=True)
    check_continues(
        tmp_path, [2, 5], known.fun, known.x0, made, args=known.args, recorder=recorder, max_steps=12
    )


def test_what_is_saved_at_the_end_alone_is_enough(tmp_path):
    check_continues(tmp_path, [5], valley, -jnp.ones(4), jgd.lbfgs(), max_steps=9, every=1e9)


@pytest.mark.slow
def test_mini_batches_go_on_to_the_bit(tmp_path):
    fit = jgd.finite_sum(of_one, (X, Y), batch_size=16, key=3, regularizer=ridge)
    check_continues(tmp_path, [30, 95], fit, START, jgd.adam(1e-3), max_steps=200)


@pytest.mark.slow
def test_without_replacement_an_epoch_that_was_begun_is_brought_to_its_end(tmp_path):
    """Batches of 16 of 103: the cut is in the midst of an epoch, of streamed data."""
    np.save(tmp_path / "X.npy", X)
    rows = jgd.data.stream(tmp_path / "X.npy"), Y
    fit = jgd.finite_sum(of_one, rows, batch_size=16, key=3, regularizer=ridge, block_size=20)
    recorder = jgd.Recorder(x=True)
    check_continues(tmp_path / "run", [10], fit, START, jgd.svrg(0.1), max_steps=20, recorder=recorder)


@pytest.fixture
def handed_over(monkeypatch):
    """The default, with a share of ten steps for its first method."""
    made = (Stage(jgd.lbfgs(), 10, "chosen"), Stage(jgd.trust_region(), None, "it knows more"))
    monkeypatch.setattr("jgd.prepare.stages", lambda *_: made)


@pytest.mark.parametrize("cut", [6, 12])
def test_before_and_after_another_method_has_taken_over(cut, tmp_path, handed_over):
    end = check_continues(tmp_path, [cut], valley, -jnp.ones(4))
    handed = [sentence for sentence in end.origin if "had used up its share of steps at step 10" in sentence]
    assert len(handed) == 1
    rows = read_rows(tmp_path / "history.jsonl")
    assert np.isfinite(rows["radius"]).tolist() == (rows["step"] > 10).tolist()


def test_a_run_that_has_ended_ends_at_once_and_goes_on_if_it_is_given_more(tmp_path):
    run = valley, -jnp.ones(4), jgd.gradient_descent(1e-3)
    few, more = ({"max_steps": steps, "gtol": 0.0} for steps in (6, 9))
    first = jgd.minimize(*run, **few, checkpoint=tmp_path)
    again = jgd.minimize(*run, **few, checkpoint=tmp_path)
    assert (again.status, again.steps) == (jgd.Status.MAX_STEPS, 6)
    assert bits(end_of(first)) == bits(end_of(again))
    assert again.run_seconds > first.run_seconds, "those of all processes together"
    longer = jgd.minimize(*run, **more, checkpoint=tmp_path)
    assert bits(end_of(longer)) == bits(end_of(jgd.minimize(*run, **more)))


def test_a_run_of_another_kind_does_not_go_on(tmp_path):
    def run(start=-1.0, rate=1e-3, **options):
        x0, method = start * jnp.ones(4), jgd.gradient_descent(rate)
        return jgd.minimize(valley, x0, method, **options, max_steps=3, checkpoint=tmp_path)

    run()
    for wrong, differs in (
        ({"rate": 2e-3}, r"method\.search\.rate was 0\.001 and is 0\.002"),
        ({"start": -2.0}, "start was digest .* and is digest"),
        ({"stop": lambda point: point.value < 1.0}, "rules was Gradient, Target, .* and is .*When"),
        ({"recorder": None}, "recorder was Recorder.* and is None"),
    ):
        with pytest.raises(ValueError, match=f"is of another run: {differs}"):
            run(**wrong)
    assert run().steps == 3


def test_going_on_from_a_result_is_a_start_too(tmp_path):
    run = valley, None, jgd.gradient_descent(1e-3)
    first = jgd.minimize(valley, -jnp.ones(4), run[2], max_steps=4)
    whole = jgd.minimize(*run, start=first, max_steps=9)
    jgd.minimize(*run, start=first, max_steps=9, checkpoint=tmp_path, callback=until(6))
    end = jgd.minimize(*run, start=first, max_steps=9, checkpoint=tmp_path)
    assert end.origin == (*whole.origin, "Went on from the checkpoint of step 6.")
    assert bits(end_of(end)) == bits(end_of(whole))
    with pytest.raises(ValueError, match="start was"):
        jgd.minimize(*run, start=end, max_steps=12, checkpoint=tmp_path)


def test_history_on_disk_is_that_of_the_whole_run(tmp_path):
    run = valley, -jnp.ones(4), jgd.adam(1e-2)
    options = {"recorder": jgd.Recorder(rows=4, x=True), "max_steps": 21, "every": 0.0}
    for name, cuts in {"whole": [99], "pieces": [9, 15, 99]}.items():
        for cut in cuts:
            jgd.minimize(*run, **options, checkpoint=tmp_path / name, callback=until(cut))
    one, other = (read_rows(tmp_path / name / "history.jsonl") for name in ("whole", "pieces"))
    assert bits(one) == bits(other)
    assert one["step"].tolist() == [0, 1, 2, 3, 4, 6, 8, 12, 16]


def test_segments_are_saved_and_go_on_wherever_the_loop_is_left(tmp_path):
    run, options = (valley, -jnp.ones(4), jgd.lbfgs()), {"max_steps": 20}
    for cut in (4, 9):
        for snapshot in jgd.segments(*run, **options, checkpoint=tmp_path):
            if snapshot.step >= cut:
                break
    *_, last = jgd.segments(*run, **options, checkpoint=tmp_path)
    assert last.result.origin == ("Went on from the checkpoint of step 9.",)
    assert bits(end_of(last.result)) == bits(end_of(jgd.minimize(*run, **options)))


def test_an_error_of_the_callback_loses_nothing(tmp_path):
    def fail(snapshot):
        if snapshot.step == 5:
            raise RuntimeError("of the user's")

    run = valley, -jnp.ones(4), jgd.lbfgs()
    with pytest.raises(RuntimeError, match="of the user's"):
        jgd.minimize(*run, max_steps=9, checkpoint=tmp_path, callback=fail)
    end = jgd.minimize(*run, max_steps=9, checkpoint=tmp_path)
    assert end.origin == ("Went on from the checkpoint of step 4.",)


def test_the_folder_is_free_afterwards_and_taken_meanwhile(tmp_path):
    run = valley, -jnp.ones(4), jgd.lbfgs()
    with pytest.raises(TypeError, match="callback must return"):
        jgd.minimize(*run, checkpoint=tmp_path, callback=lambda snapshot: 1)
    loop = jgd.segments(*run, checkpoint=tmp_path)
    next(loop)
    with pytest.raises(ValueError, match="is in use by a run of process"):
        jgd.minimize(*run, checkpoint=tmp_path)
    loop.close()
    assert jgd.minimize(*run, checkpoint=tmp_path).success


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"every": -1.0}, ValueError, "every must be non-negative"),
        ({"every": "hour"}, TypeError, "every must be a number"),
        ({"checkpoint": "/proc/here"}, OSError, "/proc/here cannot be written to"),
    ],
)
def test_bad_input(given, error, words):
    with pytest.raises(error, match=words):
        jgd.minimize(valley, -jnp.ones(4), **given)


def starts(count=4):
    return np.random.default_rng(0).uniform(-2, 2, (count, 2))


def check_many(folder, **options) -> None:
    """Interrupted after each run or two, many runs end as they do without that."""
    whole = jgd.minimize_many(valley, starts(), **options)
    made = [0]
    while made[-1] < len(starts()):
        ends = jgd.minimize_many(valley, starts(), **options, checkpoint=folder, time_limit=1e-9)
        ended = np.flatnonzero(ends.status != jgd.Status.TIME_LIMIT)
        made.append(len(ended))
        assert made[-1] >= made[-2]
        assert (ends.value[ended] == whole.value[ended]).all()
        assert (ends.steps[ended] == whole.steps[ended]).all()
        assert np.isfinite(ends.x).all()
    assert bits(end_of(ends)) == bits(end_of(whole))
    assert ends.executed == whole.executed


def test_many_runs_go_on_with_those_that_are_left(tmp_path):
    options = {"method": jgd.newton(), "recorder": jgd.Recorder(4)}
    check_many(tmp_path, **options)
    with pytest.raises(ValueError, match=r"of another run: problems was digest .* and is digest"):
        jgd.minimize_many(valley, starts() + 1, **options, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="of another run: runs was 4 and is 5"):
        jgd.minimize_many(valley, starts(5), **options, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"of another run: tolerances and budgets was digest .* and is"):
        jgd.minimize_many(valley, starts(), **options, gtol=1e-3, checkpoint=tmp_path)


@pytest.mark.parametrize("content", ["garbage\n", "[1]\n", '{"step": 1}\n5\n'])
def test_a_damaged_history_is_set_aside_and_the_run_goes_on(content, tmp_path):
    def run(**options):
        return jgd.minimize(valley, -jnp.ones(4), jgd.gradient_descent(1e-3), checkpoint=tmp_path, **options)

    for steps in (20, 30):
        run(max_steps=steps)
        (tmp_path / "history.jsonl").write_text(content)
    end = run(max_steps=50)
    assert bits(end.x) == bits(jgd.minimize(valley, -jnp.ones(4), end.program.method, max_steps=50).x)
    (note,) = [sentence for sentence in end.origin if "is damaged" in sentence]
    assert note.endswith("It is damaged-history.jsonl-1 now, and its rows are begun anew.")
    assert (tmp_path / "damaged-history.jsonl").read_text() == content
    assert (tmp_path / "damaged-history.jsonl-1").read_text() == content
    assert read_rows(tmp_path / "history.jsonl")["step"][-1] == 50


def test_a_history_that_is_taken_away_ends_the_run_in_a_sentence(tmp_path):
    def away(snapshot):
        (tmp_path / "history.jsonl").unlink(missing_ok=True)

    with pytest.raises(OSError, match=r"history: .*history.jsonl cannot be written \(No such file"):
        jgd.minimize(
            valley, -jnp.ones(4), jgd.gradient_descent(1e-3), callback=away, checkpoint=tmp_path, gtol=0.0
        )


@pytest.mark.parametrize("folder", [5, b"saved"])
def test_a_folder_that_is_no_path_is_refused(folder):
    with pytest.raises(TypeError, match=r"checkpoint must be the path of a folder, got (int|bytes)"):
        jgd.minimize(valley, -jnp.ones(4), checkpoint=folder)


def test_many_runs_that_are_handed_over_too(tmp_path, handed_over):
    check_many(tmp_path, recorder=jgd.Recorder(4))


def test_many_runs_side_by_side_too(tmp_path):
    options = {"method": jgd.newton(), "lanes": 2}
    whole = jgd.minimize_many(valley, starts(), **options)
    cut = jgd.minimize_many(valley, starts(), **options, checkpoint=tmp_path, time_limit=1e-9)
    assert (cut.status == jgd.Status.TIME_LIMIT).tolist() == [False, False, True, True]
    np.testing.assert_array_equal(cut.best_x[2:], starts()[2:])
    ends = jgd.minimize_many(valley, starts(), **options, checkpoint=tmp_path)
    assert (ends.status == whole.status).all()
    assert (ends.steps == whole.steps).all()
    np.testing.assert_allclose(ends.best_x, whole.best_x, rtol=1e-10)


@pytest.mark.slow
def test_what_is_on_eight_devices_comes_back_there(tmp_path):
    command = [sys.executable, "-m", "tests.checkpoint.spread", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    ran = subprocess.run(
        command, cwd=ROOT, env=environment | {"JAX_PLATFORMS": "cpu"}, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout) == {
        "same end": True,
        "same devices": True,
        "devices": 8,
        "spread": True,
        "elsewhere": True,
        "on one": True,
        "files": 8,
    }
