"""Models of data: regressions as sums over examples, for `jgd.minimize`, and how certain their fit is.

`LogisticRegression` is loaded when it is first used, since it imports scikit-learn.
"""

from typing import TYPE_CHECKING, Any

from jgd.models.recipes import linear as linear
from jgd.models.recipes import logistic as logistic
from jgd.models.recipes import poisson as poisson
from jgd.models.recipes import softmax as softmax
from jgd.models.uncertainty import covariance as covariance
from jgd.models.uncertainty import standard_errors as standard_errors

if TYPE_CHECKING:
    from jgd.models.estimator import LogisticRegression as LogisticRegression

__all__ = ["LogisticRegression", "covariance", "linear", "logistic", "poisson", "softmax", "standard_errors"]


def __getattr__(name: str) -> Any:
    if name != "LogisticRegression":
        raise AttributeError(f"module 'jgd.models' has no attribute {name!r}")
    from jgd.models.estimator import LogisticRegression

    return LogisticRegression
