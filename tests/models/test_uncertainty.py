"""Covariances and standard errors of fits: NumPy's closed forms as oracles, and what is said where none exist."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit, softmax

import jgd
from tests.contract.counting import compilations

RNG = np.random.default_rng(0)
N, P = 90, 3
X = RNG.standard_normal((N, P))
Z = X @ np.array([1.0, -0.5, 0.25]) + 0.7
Y = Z + RNG.standard_normal(N)
LABELS = (Y > 0).astype(int)
COUNTS = RNG.poisson(np.exp(0.3 * Z))
KINDS = np.argmax(X @ RNG.standard_normal((P, 3)) + RNG.standard_normal((N, 3)), axis=1)
WEIGHTS = RNG.integers(0, 3, N).astype(float)
ONES = np.column_stack([X, np.ones(N)])
PENALIZED = np.diag([1.0, 1.0, 1.0, 0.0])
RIDGE = 0.3


def predictor(result):
    return X @ np.asarray(result.x["coef"]).T + np.asarray(result.x["intercept"])


def variances(name, result):
    """Of one y, given its z: the second derivative of its loss."""
    z = predictor(result)
    return {"linear": np.ones(N), "logistic": expit(z) * expit(-z), "poisson": np.exp(z)}[name]


FITS = {
    "linear": lambda **given: jgd.models.linear(X, Y, **given),
    "logistic": lambda **given: jgd.models.logistic(X, LABELS, **given),
    "poisson": lambda **given: jgd.models.poisson(X, COUNTS, **given),
}


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("name", FITS)
def test_the_covariance_is_the_inverse_of_the_weighted_gram_matrix(name, reduction):
    result = jgd.minimize(FITS[name](ridge=RIDGE, intercept=True, weights=WEIGHTS, reduction=reduction))
    total = WEIGHTS.sum() if reduction == "mean" else 1.0
    gram = (ONES.T * (WEIGHTS * variances(name, result))) @ ONES + total * RIDGE * PENALIZED
    expected = np.linalg.inv(gram)
    if name == "linear":
        residuals = Y - predictor(result)
        expected *= WEIGHTS @ residuals**2 / (np.sum(WEIGHTS > 0) - 4)
    found = jgd.models.covariance(result)
    assert found.dtype == np.float64
    assert np.array_equal(found, found.T)
    assert found == pytest.approx(expected, rel=1e-7)


def test_least_squares_has_the_standard_errors_of_the_textbooks():
    result = jgd.minimize(jgd.models.linear(X, Y, intercept=True))
    solution, rss, _, _ = np.linalg.lstsq(ONES, Y)
    expected = np.sqrt(np.diag(np.linalg.inv(ONES.T @ ONES)) * rss / (N - P - 1))
    errors = jgd.models.standard_errors(result)
    assert result.x["coef"] == pytest.approx(solution[:-1], rel=1e-8)
    assert errors["coef"] == pytest.approx(expected[:-1], rel=1e-8)
    assert errors["intercept"].shape == ()
    assert float(errors["intercept"]) == pytest.approx(expected[-1], rel=1e-8)


def test_softmax_has_the_covariance_of_the_model_with_a_reference_class():
    result = jgd.minimize(jgd.models.softmax(X, KINDS, ridge=0.0, intercept=True))
    p = softmax(predictor(result), axis=1)
    blocks = [
        [(ONES.T * (p[:, j] * ((j == k) - p[:, k]))) @ ONES for k in (1, 2)] for j in (1, 2)
    ]  # the information about w_1 - w_0 and w_2 - w_0
    differences = np.kron([[-1, 1, 0], [-1, 0, 1]], np.eye(4))
    places = np.concatenate([np.arange(12).reshape(3, 4)[:, :3].ravel(), [3, 7, 11]])  # coef, then intercept
    found = jgd.models.covariance(result)
    assert differences[:, places] @ found @ differences[:, places].T == pytest.approx(
        np.linalg.inv(np.block(blocks)), rel=1e-6
    )
    sums = np.kron(np.ones((1, 3)), np.eye(4))[:, places]
    assert sums @ found == pytest.approx(0, abs=1e-12)
    assert jgd.models.standard_errors(result)["coef"].shape == (3, 3)


@pytest.mark.slow
def test_softmax_of_two_classes_agrees_with_logistic():
    one = jgd.minimize(jgd.models.logistic(X, LABELS, ridge=RIDGE))
    two = jgd.minimize(jgd.models.softmax(X, LABELS, ridge=2 * RIDGE))
    difference = np.kron([-1, 1], np.eye(P))
    assert difference @ jgd.models.covariance(two) @ difference.T == pytest.approx(
        jgd.models.covariance(one), rel=1e-7
    )


@pytest.mark.slow
def test_an_example_of_weight_two_is_two_examples():
    twice = jgd.minimize(
        jgd.models.logistic(np.concatenate([X, X]), np.tile(LABELS, 2), reduction="mean", ridge=0.0)
    )
    weighted = jgd.minimize(jgd.models.logistic(X, LABELS, ridge=0.0, weights=np.full(N, 2.0)))
    assert jgd.models.covariance(twice) == pytest.approx(jgd.models.covariance(weighted), rel=1e-7)


@pytest.mark.slow
def test_weights_of_least_squares_are_relative():
    once, twice = (
        jgd.minimize(jgd.models.linear(X, Y, weights=weights)) for weights in (WEIGHTS, 2 * WEIGHTS)
    )
    assert jgd.models.covariance(twice) == pytest.approx(jgd.models.covariance(once), rel=1e-7)


@pytest.mark.slow
def test_the_covariance_of_mini_batches_is_that_of_all_examples():
    given = {"reduction": "mean", "ridge": 0.1}
    start = jgd.minimize(jgd.models.logistic(X, LABELS, **given))
    batches = jgd.models.logistic(X, LABELS, batch_size=8, **given)
    stayed = jgd.minimize(batches, start.x, jgd.gradient_descent(1e-3), max_steps=0)
    assert jgd.models.covariance(stayed) == pytest.approx(jgd.models.covariance(start), rel=1e-12)


@pytest.mark.slow
def test_float32_is_enough_for_features_of_very_different_sizes():
    scaled = X * np.array([1e-4, 1.0, 1e4])
    result = jgd.minimize(jgd.models.linear(scaled, Y), np.zeros(P), max_steps=0)
    single = jgd.minimize(jgd.models.linear(scaled.astype(np.float32), Y), max_steps=0)
    assert jgd.models.covariance(single) == pytest.approx(jgd.models.covariance(result), rel=1e-4)


def fitted(features, labels, **given):
    return lambda: jgd.minimize(
        jgd.models.logistic(features, labels, **{"ridge": 0.0, **given}), max_steps=20
    )


COLLINEAR = np.column_stack([X, X[:, 0] - 2 * X[:, 2]])
SEPARATE = (X[:, 1] > 0).astype(int)
TIED = np.array([[-1.0], [0.0], [0.0], [0.0], [1.0]])
NONE = [
    (fitted(COLLINEAR, LABELS), ValueError, "features, column 0, column 2, column 3 depend on each other"),
    pytest.param(
        fitted(COLLINEAR.astype(np.float32), LABELS),
        ValueError,
        "column 0, column 2, column 3 depend",
        marks=pytest.mark.slow,
    ),
    (
        fitted(np.column_stack([X, np.full(N, 7.0)]), LABELS, intercept=True),
        ValueError,
        "features, the intercept, column 3 depend on each other",
    ),
    (
        fitted(np.column_stack([X, np.zeros(N)]), LABELS),
        ValueError,
        "features, column 3 depend on each other or are zero",
    ),
    (
        fitted(np.repeat(X[:, :1], 12, axis=1), LABELS),
        ValueError,
        "column 0, column 1, column 2, column 3, column 4, column 5, column 6, column 7, ... depend",
    ),
    (
        fitted(X, SEPARATE),
        ValueError,
        "no covariance: a linear function of the features separates the classes",
    ),
    (
        lambda: jgd.minimize(jgd.models.softmax(X, SEPARATE + (X[:, 1] > 1), ridge=0.0, intercept=True)),
        ValueError,
        "no covariance: a linear function of the features separates the classes",
    ),
    (
        lambda: jgd.minimize(jgd.models.logistic(TIED, [0, 0, 1, 1, 1], ridge=0.0, intercept=True)),
        ValueError,
        "no covariance: along some combination of the features the losses fall for ever",
    ),
    pytest.param(
        lambda: jgd.minimize(jgd.models.softmax(TIED, [0, 0, 1, 2, 2], ridge=0.0)),
        ValueError,
        "no covariance: along some combination of the features the losses fall for ever",
        marks=pytest.mark.slow,
    ),
    (
        lambda: jgd.minimize(jgd.models.poisson(TIED[:4], [0, 2, 3, 1])),
        ValueError,
        "no covariance: along some combination of the features the losses fall for ever",
    ),
    (
        lambda: jgd.minimize(jgd.models.linear(X[:3], Y[:3])),
        ValueError,
        "with 3 parameters, 3 examples with a weight leave nothing",
    ),
    (
        lambda: jgd.minimize(jgd.models.logistic(X, LABELS), bounds=(0.0, None)),
        ValueError,
        "bounds hold some parameters",
    ),
    (
        lambda: jgd.minimize(lambda w: w @ w, jnp.ones(2)),
        TypeError,
        "result must be that of a model of jgd.models",
    ),
]


@pytest.mark.parametrize(
    ("run", "kind", "words"), NONE, ids=lambda part: part if isinstance(part, str) else ""
)
def test_where_there_is_no_covariance_a_sentence_says_why(run, kind, words):
    with pytest.raises(kind, match=words):
        jgd.models.covariance(run())


def test_an_example_without_a_weight_does_not_keep_classes_from_being_separated():
    labels, weights = SEPARATE.copy(), np.ones(N)
    labels[0] = 1 - labels[0]
    result = jgd.minimize(jgd.models.logistic(X, labels, ridge=0.0), max_steps=20)
    assert np.linalg.eigvalsh(jgd.models.covariance(result)).min() > 0
    weights[0] = 0.0
    result = jgd.minimize(jgd.models.logistic(X, labels, ridge=0.0, weights=weights), max_steps=20)
    with pytest.raises(ValueError, match="separates the classes"):
        jgd.models.covariance(result)


@pytest.mark.slow
def test_a_ridge_makes_a_covariance_of_separated_classes_and_dependent_columns():
    result = jgd.minimize(jgd.models.logistic(COLLINEAR, SEPARATE, ridge=1e-6))
    found = np.linalg.eigvalsh(jgd.models.covariance(result))
    assert found.max() == pytest.approx(1e6, rel=1e-6)  # 1/ridge, where the data say nothing


def test_programs_are_shared_by_fits_of_one_shape():
    for k, ridge in enumerate((1.0, 2.0, 3.0)):
        result = jgd.minimize(jgd.models.logistic(X + k, LABELS, ridge=ridge))
        jgd.models.covariance(result)
        if k == 0:
            before = compilations()
    assert compilations() == before
