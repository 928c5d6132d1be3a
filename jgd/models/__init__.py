"""Models of data: regressions as sums over examples, ready for `jgd.minimize`."""

from jgd.models.recipes import linear as linear
from jgd.models.recipes import logistic as logistic
from jgd.models.recipes import poisson as poisson
from jgd.models.recipes import softmax as softmax

__all__ = ["linear", "logistic", "poisson", "softmax"]
