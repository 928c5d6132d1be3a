"""A run in chunks is the run in one call, to the bit, whatever it is a run of."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.beginning import begun
from jgd.chunks import GROWTH, SECONDS
from jgd.methods.default import Stage
from tests.catalogue import METHODS, method, problem
from tests.contract.counting import Counting, compilations
from tests.driver.functions import quadratic, rosenbrock, walled
from tests.sums.fits import START, X, Y, of_one, ridge

FAST = {"gradient_descent", "lbfgs"}
RECORDER = jgd.Recorder(x=True)


def in_chunks(*given, steps=(1, 2, 7, 40), **options):
    """The Result of a run whose chunks have these numbers of steps, the last one again and again."""
    run, sizes = begun(*given, **options), list(steps)
    while run.end is None:
        run = run.advanced(sizes.pop(0) if len(sizes) > 1 else sizes[0])
    return run.result()


def assert_same(one: jgd.Result, other: jgd.Result) -> None:
    """The same to the bit, but for evaluations made again, which begin where the last chunk did."""
    for name in ("x", "value", "grad", "aux", "best_x", "best_value", "history"):
        pair = getattr(one, name), getattr(other, name)
        assert jax.tree.structure(pair[0]) == jax.tree.structure(pair[1]), name
        equal = jax.tree.map(lambda a, b: np.array_equal(a, b, equal_nan=True), *pair)
        assert jax.tree.all(equal), (name, pair)
    for name in ("status", "steps", "grad_norm", "best_step", "notes", "message", "tolerances", "method"):
        assert getattr(one, name) == getattr(other, name), name
    assert np.array_equal(one.first_value, other.first_value, equal_nan=True)
    assert [stage[1:] for stage in one.turn] == [stage[1:] for stage in other.turn]
    assert one.work.looks == other.work.looks
    assert one.carry.motion.counts.tolist() == other.carry.motion.counts.tolist()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in METHODS]
)
def test_every_method(name):
    known = problem("rosenbrock")
    given = known.fun, known.x0, method(name, "rosenbrock")
    options = {"args": known.args, "max_steps": 500, "recorder": RECORDER}
    assert_same(in_chunks(*given, **options), jgd.minimize(*given, **options))


def batches(**options):
    return jgd.finite_sum(of_one, (X, Y), regularizer=ridge, batch_size=16, test_every=2, **options)


def with_aux(x):
    return jnp.sum(jnp.cosh(x)), {"largest": jnp.max(x)}


ROSENBROCK = np.array([-1.2, 1.0])
RUNS = {
    "mini-batches": lambda run: run(batches(), START, jgd.gradient_descent(0.3), max_steps=150),
    "mini-batches until they stall": lambda run: run(batches(), START, jgd.adam(0.1), max_steps=3000),
    "bounds": lambda run: run(rosenbrock, ROSENBROCK, bounds=(-2.0, 0.5)),
    "scales": lambda run: run(rosenbrock, ROSENBROCK, jgd.lbfgs(), x_scale=np.array([1.0, 100.0])),
    "aux": lambda run: run(with_aux, np.ones(3), jgd.gradient_descent(0.1), has_aux=True),
    "the best behind": lambda run: run(
        quadratic,
        np.array([3.0, 1.0]),
        jgd.heavy_ball(0.02, 0.97),
        args=(np.array([1.0, 100.0]),),
        max_steps=90,
    ),
    "divergence": lambda run: run(rosenbrock, ROSENBROCK, jgd.gradient_descent(0.1)),
    "a wall of NaN": lambda run: run(
        walled, np.zeros(2), jgd.gradient_descent(0.01), args=(np.asarray(0.5),)
    ),
    "NaN at the start": lambda run: run(
        walled, np.zeros(2), jgd.gradient_descent(0.01), args=(np.asarray(-0.5),)
    ),
    "no steps": lambda run: run(rosenbrock, ROSENBROCK, max_steps=0),
    "float32": lambda run: run(rosenbrock, np.float32(ROSENBROCK)),
    "no history": lambda run: run(rosenbrock, ROSENBROCK, recorder=None),
    "a gauge": lambda run: run(
        rosenbrock,
        ROSENBROCK,
        jgd.gradient_descent(1e-3),
        max_steps=300,
        recorder=jgd.Recorder(gauge=jgd.curvature_gauge()),
    ),
}
SLOW = {
    "mini-batches until they stall",
    "a gauge",
    "scales",
    "float32",
    "bounds",
    "no steps",
    "no history",
    "aux",
    "divergence",
    "NaN at the start",
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in RUNS]
)
def test_every_kind_of_run(name):
    assert_same(RUNS[name](in_chunks), RUNS[name](jgd.minimize))


@pytest.fixture
def staged(monkeypatch):
    """A default of three methods: the first has ten steps, the second finds no step."""
    made = (
        Stage(jgd.gradient_descent(1e-3), 10, "chosen"),
        Stage(jgd.gradient_descent(jgd.exact()), 12, "it knows more"),
        Stage(jgd.lbfgs(), None, "it needs no curvature"),
    )
    monkeypatch.setattr("jgd.prepare.stages", lambda n, squares, structured: made)


def hills(x):
    return jnp.sum(jnp.cos(x) + 0.01 * x**2)


def test_methods_that_follow_one_another(staged):
    given = hills, np.array([0.1, 0.2])
    whole = jgd.minimize(*given, recorder=RECORDER)
    assert [note.split(" ")[0] for note in whole.notes] == ["gradient_descent"] * 2
    assert whole.method == "lbfgs"
    for steps in ((1, 3), (10, 1), (1000,)):
        assert_same(in_chunks(*given, steps=steps, recorder=RECORDER), whole)


def test_what_follows_is_kept_where_a_run_is_stopped_and_gone_on_with(staged):
    given = hills, np.array([0.1, 0.2])
    whole = jgd.minimize(*given)
    part = jgd.minimize(*given, callback=lambda snapshot: snapshot.step >= 1)
    assert (part.status, part.steps, part.method) == (jgd.Status.STOPPED_BY_CALLBACK, 1, "gradient_descent")
    more = jgd.minimize(hills, start=part)
    assert more.notes == ("Went on from step 1 of an earlier run.", *whole.notes)
    assert (more.steps, more.status, more.method) == (whole.steps, whole.status, "lbfgs")
    assert np.array_equal(more.x, whole.x)


def test_a_run_that_follows_an_earlier_one():
    first = jgd.minimize(rosenbrock, ROSENBROCK, jgd.lbfgs(), max_steps=10)
    options = {"start": first, "max_steps": 100}
    assert_same(in_chunks(rosenbrock, **options), jgd.minimize(rosenbrock, **options))


def test_a_file_that_fails_ends_it_with_the_place(tmp_path):
    rows = np.array(X)
    rows[-1, 0] = np.nan
    np.save(tmp_path / "rows.npy", rows)
    fit = jgd.finite_sum(of_one, (jgd.data.stream(str(tmp_path / "rows.npy")), Y), block_size=16)
    whole = jgd.minimize(fit, START, jgd.gradient_descent(0.1))
    seen = []
    result = jgd.minimize(fit, START, jgd.gradient_descent(0.1), callback=seen.append)
    assert result.status == seen[-1].status == whole.status == jgd.Status.DATA_FAILED
    assert result.message == whole.message
    assert "column 0" in result.message


def test_all_chunks_are_one_program_and_the_objective_is_traced_no_more_than_twice():
    counting = Counting(rosenbrock, 2)
    options = {"max_steps": 300, "gtol": 0.0, "grtol": 0.0}
    run = begun(counting.fun, ROSENBROCK, jgd.gradient_descent(1e-4), **options)
    traced = counting.traces  # by the checks of the input
    run = run.advanced(1)
    compiled, traces = compilations(), counting.traces
    assert traces - traced <= 2
    while run.end is None:
        run = run.advanced(50)
    assert (compilations(), counting.traces) == (compiled, traces)


def test_chunks_grow_to_a_quarter_of_a_second_and_not_by_leaps():
    snapshots = []
    for snapshot in jgd.segments(rosenbrock, ROSENBROCK, jgd.gradient_descent(1e-9), max_steps=10**9):
        snapshots.append(snapshot)
        if snapshot.seconds > 3 + snapshots[0].seconds:
            break
    sizes = np.diff([0, *(snapshot.step for snapshot in snapshots)])
    assert sizes[0] == 1
    assert (sizes[1:] <= GROWTH * sizes[:-1]).all()
    running = np.diff([snapshot.run.seconds[1] for snapshot in snapshots])
    assert np.median(running[-5:]) == pytest.approx(SECONDS, rel=0.5)


def test_a_step_that_takes_longer_is_a_chunk():
    def slow(x):
        time.sleep(0.3)
        return x

    def fun(x):
        return jnp.sum(x**2 + 0 * jax.pure_callback(slow, x, jax.lax.stop_gradient(x)))

    made = jgd.minimize(fun, np.ones(2), jgd.gradient_descent(0.1), max_steps=4, callback=(seen := []).append)
    assert made.steps == 4
    assert [snapshot.step for snapshot in seen] == [1, 2, 3, 4]
