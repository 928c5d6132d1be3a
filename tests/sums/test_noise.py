"""The noise of batches: by its definition, by all batches there are, by those that are drawn, and where it ends."""

from itertools import combinations, product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.geometry import noise as geometry
from tests.sums.fits import COUNT, START, WEIGHTS, X, Y, of_many, of_one, oracle, ridge

SUMS = {
    "mean": {},
    "sum": {"reduction": "sum"},
    "weights": {"weights": WEIGHTS},
}


def fit(count=COUNT, loss=of_one, **given):
    if "weights" in given:
        given["weights"] = given["weights"][:count]
    return jgd.finite_sum(loss, (X[:count], Y[:count]), regularizer=ridge, **given)


def gradient(given, count, indices):
    """That of the batch of these examples of the first `count`, in NumPy."""
    weights = given.get("weights", np.ones(COUNT))[:count]
    scale = count / len(indices) / (1 if "reduction" in given else weights.sum())
    indices = list(indices)
    return oracle(START, X[indices], Y[indices], weights[indices], scale)[1]


@pytest.mark.parametrize(("name", "block"), [*((name, 2000) for name in SUMS), ("mean", 2**22)])
def test_it_is_the_mean_square_of_what_single_gradients_differ_by(name, block, monkeypatch):
    monkeypatch.setattr(geometry, "BLOCK_BYTES", block)
    each = np.array([gradient(SUMS[name], COUNT, [i]) for i in range(COUNT)])
    g = gradient(SUMS[name], COUNT, range(COUNT))
    assert each.mean(axis=0) == pytest.approx(g, rel=1e-12)
    for loss in (of_one, of_many):
        noise = jgd.gradient_noise(fit(loss=loss, block_size=10, **SUMS[name]), START)
        assert noise.norms == pytest.approx(np.linalg.norm(each, axis=1), rel=1e-12)
        assert noise.trace == pytest.approx(np.sum((each - g) ** 2) / COUNT, rel=1e-12)
        assert noise.norm == pytest.approx(np.linalg.norm(g), rel=1e-11)
        assert noise.scale == pytest.approx(noise.trace / noise.norm**2, rel=1e-15)
        assert noise.examples == COUNT


def test_of_a_model_and_a_tree_it_is_that_of_the_vector():
    model = jgd.models.logistic(X, (Y > 0).astype(int), ridge=0.5, intercept=True)
    with_ones = (np.column_stack([X, np.ones(COUNT)]), Y)
    same = jgd.finite_sum(
        of_one, with_ones, reduction="sum", regularizer=lambda w: 0.25 * jnp.vdot(w[:-1], w[:-1])
    )
    one = jgd.gradient_noise(model, {"coef": START, "intercept": np.array(0.3)})
    other = jgd.gradient_noise(same, np.append(START, 0.3))
    assert one.norms == pytest.approx(other.norms, rel=1e-12)
    assert (one.trace, one.norm) == pytest.approx((other.trace, other.norm), rel=1e-12)


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_the_variance_is_that_over_all_batches_there_are(name, size):
    count = 5
    noise = jgd.gradient_noise(fit(count, **SUMS[name]), START)
    g = gradient(SUMS[name], count, range(count))

    def spread(batches):
        return np.mean([np.sum((gradient(SUMS[name], count, one) - g) ** 2) for one in batches])

    without = spread(combinations(range(count), size))
    assert noise.variance(size) == pytest.approx(without, rel=1e-11, abs=1e-25)
    with_replacement = spread(product(range(count), repeat=size))
    assert noise.variance(size, replacement=True) == pytest.approx(with_replacement, rel=1e-11)


@pytest.mark.parametrize("replacement", [False, True])
def test_the_variance_is_that_of_the_batches_that_are_drawn(replacement):
    given = SUMS["weights"]
    f = fit(96, batch_size=16, replacement=replacement, key=1, **given)
    noise, objective = jgd.gradient_noise(f, START), f.objective(jnp.asarray(START))
    drawn = jax.vmap(lambda k: objective.at(k).grad(jnp.asarray(START)))
    g = np.asarray(jax.jit(drawn)(jnp.arange(6 * 2000, dtype=jnp.int32)))
    off = g - gradient(given, 96, range(96))
    assert np.mean(np.sum(off**2, axis=1)) == pytest.approx(noise.variance(16, replacement), rel=0.02)


TARGETS = np.random.default_rng(1).standard_normal(500)
TARGETS = (TARGETS - TARGETS.mean()) / TARGETS.std()


def bend(x, a, curvature):
    return curvature / 2 * (x - a) ** 2


def settled(rate, size, curvature):
    """E x^2 on batches of that size, x* being 0, and what it is said to be from the noise at the end."""
    f = jgd.finite_sum(bend, TARGETS, batch_size=size, replacement=True, key=size, test_every=10**6)
    result = jgd.minimize(
        f,
        np.zeros(()),
        jgd.gradient_descent(rate),
        args=(curvature,),
        max_steps=2**16,
        gtol=0.0,
        recorder=jgd.Recorder(rows=2**15, x=True),
    )
    x = result.history["x"][100:]
    assert len(x) > 2**14 - 200
    noise = jgd.gradient_noise(f, result.x, args=(curvature,))
    return np.mean(x**2), noise.floor(rate, size, curvature)


def test_the_noise_floor_falls_as_one_over_the_batch_size():
    sizes = (1, 4, 16, 64)
    measured, said = np.transpose([settled(0.1, size, 1.0) for size in sizes])
    assert said[0] == pytest.approx(0.0526315789, rel=1e-9)
    assert measured == pytest.approx(said, rel=0.05)
    assert np.polyfit(np.log(sizes), np.log(measured), 1)[0] == pytest.approx(-1, abs=0.05)


def test_the_noise_floor_rises_with_the_rate_up_to_where_steps_do_not_settle():
    curvature = 2.5
    for rate in (0.04, 0.1, 0.4, 0.7):
        measured, said = settled(rate, 1, curvature)
        assert said == pytest.approx(rate * curvature / (2 - rate * curvature), rel=1e-12)
        assert measured == pytest.approx(said, rel=0.05)
    noise = jgd.gradient_noise(jgd.finite_sum(bend, TARGETS), np.zeros(()), args=(curvature,))
    assert noise.floor(2 / curvature, 1, curvature) == np.inf


def test_the_gradients_of_all_examples_are_never_in_memory_together(monkeypatch):
    count, x = 2000, jnp.zeros(20_000)
    f = jgd.finite_sum(lambda x, a: jnp.sum(jnp.cos(a * x)), jnp.ones(count)).objective(x)
    taken = []

    def noted(*args):
        taken.append(scatter.lower(*args).compile().memory_analysis().temp_size_in_bytes)

    scatter = geometry._scatter
    monkeypatch.setattr(geometry, "_scatter", noted)
    for block in (1, 2**20, 2**22):
        monkeypatch.setattr(geometry, "BLOCK_BYTES", block)
        geometry.scatter(f, x)
        assert taken[-1] < 4 * (block + x.nbytes)


def test_the_report_says_it_all():
    text = str(jgd.gradient_noise(fit(batch_size=16), START)).splitlines()
    noise = jgd.gradient_noise(fit(), START)
    assert text[0] == "gradient noise of 103 examples"
    assert text[1] == f"  point        5 parameters, float64, |g| {noise.norm:.6g}"
    quartiles = ", ".join(f"{q:.3g}" for q in np.percentile(noise.norms, [25, 50, 75]))
    most = f"{noise.norms.min():.3g} to {noise.norms.max():.3g} (example {np.argmax(noise.norms)})"
    assert text[2] == f"  |g_i|        {most}, quartiles {quartiles}"
    assert text[3].startswith(f"  tr Sigma     {noise.trace:.6g}: a batch of B has")
    assert text[4].startswith(f"  noise scale  {noise.scale:.6g} = tr Sigma/|g|^2")
    told = f"of 16 without replacement: E|g_B - g|^2 = {noise.variance(16):.6g}"
    assert text[5] == f"  batches      {told}"
    assert len(str(noise).splitlines()) == 5
    assert repr(noise) == f"GradientNoise({noise.scale:.6g} of 103 examples)"


def test_one_example_makes_no_noise_and_at_a_minimum_its_scale_is_infinite():
    one = jgd.gradient_noise(fit(1), START)
    assert (one.variance(1), one.scale) == (0.0, 0.0)
    two = jgd.finite_sum(bend, np.array([-1.0, 1.0]))
    assert jgd.gradient_noise(two, np.zeros(()), args=(1.0,)).scale == np.inf


def test_in_single_precision_it_stays_what_it_is():
    f = jgd.finite_sum(of_one, (X.astype(np.float32), Y.astype(np.float32)))
    noise = jgd.gradient_noise(f, START.astype(np.float32))
    assert noise.dtype == "float32"
    assert noise.trace == pytest.approx(
        jgd.gradient_noise(jgd.finite_sum(of_one, (X, Y)), START).trace, rel=1e-5
    )


def broken():
    rows = X.copy()
    rows[17] = np.inf
    return jgd.gradient_noise(jgd.finite_sum(of_one, (rows, Y)), START)


BAD = {
    "a function": (lambda: jgd.gradient_noise(ridge, START), "fun must be a jgd.finite_sum.*, got ridge"),
    "whole numbers": (lambda: jgd.gradient_noise(fit(), np.arange(5)), "x must be of a float dtype"),
    "not finite": (broken, "the gradient of example 17 has entries that are NaN or infinite"),
    "no batch": (lambda: jgd.gradient_noise(fit(), START).variance(0), "batch_size must be at least 1"),
    "too many": (
        lambda: jgd.gradient_noise(fit(), START).variance(104),
        "batch_size=104 is more than the 103",
    ),
    "rate": (lambda: jgd.gradient_noise(fit(), START).floor(0.0, 1, 1.0), "learning_rate must be positive"),
    "bend": (lambda: jgd.gradient_noise(fit(), START).floor(0.1, 1, -1.0), "curvature must be positive"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_in_a_sentence(name):
    attempt, words = BAD[name]
    with pytest.raises((TypeError, ValueError), match=words):
        attempt()
