"""The best point is exactly the best of all iterates, wherever on the way it was."""

from itertools import islice

import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from tests.catalogue import problem
from tests.contract.loops import points
from tests.driver.functions import walled

CASES = {
    "Adam at too large a rate": (jgd.adam(2.0), "himmelblau", 40),
    "heavy ball, swinging for long": (jgd.heavy_ball(0.01, 0.999), "valley", 700),
    "descent that oscillates": (jgd.gradient_descent(0.0248), "himmelblau", 301),
    "descent that diverges": (jgd.gradient_descent(2.02 / 100), "valley", 10_000),
}


@pytest.mark.parametrize("name", CASES)
def test_best_is_the_best_of_all_iterates(name):
    method, problem_name, steps = CASES[name]
    known = problem(problem_name)
    result = jgd.minimize(known.fun, known.x0, method, args=known.args, gtol=1e-300, max_steps=steps)
    objective = jgd.Objective(known.fun, tuple(map(jnp.asarray, known.args)))
    walk = points(objective, method, jnp.asarray(known.x0))
    visited = list(islice(walk, result.steps + 1))
    values = np.array([point.value for point in visited])
    lowest = int(np.argmin(values))
    assert float(result.best_value) == pytest.approx(values[lowest], rel=1e-7)
    assert result.best_step == lowest
    assert np.asarray(result.best_x) == pytest.approx(np.asarray(visited[lowest].x), rel=1e-7)
    assert float(result.value) == pytest.approx(values[-1], rel=1e-6)
    assert result.best_value < result.value


def test_best_looks_behind_a_wall_of_nan_too():
    """Down to the minimum at 1, and on with the momentum to the wall at 1.5."""
    result = jgd.minimize(
        walled, np.zeros(2), jgd.heavy_ball(0.01, 0.95), args=(np.asarray(1.5),), max_steps=1000
    )
    assert result.status == jgd.Status.NONFINITE
    assert 0 < result.best_step < result.steps
    assert result.best_value == min(result.history["value"])
    assert result.best_x[0] == pytest.approx(1.0, abs=0.1)
    assert 1.4 < result.x[0] <= 1.5
