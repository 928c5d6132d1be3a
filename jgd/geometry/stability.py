"""What curvature means for methods of descent: the rates they bear, and how fast they are.

On a quadratic whose Hessian has eigenvalues in [low, high], 0 < low, the error along an eigenvector of
eigenvalue lambda follows the roots of the method's characteristic polynomial; `factor` is the largest modulus
among them over both ends, the asymptotic factor of |x - x*| in a step (of f - f*, its square).
"""

import cmath
import math
from dataclasses import dataclass

FORMULAS = {
    "gradient_descent": "2",
    "heavy_ball": "(2 + 2 beta)",
    "nesterov": "(2 + 2 beta)/(1 + 2 beta)",
}
"""Method of descent -> the largest rate times curvature that it bears."""


@dataclass(frozen=True)
class Prediction:
    """A method with constants of its own, and the factor by which the error shrinks at a step."""

    method: str
    learning_rate: float
    momentum: float
    factor: float

    def steps(self, ratio: float) -> float:
        """How many steps shrink the error to `ratio` times itself; infinite if it does not shrink."""
        if ratio >= 1:
            return 0.0
        if self.factor == 0:
            return 1.0
        return math.log(ratio) / math.log(self.factor) if self.factor < 1 and ratio > 0 else math.inf


def gradient_descent_roots(rate: float, eigenvalue: float) -> tuple[complex, ...]:
    """1 - rate lambda."""
    return (complex(1 - rate * eigenvalue),)


def heavy_ball_roots(rate: float, momentum: float, eigenvalue: float) -> tuple[complex, ...]:
    """The roots of z^2 - (1 + beta - rate lambda) z + beta.

    Reference: Polyak (1964), Some methods of speeding up the convergence of iteration methods.
    """
    return _roots(1 + momentum - rate * eigenvalue, momentum)


def nesterov_roots(rate: float, momentum: float, eigenvalue: float) -> tuple[complex, ...]:
    """The roots of z^2 - (1 + beta) (1 - rate lambda) z + beta (1 - rate lambda).

    Reference: Nesterov (2004), Introductory Lectures on Convex Optimization, scheme 2.2.11.
    """
    shrink = 1 - rate * eigenvalue
    return _roots((1 + momentum) * shrink, momentum * shrink)


def _roots(total: float, product: float) -> tuple[complex, complex]:
    """The two numbers of that sum and that product."""
    root = cmath.sqrt(total**2 - 4 * product)
    return (total + root) / 2, (total - root) / 2


def largest_stable_curvature(method: str, rate: float, momentum: float = 0.0) -> float:
    """The largest eigenvalue under which the method is stable on a quadratic.

    `gradient_descent` 2/rate; `heavy_ball` (2 + 2 beta)/rate; `nesterov` (2 + 2 beta)/(rate (1 + 2 beta));
    `adam` (2 + 2 beta)/((1 - beta) rate), for the Hessian divided by the roots of the mean squared
    gradients, beta its b1.
    Reference: Cohen et al. (2021), Gradient descent on neural networks typically occurs at the edge of
    stability, eq. 1 and app. B; Cohen et al. (2022), Adaptive gradient methods at the edge of stability.
    """
    limits = {
        "gradient_descent": 2.0,
        "heavy_ball": 2 + 2 * momentum,
        "nesterov": (2 + 2 * momentum) / (1 + 2 * momentum),
        "adam": (2 + 2 * momentum) / (1 - momentum) if momentum < 1 else math.inf,
    }
    if method not in limits:
        raise ValueError(f"method must be one of {', '.join(limits)}, got {method!r}.")
    return limits[method] / rate


def predicted(method: str, low: float, high: float, rate: float, momentum: float = 0.0) -> Prediction:
    """How a method with these constants does on eigenvalues in [low, high]."""
    roots = {
        "gradient_descent": lambda eigenvalue: gradient_descent_roots(rate, eigenvalue),
        "heavy_ball": lambda eigenvalue: heavy_ball_roots(rate, momentum, eigenvalue),
        "nesterov": lambda eigenvalue: nesterov_roots(rate, momentum, eigenvalue),
    }
    if method not in roots:
        raise ValueError(f"method must be one of {', '.join(roots)}, got {method!r}.")
    factor = max(abs(root) for end in (low, high) for root in roots[method](end))
    return Prediction(method, rate, momentum, factor)


def best(method: str, low: float, high: float) -> Prediction:
    """The method with its best constants for eigenvalues in [low, high], 0 < low.

    `gradient_descent`: rate 2/(high + low), factor (kappa - 1)/(kappa + 1).
    `heavy_ball`: rate 4/(sqrt high + sqrt low)^2, momentum q^2, factor q = (sqrt kappa - 1)/(sqrt kappa + 1).
    `nesterov`: rate 1/high, safe on all convex functions, momentum q, factor 1 - 1/sqrt kappa.
    Reference: Nocedal & Wright (2006), Numerical Optimization, theorem 3.4; Lessard, Recht & Packard (2016),
    Analysis and design of optimization algorithms via integral quadratic constraints, prop. 1.
    """
    if not 0 < low <= high:
        raise ValueError(f"low and high must be 0 < low <= high, got {low:g} and {high:g}.")
    root = math.sqrt(high / low)
    slow = (root - 1) / (root + 1)
    constants = {
        "gradient_descent": (2 / (high + low), 0.0, (high - low) / (high + low)),
        "heavy_ball": (4 / (math.sqrt(high) + math.sqrt(low)) ** 2, slow**2, slow),
        "nesterov": (1 / high, slow, 1 - 1 / root),
    }
    if method not in constants:
        raise ValueError(f"method must be one of {', '.join(constants)}, got {method!r}.")
    return Prediction(method, *constants[method])
