"""Sums over all examples: exact in blocks of any size, for every method, and clear about bad data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core.objective import Objective
from tests.contract.counting import compilations
from tests.sums.fits import COUNT, SIZE, START, WEIGHTS, X, Y, of_many, of_one, oracle, ridge, whole

BLOCKS = (None, 7, 102, *(pytest.param(size, marks=pytest.mark.slow) for size in (1, 50, 51, 52, 103, 500)))


@pytest.mark.parametrize("loss", [of_one, of_many])
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(("reduction", "weights"), [("mean", None), ("sum", None), ("mean", WEIGHTS)])
def test_value_gradient_products_and_hessian_are_those_of_numpy(loss, block, reduction, weights):
    fit = jgd.finite_sum(
        loss, (X, Y), reduction=reduction, regularizer=ridge, weights=weights, block_size=block
    )
    f, w = fit.objective(jnp.zeros(SIZE)), jnp.asarray(START)
    known = np.ones(COUNT) if weights is None else weights
    value, grad, hessian = oracle(START, X, Y, known, 1 / known.sum() if reduction == "mean" else 1.0)
    point = jax.jit(Objective.evaluate)(f, w)
    assert float(point.value) == pytest.approx(value, rel=1e-13)
    assert float(fit(w)) == pytest.approx(value, rel=1e-13)
    assert np.asarray(point.grad) == pytest.approx(grad, rel=1e-11)
    assert np.asarray(f.hvp(w)(w)) == pytest.approx(hessian @ START, rel=1e-11)
    assert np.asarray(f.hessian(w)) == pytest.approx(hessian, rel=1e-11)


BY_HAND = {
    "gradient_descent": jgd.gradient_descent(0.5),
    "armijo": jgd.gradient_descent(jgd.armijo()),
    "lbfgs": jgd.lbfgs(),
    "bfgs": jgd.bfgs(),
    "conjugate_gradient": jgd.conjugate_gradient(),
    "newton": jgd.newton(),
    "newton_cg": jgd.newton_cg(),
    "trust_region": jgd.trust_region(),
    "trust_region_cg": jgd.trust_region_cg(),
    "adam": jgd.adam(0.1),
    "default": None,
}


LONG = ("bfgs", "conjugate_gradient", "newton_cg", "trust_region", "armijo")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in BY_HAND]
)
def test_a_run_in_blocks_is_the_run_of_the_function_written_out(name):
    fit = jgd.finite_sum(of_one, (X, Y), regularizer=ridge, block_size=10)
    given = {"max_steps": 20, "recorder": jgd.Recorder(x=True)}
    one, other = (jgd.minimize(fun, START, BY_HAND[name], **given) for fun in (fit, whole))
    assert one.steps == other.steps
    assert one.history["x"] == pytest.approx(other.history["x"], abs=1e-9)
    assert one.work == other.work


def test_data_may_be_any_tree_and_arguments_travel_beside_it():
    def loss(w, row, power):
        return jnp.abs(row["x"]["a"] @ w["m"] + w["c"] - row["y"]) ** power

    data = {"x": {"a": X}, "y": X @ np.arange(5.0) + 3}
    fit = jgd.finite_sum(loss, data, regularizer=lambda w, power: 1e-9 * w["c"] ** power)
    start = {"m": np.zeros(5), "c": np.zeros(())}
    result = jgd.minimize(fit, start, args=(2.0,))
    assert result.success
    assert np.asarray(result.x["m"]) == pytest.approx(np.arange(5.0), abs=1e-6)
    assert float(result.x["c"]) == pytest.approx(3.0, abs=1e-6)
    assert jgd.curvature(fit, result.x, args=(2.0,)).condition < 10


def test_new_data_and_new_weights_compile_nothing():
    for _ in range(2):
        before = compilations()
        fit = jgd.finite_sum(of_many, (X + 1, Y), weights=WEIGHTS, block_size=20)
        jgd.minimize(fit, START, jgd.newton())
    assert compilations() == before


def test_each_block_is_evaluated_once_for_value_and_gradient_together():
    fit = jgd.finite_sum(lambda w, rows: of_many(counted(w), rows), (X, Y), block_size=10)
    seen = []

    def counted(w):
        jax.debug.callback(lambda _: seen.append(1), w[0])
        return w

    jax.jit(Objective.evaluate)(fit.objective(jnp.zeros(SIZE)), jnp.zeros(SIZE))
    jax.effects_barrier()
    assert len(seen) == 11


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_sum_in_blocks_keeps_the_dtype_of_its_point(dtype):
    data = (X.astype(np.float32), Y.astype(np.float32))

    def loss(w, row):
        return of_one(w.astype(jnp.float32), row)

    f = jgd.finite_sum(loss, data, block_size=10).objective(jnp.zeros(SIZE, dtype))
    point = f.evaluate(jnp.zeros(SIZE, dtype))
    assert (point.value.dtype, point.grad.dtype) == (np.float32, jnp.dtype(dtype))
    assert float(point.value) == pytest.approx(np.log(2), rel=1e-6)


@pytest.mark.parametrize("columns", [2, 3])
def test_a_row_as_long_as_the_probe_is_a_row(columns):
    rows = np.arange(5.0 * columns).reshape(5, columns)
    fit = jgd.finite_sum(lambda w, row: (w * row[0] - row[1]) ** 2, rows)
    assert float(fit(0.5)) == pytest.approx(np.mean((0.5 * rows[:, 0] - rows[:, 1]) ** 2), rel=1e-13)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("block", [20, None])
def test_a_sum_of_many_in_16_bits_does_not_come_to_a_halt(dtype, block):
    rows = jnp.full(20_000, 10.0, dtype)
    fit = jgd.finite_sum(lambda w, row: w * row, rows, reduction="sum", block_size=block or 100_000)
    found = fit(jnp.ones((), dtype))
    assert found.dtype == np.float32
    assert float(found) == pytest.approx(200_000, rel=1e-6)
    mean = jgd.finite_sum(lambda w, row: w * row, rows, block_size=20).objective(jnp.ones((), dtype))
    assert float(mean.grad(jnp.ones((), dtype))) == pytest.approx(10, rel=2e-2)


ROWS = np.random.default_rng(0).normal(size=(50, 3))
OF_A_ROW = {
    "norm": lambda w, row: 1 - (row @ w) / (jnp.linalg.norm(row) * jnp.linalg.norm(w)),
    "sum": lambda w, row: (row @ w - 1) ** 2 / jnp.sum(row**2),
    "largest": lambda w, row: jnp.abs(row @ w) / jnp.max(jnp.abs(row)),
}


@pytest.mark.parametrize("name", OF_A_ROW)
def test_a_loss_that_takes_a_row_by_itself_is_that_of_one_row(name):
    """Many rows go through it too, and give one number for each: another one."""
    loss, w = OF_A_ROW[name], jnp.array([1.0, 2.0, 3.0])
    expected = np.mean([float(loss(w, row)) for row in ROWS])
    assert float(jgd.finite_sum(loss, ROWS)(w)) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("weights", [None, np.random.default_rng(1).random(50)])
def test_a_mean_is_as_precise_as_its_losses(weights):
    """Of float32 data with x in float64, whose weights are no numbers of float32, nor is 1/50."""

    def loss(w, row):
        return jnp.sum((w - row.astype(w.dtype)) ** 2, axis=-1)

    data, w = ROWS.astype(np.float32), np.ones(3)
    expected = np.average(np.sum((w - data.astype(float)) ** 2, axis=1), weights=weights)
    assert float(jgd.finite_sum(loss, data, weights=weights)(w)) == pytest.approx(expected, rel=1e-14)


def test_the_function_that_a_sum_is_of_may_be_called_as_it_is():
    f = jgd.finite_sum(of_one, (X, Y), regularizer=ridge, block_size=10).objective(START)
    assert float(f.fun(START, *f.args)) == pytest.approx(float(whole(START)), rel=1e-13)


BAD = {
    "loss": (lambda: jgd.finite_sum(3, X), "loss must be a function"),
    "reduction": (lambda: jgd.finite_sum(of_one, X, reduction="max"), 'reduction must be "mean" or "sum"'),
    "regularizer": (lambda: jgd.finite_sum(of_one, X, regularizer=1.0), "regularizer must be a function"),
    "no data": (lambda: jgd.finite_sum(of_one, ()), "data has no arrays"),
    "a list": (lambda: jgd.finite_sum(of_one, [[1.0, 2.0]]), r"data\[0\]\[0\] must be an array, got float"),
    "one number": (lambda: jgd.finite_sum(of_one, np.float64(1.0)), "data is one number"),
    "lengths": (
        lambda: jgd.finite_sum(of_one, (X, Y[:-1])),
        r"agree in the number of examples, and data\[0\] has 103, data\[1\] has 102",
    ),
    "empty": (lambda: jgd.finite_sum(of_one, X[:0]), "data has no examples"),
    "too many to count": (
        lambda: jgd.finite_sum(of_one, np.broadcast_to(np.float32(1), (2**31, 1))),
        "counted in 32 bits, at most 2,147,483,646",
    ),
    "weights' shape": (
        lambda: jgd.finite_sum(of_one, X, weights=WEIGHTS[1:]),
        r"weights must be of shape \(103,\)",
    ),
    "negative": (
        lambda: jgd.finite_sum(of_one, X, weights=-WEIGHTS),
        "weights must be finite and not negative",
    ),
    "block": (lambda: jgd.finite_sum(of_one, X, block_size=0), "block_size must be at least 1"),
    "batch": (lambda: jgd.finite_sum(of_one, X, batch_size=0), "batch_size must be at least 1"),
    "too many": (lambda: jgd.finite_sum(of_one, X, batch_size=104), "batch_size=104 is more than the 103"),
    "key": (lambda: jgd.finite_sum(of_one, X, batch_size=1, key=1.5), "key must be a whole number"),
    "epochs": (
        lambda: jgd.finite_sum(of_one, X, batch_size=1, test_every=0),
        "test_every must be at least 1",
    ),
    "vector": (
        lambda: jgd.minimize(jgd.finite_sum(lambda w, row: row[0] * w, (X, Y)), START),
        "loss must return one number",
    ),
    "whole": (
        lambda: jgd.minimize(jgd.finite_sum(lambda w, row: jnp.int32(1), (X, Y)), START),
        "loss must return a real float, got int32",
    ),
    "penalty": (
        lambda: jgd.minimize(jgd.finite_sum(of_one, (X, Y), regularizer=lambda w: w), START),
        "regularizer must return one number",
    ),
    "aux": (lambda: jgd.minimize(jgd.finite_sum(of_one, (X, Y)), START, has_aux=True), "has_aux"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_and_bad_losses_are_refused_in_a_sentence(name):
    attempt, words = BAD[name]
    with pytest.raises((TypeError, ValueError), match=words):
        attempt()


def test_an_error_inside_the_loss_comes_out_as_it_is():
    def loss(w, row):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        jgd.minimize(jgd.finite_sum(loss, (X, Y)), START)
