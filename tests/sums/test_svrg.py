"""SVRG: its steps, its work, and the exact minimum where gradient descent on mini-batches stays in its noise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from tests.methods.test_memory import copies, rosenbrock
from tests.sums.fits import COUNT, START, WEIGHTS, X, Y, of_many, of_one, oracle, ridge

RATE = 0.2
GIVEN = {
    "ragged": {},
    "sum": {"reduction": "sum"},
    "replacement": {"replacement": True},
    "weights": {"weights": WEIGHTS + 0.1},
}


def fit(**given):
    return jgd.finite_sum(of_one, (X, Y), regularizer=ridge, **{"batch_size": 16, "key": 7, **given})


def run(f, method, max_steps, **given):
    return jgd.minimize(
        f, method=method, max_steps=max_steps, recorder=jgd.Recorder(x=True), **{"x0": START, **given}
    )


def gradients(f, given):
    """The gradient of step k's batch and that of all examples in NumPy, as functions of w."""
    known = given.get("weights", np.ones(COUNT))
    scale = 1.0 if "reduction" in given else 1 / known.sum()

    def of_batch(k, w):
        (rows, labels), weights = (jax.device_get(part) for part in f.batch(k))
        return oracle(w, rows, labels, weights, scale * COUNT / np.count_nonzero(weights))[1]

    return of_batch, lambda w: oracle(w, X, Y, known, scale)[1]


@pytest.mark.parametrize(
    ("name", "epochs"),
    [
        *(
            pytest.param(name, 1, marks=() if name in ("ragged", "weights") else pytest.mark.slow)
            for name in GIVEN
        ),
        ("ragged", 2),
    ],
)
def test_the_steps_are_those_of_numpy(name, epochs):
    f, rate = fit(**GIVEN[name]), RATE / (COUNT if name == "sum" else 1)
    result = run(f, jgd.svrg(rate, epochs), 20)
    of_batch, of_all = gradients(f, GIVEN[name])
    w = snapshot = mean = START
    for k in range(20):
        assert result.history["x"][k] == pytest.approx(w, abs=1e-12)
        if k % (epochs * f.epoch) == 0:
            snapshot, mean = w, of_all(w)
        w = w - rate * (of_batch(k, w) - of_batch(k, snapshot) + mean)
    assert np.asarray(result.x) == pytest.approx(w, abs=1e-12)


def test_on_all_examples_it_is_gradient_descent_to_the_bit():
    f, x = fit(batch_size=None).objective(jnp.asarray(START)), jnp.asarray(START)
    point = f.evaluate(x)
    one, other = (
        method.step(f, point, method.init(f, point))
        for method in (jgd.svrg(RATE), jgd.gradient_descent(RATE))
    )
    assert np.array_equal(one.to, other.to)
    assert vars(one.info) == vars(other.info)


def test_a_run_goes_on_from_a_result_as_if_it_had_never_stopped():
    f, method = fit(), jgd.svrg(RATE)
    onward = run(f, method, 40, x0=None, start=run(f, method, 17))
    assert onward.origin == ("Went on from step 17 of an earlier run.",)
    assert np.array_equal(onward.x, run(f, method, 40).x)


def test_in_scaled_variables_a_step_is_the_square_of_the_scale_as_long():
    f = fit()
    scaled, plain = run(f, jgd.svrg(RATE / 4), 30, x_scale=2.0), run(f, jgd.svrg(RATE), 30)
    assert np.asarray(scaled.x) == pytest.approx(np.asarray(plain.x), abs=1e-12)
    assert scaled.work == plain.work


def test_reported_work_is_the_examples_that_were_read():
    """In batches of 8 of 96 examples: a snapshot is 12 of them, every 24 steps; another step takes one more."""
    size, count, read = 8, 96, []

    def loss(w, rows):
        length = len(rows[1])  # of many rows: one alone has none
        jax.debug.callback(lambda _: read.append(length), w[0])
        return of_many(w, rows)

    f = jgd.finite_sum(loss, (X[:count], Y[:count]), batch_size=size, test_every=3)
    result = jgd.minimize(f, START, jgd.svrg(RATE), max_steps=100)
    jax.effects_barrier()
    work = result.work
    assert (result.steps, work.looks) == (100, 4)  # at 0, 36 and 72, and the end
    assert work.values == work.grads == 1 + 100 + 5 * 12 + 95
    assert sum(read) == size * work.grads + count * work.looks
    history = result.history
    assert history["grads"][history["step"] == 24] == 1 + 24 + 12 + 23
    assert history["grads"][history["step"] == 26] == 1 + 26 + 2 * 12 + 24
    assert history["grads"][-1] == work.grads


def least_squares():
    """96 examples with |x_i| = 1 and noise, so that the curvature of each loss is 1."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((96, 4))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows, rows @ np.arange(1.0, 5.0) + rng.standard_normal(96)


def test_it_converges_linearly_to_the_minimum_where_gradient_descent_stays_in_its_noise():
    """The gap falls by Johnson & Zhang's factor from snapshot to snapshot, theorem 1."""
    rows, labels = least_squares()
    f = jgd.finite_sum(
        lambda w, row: 0.5 * (row[0] @ w - row[1]) ** 2,
        (rows, labels),
        batch_size=1,
        replacement=True,
        key=3,
        test_every=10**6,
    )
    hessian = rows.T @ rows / 96
    minimizer = np.linalg.solve(hessian, rows.T @ labels / 96)
    mu, rate, inner = np.linalg.eigvalsh(hessian)[0], 0.1, 2 * 96
    factor = 1 / (mu * rate * (1 - 2 * rate) * inner) + 2 * rate / (1 - 2 * rate)
    assert 0.5 < factor < 0.7

    recorder = jgd.Recorder(rows=2**12, x=True)
    result = jgd.minimize(f, np.zeros(4), jgd.svrg(rate), max_steps=18 * inner, recorder=recorder)
    errors = result.history["x"][::inner] - minimizer
    gaps = np.einsum("ki,ij,kj->k", errors, hessian, errors) / 2
    assert len(gaps) == 19
    assert (gaps <= gaps[0] * factor ** np.arange(19)).all()

    def error(run):
        return np.linalg.norm(run.x - minimizer) / np.linalg.norm(minimizer)

    plain = jgd.minimize(f, np.zeros(4), jgd.gradient_descent(rate), max_steps=result.work.grads)
    assert plain.work.grads > result.work.grads > 2.4 * result.steps
    assert error(result) < 1e-8
    assert error(plain) > 1e-2


@pytest.mark.slow
def test_on_batches_a_run_takes_the_copies_of_x_that_its_docstring_says():
    f = jgd.finite_sum(lambda x, a: a * rosenbrock(x), jnp.ones(4), batch_size=1)
    plain, reduced = (copies(method(1e-4), f) for method in (jgd.gradient_descent, jgd.svrg))
    assert "on mini-batches 5 more than gradient descent" in " ".join(jgd.svrg.__doc__.split())
    assert reduced - plain == pytest.approx(5, abs=1.1 if jax.default_backend() == "cpu" else 2.1)


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda: jgd.svrg(0.0), "learning_rate must be positive"),
        (lambda: jgd.svrg(lambda k: 0.1), "learning_rate must be a number"),
        (lambda: jgd.svrg(0.1, epochs=0), "epochs must be at least 1"),
        (lambda: jgd.svrg(0.1, epochs=1.5), "epochs must be a whole number"),
    ],
)
def test_bad_settings_are_refused_in_a_sentence(attempt, words):
    with pytest.raises((TypeError, ValueError), match=words):
        attempt()
