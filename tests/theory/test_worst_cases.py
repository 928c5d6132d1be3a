"""Worst cases of smooth convex functions: rows 6, 7 and 8."""

import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from tests.theory.digits import agrees


def huber(x, threshold):
    """Quadratic of curvature 1 up to the threshold, linear beyond."""
    size = jnp.abs(x)
    return jnp.where(size <= threshold, 0.5 * x**2, threshold * size - 0.5 * threshold**2)


def final_value(method, steps, threshold):
    result = jgd.minimize(
        huber, jnp.array(1.0), method, args=(jnp.asarray(threshold),), gtol=0.0, max_steps=steps
    )
    assert result.steps == steps
    return float(result.value)


@pytest.mark.parametrize(
    ("steps", "h", "bound"),
    [
        (4, 1.0, "0.0555556"),
        (10, 1.0, "0.0238095238"),
        (100, 1.0, "0.00248756219"),
        (10, 1.5, "0.0161290323"),
    ],
)
def test_gradient_descent_meets_its_bound_on_hubers_function(steps, h, bound):
    value = final_value(jgd.gradient_descent(h), steps, 1 / (2 * steps * h + 1))
    assert agrees(value, bound)
    np.testing.assert_allclose(value, 1 / (4 * steps * h + 2), rtol=1e-12)


def test_silver_steps_are_the_printed_ones():
    result = jgd.minimize(
        lambda x: x, jnp.array(0.0), jgd.gradient_descent(jgd.silver(1.0)), gtol=0.0, max_steps=8
    )
    root, rates = 2**0.5, result.history["rate"][1:]
    np.testing.assert_allclose(rates, [root, 2, root, 2 + root, root, 2, root, 6.82842712474619], rtol=1e-14)


SILVER = {7: "0.0343775110", 31: "0.00606004628", 127: "0.00104492922", 1023: "7.43328648e-5"}


def silver_bound(k):
    return 1 / (1 + np.sqrt(4 * (1 + 2**0.5) ** (2 * k) - 3))


@pytest.mark.parametrize("k", [3, 5, 7, 10])
def test_silver_steps_keep_their_bound(k):
    n, bound, total = 2**k - 1, silver_bound(k), (1 + 2**0.5) ** k - 1
    assert agrees(bound, SILVER[n])
    method = jgd.gradient_descent(jgd.silver(1.0))
    at_worst = final_value(method, n, 1 / (2 * total + 1))
    np.testing.assert_allclose(at_worst, 1 / (4 * total + 2), rtol=1e-9)
    others = [final_value(method, n, t) for t in np.geomspace(bound / 4, 1, 12)]
    assert max(at_worst, *others) <= bound


def test_silver_steps_beat_the_constant_rate_by_the_printed_factors():
    for k, factor in ((10, "3.286"), (14, "6.973")):
        n, total = 2**k - 1, (1 + 2**0.5) ** k - 1
        constant = final_value(jgd.gradient_descent(1.0), n, 1 / (2 * n + 1))
        assert agrees(constant / silver_bound(k), factor)
        silver = jgd.gradient_descent(jgd.silver(1.0))
        assert constant / max(final_value(silver, n, 1 / (2 * r + 1)) for r in (n, total)) >= float(factor)


OGM = {4: "0.02558394", 10: "0.00628648", 100: "9.3039e-5", 1000: "9.9045e-7"}


def theta(steps):
    t = 1.0
    for _ in range(steps - 1):
        t = (1 + np.sqrt(1 + 4 * t**2)) / 2
    return (1 + np.sqrt(1 + 8 * t**2)) / 2


@pytest.mark.parametrize("steps", [4, 10, 100, 1000])
def test_the_optimized_gradient_method_meets_its_tight_bound(steps):
    bound = 1 / (2 * theta(steps) ** 2)
    assert agrees(bound, OGM[steps])
    method = jgd.ogm(steps, 1.0)
    quadratic = final_value(method, steps, 10.0)
    np.testing.assert_allclose(quadratic, bound, rtol=1e-9)
    linear = final_value(method, steps, 1 / theta(steps) ** 2)
    np.testing.assert_allclose(linear, bound, rtol=1e-9)
