"""`start=` goes on from an earlier result as if the run had never stopped."""

import jax
import numpy as np
import pytest

import jgd
from jgd import Status
from tests.contract.counting import compilations
from tests.driver.functions import quadratic, square, walled

X, H = np.array([3.0, 1.0]), np.array([1.0, 100.0])
MOMENTUM = jgd.heavy_ball(0.005, 0.7)


def go(max_steps, **options):
    return jgd.minimize(
        quadratic, options.pop("x0", None), MOMENTUM, args=(H,), max_steps=max_steps, **options
    )


def test_more_steps_are_the_same_steps():
    whole = go(150, x0=X)
    half = go(70, x0=X)
    more = go(150, start=half)
    assert (half.status, half.steps) == (Status.MAX_STEPS, 70)
    assert more.steps == whole.steps == 150
    assert (more.x == whole.x).all()
    assert more.value == whole.value
    assert more.work == whole.work
    assert jax.tree.all(
        jax.tree.map(lambda a, b: np.array_equal(a[:-1], b[:-1]), more.history, whole.history)
    )
    assert more.first_value == whole.first_value


def test_a_looser_run_may_be_tightened():
    loose = go(5000, x0=X, gtol=1e-2)
    tight = go(5000, start=loose, gtol=1e-6)
    assert loose.status == tight.status == Status.CONVERGED
    assert (tight.x == go(5000, x0=X, gtol=1e-6).x).all()


def test_another_method_begins_where_the_first_ended():
    first = go(20, x0=X)
    second = jgd.minimize(quadratic, None, jgd.newton(), args=(H,), start=first)
    assert second.history["step"][0] == 0
    assert second.first_value == float(first.value)
    assert second.status == Status.CONVERGED
    assert second.steps == 1


def test_an_end_that_still_holds_ends_it_again():
    ended = go(5000, x0=X)
    again = go(5000, start=ended)
    assert (again.status, again.steps) == (Status.CONVERGED, ended.steps)
    assert again.work == ended.work


def test_a_wall_is_met_again():
    def run(**options):
        return jgd.minimize(
            walled,
            options.pop("x0", None),
            jgd.gradient_descent(0.01),
            args=(np.asarray(0.5),),
            **options,
        )

    first = run(x0=np.zeros(2))
    again = run(start=first)
    assert first.status == again.status == Status.NONFINITE
    assert again.steps == first.steps
    assert (again.x == first.x).all()
    assert again.work.values > first.work.values


def test_other_data_makes_another_function_whose_value_and_gradient_are_its_own():
    first = go(5000, x0=X)
    other = jgd.minimize(quadratic, None, MOMENTUM, args=(2 * H[::-1],), start=first, max_steps=3)
    value, grad = jax.value_and_grad(quadratic)(other.x, 2 * H[::-1])
    assert float(other.value) == pytest.approx(float(value), rel=1e-12)
    assert np.asarray(other.grad) == pytest.approx(np.asarray(grad), rel=1e-12)

    coarse = go(5000, x0=X, gtol=1.0)
    stretched = jgd.minimize(quadratic, None, MOMENTUM, args=(1e6 * H,), start=coarse, gtol=1.0)
    slope = np.max(np.abs(jax.grad(quadratic)(stretched.x, 1e6 * H)))
    assert (stretched.status == Status.CONVERGED) <= (slope <= 1.0)


def test_another_rate_is_taken_up_without_compiling():
    first = jgd.minimize(square, X, jgd.gradient_descent(0.01), max_steps=5)
    warm = jgd.minimize(square, None, jgd.gradient_descent(0.01), start=first, max_steps=10)
    compiled = compilations()
    second = jgd.minimize(square, None, jgd.gradient_descent(0.25), start=first, max_steps=10)
    assert compilations() == compiled
    assert second.history["rate"][-1] == 0.25
    assert second.value < warm.value


def test_two_starts_are_one_too_many():
    first = jgd.minimize(square, X, jgd.gradient_descent(0.01), max_steps=5)
    with pytest.raises(ValueError, match="x0 and start"):
        jgd.minimize(square, X, jgd.gradient_descent(0.01), start=first)
