"""A race on logistic regression: runs in batches of any size, measured by examples and by seconds."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit

import jgd
from jgd.sums import FiniteSum

FAR = 1000
"""Epochs between two looks at all examples: more than any run here has."""

LIMITS = {"gtol": 0.0, "recorder": jgd.Recorder(rows=256, x=True)}
"""What runs are given beside their length."""


def logistic(count: int, least: float) -> tuple[np.ndarray, np.ndarray]:
    """20 features of deviations from 1 to the least, and labels that follow them."""
    random, scales = np.random.default_rng(0), np.geomspace(1, least, 20)
    X = random.standard_normal((count, 20)) * scales
    score = X @ (random.standard_normal(20) / scales / 2)
    return X, random.uniform(size=count) < expit(score)


class Race:
    """A logistic regression: how runs on it are made and measured.

    `rate` is 1/L, `first` is f − f* at w = 0, `trace` is tr Σ at the minimum.
    """

    def __init__(self, count: int, least: float) -> None:
        """For so many examples whose features have deviations from 1 to the least."""
        self.data, self.count = logistic(count, least), count
        self.whole = self.fit(count)
        self.least = jgd.minimize(self.whole).raise_if_failed()
        self.rate = 4 * count / float(np.linalg.norm(self.data[0], 2)) ** 2
        self.first = float(self.whole(self.whole.start)) - self.least.value
        self.trace = jgd.gradient_noise(self.whole, self.least.x).trace
        self.values = jax.jit(lambda many: jax.lax.map(self.whole, many))

    def fit(self, size: int) -> FiniteSum:
        """The objective in batches of that size."""
        batches = {} if size == self.count else {"batch_size": size, "replacement": True, "test_every": FAR}
        return jgd.models.logistic(*self.data, ridge=0.0, reduction="mean", **batches)

    def track(self, history: dict, examples: float, seconds: float) -> dict[str, np.ndarray]:
        """Examples seen, seconds, and f − f* over that at w = 0, along a run; the costs are of a step."""
        error = (np.asarray(self.values(jnp.asarray(history["x"]))) - self.least.value) / self.first
        return {"examples": history["step"] * examples, "seconds": history["step"] * seconds, "error": error}


def reached(track: dict[str, np.ndarray], level: float) -> float:
    """The examples seen when the error was first at most the level; infinite if never."""
    below = track["error"] <= level
    return float(track["examples"][below.argmax()]) if below.any() else np.inf
