"""The methods and problems of the contract tests: a new row here enters every one of them.

`METHODS` maps a name to a factory that is given a problem and sets its rates by the problem's
curvature. `PROBLEMS` are the small problems of every test run, `MORE_PROBLEMS` those of the slow
ones. `EXCEPTIONS` names the pairs where a method is not expected to reach the minimum, and why.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import optax

import jgd
from jgd.problems import Problem, get
from tests.contract import squares

CURVATURE: dict[str, tuple[float, float]] = {
    "valley": (1.0, 100.0),
    "valley-1000": (1.0, 1000.0),
    "himmelblau": (20.0, 130.0),
    "rosenbrock": (0.4, 1500.0),
    "saddle": (1.0, 3.0),
    "bowl": (1.0, 30.0),
    "quadratic-100-rotated": (1.0, 100.0),
    "quadratic-10000": (1.0, 10000.0),
    "two-slopes": (4.0, 32.0),
    "beale": (0.1, 400.0),
    "breast-cancer": (1.0, 2000.0),
    "mgh/bard": (0.1, 100.0),
}
"""Problem -> the smallest and the largest curvature that a run meets, roughly where not quadratic."""


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "valley": lambda: squares.valley(100.0),
    "valley-1000": lambda: squares.valley(1000.0),
    "rosenbrock": squares.rosenbrock,
    "himmelblau": squares.himmelblau,
    "saddle": squares.saddle,
    "bowl": squares.bowl,
}

MORE_PROBLEMS: dict[str, Callable[[], Problem]] = {
    name: lambda name=name: get(name)
    for name in (
        "quadratic-100-rotated",
        "quadratic-10000",
        "two-slopes",
        "beale",
        "breast-cancer",
        "mgh/bard",
    )
}


def rate(problem: Problem) -> float:
    """1/L."""
    return 1 / CURVATURE[problem.name][1]


def best_momentum(problem: Problem) -> float:
    """(sqrt kappa - 1) / (sqrt kappa + 1)."""
    mu, L = CURVATURE[problem.name]
    root = (L / mu) ** 0.5
    return (root - 1) / (root + 1)


@cache
def once(factory: Callable, *numbers: float) -> Any:
    """What is compared by identity, made once for the same numbers, so that it compiles once."""
    return factory(*numbers)


METHODS: dict[str, Callable[[Problem], Any]] = {
    "gradient_descent": lambda p: jgd.gradient_descent(rate(p)),
    "gradient_descent-schedule": lambda p: jgd.gradient_descent(
        once(optax.linear_schedule, 1.5 * rate(p), rate(p), 100)
    ),
    "gradient_descent-armijo": lambda p: jgd.gradient_descent(jgd.armijo(100 * rate(p))),
    "gradient_descent-exact": lambda p: jgd.gradient_descent(jgd.exact()),
    "gradient_descent-auto": lambda p: jgd.gradient_descent("auto"),
    "heavy_ball-auto": lambda p: jgd.heavy_ball("auto", best_momentum(p)),
    "gradient_descent-silver": lambda p: jgd.gradient_descent(jgd.silver(0.7 * rate(p))),
    "gradient_descent-momentum": lambda p: jgd.gradient_descent(rate(p), momentum=0.8),
    "gradient_descent-nesterov": lambda p: jgd.gradient_descent(rate(p), 0.8, nesterov=True),
    "heavy_ball": lambda p: jgd.heavy_ball(rate(p), best_momentum(p)),
    "nesterov": lambda p: jgd.nesterov(rate(p)),
    "nesterov-constant": lambda p: jgd.nesterov(rate(p), best_momentum(p)),
    "ogm": lambda p: jgd.ogm(100, rate(p)),
    "svrg": lambda p: jgd.svrg(rate(p)),
    "gradient_descent-wolfe": lambda p: jgd.gradient_descent(jgd.wolfe(10 * rate(p))),
    "gradient_descent-bb": lambda p: jgd.gradient_descent(jgd.barzilai_borwein(rate(p), "short")),
    "gradient_descent-adgd": lambda p: jgd.gradient_descent(jgd.adgd()),
    "gradient_descent-polyak": lambda p: jgd.gradient_descent(jgd.polyak(p.minimum)),
    "gradient_descent-lengths": lambda p: jgd.gradient_descent(jgd.lengths(100 * rate(p), trials=4)),
    "conjugate_gradient": lambda p: jgd.conjugate_gradient(),
    "conjugate_gradient-pr": lambda p: jgd.conjugate_gradient("polak-ribiere"),
    "lbfgs": lambda p: jgd.lbfgs(),
    "bfgs": lambda p: jgd.bfgs(),
    "newton_cg": lambda p: jgd.newton_cg(),
    "trust_region": lambda p: jgd.trust_region(),
    "trust_region_cg": lambda p: jgd.trust_region_cg(),
    "newton_raphson": lambda p: jgd.newton_raphson(),
    "newton": lambda p: jgd.newton(),
    "adam": lambda p: jgd.adam(0.02),
    "from_optax-sgd": lambda p: jgd.from_optax(optax.sgd, learning_rate=rate(p), momentum=0.5),
    "optax.adamw": lambda p: once(optax.adamw, 0.02),
    "optax.rmsprop": lambda p: once(optax.rmsprop, once(optax.exponential_decay, 0.1, 200, 0.5)),
    "optax.polyak_sgd": lambda p: once(optax.polyak_sgd, 1.0, 1.0, p.minimum),
    "optax.lbfgs": lambda p: once(optax.lbfgs),
}

ALIKE = {
    "gradient_descent-momentum",
    "gradient_descent-nesterov",
    "gradient_descent-wolfe",
    "gradient_descent-polyak",
    "conjugate_gradient-pr",
    "from_optax-sgd",
    "optax.adamw",
    "optax.rmsprop",
    "svrg",
}
"""Methods that take the same way through the code as others, and are left for the slow run where one
problem is as good as another."""

UPHILL = "curvature along the gradient is negative, and the exact step of a quadratic has no minimum"
DRAWN = "the nearest stationary point is not a minimum, and pure Newton is drawn to it"
FLAT = "the start is so flat that the step of a quadratic model overflows"
JUMP = "the curvature before the wall says nothing of it: one step climbs further than DIVERGED allows"
DECAY = "the weight decay moves the minimum, and the rate is too large to settle at the moved one"
SPENT = "the schedule's rate dies out before the run is there"

EXCEPTIONS: dict[tuple[str, str], str] = {
    ("gradient_descent-exact", "himmelblau"): UPHILL,
    ("gradient_descent-exact", "saddle"): UPHILL,
    ("gradient_descent-exact", "rosenbrock"): UPHILL,
    ("gradient_descent-exact", "two-slopes"): FLAT,
    ("gradient_descent-adgd", "two-slopes"): JUMP,
    ("newton_raphson", "himmelblau"): DRAWN,
    ("newton_raphson", "saddle"): DRAWN,
    ("newton_raphson", "beale"): DRAWN,
    ("newton_raphson", "two-slopes"): FLAT,
    ("optax.adamw", "rosenbrock"): DECAY,
    ("optax.rmsprop", "rosenbrock"): SPENT,
    ("optax.rmsprop", "mgh/bard"): SPENT,
}
"""(method, problem) -> why the minimum is not reached; a pair that does reach it fails as stale."""


@cache
def problem(name: str) -> Problem:
    """The named problem, built once."""
    return (PROBLEMS | MORE_PROBLEMS)[name]()


@cache
def method(name: str, problem_name: str) -> Any:
    """The named method for a problem, built once: what is ready-made compiles by identity."""
    return METHODS[name](problem(problem_name))


@cache
def solved(method_name: str, problem_name: str, max_steps: int = 200_000) -> jgd.Result:
    """The result of a run, computed once."""
    p = problem(problem_name)
    return jgd.minimize(
        p.fun,
        p.x0,
        method(method_name, problem_name),
        args=p.args,
        gtol=0.0,
        grtol=1e-7,
        max_steps=max_steps,
    )
