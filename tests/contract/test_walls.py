"""Where the function ends in NaN a run keeps the last finite point, and never calls it converged."""

import jax
import numpy as np
import pytest

import jgd
from tests.catalogue import METHODS, method, solved
from tests.contract.squares import himmelblau

WALL = 2.9
"""Himmelblau's minimum is at x[0] = 3, behind it."""

ENDS = {
    jgd.Status.NONFINITE,
    jgd.Status.SEARCH_FAILED,
    jgd.Status.STALLED,
    jgd.Status.PRECISION_LIMIT,
    jgd.Status.MAX_STEPS,
}
ELSEWHERE = {"newton_raphson": "it is drawn to the maximum, on this side of the wall"}


@pytest.mark.parametrize("name", METHODS)
def test_a_wall_of_nan_is_not_convergence(name):
    known = himmelblau(WALL)
    result = jgd.minimize(
        known.fun, known.x0, method(name, "himmelblau"), args=known.args, gtol=0.0, grtol=1e-7,
        max_steps=3000,
    )  # fmt: skip
    leaves = jax.tree.leaves((result.x, result.value, result.grad, result.best_x))
    assert all(np.isfinite(leaf).all() for leaf in leaves)
    assert np.isfinite(result.history["value"]).all()
    assert result.x[0] <= WALL
    if name in ELSEWHERE:
        assert result.status == jgd.Status.CONVERGED
        assert np.max(np.abs(result.grad)) <= result.tolerances.grad
    else:
        assert result.status in ENDS, result
        assert result.grad_norm > result.tolerances.grad
        assert not result.success


@pytest.mark.parametrize("name", ["gradient_descent", "adam", "heavy_ball"])
def test_the_point_kept_is_the_one_before_the_wall(name):
    free = [solved(name, "himmelblau", max_steps=k) for k in range(1, 20)]
    wall = float(max(result.x[0] for result in free[:3]))
    first = next(k for k, result in enumerate(free, start=1) if result.x[0] > wall)
    known = himmelblau(wall)
    met = jgd.minimize(known.fun, known.x0, method(name, "himmelblau"), args=known.args, gtol=0.0, grtol=1e-7)
    assert met.status == jgd.Status.NONFINITE
    assert met.steps == first - 1
    assert (np.asarray(met.x) == np.asarray(free[first - 2].x)).all()


@pytest.mark.parametrize("steps", [129, 130, 1000])
def test_the_point_kept_is_the_one_before_a_wall_that_a_long_block_meets(steps):
    """From step 128 on a block is of several steps."""

    def run(wall, **options):
        known = himmelblau(wall)
        slow = jgd.gradient_descent(1e-5)
        return jgd.minimize(known.fun, known.x0, slow, args=known.args, gtol=0.0, grtol=1e-7, **options)

    free = run(np.inf, max_steps=steps)
    met = run(float(free.x[0]))
    assert (met.status, met.steps) == (jgd.Status.NONFINITE, steps)
    assert (np.asarray(met.x) == np.asarray(free.x)).all()
