"""The estimator: scikit-learn's own checks, its LogisticRegression as an oracle, and its tools around ours."""

import copy
import pickle
import subprocess
import sys
import warnings

import joblib
import numpy as np
import optax
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression as Known
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import jgd
from jgd.core.float64 import enable_x64
from jgd.models import LogisticRegression
from tests.contract.counting import compilations

RNG = np.random.default_rng(0)
N, P = 60, 3
X = RNG.standard_normal((N, P))
LABELS = np.where(X @ np.array([1.0, -0.5, 0.25]) + RNG.standard_normal(N) > 0.3, "yes", "no")
KINDS = np.argmax(X @ RNG.standard_normal((P, 3)) + RNG.standard_normal((N, 3)), axis=1)
SEPARATE = (X[:, 1] > 0).astype(int)


def data(load, count=None):
    features, labels = load(return_X_y=True)
    return StandardScaler().fit_transform(features)[:count], labels[:count]


def test_it_passes_the_checks_of_scikit_learn_that_are_not_kept_for_old_times_sake():
    check_estimator(LogisticRegression(), legacy=False, on_skip=None)


@pytest.mark.slow
@pytest.mark.parametrize("solver", [None, jgd.lbfgs()], ids=["default", "lbfgs"])
@pytest.mark.parametrize("x64", [True, False])
def test_it_passes_all_checks_of_scikit_learn(x64, solver):
    with enable_x64(x64):
        check_estimator(LogisticRegression(solver=solver), on_skip=None)


@pytest.mark.parametrize(
    ("load", "count", "intercept"),
    [
        (load_breast_cancer, None, True),
        (load_iris, None, True),
        pytest.param(load_digits, 300, True, marks=pytest.mark.slow),
        pytest.param(load_breast_cancer, None, False, marks=pytest.mark.slow),
        pytest.param(load_iris, None, False, marks=pytest.mark.slow),
    ],
)
def test_it_finds_what_scikit_learn_finds(load, count, intercept):
    features, labels = data(load, count)
    weights = RNG.uniform(0.5, 2.0, len(labels))
    ours = LogisticRegression(0.5, fit_intercept=intercept).fit(features, labels, weights)
    known = Known(C=2.0, fit_intercept=intercept, solver="newton-cholesky", tol=1e-10)
    known.fit(features, labels, weights)
    assert ours.coef_.shape == known.coef_.shape
    assert ours.coef_ == pytest.approx(known.coef_, abs=1e-6)
    assert ours.intercept_ == pytest.approx(known.intercept_, abs=1e-6)
    assert np.array_equal(ours.classes_, known.classes_)
    assert np.array_equal(ours.predict(features), known.predict(features))
    assert ours.score(features, labels, weights) == known.score(features, labels, weights)
    for name in ("decision_function", "predict_proba", "predict_log_proba"):
        found, expected = (getattr(model, name)(features) for model in (ours, known))
        assert found.shape == expected.shape
        assert found == pytest.approx(expected, abs=1e-4 if name == "predict_log_proba" else 1e-5)


def test_the_logarithm_of_a_probability_is_exact_where_the_probability_is_rounded_to_zero():
    model = LogisticRegression().fit(X, LABELS)
    far = 1e3 * model.coef_
    z = model.decision_function(far)
    assert z[0] > 750
    assert model.predict_log_proba(far) == pytest.approx(np.array([[-z[0], 0.0]]), rel=1e-15)
    assert model.predict_proba(far).tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize("solver", [jgd.lbfgs(), optax.adam(0.1)], ids=["jgd", "optax"])
def test_any_method_is_a_solver(solver):
    model = LogisticRegression(solver=solver, gtol=1e-6).fit(X, KINDS)
    assert model.coef_ == pytest.approx(LogisticRegression().fit(X, KINDS).coef_, abs=1e-5)
    assert model.intercept_.sum() == pytest.approx(0.0, abs=1e-12)
    assert model.result_.tolerances.gtol == 1e-6
    assert model.n_iter_ == model.result_.steps > 10


def test_the_units_of_the_columns_do_not_matter():
    rng = np.random.default_rng(0)
    X, units = rng.normal(size=(200, 5)), np.array([1, 1e6, 1e-6, 1, 1])
    labels = X[:, 0] + rng.logistic(size=200) > 0
    scaled, plain = (LogisticRegression(ridge=0.0).fit(given, labels) for given in (X * units, X))
    assert scaled.coef_ * units == pytest.approx(plain.coef_, rel=1e-6)
    assert scaled.result_.steps < 20


def test_labels_may_be_words():
    model = LogisticRegression().fit(X, LABELS)
    assert model.classes_.tolist() == ["no", "yes"]
    assert set(model.predict(X)) == {"no", "yes"}


def test_a_grid_in_a_pipeline_compiles_once_for_each_shape_and_kind_of_solver():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    name = "logisticregression__"

    def scores(*ridges):
        grid = {name + "ridge": ridges, name + "solver": [None, jgd.lbfgs()]}
        search = GridSearchCV(pipeline, grid, cv=3, scoring="neg_log_loss", refit=False)
        return search.fit(X, LABELS).cv_results_["mean_test_score"].reshape(-1, 2)

    assert len(scores(1.0)) == 1
    before = compilations()
    found = scores(0.1, 10.0, 100.0)
    assert compilations() == before
    assert found[:, 0] == pytest.approx(found[:, 1], rel=1e-6)
    assert found[0, 0] > found[2, 0] + 0.05


def test_a_fit_of_the_same_shape_compiles_nothing():
    LogisticRegression().fit(X, LABELS)
    before = compilations()
    model = LogisticRegression(3.0, gtol=1e-6, max_steps=500).fit(X[::-1] + 1.0, LABELS)
    clone(model).set_params(ridge=7.0).fit(X, LABELS[::-1])
    assert compilations() == before


def test_pickles_and_copies_hold_the_model_and_not_the_data():
    model = LogisticRegression(solver=jgd.lbfgs()).fit(X, KINDS)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert np.array_equal(other.predict_proba(X), model.predict_proba(X))
        assert not hasattr(other, "result_")
        with pytest.raises(NotFittedError, match="LogisticRegression has no result_: it is made by fit"):
            other.covariance()
    assert len(pickle.dumps(model)) < X.nbytes + 2000
    assert hasattr(model, "result_")


@pytest.mark.slow
def test_it_is_fitted_by_several_processes():
    with joblib.parallel_backend("loky", n_jobs=2):
        scores = cross_val_score(LogisticRegression(solver=jgd.lbfgs()), X, KINDS, cv=3)
    assert scores == pytest.approx(cross_val_score(LogisticRegression(solver=jgd.lbfgs()), X, KINDS, cv=3))


@pytest.mark.parametrize(
    "dtype",
    [np.float32, np.float64, pytest.param(np.int64, marks=pytest.mark.slow)],
    ids=lambda kind: kind.__name__,
)
def test_float32_stays_float32_and_all_else_is_float64_whatever_jax_is_set_to(dtype):
    features = (10 * X).astype(dtype)
    expected = np.float32 if dtype == np.float32 else np.float64
    models = []
    for x64 in (True, False):
        with enable_x64(x64):
            models.append(LogisticRegression(0.0).fit(features, LABELS))
            assert str(models[-1].result_).startswith("CONVERGED")
            assert models[-1].covariance().shape == (P + 1, P + 1)
    for model in models:
        assert model.coef_.dtype == model.intercept_.dtype == model.result_.x["coef"].dtype == expected
        assert np.array_equal(model.coef_, models[0].coef_)
        assert np.array_equal(model.standard_errors()[0], models[0].standard_errors()[0])


def test_plain_models_take_float64_where_jax_has_float32_without_a_word():
    with enable_x64(False):
        result = jgd.minimize(jgd.models.logistic(X, LABELS, intercept=True))
    assert result.success
    assert result.x["coef"].dtype == np.float32


def test_what_happens_to_the_data_afterwards_does_not_change_the_fit():
    """JAX may share the memory of arrays that begin at a multiple of 64 bytes."""

    def aligned(array):
        room = np.empty(array.nbytes + 64, np.uint8)
        begin = -room.ctypes.data % 64
        made = room[begin : begin + array.nbytes].view(array.dtype).reshape(array.shape)
        made[:] = array
        return made

    features, weights = aligned(X), aligned(np.ones(N))
    model = LogisticRegression().fit(features, LABELS, weights)
    before = model.covariance()
    features[:] = 0.0
    assert np.array_equal(model.covariance(), before)
    weights[:] = 5.0
    assert np.array_equal(model.covariance(), before)


@pytest.mark.parametrize(
    ("labels", "intercept"),
    [
        (LABELS, False),
        (KINDS, True),
        pytest.param(LABELS, True, marks=pytest.mark.slow),
        pytest.param(KINDS, False, marks=pytest.mark.slow),
    ],
)
def test_standard_errors_have_the_shapes_of_what_they_belong_to(labels, intercept):
    model = LogisticRegression(fit_intercept=intercept).fit(X, labels)
    coef, bias = model.standard_errors()
    assert coef.shape == model.coef_.shape
    assert bias.shape == model.intercept_.shape
    variances = np.diag(model.covariance())
    assert coef.ravel() ** 2 == pytest.approx(variances[: coef.size], rel=1e-12)
    assert bias**2 == pytest.approx(variances[coef.size :] if intercept else 0.0, rel=1e-12)


def test_a_run_that_does_not_converge_warns_with_its_status():
    with pytest.warns(ConvergenceWarning, match=r"^MAX_STEPS: The budget of steps is used up\.$") as caught:
        model = LogisticRegression(max_steps=1).fit(X, LABELS)
    assert caught[0].filename == __file__
    assert model.n_iter_ == 1


@pytest.mark.parametrize("max_steps", [5, 10_000])
@pytest.mark.parametrize(
    "labels", [SEPARATE, pytest.param(SEPARATE + (X[:, 1] > 1), marks=pytest.mark.slow)], ids=["two", "three"]
)
def test_separated_classes_warn_and_a_ridge_is_the_way_out(labels, max_steps):
    words = r"There is no solution: a linear function of the features separates .* give a ridge above 0\.$"
    with pytest.warns(ConvergenceWarning, match=words):
        LogisticRegression(0.0, max_steps=max_steps).fit(X, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LogisticRegression(1e-6).fit(X, labels)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ridge": -1.0}, "ridge must be non-negative"),
        ({"solver": "lbfgs"}, "method must be a jgd method, an optax transformation or None"),
        ({"gtol": -1.0}, "gtol must be non-negative"),
        ({"max_steps": 0.5}, "max_steps must be a whole number"),
    ],
)
def test_bad_parameters_are_refused_by_fit(given, words):
    with pytest.raises((TypeError, ValueError), match=words):
        LogisticRegression(**given).fit(X, LABELS)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="y has one class only"):
        LogisticRegression().fit(X, np.ones(N))


def test_a_class_without_a_weight_has_no_solution_and_one_class_is_refused():
    weights = (KINDS < 2).astype(float)
    with pytest.warns(ConvergenceWarning, match="There is no solution: no example of one class has a weight"):
        LogisticRegression().fit(X, KINDS, weights)
    LogisticRegression(fit_intercept=False).fit(X, KINDS, weights)
    with pytest.raises(ValueError, match="sample_weight leaves no two classes: there is nothing to tell"):
        LogisticRegression().fit(X, LABELS, LABELS == "no")


def test_models_do_not_import_scikit_learn():
    program = "import sys, jgd; jgd.models.logistic; sys.exit('sklearn' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_scikit_learn_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    monkeypatch.delitem(sys.modules, "jgd.models.estimator")
    with pytest.raises(ImportError, match=r'needs scikit-learn 1\.6 or newer: pip install "jgd\[data\]"'):
        jgd.models.LogisticRegression  # noqa: B018
    with pytest.raises(AttributeError, match=r"module 'jgd\.models' has no attribute 'nothing'"):
        jgd.models.nothing  # noqa: B018
