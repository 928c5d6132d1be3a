"""Logistic regression as an estimator of scikit-learn."""

import warnings
from typing import Any

import numpy as np
from scipy.special import log_softmax, softmax

from jgd.api import minimize
from jgd.core.float64 import enable_x64
from jgd.core.status import Status
from jgd.models import recipes
from jgd.models.separation import SEPARATED, is_separated
from jgd.models.uncertainty import covariance, standard_errors
from jgd.rules import MAX_STEPS

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        'jgd.models.LogisticRegression needs scikit-learn 1.6 or newer: pip install "jgd[data]".'
    ) from error


WEIGHTLESS = (
    "no example of one class has a weight, so that its intercept falls without end; leave its examples out."
)


class LogisticRegression(ClassifierMixin, BaseEstimator):
    """Logistic regression, sum_i log-loss_i + ridge/2 |coef|^2, as an estimator of scikit-learn.

    Two classes are fitted by `jgd.models.logistic`, more by `jgd.models.softmax`, on all examples, in float32
    if that is the dtype of X and else in float64, whether or not `jax_enable_x64` is set. The intercept is
    not penalized. With ridge = 1/C it is the model of scikit-learn's estimator of the same name.

    Args:
      ridge: the penalty's weight, 0 for none.
      fit_intercept: whether the predictor has an intercept.
      solver: the method, as `jgd.minimize` takes it: `jgd.lbfgs()` and its like, an optax transformation, or
        None for its default.
      gtol: the tolerance of the gradient, as `jgd.minimize` takes it.
      max_steps: the budget of steps.

    Attributes:
      classes_: (K,) the labels.
      coef_: (1, p) for two classes, where it belongs to the second, else (K, p).
      intercept_: (1,) or (K,); those of more than two classes sum to zero.
      n_iter_: the number of steps.
      n_features_in_: p.
      feature_names_in_: (p,) the names of the columns, if X has names.
      result_: the `jgd.Result` of the run, which holds the data; left out of pickles and copies. Where it is
        of float64 and `jax_enable_x64` is not set, look into it within `jax.enable_x64(True)`.

    Reference: Hastie, Tibshirani & Friedman (2009), The elements of statistical learning, section 4.4.

    >>> import numpy as np, jgd
    >>> X, y = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array(["no", "yes", "no", "yes"])
    >>> model = jgd.models.LogisticRegression().fit(X, y)
    >>> model.coef_.round(2), model.predict([[3.0]])
    (array([[0.29]]), array(['yes'], dtype='<U3'))
    """

    def __init__(
        self,
        ridge: float = 1.0,
        *,
        fit_intercept: bool = True,
        solver: Any = None,
        gtol: float | None = None,
        max_steps: int = MAX_STEPS,
    ) -> None:
        self.ridge = ridge
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.gtol = gtol
        self.max_steps = max_steps

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LogisticRegression":
        """Fit to features X, (n, p), labels y, (n,), and weights of the examples, (n,); returns itself.

        Warns with scikit-learn's ConvergenceWarning if the run does not end CONVERGED, or if there is nothing
        to converge to: classes that are separated, without a ridge, or one without a weight, beside an
        intercept.
        Raises TypeError or ValueError for data with missing values or of one class, counting those with a
        weight, and for bad parameters.
        """
        # copied, since JAX may share the memory of an array, and result_ is to stay what it was
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32), accept_sparse="csr", copy=True)
        check_classification_targets(y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=X.dtype)
        self.classes_ = np.unique(y)
        weighted = self.classes_ if sample_weight is None else np.unique(y[sample_weight > 0])
        if len(weighted) < min(2, len(self.classes_)):
            raise ValueError("sample_weight leaves no two classes: there is nothing to tell apart.")
        model = recipes.softmax if len(self.classes_) > 2 else recipes.logistic
        with enable_x64(True):
            fit = model(X, y, ridge=self.ridge, intercept=self.fit_intercept, weights=sample_weight)
            self.result_ = minimize(fit, method=self.solver, gtol=self.gtol, max_steps=self.max_steps)
        self.coef_, self.intercept_ = self._parts(self.result_.x)
        if len(self.intercept_) > 1:
            self.intercept_ -= self.intercept_.mean()
        self.n_iter_ = self.result_.steps
        self._warn(self.fit_intercept and len(weighted) < len(self.classes_))
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """The predictors X coef^T + intercept, (n,) for two classes, else (n, K)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), accept_sparse="csr", reset=False)
        scores = X @ self.coef_.T + self.intercept_
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row."""
        scores = self._scores(X)
        return self.classes_[np.argmax(scores, axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, (n, K)."""
        return softmax(self._scores(X), axis=1)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithm of the probability of each class, (n, K)."""
        return log_softmax(self._scores(X), axis=1)

    def covariance(self) -> np.ndarray:
        """That of coef_, row by row, and then intercept_: `jgd.models.covariance` of result_."""
        return covariance(self._fitted())

    def standard_errors(self) -> tuple[np.ndarray, np.ndarray]:
        """Those of coef_ and of intercept_, of their shapes: `jgd.models.standard_errors` of result_."""
        return self._parts(standard_errors(self._fitted()))

    def __sklearn_tags__(self) -> Any:
        """What it takes beyond arrays: sparse matrices."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _scores(self, X: Any) -> np.ndarray:
        """A score for each class, whose softmax is its probability."""
        scores = self.decision_function(X)
        return scores if scores.ndim == 2 else np.column_stack([np.zeros_like(scores), scores])

    def _parts(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """The coefficients and the intercepts of parameters, a row and an entry for each predictor."""
        parts = x if self.fit_intercept else {"coef": x, "intercept": np.zeros(x.shape[:-1], x.dtype)}
        coef, intercept = (np.array(parts[name]) for name in ("coef", "intercept"))
        return np.atleast_2d(coef), np.atleast_1d(intercept)

    def _fitted(self) -> Any:
        """The result; raises where there is none."""
        missing = "%(name)s has no result_: it is made by fit, and left out of pickles and copies."
        check_is_fitted(self, "result_", msg=missing)
        return self.result_

    def _warn(self, weightless: bool) -> None:
        """Say so if the solution is none."""
        objective, status = self.result_.program.objective, self.result_.status
        why = WEIGHTLESS if weightless else ""
        if is_separated(objective.fun, self.result_.x, objective.args[-1]):
            why = SEPARATED
        if status == Status.CONVERGED and not why:
            return
        reason = f" There is no solution: {why}" if why else ""
        warnings.warn(f"{status}: {status.message}{reason}", ConvergenceWarning, stacklevel=3)

    def __getstate__(self) -> dict[str, Any]:
        """All but the result, which holds the data."""
        state: Any = super().__getstate__()
        return {name: value for name, value in state.items() if name != "result_"}
