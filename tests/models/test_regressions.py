"""Regressions: the optima of theory, scikit-learn and NumPy as oracles, and what is said of bad data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge

import jgd

RNG = np.random.default_rng(0)
N, P = 83, 4
X = RNG.standard_normal((N, P))
W = np.array([1.0, -0.5, 0.25, 2.0])
Z = X @ W + 0.7
LABELS = (Z + RNG.standard_normal(N) > 0).astype(int)
COUNTS = RNG.poisson(np.exp(0.3 * Z))
KINDS = np.argmax(X @ RNG.standard_normal((P, 3)) + RNG.standard_normal((N, 3)), axis=1)


def cancer():
    features, classes = load_breast_cancer(return_X_y=True)
    return (features - features.mean(axis=0)) / features.std(axis=0), classes


@pytest.mark.parametrize(
    ("ridge", "minimum", "block"),
    [
        (0.01, 20.2046256730, 100),
        pytest.param(1.0, 37.8777655571, None, marks=pytest.mark.slow),
        pytest.param(1.0, 37.8777655571, 100, marks=pytest.mark.slow),
        pytest.param(0.01, 20.2046256730, None, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    "method",
    [None, jgd.newton(), jgd.newton_raphson(), jgd.trust_region(), jgd.trust_region_cg(), jgd.lbfgs()],
    ids=["default", "newton", "newton_raphson", "trust_region", "trust_region_cg", "lbfgs"],
)
def test_the_reference_optimum_of_breast_cancer(method, block, ridge, minimum):
    result = jgd.minimize(jgd.models.logistic(*cancer(), ridge=ridge, block_size=block), method=method)
    assert result.status == jgd.Status.CONVERGED
    assert float(result.value) == pytest.approx(minimum, rel=1e-11)


def test_gradient_descent_gets_there_on_standardized_data():
    result = jgd.minimize(jgd.models.logistic(*cancer()), method=jgd.gradient_descent("auto"))
    assert float(result.value) == pytest.approx(37.8777655571, rel=1e-11)


def test_newton_raphson_is_iteratively_reweighted_least_squares():
    data, labels = cancer()
    y = np.where(labels == 1, 1.0, -1.0)
    fit = jgd.models.logistic(data, labels)
    result = jgd.minimize(fit, method=jgd.newton_raphson(), recorder=jgd.Recorder(x=True), max_steps=8)
    w = np.zeros(data.shape[1])
    for k in range(8):
        assert result.history["x"][k] == pytest.approx(w, rel=1e-9, abs=1e-10)
        z = data @ w
        p = 1 / (1 + np.exp(-z))
        weights = p * (1 - p)
        working = z + ((y + 1) / 2 - p) / weights
        gram = (data.T * weights) @ data + np.eye(w.size)
        w = np.linalg.solve(gram, data.T @ (weights * working))


FITS = {
    "linear": lambda **given: jgd.models.linear(X, Z, **given),
    "logistic": lambda **given: jgd.models.logistic(X, LABELS, **given),
    "poisson": lambda **given: jgd.models.poisson(X, COUNTS, **given),
    "softmax": lambda **given: jgd.models.softmax(X, KINDS, **given),
}


@pytest.mark.parametrize(
    ("intercept", "block"),
    [
        (True, 7),
        pytest.param(False, None, marks=pytest.mark.slow),
        pytest.param(False, 7, marks=pytest.mark.slow),
        pytest.param(True, None, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "softmax" else ()) for name in FITS]
)
def test_the_hessian_of_a_model_is_that_of_products(name, block, intercept):
    weights = RNG.uniform(0.5, 2.0, N)
    fit = FITS[name](intercept=intercept, ridge=0.3, block_size=block, weights=weights)
    f = fit.objective(fit.start)
    w = jax.tree.map(lambda leaf: jnp.asarray(0.3 * RNG.standard_normal(leaf.shape)), fit.start)
    product = f.ravelled_hvp(w)
    n = sum(leaf.size for leaf in jax.tree.leaves(w))
    columns = np.stack([np.asarray(product(column)) for column in jnp.eye(n)])
    assert np.asarray(f.hessian(w)) == pytest.approx(columns, rel=1e-11, abs=1e-11)


def test_many_features_and_many_rows_take_blocks_of_both():
    data, labels = RNG.standard_normal((5000, 300)), RNG.integers(0, 2, 5000)
    fit = jgd.models.logistic(data, labels, block_size=100)
    w = 0.01 * RNG.standard_normal(300)
    p = 1 / (1 + np.exp(-data @ w))
    expected = (data.T * (p * (1 - p))) @ data + np.eye(300)
    found = fit.objective(fit.start).hessian(jnp.asarray(w))
    assert np.asarray(found) == pytest.approx(expected, rel=1e-11, abs=1e-9)


@pytest.mark.parametrize("intercept", [False, True])
def test_logistic_and_softmax_agree_with_scikit_learn(intercept):
    theirs = LogisticRegression(C=1 / 0.5, fit_intercept=intercept, solver="newton-cholesky", tol=1e-12)
    for fit, y in ((FITS["logistic"], LABELS), (FITS["softmax"], KINDS)):
        known = theirs.fit(X, y)
        result = jgd.minimize(fit(ridge=0.5, intercept=intercept))
        coef = result.x["coef"] if intercept else result.x
        assert np.asarray(coef).reshape(known.coef_.shape) == pytest.approx(known.coef_, abs=1e-6)
        if intercept:
            bias = np.atleast_1d(result.x["intercept"])
            assert bias - bias.mean() * (bias.size > 1) == pytest.approx(known.intercept_, abs=1e-6)


def test_linear_and_poisson_agree_with_scikit_learn():
    known = Ridge(alpha=0.5).fit(X, Z)
    result = jgd.minimize(jgd.models.linear(X, Z, ridge=0.5, intercept=True))
    assert np.asarray(result.x["coef"]) == pytest.approx(known.coef_, abs=1e-9)
    assert float(result.x["intercept"]) == pytest.approx(known.intercept_, abs=1e-9)
    known = PoissonRegressor(alpha=0.1, tol=1e-12, solver="newton-cholesky").fit(X, COUNTS)
    result = jgd.minimize(jgd.models.poisson(X, COUNTS, ridge=0.1, intercept=True, reduction="mean"))
    assert np.asarray(result.x["coef"]) == pytest.approx(known.coef_, abs=1e-7)
    assert float(result.x["intercept"]) == pytest.approx(known.intercept_, abs=1e-7)


def test_the_default_is_newton_and_says_why():
    text = str(
        jgd.minimize(jgd.models.softmax(*(part[:300] for part in load_digits(return_X_y=True)), ridge=10.0))
    )
    assert text.startswith("CONVERGED")
    assert "newton (chosen for 640 parameters of a model that knows its Hessian)" in text


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_parameters_have_the_dtype_of_the_features(dtype):
    result = jgd.minimize(jgd.models.logistic(X.astype(dtype), LABELS, intercept=True))
    assert result.success
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(result.x)} == {dtype}


def test_labels_may_be_words_and_features_whole_numbers():
    one = jgd.minimize(jgd.models.logistic((10 * X).astype(int), np.where(LABELS, "yes", "no")))
    other = jgd.minimize(jgd.models.logistic((10 * X).astype(int).astype(float), LABELS))
    assert np.array_equal(one.x, other.x)


def test_a_model_runs_on_mini_batches():
    fit = jgd.models.logistic(X, LABELS, reduction="mean", ridge=0.1, batch_size=8, test_every=5)
    result = jgd.minimize(fit, method=jgd.adam(0.01), max_steps=3000)
    best = jgd.minimize(jgd.models.logistic(X, LABELS, reduction="mean", ridge=0.1))
    assert float(result.best_value) == pytest.approx(float(best.value), rel=1e-2)


class Nullable:
    """The dtype of a column that can have missing values, of no kind that NumPy knows."""

    def __init__(self, dtype):
        self.numpy_dtype, self.kind = dtype, dtype.kind


class Table:
    """Columns with names, as data frames have them; masked arrays are those that can have missing values."""

    def __init__(self, **columns):
        self.columns, self._columns = list(columns), list(columns.values())
        self.dtypes = [Nullable(v.dtype) if np.ma.isMaskedArray(v) else v.dtype for v in self._columns]

    def __array__(self, dtype=None, copy=None):
        return np.column_stack([np.asarray(column, object) for column in self._columns])

    def to_numpy(self, dtype, na_value):
        return np.column_stack([np.ma.filled(column.astype(dtype), na_value) for column in self._columns])


HOLE = X.copy()
HOLE[[41, 60], 2] = np.nan
YES = LABELS.astype(bool)
COUNTED = np.ma.masked_array(COUNTS, np.arange(N) == 7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_of_several_kinds_are_a_table_of_numbers(dtype):
    table = Table(size=X[:, 0], yes=YES, count=np.ma.masked_array(COUNTS))
    (found, _), (plain, _) = (
        jgd.models.linear(given, Z).examples.rows
        for given in (table, np.column_stack([X[:, 0], YES, COUNTS]))
    )
    assert np.array_equal(found, plain)
    narrow = Table(size=X[:, 0].astype(dtype), weight=np.ma.masked_array(X[:, 1], dtype=dtype))
    assert jgd.models.linear(narrow, Z).examples.rows[0].dtype == dtype


BAD = {
    "hole": (
        lambda: jgd.models.logistic(HOLE, LABELS),
        "X: column 2 has 2 values that are missing or infinite, the first in row 41",
    ),
    "named hole": (
        lambda: jgd.models.linear(Table(age=X[:, 0], height=HOLE[:, 2]), Z),
        "X: column 'height' has 2 values",
    ),
    "masked hole": (
        lambda: jgd.models.linear(Table(age=X[:, 0], count=COUNTED), Z),
        "X: column 'count' has 1 values that are missing or infinite, the first in row 7",
    ),
    "words": (
        lambda: jgd.models.linear(Table(age=X[:, 0], town=np.array(["a"] * N, object)), Z),
        "X: column 'town' is not numeric",
    ),
    "objects": (lambda: jgd.models.linear(X.astype(object), Z), "X must be a table of numbers, got object"),
    "vector": (lambda: jgd.models.linear(Z, Z), r"X must be of shape \(examples, features\), got \(83,\)"),
    "lengths": (lambda: jgd.models.linear(X, Z[1:]), "agree in the number of examples, got 83 and 82"),
    "one class": (lambda: jgd.models.logistic(X, np.ones(N)), "y has one class only, "),
    "three classes": (lambda: jgd.models.logistic(X, KINDS), "y has 3 classes: jgd.models.softmax"),
    "missing label": (lambda: jgd.models.logistic(X, HOLE[:, 2]), r"y\[41\] is missing or infinite"),
    "missing word": (
        lambda: jgd.models.logistic(X, np.array(["a", None] + ["b"] * (N - 2), object)),
        "y must have labels of one kind, none of them missing, got NoneType, str",
    ),
    "missing word as NaN": (
        lambda: jgd.models.softmax(X, np.array(["a", np.nan] + ["b"] * (N - 2), object)),
        r"y\[1\] is missing or infinite",
    ),
    "missing number": (lambda: jgd.models.linear(X, HOLE[:, 2]), r"y\[41\] is missing or infinite"),
    "words for numbers": (lambda: jgd.models.linear(X, np.array(["a"] * N)), "y must be numbers"),
    "negative count": (
        lambda: jgd.models.poisson(X, COUNTS - 50),
        r"y must be counts, and y\[0\] is negative",
    ),
    "matrix of labels": (
        lambda: jgd.models.softmax(X, X),
        r"y must be of shape \(examples,\), got \(83, 4\)",
    ),
    "ridge": (lambda: jgd.models.logistic(X, LABELS, ridge=-1.0), "ridge must be non-negative"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_are_refused_in_a_sentence(name):
    attempt, words = BAD[name]
    with pytest.raises((TypeError, ValueError), match=words):
        attempt()
