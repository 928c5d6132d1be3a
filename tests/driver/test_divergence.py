"""DIVERGED is said early and of nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd import Status
from tests.driver.functions import quadratic, rosenbrock, square


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_rate_five_percent_too_large_is_noticed_within_some_hundred_steps(scale):
    """Each step multiplies f by 1.21 and 1e8 is 97 of them; a small f0 counts as 1, which takes longer."""
    x0 = scale * np.array([1.0, 1.0])
    result = jgd.minimize(
        quadratic,
        x0,
        jgd.gradient_descent(2.1 / 100),
        args=(np.array([1.0, 100.0]),),
        max_steps=10**6,
    )
    assert result.status == Status.DIVERGED
    assert result.steps <= 100 + max(0.0, -np.log(50.5 * scale**2)) / np.log(1.21)
    assert result.best_step == 0
    assert (np.asarray(result.best_x) == x0).all()
    assert np.isfinite(result.x).all()


def test_newton_raphson_may_climb():
    """On Rosenbrock's function from (-1.2, 1) it climbs to 58 times the first value, and converges."""
    result = jgd.minimize(rosenbrock, np.array([-1.2, 1.0]), jgd.newton_raphson())
    assert max(result.history["value"]) > 50 * result.first_value
    assert result.status == Status.CONVERGED


def test_heavy_ball_may_swing():
    """With the best constants for a condition number of 1e4, f rises to hundreds of its first value."""
    kappa = 1e4
    rate, momentum = 4 / (kappa**0.5 + 1) ** 2, ((kappa**0.5 - 1) / (kappa**0.5 + 1)) ** 2
    result = jgd.minimize(
        quadratic,
        np.array([1e-3, 1.0]),
        jgd.heavy_ball(rate, momentum),
        args=(np.array([1.0, kappa]),),
    )
    assert max(result.history["value"]) > 100 * result.first_value
    assert result.status == Status.CONVERGED


def test_a_run_that_merely_oscillates_is_none():
    result = jgd.minimize(square, np.array([3.0]), jgd.gradient_descent(1.0), max_steps=5000)
    assert result.status == Status.MAX_STEPS
    assert (result.value, abs(float(result.x[0]))) == (9.0, 3.0)


def test_a_function_without_a_floor_never_rises():
    result = jgd.minimize(quadratic, np.ones(1), jgd.gradient_descent(0.5), args=(-np.ones(1),))
    assert result.status == Status.NONFINITE
    assert result.value < -1e300
    assert np.isfinite(result.value)
    assert result.best_value == result.value


def test_how_far_is_too_far_may_be_changed():
    made = jgd.Program(
        jgd.Objective(square),
        jgd.gradient_descent(1.1),
        jgd.stop.Stop((jgd.stop.Divergence(factor=10.0),)),
    )
    carry = jgd.solve(made, np.ones(1))
    assert carry.status == Status.DIVERGED
    assert 11 <= carry.motion.point.value <= 11 * 1.2**2


@jgd.record
class Script:
    """Goes where it is told: to the next entry of `places` at each step."""

    places: jax.Array

    def init(self, f, point):
        return jnp.zeros((), jnp.int32)

    def step(self, f, point, state):
        return jgd.Step(self.places[state][None], state + 1, jgd.Info())


def itself(x):
    return x[0]


@pytest.mark.parametrize(
    ("start", "places", "steps"),
    [
        (0.0, [9e7, 1.1e8, 0.0], 2),  # a start below 1 counts as 1
        (5.0, [4.9e8, 5.1e8, 0.0], 2),
        (-5.0, [4.9e8, 5.1e8, 0.0], 2),
        (1.0, [-2e8, -1.5e8, 1.0], 3),  # how far it rose, not how high
        (1e12, [1.0, 1e12, 1e19, 2e20], 4),
    ],
)
def test_divergence_is_a_rise_above_the_best_by_1e8_times_the_first_value(start, places, steps):
    method = Script(jnp.array([*places, *[0.0] * 4])[:6])
    result = jgd.minimize(itself, np.array([start]), method, max_steps=6)
    assert (result.status, result.steps) == (Status.DIVERGED, steps)
    assert result.value == places[steps - 1]
    assert result.best_value == min(start, *places[:steps])
