"""Exact step counts on Rosenbrock's function: rows 2 and 3."""

import jax.numpy as jnp
import numpy as np
import pytest

import jgd


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


X0 = jnp.array([-1.2, 1.0])


@pytest.mark.parametrize(("rate", "steps"), [(1e-3, 31_798), (1.5e-3, 21_188), (1.99e-3, 15_938)])
def test_gradient_descent_takes_the_printed_number_of_steps(rate, steps):
    result = jgd.minimize(rosenbrock, X0, jgd.gradient_descent(rate), gtol=1e-6, max_steps=100_000)
    assert (result.status.name, result.steps) == ("CONVERGED", steps)


def test_just_over_the_stable_limit_it_ends_in_a_two_cycle():
    ends = [
        jgd.minimize(rosenbrock, X0, jgd.gradient_descent(2e-3), gtol=1e-6, max_steps=steps)
        for steps in (400_000, 400_001)
    ]
    assert {end.status.name for end in ends} == {"MAX_STEPS"}
    low, high = sorted(ends, key=lambda end: float(end.value))
    np.testing.assert_allclose([float(low.value), float(high.value)], [1.24955e-3, 1.25521e-3], rtol=5e-6)
    points = sorted([np.asarray(low.x), np.asarray(high.x)], key=lambda x: -x[0])
    np.testing.assert_allclose(points, [[1.000415, 0.997295], [0.997584, 0.998709]], atol=6e-7)


@pytest.mark.parametrize(("rate", "steps"), [(1e-3, 12_649), (1e-2, 5_416), (1e-1, 1_685)])
def test_adam_takes_the_printed_number_of_steps(rate, steps):
    result = jgd.minimize(rosenbrock, X0, jgd.adam(rate), gtol=1e-6, max_steps=100_000)
    assert (result.status.name, result.steps) == ("CONVERGED", steps)


def test_adaptive_descent_takes_the_printed_number_of_steps():
    """Within 3 %: chaotic in the last bits."""
    result = jgd.minimize(rosenbrock, X0, jgd.gradient_descent(jgd.adgd()), gtol=1e-6, max_steps=100_000)
    assert result.success
    assert result.steps == pytest.approx(8_470, rel=0.03)


def test_pure_newton_climbs_before_it_converges():
    result = jgd.minimize(rosenbrock, X0, jgd.newton_raphson(), gtol=1e-6)
    values = result.history["value"]
    np.testing.assert_allclose(
        values[:6], [24.2, 4.73188, 1411.85, 0.0559655, 0.313189, 1.85274e-11], rtol=5e-6
    )
    assert values[6] < 1e-19
    assert result.steps == 6


def test_newton_with_armijo_damping_takes_21_steps():
    result = jgd.minimize(rosenbrock, X0, jgd.newton(), gtol=1e-8)
    assert (result.status.name, result.steps) == ("CONVERGED", 21)
    assert np.all(np.diff(result.history["value"]) < 0)
