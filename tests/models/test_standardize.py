"""Standardizing: the run on standardized features, told of the features as they are; NumPy is the oracle."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer

import jgd
from jgd.clock import compile_seconds

RNG = np.random.default_rng(0)
COUNT, SIZE = 97, 4
MIX = np.array([[1.0, 0.5, 0.0, 0.0], [0.0, 1.0, 0.3, 0.0], [0.0, 0.0, 1.0, 0.4], [0.0, 0.0, 0.0, 1.0]])
X = RNG.standard_normal((COUNT, SIZE)) @ MIX * [1e3, 1.0, 1e-2, 30.0] + [2e3, -1.0, 0.02, 500.0]
WEIGHTS = RNG.uniform(0.2, 2.0, COUNT)
MEAN = np.average(X, axis=0, weights=WEIGHTS)
DEVIATION = np.sqrt(np.average((X - MEAN) ** 2, axis=0, weights=WEIGHTS))
U = (X - MEAN) / DEVIATION
Y = np.where(U @ [1.0, -1.0, 0.5, 0.0] + RNG.standard_normal(COUNT) > 0, 1.0, -1.0)
KINDS = RNG.integers(0, 3, COUNT)
CHANGES = ("diagonal", "whitening")


def logistic(data=X, **given):
    given = {"ridge": 0.0, "weights": WEIGHTS, "intercept": True, "block_size": 20} | given
    return jgd.models.logistic(data, Y, **given)


def softmax(**given):
    return jgd.models.softmax(X, KINDS, weights=WEIGHTS, **given)


def curved(x):
    """Not convex, and its variables are coupled."""
    flat = jnp.concatenate([x["a"].ravel(), x["b"].ravel()])
    return jnp.sum(flat**2 * SIZES) + 40 * flat[0] * flat[3] + jnp.sum(jnp.cos(flat / 3))


SIZES = np.array([1e6, 1e-4, 3.0, 50.0, 1e3])
TREE = {"a": jnp.ones((2, 2)), "b": jnp.array([0.3])}

PROBLEMS = {
    "centered": lambda kind: jgd.standardize(logistic(), kind=kind),
    "not centered": lambda kind: jgd.standardize(logistic(intercept=False), kind=kind),
    "classes": lambda kind: jgd.standardize(softmax(intercept=True), kind=kind),
    "function": lambda kind: jgd.standardize(curved, TREE, kind=kind),
}


def largest(difference, of):
    pairs = zip(jax.tree.leaves(difference), jax.tree.leaves(of), strict=True)
    return max(float(np.max(np.abs(np.asarray(a) - np.asarray(b)))) for a, b in pairs)


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_inverse_takes_back_what_forward_does(name, kind):
    change = PROBLEMS[name](kind)
    z = jax.tree.map(lambda leaf: jnp.asarray(RNG.standard_normal(leaf.shape)), change.x)
    assert largest(change.inverse(change.forward(z)), z) < 1e-12
    assert largest(change.forward(z), z) > 0.1


def matrix(change):
    """T, column by column, over the ravelled x."""
    flat, back = jax.flatten_util.ravel_pytree(change.x)
    columns = [
        jax.flatten_util.ravel_pytree(change.forward(back(e)))[0]
        for e in jnp.eye(flat.size, dtype=flat.dtype)
    ]
    return np.stack(columns, axis=1)


def bends(A, ridge):
    """The Hessian of a logistic fit at 0, in NumPy."""
    return (A.T * WEIGHTS) @ A / 4 + np.diag([ridge] * SIZE + [0.0] * (A.shape[1] - SIZE))


def condition(H):
    values = np.abs(np.linalg.eigvalsh(H))
    return values.max() / values.min()


@pytest.mark.parametrize("intercept", [True, False])
def test_it_is_what_standardized_and_whitened_features_are(intercept):
    fit = logistic(intercept=intercept, ridge=0.5)
    mean = MEAN if intercept else np.zeros(SIZE)
    size = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=WEIGHTS))
    ones = np.ones((COUNT, int(intercept)))
    given, taken = np.hstack([X, ones]), np.hstack([(X - mean) / size, ones])
    T = matrix(jgd.standardize(fit))
    assert given @ T == pytest.approx(taken, rel=1e-9, abs=1e-9)
    W = matrix(jgd.standardize(fit, kind="whitening"))
    white = given @ W
    assert (white.T * WEIGHTS) @ white / WEIGHTS.sum() == pytest.approx(np.eye(white.shape[1]), abs=1e-9)
    mixed = np.linalg.solve(T, W)
    assert mixed == pytest.approx(mixed.T, abs=1e-9)
    H, found = bends(given, 0.5), jgd.standardize(fit)
    numbers = (found.condition, found.condition_diagonal, found.condition_whitened)
    assert numbers == pytest.approx([condition(S.T @ H @ S) for S in (np.eye(len(H)), T, W)], rel=1e-6)


def explicit(rate, steps):
    """Gradient descent on the standardized features, and what its parameters are of the features as given."""
    u, c, path = np.zeros(SIZE), 0.0, []
    for _ in range(steps + 1):
        path.append([*(u / DEVIATION), c - MEAN @ (u / DEVIATION)])
        pull = -WEIGHTS * Y / (1 + np.exp(Y * (U @ u + c)))
        u, c = u - rate * U.T @ pull, c - rate * pull.sum()
    return np.array(path)


def test_gradient_descent_is_that_on_standardized_features():
    rate, recorder = 0.02, jgd.Recorder(x=True)
    given = {"max_steps": 50, "gtol": 0.0, "recorder": recorder}
    fit = logistic()
    result = jgd.minimize(fit, method=jgd.gradient_descent(rate), x_scale=jgd.standardize(fit), **given)
    expected = explicit(rate, 50)
    assert result.history["x"] == pytest.approx(expected, rel=1e-10, abs=1e-10)
    assert np.abs(expected[-1] - expected[-2]).max() > 1e-4


@pytest.mark.parametrize("kind", [pytest.param("diagonal", marks=pytest.mark.slow), "whitening"])
def test_the_iterates_of_newton_are_those_without(kind):
    given = {"method": jgd.newton_raphson(), "max_steps": 6, "gtol": 0.0, "recorder": jgd.Recorder(x=True)}
    fit = logistic(ridge=1e-3)
    plain = jgd.minimize(fit, **given)
    other = jgd.minimize(fit, x_scale=jgd.standardize(fit, kind=kind), **given)
    assert other.history["x"] == pytest.approx(plain.history["x"], rel=1e-8, abs=1e-12)
    assert other.steps == plain.steps


def cancer(columns=slice(None)):
    data, labels = load_breast_cancer(return_X_y=True)
    return data[:, columns], labels


def test_where_gradient_descent_fails_the_standardized_one_converges():
    fit = jgd.models.logistic(*cancer([1, 3, 4, 8, 9]), ridge=1e-3, intercept=True)
    change = jgd.standardize(fit)
    at_best = jgd.minimize(fit, method=jgd.newton())
    plain, scaled = (
        jgd.minimize(fit, method=jgd.gradient_descent(1 / values[-1]), x_scale=scale, max_steps=5000)
        for values, scale in (
            (change.eigenvalues["given"], None),
            (change.eigenvalues["diagonal"], change),
        )
    )
    assert scaled.status == jgd.Status.CONVERGED
    assert np.asarray(scaled.x["coef"]) == pytest.approx(np.asarray(at_best.x["coef"]), rel=1e-9)
    assert float(scaled.x["intercept"]) == pytest.approx(float(at_best.x["intercept"]), rel=1e-9)
    assert plain.status == jgd.Status.MAX_STEPS
    assert float(plain.value) > 2 * float(at_best.value)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["diagonal", pytest.param("whitening", marks=pytest.mark.slow)])
def test_newton_finds_the_same_solution_of_breast_cancer(kind):
    fit = jgd.models.logistic(*cancer(), ridge=1e-2, intercept=True)
    plain, scaled = (
        jgd.minimize(fit, method=jgd.newton(), x_scale=scale)
        for scale in (None, jgd.standardize(fit, kind=kind))
    )
    assert scaled.success
    assert np.asarray(scaled.x["coef"]) == pytest.approx(np.asarray(plain.x["coef"]), rel=1e-9)


def test_the_condition_of_breast_cancer_is_that_of_theory():
    data, labels = cancer()
    data = (data - data.mean(axis=0)) / data.std(axis=0)
    fit = jgd.models.logistic(data, labels, ridge=1.0)
    w = jgd.minimize(fit).x
    found = jgd.standardize(fit, w)
    p = 1 / (1 + np.exp(-data @ np.asarray(w)))
    H = (data.T * (p * (1 - p))) @ data + np.eye(30)
    values, vectors = np.linalg.eigh(np.corrcoef(data.T))
    white = vectors / np.sqrt(values) @ vectors.T
    assert found.condition == pytest.approx(84.8, abs=0.05)
    assert found.condition == pytest.approx(condition(H), rel=1e-9)
    assert found.condition_diagonal == pytest.approx(condition(H), rel=1e-9)
    assert found.condition_whitened == pytest.approx(condition(white @ H @ white), rel=1e-6)
    text = str(found).splitlines()
    assert text[-2] == (
        "Scaling takes the condition number from 84.8 to 84.8; whitening, which takes out correlation between "
        "features, makes it 1.13e+04."
    )
    assert text[-1].startswith("What whitening leaves is no matter of features")


def test_three_classes_have_the_same_map_each():
    for intercept in (True, False):
        one, three = (
            jgd.standardize(fit(intercept=intercept), kind="whitening") for fit in (logistic, softmax)
        )
        z = RNG.standard_normal((3, SIZE + intercept))
        tree = [{"coef": v[..., :SIZE], "intercept": v[..., -1]} if intercept else v for v in (z, *z)]
        whole, *rows = (change.forward(v) for change, v in zip((three, one, one, one), tree, strict=True))
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *rows)
        assert largest(whole, stacked) < 1e-12


@pytest.mark.parametrize("kind", ["diagonal", pytest.param("whitening", marks=pytest.mark.slow)])
def test_three_classes_are_fitted_as_without(kind):
    fit = softmax(ridge=1.0)
    given = {"method": jgd.newton_raphson(), "max_steps": 4, "gtol": 0.0}
    plain, scaled = (
        jgd.minimize(fit, x_scale=scale, **given) for scale in (None, jgd.standardize(fit, kind=kind))
    )
    assert np.asarray(scaled.x) == pytest.approx(np.asarray(plain.x), rel=1e-8, abs=1e-10)


@pytest.mark.parametrize("kind", ["diagonal", pytest.param("whitening", marks=pytest.mark.slow)])
def test_rows_elsewhere_give_the_same(kind, tmp_path):
    np.save(tmp_path / "X.npy", X)
    made = {
        "at once": logistic(block_size=None),
        "streamed": logistic(jgd.data.stream(tmp_path / "X.npy")),
        "sharded": jgd.parallel.shard(logistic()),
        "batches": logistic(batch_size=8),
        "sparse": logistic(sparse.csr_array(X)),
    }
    own = jgd.standardize(logistic(), kind=kind)
    for name, fit in made.items():
        found = jgd.standardize(fit, kind=kind)
        for one, other in zip(jax.tree.leaves(found.map), jax.tree.leaves(own.map), strict=True):
            assert np.asarray(one) == pytest.approx(np.asarray(other), rel=1e-9, abs=1e-12), name
        assert found.condition == pytest.approx(own.condition, rel=1e-6), name
        assert found.examples == COUNT


def test_a_large_mean_cancels_nothing():
    data = 1e6 + RNG.standard_normal((500, 3)) @ MIX[:3, :3]
    y = data @ [1.0, 2.0, 3.0] - 6e6
    fit = jgd.models.linear(data, y, intercept=True, block_size=64)
    found = jgd.standardize(fit)
    scale = found.forward({"coef": jnp.ones(3), "intercept": jnp.zeros(())})["coef"]
    assert np.asarray(scale * data.std(axis=0)) == pytest.approx(1.0, rel=1e-12)
    assert np.asarray(found.map.mean) == pytest.approx(data.mean(axis=0), rel=1e-15)
    assert found.condition_diagonal == pytest.approx(condition(np.corrcoef(data.T)), rel=1e-3)
    rate = 1 / found.eigenvalues["diagonal"][-1]
    run = jgd.minimize(fit, method=jgd.gradient_descent(rate), x_scale=found, max_steps=100, gtol=0.0)
    assert np.asarray(run.x["coef"]) == pytest.approx([1.0, 2.0, 3.0], abs=1e-7)


def test_what_the_mean_is_off_by_in_single_precision_is_made_good():
    data = (3e4 + RNG.standard_normal((20_000, 2))).astype(np.float32)
    found = jgd.standardize(jgd.models.linear(data, np.zeros(20_000), intercept=True))
    deviation = data.astype(float).std(axis=0)
    assert np.asarray(found.map.of.scale) * deviation == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("as_given", [np.asarray, sparse.csr_array])
def test_a_constant_feature_keeps_its_scale_and_is_named(as_given, kind):
    data = np.insert(X, 2, 0.1, axis=1)
    found = jgd.standardize(logistic(as_given(data), ridge=1.0), kind=kind)
    assert found.constant == (2,)
    T = matrix(found)
    assert T[2] == pytest.approx(np.eye(SIZE + 2)[2], abs=1e-12)
    assert np.delete(np.delete(T, 2, 0), 2, 1) == pytest.approx(
        matrix(jgd.standardize(logistic(as_given(X)), kind=kind)), rel=1e-9, abs=1e-9
    )
    assert "  scale 1      feature 2, constant" in str(found)
    assert "unscaled" not in str(found)
    uncentered = jgd.standardize(logistic(as_given(np.insert(X, 2, 0.0, axis=1)), intercept=False), kind=kind)
    assert uncentered.constant == (2,)


def test_directions_without_deviation_are_left_as_they_are():
    data = np.column_stack([X, X[:, 0] - 1e3 * X[:, 1]])
    fit = logistic(data, ridge=1.0)
    found = jgd.standardize(fit, kind="whitening")
    assert found.left == 1
    assert "  unscaled     1 direction where features do not vary beyond rounding" in str(found)
    T = matrix(found)
    scaled = np.linalg.solve(matrix(jgd.standardize(fit)), T)
    assert np.linalg.norm(scaled, 2) < 10
    assert np.linalg.cond(scaled) < 100
    free = jgd.standardize(logistic(data))
    assert (free.condition, free.condition_diagonal, free.condition_whitened) == (np.inf,) * 3
    assert str(free).endswith("The Hessian is singular at x, and no change of variables makes it regular.")


@pytest.mark.parametrize("kind", CHANGES)
def test_single_precision_stays_what_it_is(kind):
    fit = logistic(X.astype(np.float32), ridge=1.0)
    found = jgd.standardize(fit, kind=kind)
    assert {str(leaf.dtype) for leaf in jax.tree.leaves((found.map, found.x))} == {"float32"}
    assert matrix(found) == pytest.approx(matrix(jgd.standardize(logistic(), kind=kind)), rel=1e-3, abs=1e-4)
    result = jgd.minimize(fit, method=jgd.gradient_descent(0.01), x_scale=found, max_steps=5)
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(result.x)} == {"float32"}


def wild(x, D):
    flat = jnp.concatenate([x["a"].ravel(), x["b"]]) / D
    return jnp.sum(flat**2) + flat[0] * flat[1] + flat[3] * flat[4] / 2


def test_whitened_quadratics_take_one_step_at_rate_1():
    D, x0 = jnp.array([1e-6, 1e-3, 1.0, 1e3, 1e6]), {"a": jnp.ones((2, 2)), "b": jnp.ones(1)}
    found = jgd.standardize(wild, x0, args=(D,), kind="whitening")
    result = jgd.minimize(wild, x0, jgd.gradient_descent(1.0), args=(D,), x_scale=found, gtol=0.0, grtol=1e-9)
    assert (result.status.name, result.steps) == ("CONVERGED", 1)
    assert float(result.value) < 1e-12
    T = matrix(found)
    H = np.asarray(jax.hessian(lambda v: wild({"a": v[:4].reshape(2, 2), "b": v[4:]}, D))(jnp.ones(5)))
    assert np.abs(T.T @ H @ T - np.eye(5)).max() < 1e-12
    assert found.condition == np.inf
    assert found.condition_diagonal == pytest.approx(3, rel=1e-9)
    assert found.condition_whitened == pytest.approx(1, rel=1e-9)


def test_the_diagonal_of_a_function_is_that_of_its_hessian():
    found = jgd.standardize(curved, TREE)
    flat, back = jax.flatten_util.ravel_pytree(TREE)
    H = np.asarray(jax.hessian(lambda v: curved(back(v)))(flat))
    assert matrix(found) == pytest.approx(np.diag(1 / np.sqrt(np.abs(np.diag(H)))), rel=1e-12)
    assert found.condition == pytest.approx(condition(H), rel=1e-6)
    assert "curvature    negative in some directions" not in str(jgd.standardize(wild, TREE, args=(1.0,)))


def test_at_a_saddle_sizes_are_evened_out_and_the_signs_are_told():
    def saddle(x):
        return 50 * x[0] ** 2 - x[1] ** 2 / 2 + x[2] * x[3]

    found = jgd.standardize(saddle, jnp.ones(4), kind="whitening")
    T = matrix(found)
    H = np.diag([100.0, -1.0, 0.0, 0.0])
    H[2, 3] = H[3, 2] = 1.0
    assert np.abs(np.linalg.eigvalsh(T.T @ H @ T)) == pytest.approx(1.0)
    assert found.condition == pytest.approx(100)
    assert found.constant == (2, 3)
    assert "negative in some directions" in str(found)
    assert "entry 2, 3, without curvature of its own" in str(found)
    assert "steps" not in str(found)
    flat = jgd.standardize(lambda x: x[0] ** 2 + 0 * x[1], jnp.ones(2), kind="whitening")
    assert np.asarray(flat.forward(jnp.ones(2))) == pytest.approx([0.5**0.5, 1.0])


def test_the_report_says_it_all():
    found = jgd.standardize(logistic(ridge=1e-4))
    numbers = (found.condition, found.condition_diagonal, found.condition_whitened)
    given, scaled, whitened = (f"{k:.3g}" for k in numbers)
    steps = ", ".join(f"{np.ceil(np.log(1e6) / 2 / np.arctanh(1 / k)):.3g}" for k in numbers)
    assert str(found).splitlines() == [
        "diagonal standardization by the features of 97 examples",
        "  parameters   5, float64",
        f"  condition    {given}, scaled {scaled}, whitened {whitened}: that of the Hessian at x",
        f"  steps        {steps} to 1e-06 of the error, gradient descent at its best rate",
        f"Scaling takes the condition number from {given} to {scaled}; what is left is correlation between "
        f"features, which whitening takes to {whitened}.",
    ]
    assert repr(found) == f"Standardization(diagonal, condition {given} -> {scaled} -> {whitened})"
    assert "coupling between entries of x" in str(jgd.standardize(wild, TREE, args=(jnp.ones(5),)))


def test_many_parameters_are_scaled_and_not_measured():
    data = RNG.standard_normal((50, 501)) * 3
    fit = jgd.models.linear(data, np.zeros(50), ridge=1.0)
    found = jgd.standardize(fit)
    assert np.asarray(found.forward(jnp.ones(501))) == pytest.approx(1 / np.sqrt(np.mean(data**2, axis=0)))
    stored = jgd.standardize(jgd.models.linear(sparse.csr_array(data), np.zeros(50), ridge=1.0))
    assert np.asarray(stored.map.scale) == pytest.approx(np.asarray(found.map.scale), rel=1e-12)
    assert found.eigenvalues is None
    assert np.isnan(found.condition)
    assert "condition    not measured: it takes at most 500 parameters" in str(found)
    assert jgd.standardize(fit, kind="whitening").left == 501 - 50


def test_other_data_of_the_same_shape_compile_nothing():
    def run(A, data):
        change = jgd.standardize(quadratic, jnp.ones(3), args=(A,), kind="whitening")
        jgd.minimize(quadratic, jnp.ones(3), jgd.gradient_descent(1.0), args=(A,), x_scale=change)
        jgd.standardize(logistic(data, ridge=1.0))

    run(jnp.diag(jnp.array([1.0, 2.0, 3.0])), X)
    began = time.perf_counter()
    run(jnp.diag(jnp.array([4.0, 1.0, 2.0])), X + 1)
    assert compile_seconds(began) < 1e-3


def quadratic(x, A):
    return x @ A @ x


def test_bounds_go_with_a_diagonal():
    fit = logistic(intercept=False, ridge=1.0)
    given = {"method": jgd.lbfgs(), "bounds": (0.0, 5e-4)}
    plain, scaled = (jgd.minimize(fit, x_scale=scale, **given) for scale in (None, jgd.standardize(fit)))
    assert scaled.success
    assert scaled.active.tolist() == plain.active.tolist()
    assert scaled.active.any()
    assert not scaled.active.all()
    exponents = np.log2(np.asarray(scaled.program.method.map.scale))
    assert exponents.tolist() == np.round(exponents).tolist()
    assert float(scaled.value) == pytest.approx(float(plain.value), rel=1e-9)


class Failing:
    """Rows that cannot be read."""

    name, shape, dtype, take = "failing", X.shape, X.dtype, None

    def read(self, start, stop):
        raise OSError("failing: nothing there.")


def run(fit, change, x0=None, **given):
    return jgd.minimize(fit, x0, jgd.gradient_descent(0.1), x_scale=change, max_steps=1, **given)


BOX = {"bounds": (0.0, 1.0)}
BAD = {
    "kind": (lambda: jgd.standardize(logistic(), kind="both"), 'kind must be "diagonal" or "whitening", got'),
    "no start": (lambda: jgd.standardize(curved), "x0 is missing: give a start"),
    "no function": (lambda: jgd.standardize(3.0, 1.0), "fun must be a function of x, got float"),
    "centered box": (
        lambda: run(logistic(), jgd.standardize(logistic()), **BOX),
        "bounds: x_scale mixes entries of x",
    ),
    "whitened box": (
        lambda: run(curved, jgd.standardize(curved, TREE, kind="whitening"), TREE, **BOX),
        "bounds: x_scale mixes entries of x",
    ),
    "another shape": (
        lambda: run(softmax(), jgd.standardize(softmax(intercept=True))),
        "x_scale was made for parameters of another shape or dtype",
    ),
    "another dtype": (
        lambda: run(logistic(), jgd.standardize(logistic(X.astype(np.float32)))),
        "x_scale was made for parameters of another shape or dtype",
    ),
    "too large": (
        lambda: jgd.standardize(lambda x: jnp.sum(x**2), jnp.ones(20_000)),
        "A dense Hessian of 20,000 parameters takes",
    ),
    "too many features": (
        lambda: jgd.standardize(
            jgd.models.linear(sparse.eye_array(20_000, format="csr"), np.ones(20_000)), kind="whitening"
        ),
        "A dense Hessian of 20,000 parameters takes",
    ),
    "unread": (lambda: jgd.standardize(logistic(Failing())), "failing: nothing there"),
    "not finite": (
        lambda: jgd.standardize(lambda x: jnp.sum(jnp.sqrt(x)), jnp.zeros(2)),
        "The Hessian at x has entries that are NaN or infinite",
    ),
    "overflow": (
        lambda: jgd.standardize(jgd.models.linear(np.full((9, 501), 1e200), np.ones(9))),
        "the squares of a feature are beyond float64",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_in_a_sentence(name):
    attempt, words = BAD[name]
    with pytest.raises((TypeError, ValueError), match=words):
        attempt()
