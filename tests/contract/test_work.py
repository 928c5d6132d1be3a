"""The work that is reported is the work that was done, and nothing is traced or compiled twice."""

import dataclasses

import jax
import numpy as np
import optax
import pytest

import jgd
from tests.catalogue import ALIKE, METHODS, method, problem
from tests.contract.counting import Counting, compilations
from tests.contract.squares import himmelblau

LINE_SEARCHES = {
    "zoom": lambda: optax.chain(optax.sgd(1.0), optax.scale_by_zoom_linesearch(20)),
    "backtracking": lambda: optax.chain(optax.sgd(1.0), optax.scale_by_backtracking_linesearch(20)),
    "backtracking, gradients kept": lambda: optax.chain(
        optax.sgd(1.0), optax.scale_by_backtracking_linesearch(20, store_grad=True)
    ),
    "zoom that fails": lambda: optax.chain(optax.sgd(1.0), optax.scale_by_zoom_linesearch(2)),
    "backtracking that fails": lambda: optax.chain(optax.sgd(1.0), optax.scale_by_backtracking_linesearch(1)),
}

MORE_TRACES = {
    "gradient_descent-exact": 3,
    "gradient_descent-auto": 3,
    "heavy_ball-auto": 3,
    "newton_raphson": 3,
    "newton": 3,
    "newton_cg": 3,
    "trust_region": 3,
    "trust_region_cg": 3,
    "gradient_descent-lengths": 4,
    "optax.lbfgs": 6,
}
"""Two traces are one to look at the output and one to compile; curvature takes another, at the highest
precision of products, values without gradients are another program, and optax's line search differentiates the
objective in code of its own."""


def reported(result: jgd.Result) -> dict[str, int]:
    work = dataclasses.asdict(result.work)
    del work["discarded"], work["looks"]
    return work


ONE_GRADIENT = {"gradient_descent-silver", "heavy_ball", "nesterov-constant", "ogm"}
"""They take one gradient at each step, like others that are not left for the slow run."""


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in ALIKE | ONE_GRADIENT else ()) for n in METHODS]
)
def test_reported_work_is_executed_work_and_a_second_call_traces_nothing(name):
    bowl, rates = problem("bowl"), method(name, "bowl")
    counting = Counting(bowl.fun, bowl.n)
    result = jgd.minimize(counting.fun, bowl.x0, rates, args=bowl.args, gtol=1e-12, max_steps=25)
    assert reported(result) == counting.counts()
    assert result.steps >= 5
    assert counting.traces <= MORE_TRACES.get(name, 2)

    traces, others = counting.traces, METHODS[name](problem("valley"))
    ready_made = isinstance(rates, optax.GradientTransformation)
    if not ready_made and name != "gradient_descent-schedule":
        assert jax.tree.structure(others) == jax.tree.structure(rates)
        rates = others
    counting.reset()
    compiled = compilations()
    again = jgd.minimize(
        counting.fun,
        1.1 * bowl.x0,
        rates,
        args=(0.9 * bowl.args[0], *bowl.args[1:]),
        gtol=1e-3,
        target=1.0,
        max_steps=20,
    )
    assert reported(again) == counting.counts()
    assert counting.traces == traces
    assert compilations() <= compiled + (again.best_step < again.steps)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if "zoom" in name or "fails" in name else ())
        for name in LINE_SEARCHES
    ],
)
def test_trials_of_optax_line_searches_are_counted(name):
    bowl = problem("bowl")
    counting = Counting(bowl.fun, bowl.n)
    result = jgd.minimize(counting.fun, bowl.x0, LINE_SEARCHES[name](), args=bowl.args, max_steps=15)
    assert reported(result) == counting.counts()
    assert result.work.values > result.steps + 1


WASTE = {
    "a wall": (jgd.gradient_descent(0.01, momentum=0.5), 2.5, jgd.Status.NONFINITE),
    "a wall before a search": (jgd.gradient_descent(), 2.5, None),
    "the best value behind": (jgd.gradient_descent(0.01, momentum=0.95), np.inf, jgd.Status.MAX_STEPS),
}


@pytest.mark.parametrize("name", WASTE)
def test_work_that_led_nowhere_is_counted_and_called_discarded(name):
    rates, wall, status = WASTE[name]
    known = himmelblau(wall)
    counting = Counting(known.fun, known.n)
    result = jgd.minimize(counting.fun, known.x0, rates, args=known.args, max_steps=200)
    assert reported(result) == counting.counts()
    assert result.work.discarded > 0
    assert status is None or result.status == status
    failed = result.status == jgd.Status.SEARCH_FAILED  # a step whose trials were all rejected
    assert result.work.values - result.work.discarded == result.steps + 1 - failed
