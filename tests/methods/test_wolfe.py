"""The strong Wolfe search: both conditions at every step, few trials, and no stall in float32."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.problems import get
from jgd.searches.wolfe import Wolfe


def one_step(search, fun, x=0.0, d=1.0):
    f = jgd.Objective(fun)
    point = f.evaluate(jnp.array([x]))
    return point, search(f, point, jnp.array([d]), None)


def quartic(x):
    return jnp.sum((x - 3.0) ** 4)


def wavy(x):
    return jnp.sum(0.1 * x**2 - x + 0.2 * jnp.sin(4 * x))


def exponential(x):
    return jnp.sum(jnp.exp(x) - 30.0 * x)


def steep(x):
    return jnp.sum((1e4 * (x - 1e-4)) ** 2)


@pytest.mark.parametrize("curvature", [0.9, 0.1, 0.01])
@pytest.mark.parametrize("fun", [quartic, wavy, exponential, steep])
@pytest.mark.parametrize("initial", [1e-3, 1.0, 50.0])
def test_the_step_meets_both_conditions(fun, initial, curvature):
    search = Wolfe(initial=initial, curvature=curvature)
    point, step = one_step(search, fun)
    slope, rate = float(point.grad[0]), float(step.info.rate)
    assert slope < 0
    assert step.info.accepted
    assert float(step.to.value) <= float(point.value) + 1e-4 * rate * slope
    assert abs(float(step.to.grad[0])) <= curvature * abs(slope)
    assert step.to.x[0] == rate
    assert step.info.values == step.info.grads == step.info.rejected + 1
    assert step.info.values <= 20


def test_the_first_trial_is_taken_where_it_will_do():
    _, step = one_step(Wolfe(), lambda x: 0.5 * jnp.sum((x - 1.2) ** 2))
    assert (step.info.rate, step.info.values) == (1.0, 1)


def test_trials_grow_at_most_tenfold():
    """The minimum is at 1e6: it takes at least six trials from 1."""
    _, step = one_step(Wolfe(curvature=0.5), lambda x: jnp.sum((1e-6 * x - 1.0) ** 2))
    assert step.info.accepted
    assert 6 <= step.info.values <= 12


def wall(x):
    return jnp.where(x[0] > 1e-3, jnp.nan, jnp.sum((x - 1.0) ** 2))


def abyss(x):
    return jnp.where(x[0] > 1e-3, -jnp.inf, jnp.sum((x - 1.0) ** 2))


@pytest.mark.parametrize("fun", [wall, abyss])
def test_before_a_wall_the_last_good_trial_is_taken(fun):
    """No step meets the second condition, since the function still falls where it ends."""
    point, step = one_step(Wolfe(), fun)
    assert step.info.accepted
    assert 1e-4 < float(step.info.rate) <= 1e-3
    assert np.isfinite(step.to.value)
    assert step.to.value < point.value
    assert step.info.values <= 30


def test_a_direction_that_does_not_descend_is_not_tried():
    point, step = one_step(Wolfe(), quartic, d=-1.0)
    assert step.info.status == jgd.Status.SEARCH_FAILED
    assert (step.info.values, step.info.accepted) == (0, False)
    assert step.to.x == point.x


def misled(x):
    """Its derivative has the wrong sign."""
    return jnp.sum(x) - 2 * (jnp.sum(x) - jax.lax.stop_gradient(jnp.sum(x)))


def test_where_no_trial_falls_the_search_fails_within_its_trials():
    point, step = one_step(Wolfe(max_trials=9), misled)
    assert point.grad[0] == -1.0
    assert step.info.status == jgd.Status.SEARCH_FAILED
    assert step.info.values <= 9
    assert step.to.x == point.x


def test_a_trial_that_changes_nothing_is_not_taken_for_a_step():
    """The rate has shrunk until x stays the same to the last bit: no trial fell."""
    point, step = one_step(Wolfe(max_trials=60), misled, x=1.0)
    assert step.info.status == jgd.Status.SEARCH_FAILED
    assert (step.info.accepted, step.info.rate) == (False, 0)
    assert step.to.x == point.x


@pytest.mark.parametrize("size", [1e-9, 1e-6, 1e-3])
def test_values_that_are_noise_are_told_from_a_gradient_that_is_wrong(size):
    """Every trial is `size` higher, whatever the slope promises: more cannot be told from values."""

    def noisy(x):
        smooth = 0.5 * jnp.sum(x**2)
        return smooth + jax.lax.stop_gradient(jnp.where(x[0] == 1e-5, 0.0, size))

    point, step = one_step(Wolfe(), noisy, x=1e-5, d=-1e-5)
    assert step.info.status == jgd.Status.PRECISION_LIMIT
    assert step.to.x == point.x


def test_a_kink_is_not_taken_for_noise():
    """The values rise a thousand times faster than the slope at the kink says, as the slopes beyond it do."""
    _, step = one_step(Wolfe(), lambda x: jnp.sum(jnp.where(x > 0, 1000 * x, -x)))
    assert step.info.status == jgd.Status.SEARCH_FAILED


# Misra1a's data and model C of NIST's Statistical Reference Datasets, 2 parameters of sizes 6e2 and 2e-4.
PRESSURE = [77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0]
VOLUME = [10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.4, 75.47, 81.78]


def misra(b):
    model = b[0] * (1 - (1 + 2 * b[1] * jnp.array(PRESSURE)) ** -0.5)
    return jnp.sum((model - jnp.array(VOLUME)) ** 2)


@pytest.mark.parametrize("start", [(500.0, 1e-4), (600.0, 2e-4)])
def test_a_fit_whose_curvatures_differ_by_1e15_reaches_the_certified_answer(start):
    """In the flat direction the values of the first steps are noise; the search has to begin afresh there."""
    result = jgd.minimize(misra, np.array(start), jgd.lbfgs())
    assert result.status in (jgd.Status.CONVERGED, jgd.Status.PRECISION_LIMIT), result
    assert np.asarray(result.x) == pytest.approx([636.42725809, 2.0813627256e-4], rel=1e-6)
    assert result.value == pytest.approx(4.0966836971e-2, rel=1e-9)


METHODS = {
    "lbfgs": jgd.lbfgs(),
    "bfgs": jgd.bfgs(),
    "conjugate_gradient": jgd.conjugate_gradient(),
    "polak-ribiere": jgd.conjugate_gradient("polak-ribiere"),
    "newton_cg": jgd.newton_cg(),
    "trust_region": jgd.trust_region(),
    "trust_region_cg": jgd.trust_region_cg(),
    "default": None,
}


def raised_rosenbrock(x):
    return 1e4 + 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


@pytest.mark.parametrize("name", METHODS)
def test_in_float32_differences_that_vanish_do_not_stop_a_run(name):
    """Near the minimum the value is 1e4 to the last bit from x = (0.98, 0.96) on."""
    x0 = np.array([-1.2, 1.0], np.float32)
    result = jgd.minimize(raised_rosenbrock, x0, METHODS[name], gtol=1e-2, max_steps=2000)
    assert result.status == jgd.Status.CONVERGED, result
    assert np.asarray(result.x) == pytest.approx(np.ones(2), abs=0.05)
    assert float(result.value) == 1e4


@pytest.mark.parametrize("name", METHODS)
def test_in_float64_a_raised_function_is_minimized_to_the_precision_of_its_gradient(name):
    result = jgd.minimize(raised_rosenbrock, np.array([-1.2, 1.0]), METHODS[name], gtol=1e-9, max_steps=2000)
    assert result.status == jgd.Status.CONVERGED, result
    assert np.asarray(result.x) == pytest.approx(np.ones(2), abs=1e-8)


@pytest.mark.parametrize("problem", ["rosenbrock", "beale", "breast-cancer"])
def test_every_step_of_a_run_meets_the_conditions(problem):
    known = get(problem)
    result = jgd.minimize(
        known.fun,
        known.x0,
        jgd.lbfgs(),
        args=known.args,
        recorder=jgd.Recorder(rows=256, x=True),
        max_steps=200,
    )
    assert result.success
    f, h = jgd.Objective(known.fun, tuple(map(jnp.asarray, known.args))), result.history
    points = [f.evaluate(jnp.asarray(x)) for x in h["x"]]
    for old, new in pairwise(points):
        move = np.asarray(new.x - old.x)
        slope, after = float(old.grad @ move), float(new.grad @ move)
        assert slope < 0
        assert abs(after) <= 0.9 * abs(slope) * (1 + 1e-9)
        assert float(new.value) <= float(old.value) + 1e-4 * slope + 1e-14 * abs(float(old.value))


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"initial": 0.0}, "initial must be positive"),
        ({"decrease": 0.7}, "decrease must be less than 0.5"),
        ({"curvature": 1.0}, "curvature must be less than 1"),
        ({"decrease": 0.4, "curvature": 0.3}, "decrease must be less than curvature"),
        ({"max_trials": 1}, "max_trials must be at least 2"),
    ],
)
def test_numbers_out_of_range_are_refused(given, error):
    with pytest.raises(ValueError, match=error):
        jgd.wolfe(**given)
