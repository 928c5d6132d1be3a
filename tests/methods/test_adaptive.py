"""Rates that follow from the last two points, from a known minimum, or from several trials at once."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd

SPECTRUM = np.array([1.0, 3.0, 20.0, 50.0])


def quadratic(x, h):
    return 0.5 * jnp.sum(h * x**2)


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def parabola(x):
    return 0.5 * jnp.sum(x**2)


def history(method, fun=quadratic, x0=None, args=(SPECTRUM,), steps=60):
    x0 = np.ones(4) if x0 is None else x0
    recorder = jgd.Recorder(rows=64, x=True)
    return jgd.minimize(fun, x0, method, args=args, max_steps=steps, gtol=1e-10, recorder=recorder).history


def test_the_long_step_is_the_exact_step_of_the_point_before():
    """Row 11: s.s/s.y = g.g/g.Hg of the gradient one step earlier."""
    h = history(jgd.gradient_descent(jgd.barzilai_borwein(1 / 50)))
    grads = SPECTRUM * h["x"]
    exact = np.sum(grads**2, 1) / np.sum(SPECTRUM * grads**2, 1)
    taken = h["rejected"][2:] == h["rejected"][1:-1]
    assert taken.sum() > 5
    np.testing.assert_allclose(h["rate"][2:][taken], exact[: len(h["rate"]) - 2][taken], rtol=1e-7)


def test_the_short_step_is_that_of_the_smallest_gradient():
    """Row 11: s.y/y.y = g.Hg/Hg.Hg."""
    h = history(jgd.gradient_descent(jgd.barzilai_borwein(1 / 50, "short")))
    grads = SPECTRUM * h["x"]
    exact = np.sum(SPECTRUM * grads**2, 1) / np.sum((SPECTRUM * grads) ** 2, 1)
    taken = h["rejected"][2:] == h["rejected"][1:-1]
    assert taken.sum() > 5
    np.testing.assert_allclose(h["rate"][2:][taken], exact[: len(h["rate"]) - 2][taken], rtol=1e-7)


@pytest.mark.parametrize("window", [1, 5])
def test_f_never_rises_above_its_last_values(window):
    method = jgd.gradient_descent(jgd.barzilai_borwein(window=window))
    values = history(method, rosenbrock, np.array([-1.2, 1.0]), (), 63)["value"]
    for k in range(1, len(values)):
        assert values[k] <= max(values[max(0, k - window) : k]) * (1 + 1e-12)
    rises = np.sum(np.diff(values) > 0)
    assert rises == 0 if window == 1 else rises > 0


def test_where_f_bends_downward_the_rate_stays_positive():
    def hill(x):
        return jnp.sum(jnp.cos(x) + 0.01 * x**2)

    result = jgd.minimize(hill, np.array([0.1, 0.2]), jgd.gradient_descent(jgd.barzilai_borwein()))
    assert result.success
    assert (result.history["rate"][1:] > 0).all()


def test_adaptive_rates_follow_the_rule_of_the_paper():
    """Row 12, in NumPy."""
    h = history(jgd.gradient_descent(jgd.adgd()), rosenbrock, np.array([-1.2, 1.0]), (), 60)
    grad = jgd.Objective(rosenbrock).grad
    x = np.array([-1.2, 1.0])
    before, ratio, rate = None, 1e12, 1e-6
    for k in range(1, 60):
        g = np.asarray(grad(jnp.asarray(x)))
        if before is not None:
            bound = np.linalg.norm(x - before[0]) / (2 * np.linalg.norm(g - before[1]))
            following = min(np.sqrt(1 + ratio) * rate, bound)
            rate, ratio = following, following / rate
        assert h["rate"][k] == pytest.approx(rate, rel=1e-7)
        before, x = (x, g), x - rate * g


def test_polyaks_rate_is_the_distance_in_value_over_the_square_of_the_gradient():
    h = history(jgd.gradient_descent(jgd.polyak(0.0)))
    grads = SPECTRUM * h["x"]
    expected = h["value"][:-1] / np.sum(grads[:-1] ** 2, 1)
    np.testing.assert_allclose(h["rate"][1:], expected, rtol=1e-9)


def test_polyaks_step_never_leads_away_from_the_minimum_of_a_convex_function():
    distances = np.linalg.norm(history(jgd.gradient_descent(jgd.polyak(0.0)))["x"], axis=1)
    assert all(after <= before for before, after in pairwise(distances))


def test_of_all_lengths_at_once_the_longest_that_will_do_is_taken():
    """On a parabola of curvature 1 any rate below 2 (1 - decrease) will do."""
    f = jgd.Objective(parabola)
    point = f.evaluate(jnp.ones(1))
    for initial, rate in ((1.0, 1.0), (1.9, 1.9), (4.0, 1.0), (64.0, 1.0)):
        search = jgd.lengths(initial)
        step = search(f, point, -point.grad, search.init(f, point))
        assert step.info.rate == rate
        assert step.state == 2 * rate
        assert (step.info.values, step.info.rejected) == (8, 8)


def test_where_no_length_will_do_x_stays_and_the_next_ones_are_shorter():
    method = jgd.gradient_descent(jgd.lengths(1e12, trials=4))
    result = jgd.minimize(parabola, np.ones(2), method, recorder=jgd.Recorder(rows=1024))
    assert result.success
    first = int(np.argmax(result.history["accepted"][1:])) + 1
    assert first == 10  # 1e12 / 2^39 is the first below 2, and each step tries four
    assert (result.history["value"][:first] == 1.0).all()


def wrong(x):
    """Its derivative has the wrong sign."""
    return 1 + jnp.sum(x**2) - 2 * (jnp.sum(x**2) - jax.lax.stop_gradient(jnp.sum(x**2)))


def test_lengths_never_climb_by_a_gradient_of_the_wrong_sign():
    result = jgd.minimize(wrong, np.ones(2), jgd.gradient_descent(jgd.lengths()), max_steps=100)
    assert not result.success
    np.testing.assert_allclose(result.x, 1.0, atol=1e-7)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: jgd.barzilai_borwein(0.0), "initial must be positive"),
        (lambda: jgd.barzilai_borwein(step="middle"), 'step must be "long" or "short"'),
        (lambda: jgd.barzilai_borwein(window=0), "window must be at least 1"),
        (lambda: jgd.adgd(-1.0), "initial must be positive"),
        (lambda: jgd.polyak(np.inf), "minimum must be finite"),
        (lambda: jgd.lengths(trials=0), "trials must be at least 1"),
    ],
)
def test_numbers_out_of_range_are_refused(make, error):
    with pytest.raises(ValueError, match=error):
        make()
