"""Searches against what they promise of every step."""

from itertools import islice, pairwise

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.problems import get
from jgd.searches.armijo import Armijo
from tests.contract.loops import points

NAMES = (
    "rosenbrock",
    "beale",
    pytest.param("breast-cancer", marks=pytest.mark.slow),
)


def walk(name: str, search, steps: int = 60, dtype=np.float64):
    known = get(name)
    f = jgd.Objective(known.fun, tuple(map(jnp.asarray, known.args)))
    method = jgd.gradient_descent(search)
    return list(islice(points(f, method, jnp.asarray(known.x0, dtype)), steps + 1))


@pytest.mark.parametrize("decrease", [1e-4, 0.3])
@pytest.mark.parametrize("name", NAMES)
def test_every_accepted_step_decreases_sufficiently(name, decrease):
    visited = walk(name, jgd.armijo(decrease=decrease))
    for old, new in pairwise(visited):
        d = np.asarray(old.grad)
        rate = np.linalg.norm(np.asarray(new.x - old.x)) / np.linalg.norm(d)
        promised = decrease * rate * d @ d
        rounding = 1e-14 * abs(float(old.value))
        assert float(new.value) <= float(old.value) - promised * (1 - 1e-6) + rounding
        assert rate > 0


def parabola(x):
    return 0.5 * jnp.sum(x**2)


def one_step(search, x=1.0, d=-1.0, fun=parabola):
    f = jgd.Objective(fun)
    point = f.evaluate(jnp.array([x]))
    return search(f, point, jnp.array([d]), search.init(f, point))


@pytest.mark.parametrize(
    ("initial", "rate", "trials"), [(1.0, 1.0, 1), (1.9, 1.9, 1), (4.0, 1.0, 3), (64.0, 1.0, 7)]
)
def test_the_first_rate_that_will_do_is_taken(initial, rate, trials):
    """On a parabola of curvature 1 any rate below 2 (1 - decrease) will do."""
    step = one_step(Armijo(initial=initial))
    assert (step.info.rate, step.info.values, step.info.grads) == (rate, trials, trials)
    assert step.info.rejected == trials - 1
    assert step.info.accepted
    assert step.to.x[0] == 1.0 - rate


def test_the_next_search_begins_at_a_multiple_of_the_last_rate():
    assert one_step(Armijo(initial=0.25, growth=3.0)).state == 0.75
    assert one_step(Armijo(initial=4.0, growth=2.0)).state == 2.0
    assert one_step(Armijo(initial=4.0, growth=None)).state == 4.0


def test_the_point_of_a_step_is_the_trial_that_was_evaluated():
    step = one_step(Armijo(initial=1.5))
    assert isinstance(step.to, jgd.Point)
    assert (step.to.value, step.to.grad[0]) == (0.125, -0.5)


def test_along_a_direction_that_does_not_descend_nothing_is_tried():
    step = one_step(Armijo(), d=1.0)
    assert step.info.status == jgd.Status.SEARCH_FAILED
    assert (step.info.values, step.info.rejected) == (0, 0)
    assert not step.info.accepted
    assert step.to.x[0] == 1.0


def test_trials_are_limited():
    step = one_step(Armijo(initial=1e12, max_trials=5))
    assert (step.info.values, step.info.rejected) == (5, 5)
    assert step.info.status == jgd.Status.SEARCH_FAILED
    assert step.to.x[0] == 1.0


def wall(x):
    return jnp.where(x[0] < 0.5, jnp.nan, jnp.sum(x**2))


def hill(x):
    return jnp.sum(jnp.exp(x**2)) * 1e300


def abyss(x):
    return jnp.where(x[0] < 0.5, -jnp.inf, jnp.sum(x**2))


def slopeless(x):
    """x.x, with a gradient of NaN below x[0] = 0.9."""
    return jnp.sum(x**2) + 0 * jnp.sqrt(jnp.maximum(x[0] - 0.9, 0))


@pytest.mark.parametrize("fun", [wall, hill, abyss, slopeless])
def test_trials_that_are_not_finite_are_rejected(fun):
    step = one_step(Armijo(initial=64.0), fun=fun)
    assert step.info.accepted
    assert np.isfinite(step.to.value)
    assert np.isfinite(step.to.grad).all()
    assert step.to.value < fun(jnp.ones(1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_wall_behind_which_f_is_nan_is_no_limit_of_precision(dtype):
    """The rates have become short on the way to the wall, so they promise less than rounding there."""
    result = jgd.minimize(wall, np.array([1.1, 0.7], dtype), jgd.gradient_descent())
    assert result.x[0] == pytest.approx(0.5, rel=1e-6)
    assert (result.status, result.grad_norm > 0.9) == (jgd.Status.SEARCH_FAILED, True)


def raised(x):
    return 1000.0 + jnp.sum(jnp.array([1.0, 10.0], x.dtype) * x**2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_below_the_noise_of_the_values_the_slopes_lead_on(dtype):
    """Far below where two values can be told apart, the gradient still shrinks to its own precision."""
    result = jgd.minimize(raised, np.ones(2, dtype), jgd.gradient_descent(), gtol=float(np.finfo(dtype).eps))
    assert result.status == jgd.Status.CONVERGED
    assert result.steps < 200


def misled(x):
    """Its derivative has the wrong sign, from where two values differ by rounding alone."""
    return jnp.sum(x**2) - 2 * (jnp.sum(x**2) - jax.lax.stop_gradient(jnp.sum(x**2)))


def test_a_gradient_of_the_wrong_sign_fails_rather_than_stay_where_it_is():
    assert jax.grad(misled)(jnp.ones(1))[0] == -2.0
    result = jgd.minimize(misled, np.ones(1), jgd.gradient_descent())
    assert (result.status, result.steps) == (jgd.Status.SEARCH_FAILED, 1)


def tilted(x, H):
    return 0.5 * x @ H @ x + jnp.sum(x)


def test_the_exact_step_is_the_minimum_along_the_direction():
    H = jnp.array([[3.0, 1.0], [1.0, 2.0]])
    f, search = jgd.Objective(tilted, (H,)), jgd.exact()
    point = f.evaluate(jnp.array([1.0, -2.0]))
    for d in (-point.grad, jnp.array([1.0, 0.0]), jnp.array([-3.0, 0.5])):
        step = search(f, point, d, None)
        assert float(step.info.rate) == pytest.approx(float(-point.grad @ d / (d @ H @ d)))
        assert float(f.grad(step.to) @ d) == pytest.approx(0.0, abs=1e-12)
        assert step.info.hvps == 1


def test_the_exact_step_fails_where_there_is_no_minimum():
    f, search = jgd.Objective(tilted, (jnp.diag(jnp.array([1.0, -1.0])),)), jgd.exact()
    point = f.evaluate(jnp.zeros(2))
    step = search(f, point, jnp.array([0.0, -1.0]), None)
    assert step.info.status == jgd.Status.SEARCH_FAILED
    assert (step.to == point.x).all()


@pytest.mark.parametrize(("dtype", "precision"), [(np.float64, 1e-14), (np.float32, 1e-6)])
def test_a_schedule_is_followed_as_precisely_as_x_can_tell(dtype, precision):
    schedule = optax.linear_schedule(0.3, 0.1, 7)
    result = jgd.minimize(
        parabola, np.ones(2, dtype), jgd.gradient_descent(schedule), max_steps=10, gtol=1e-300
    )
    expected = [0.3 - 0.2 * min(k / 7, 1) for k in range(10)]
    assert result.history["rate"][1:] == pytest.approx(expected, rel=precision)
    assert np.asarray(result.x) == pytest.approx(np.prod(1 - np.array(expected)), rel=10 * precision)


def test_silver_rates_follow_the_exponent_of_two_in_the_number_of_the_step():
    result = jgd.minimize(
        parabola,
        np.ones(1),
        jgd.gradient_descent(jgd.silver(0.01)),
        max_steps=600,
        gtol=1e-300,
        recorder=jgd.Recorder(1024),
    )
    rates = result.history["rate"][1:]
    nu = [(k & -k).bit_length() - 1 for k in range(1, len(rates) + 1)]
    expected = 0.01 * (1 + (1 + np.sqrt(2)) ** (np.array(nu) - 1.0))
    assert rates == pytest.approx(expected, rel=1e-12)
    assert len(rates) == 600


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_trials_at_once_do_not_take_a_step_of_rounding_for_a_descent(dtype):
    def fun(x):
        return (1e2 + 2 * jnp.sum(x**2)).astype(dtype)

    result = jgd.minimize(fun, jnp.array([3.0], dtype), jgd.gradient_descent(jgd.lengths()), max_steps=200)
    assert abs(float(result.x[0])) < 1


def test_the_exact_step_within_bounds_is_along_the_part_that_stays_inside():
    def fun(x):
        return 5 * x[0] ** 2 + 0.005 * (x[1] - 1000) ** 2

    upper = jnp.array([jnp.inf, 1.0])
    result = jgd.minimize(fun, jnp.ones(2), jgd.gradient_descent(jgd.exact()), bounds=(None, upper))
    assert result.success
    assert result.steps == 1
    assert np.asarray(result.x) == pytest.approx([0.0, 1.0], abs=1e-12)


@pytest.mark.parametrize("name", ["newton", "newton_cg"])
def test_a_direction_below_the_last_bits_of_x_is_the_limit_of_precision(name):
    def fun(x):
        return 1e6 * jnp.sum((x**2 - 2) ** 2)

    result = jgd.minimize(fun, jnp.array([3.0, 1.0], jnp.float32), getattr(jgd, name)(), gtol=1e-3)
    assert result.status is jgd.Status.PRECISION_LIMIT
    assert np.asarray(result.x) == pytest.approx(np.sqrt([2.0, 2.0]), rel=1e-6)


def test_the_first_step_of_a_gradient_whose_square_is_out_of_range_is_of_length_one():
    def fun(x):
        return 1e30 * jnp.sum(jnp.cosh(x / 10))

    result = jgd.minimize(fun, jnp.full(2, 40.0, jnp.float32), jgd.lbfgs(), max_steps=1)
    assert result.value < result.first_value


VALLEY = get("rosenbrock").fun
MOVING = {
    "armijo": jgd.gradient_descent(),
    "barzilai_borwein": jgd.gradient_descent(jgd.barzilai_borwein()),
    "conjugate_gradient": jgd.conjugate_gradient(),
    "lbfgs": jgd.lbfgs(),
}


@pytest.mark.parametrize("name", MOVING)
def test_a_slope_that_is_out_of_range_is_gone_down(name):
    """A gradient of 4e20 in float32, whose square is infinite."""
    x0 = jnp.array([1e6, 1.0], jnp.float32)
    result = jgd.minimize(VALLEY, x0, MOVING[name], max_steps=60)
    assert result.value < 1e-6 * result.first_value


@pytest.mark.parametrize("name", [name for name in MOVING if name != "armijo"])
def test_a_first_step_is_long_enough_to_move_a_large_x(name):
    """A step of length one is less than the last bit of 1e9 in float32."""

    def fun(x):
        return jnp.sum((x / 1e9 - 3) ** 2 * 1e12)

    result = jgd.minimize(fun, jnp.array([1e9, 2e9], jnp.float32), MOVING[name])
    assert np.asarray(result.x) == pytest.approx([3e9, 3e9], rel=1e-4)
