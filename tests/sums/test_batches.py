"""Runs on mini-batches: the steps, the noise, when they stop, and what is reported of them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.driver.epochs import Epochs
from jgd.driver.solve import begin, run
from tests.contract.counting import Counting
from tests.sums.fits import COUNT, SIZE, START, WEIGHTS, X, Y, of_many, of_one, oracle, ridge


def fit(**given):
    return jgd.finite_sum(of_one, (X, Y), regularizer=ridge, **{"batch_size": 16, "key": 7, **given})


def batch_gradient(f, w, k):
    """The gradient of step k in NumPy: the sum over its rows times what makes it stand for all."""
    (rows, labels), weights = (jax.device_get(part) for part in f.batch(k))
    given = f.examples.weights
    drawn = weights if given is None else weights > 0
    total = COUNT if given is None else float(jnp.sum(given))
    scale = COUNT / np.count_nonzero(drawn) / total
    return oracle(w, rows, labels, weights, scale)[1]


@pytest.mark.parametrize(
    "given",
    [{}, {"batch_size": 1}, {"batch_size": COUNT}, {"replacement": True}, {"weights": WEIGHTS + 0.1}],
    ids=["ragged", "one", "all", "replacement", "weights"],
)
def test_gradient_descent_takes_the_steps_of_numpy(given):
    f = fit(**given)
    result = jgd.minimize(f, START, jgd.gradient_descent(0.2), max_steps=20, recorder=jgd.Recorder(x=True))
    w = START
    for k in range(20):
        assert result.history["x"][k] == pytest.approx(w, abs=1e-12)
        w = w - 0.2 * batch_gradient(f, w, k)
    assert np.asarray(result.x) == pytest.approx(w, abs=1e-12)


def test_an_optax_optimizer_takes_the_steps_of_a_loop_by_hand():
    f, adam = fit(), optax.adam(0.05)
    result = jgd.minimize(f, START, adam, max_steps=50)
    w, state = jnp.asarray(START), adam.init(jnp.asarray(START))
    for k in range(50):
        with jax.numpy_dtype_promotion("standard"):
            updates, state = adam.update(jnp.asarray(batch_gradient(f, np.asarray(w), k)), state)
        w = optax.apply_updates(w, updates)
    assert np.asarray(result.x) == pytest.approx(np.asarray(w), abs=1e-11)


def test_the_same_key_gives_the_same_run_and_another_one_another():
    one, same, other = (
        jgd.minimize(fit(key=key), START, jgd.gradient_descent(0.2), max_steps=30).x for key in (3, 3, 4)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    typed = jgd.minimize(fit(key=jax.random.key(3)), START, jgd.gradient_descent(0.2), max_steps=30).x
    assert np.array_equal(one, typed)


def test_a_run_in_pieces_is_the_run_in_one():
    f, x0 = fit().objective(jnp.zeros(SIZE)), jnp.asarray(START)
    stop = jgd.stop.Stop((jgd.stop.Steps(1000),), (Epochs(1e-8, 0.0, 0.0, -np.inf, 14),))
    program = jgd.Program(f, jgd.adam(0.05), stop)
    go = jax.jit(run)
    whole = go(program, begin(program, x0), 90)
    pieces = begin(program, x0)
    for limit in (17, 18, 61, 90):
        pieces = go(program, pieces, limit)
    for one, other in zip(jax.tree.leaves(whole.motion), jax.tree.leaves(pieces.motion), strict=True):
        assert np.array_equal(one, other)


def test_a_run_goes_on_from_a_result_as_if_it_had_never_stopped():
    f, method = fit(), jgd.adam(0.05)
    first = jgd.minimize(f, START, method, max_steps=41)
    onward = jgd.minimize(f, start=first, max_steps=90)
    assert np.array_equal(onward.x, jgd.minimize(f, START, method, max_steps=90).x)
    assert onward.origin == ("Went on from step 41 of an earlier run.",)


def interpolated(**given):
    """All residuals vanish at the same x, so that the noise does too."""
    w = np.arange(1.0, SIZE + 1)
    return jgd.finite_sum(lambda x, row: 0.5 * (row[0] @ x - row[1]) ** 2, (X, X @ w), **given)


def test_a_run_converges_by_the_gradient_of_all_examples():
    f = interpolated(batch_size=8, test_every=2)
    result = jgd.minimize(f, np.zeros(SIZE), jgd.gradient_descent(0.1), max_steps=20_000)
    assert result.status == jgd.Status.CONVERGED
    assert np.asarray(result.x) == pytest.approx(np.arange(1.0, SIZE + 1), abs=1e-6)
    residuals = X @ np.asarray(result.x) - X @ np.arange(1.0, SIZE + 1)
    assert np.asarray(result.grad) == pytest.approx(X.T @ residuals / COUNT, abs=1e-12)
    assert result.grad_norm == np.max(np.abs(result.grad)) <= result.tolerances.grad
    first = -X.T @ (X @ np.arange(1.0, SIZE + 1)) / COUNT
    assert result.tolerances.grad == pytest.approx(1e-8 + 1e-12 * np.max(np.abs(first)))
    assert result.first_value == pytest.approx(np.mean((X @ np.arange(1.0, SIZE + 1)) ** 2) / 2)


def test_one_batch_at_its_minimum_does_not_end_a_run():
    a = np.concatenate([np.zeros(50), np.ones(50)])

    def f(key):
        return jgd.finite_sum(lambda x, a: 0.5 * (x - a) ** 2, a, batch_size=1, key=key)

    key = next(key for key in range(100) if float(f(key).batch(0)[0][0]) == 0.0)
    result = jgd.minimize(f(key), np.zeros(()), jgd.gradient_descent(0.1), max_steps=50)
    assert (result.status, result.steps) == (jgd.Status.MAX_STEPS, 50)


def test_a_run_stops_at_its_target_and_where_the_value_no_longer_falls():
    f = fit(test_every=1)
    result = jgd.minimize(f, START, jgd.gradient_descent(0.1), target=0.5, max_steps=5000)
    assert result.status == jgd.Status.TARGET_REACHED
    assert float(result.value) <= 0.5 < result.first_value
    stalled = jgd.minimize(f, START, jgd.gradient_descent(0.5), ftol=1e-3, max_steps=50_000)
    assert stalled.status == jgd.Status.STALLED
    assert stalled.steps < 5000
    assert float(stalled.best_value) <= float(stalled.value)


def test_looks_may_be_further_apart_than_steps_can_be_counted():
    runs = [
        jgd.minimize(
            fit(batch_size=1, test_every=every), START, jgd.gradient_descent(0.1), gtol=0.0, max_steps=300
        )
        for every in (1000, 2**31 - 2)
    ]
    assert runs[0].status == runs[1].status == jgd.Status.MAX_STEPS
    assert runs[0].work == runs[1].work
    assert np.array_equal(runs[0].x, runs[1].x)


def test_the_best_point_is_the_lowest_that_was_seen_of_all_examples():
    f = fit(batch_size=1, test_every=1)
    result = jgd.minimize(f, START, jgd.gradient_descent(1.0), max_steps=2000, ftol=0.0)
    assert float(result.best_value) < float(result.value)
    value = oracle(np.asarray(result.best_x), X, Y, np.ones(COUNT), 1 / COUNT)[0]
    assert float(result.best_value) == pytest.approx(value, rel=1e-12)
    assert 0 < result.best_step < result.steps


@pytest.mark.parametrize(
    "method",
    [
        jgd.gradient_descent(0.1),
        jgd.gradient_descent(jgd.armijo()),
        pytest.param(jgd.newton(), marks=pytest.mark.slow),
        pytest.param(jgd.newton_cg(), marks=pytest.mark.slow),
        pytest.param(jgd.trust_region(), marks=pytest.mark.slow),
        jgd.trust_region_cg(),
    ],
    ids=["constant", "armijo", "newton", "newton_cg", "trust_region", "trust_region_cg"],
)
def test_reported_work_is_executed_work(method):
    counting = Counting(of_many, SIZE)
    f = jgd.finite_sum(counting.fun, (X, Y), regularizer=ridge, batch_size=20, test_every=5)
    result = jgd.minimize(f, START, method, max_steps=200)
    work, counts = result.work, counting.counts()
    assert result.steps < 200 or work.looks == 8  # at 0, 30, 60, 90, 120, 152, 184, and the end
    assert counts["values"] == work.values + work.looks
    assert counts["grads"] == work.grads + work.looks
    assert (counts["hvps"], counts["hessians"]) == (work.hvps, work.hessians)


@pytest.mark.slow
def test_a_search_in_scaled_variables_sees_the_rows_of_its_step():
    counting = Counting(of_many, SIZE)
    f = jgd.finite_sum(counting.fun, (X, Y), regularizer=ridge, batch_size=20, test_every=5)
    method = jgd.gradient_descent(jgd.armijo())
    scaled, plain = (jgd.minimize(f, START, method, max_steps=30, x_scale=s) for s in (1.0, None))
    assert np.asarray(scaled.x) == pytest.approx(np.asarray(plain.x), abs=1e-12)
    assert scaled.work == plain.work


@pytest.mark.parametrize(
    "method",
    [
        jgd.lbfgs(),
        jgd.bfgs(),
        jgd.conjugate_gradient(),
        jgd.gradient_descent(jgd.adgd()),
        jgd.gradient_descent(jgd.barzilai_borwein()),
    ],
    ids=["lbfgs", "bfgs", "conjugate_gradient", "adgd", "barzilai_borwein"],
)
def test_methods_that_compare_gradients_are_refused(method):
    with pytest.raises(ValueError, match="compares gradients of successive points, and mini-batches"):
        jgd.minimize(fit(), START, method)
    with pytest.raises(ValueError, match="compares gradients"):
        jgd.minimize(fit(), START, method, x_scale=2.0)


@pytest.mark.parametrize(
    "rule", [lambda p: p.value < 1, jgd.stop.Gradient(1e-3), jgd.stop.Target(0.0), jgd.stop.Stall(1e-3)]
)
def test_rules_that_compare_values_are_refused(rule):
    with pytest.raises(ValueError, match="would compare values of different mini-batches"):
        jgd.minimize(fit(), START, jgd.adam(), stop=rule)


def test_without_a_method_adam_is_taken_and_the_summary_says_what_was_seen():
    text = str(jgd.minimize(fit(), START, max_steps=100))
    assert "optax.adam (chosen for mini-batches" in text
    assert "16 of 103 a step, 14.3 epochs" in text
    assert "value and gradient are of all examples, evaluated 3 times" in text
    assert "|change|" not in text


def test_a_loss_that_is_not_finite_for_one_batch_ends_the_run_before_it():
    bad = X.copy()
    bad[50] = np.inf
    f = jgd.finite_sum(of_one, (bad, Y), batch_size=8, key=1, test_every=100)
    hit = next(k for k in range(100) if not np.isfinite(np.asarray(f.batch(k)[0][0])).all())
    result = jgd.minimize(f, START, jgd.gradient_descent(0.1), max_steps=100)
    assert result.status in (jgd.Status.NONFINITE, jgd.Status.NONFINITE_START)
    assert result.steps == max(hit - 1, 0)
    assert np.isfinite(np.asarray(result.x)).all()


def test_a_comparison_counts_steps_by_all_examples_and_an_explanation_is_refused():
    f = fit(test_every=1)
    found = jgd.compare(f, START, {"gd": jgd.gradient_descent(0.5), "adam": jgd.adam(0.1)}, max_steps=400)
    for row in found.rows:
        reached = next(iter(row.steps_to.values()))
        assert reached is None or reached % f.epoch == 0
    result = jgd.minimize(f, START, max_steps=10)
    with pytest.raises(ValueError, match="the steps of a run on mini-batches are noise"):
        jgd.explain(result)
    assert jgd.curvature(f, result.x).highest.value > 0
