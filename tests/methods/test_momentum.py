"""Methods that remember, against their textbook recursions in NumPy."""

from itertools import islice

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from tests.contract.loops import points

STEPS = 40
SPECTRUM = np.array([1.0, 5.0, 30.0])
START = np.array([2.0, -0.5, 3.0])


def loss(x, spectrum):
    """A quadratic with a quartic term."""
    return jnp.sum(0.5 * spectrum * x**2 + 0.25 * x**4)


def slope(x):
    return SPECTRUM * x + x**3


def visited(method, steps=STEPS) -> np.ndarray:
    f = jgd.Objective(loss, (jnp.asarray(SPECTRUM),))
    walk = points(f, method, jnp.asarray(START))
    return np.array([point.x for point in islice(walk, steps + 1)])


def heavy_ball(rate, beta):
    before = x = START
    for _ in range(STEPS):
        before, x = x, x - rate * slope(x) + beta * (x - before)
        yield x


def nesterov(rate, betas):
    """Yields y, where the gradient is taken."""
    x = y = START
    for beta in betas:
        before, x = x, y - rate * slope(y)
        y = x + beta * (x - before)
        yield y


def growing():
    t = 1.0
    for _ in range(STEPS):
        before, t = t, (1 + np.sqrt(1 + 4 * t**2)) / 2
        yield (before - 1) / t


def ogm(steps, rate):
    """Kim and Fessler's OGM1, its last theta taken apart."""
    x = y = START
    theta = 1.0
    for i in range(steps):
        factor = 8 if i == steps - 1 else 4
        following = (1 + np.sqrt(1 + factor * theta**2)) / 2
        before, y = y, x - rate * slope(x)
        x = y + (theta - 1) / following * (y - before) + theta / following * (y - x)
        theta = following
        yield x


@pytest.mark.parametrize(("rate", "beta"), [(0.02, 0.0), (0.02, 0.5), (0.01, 0.9)])
def test_heavy_ball_is_the_form_with_two_terms(rate, beta):
    expected = np.array(list(heavy_ball(rate, beta)))
    for method in (jgd.heavy_ball(rate, beta), jgd.gradient_descent(rate, momentum=beta)):
        assert visited(method)[1:] == pytest.approx(expected, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize(("rate", "beta"), [(0.02, 0.0), (0.02, 0.5), (0.01, 0.9)])
def test_look_ahead_is_nesterovs_scheme(rate, beta):
    expected = np.array(list(nesterov(rate, [beta] * STEPS)))
    for method in (
        jgd.nesterov(rate, beta),
        jgd.gradient_descent(rate, momentum=beta, nesterov=True),
    ):
        assert visited(method)[1:] == pytest.approx(expected, rel=1e-11, abs=1e-13)


def test_growing_momentum_is_nesterovs_of_1983():
    expected = np.array(list(nesterov(0.02, growing())))
    assert visited(jgd.nesterov(0.02))[1:] == pytest.approx(expected, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("steps", [1, 2, 5, STEPS])
def test_ogm_is_the_recursion_of_kim_and_fessler(steps):
    expected = np.array(list(ogm(steps, 0.02)))
    assert visited(jgd.ogm(steps, 0.02), steps)[1:] == pytest.approx(expected, rel=1e-11, abs=1e-13)


def test_ogm_begins_its_plan_afresh_when_it_is_through():
    walk = visited(jgd.ogm(5, 0.02), 10)
    f = jgd.Objective(loss, (jnp.asarray(SPECTRUM),))
    afresh = islice(points(f, jgd.ogm(5, 0.02), jnp.asarray(walk[5])), 6)
    assert walk[5:] == pytest.approx(np.array([point.x for point in afresh]), rel=1e-12)


def test_without_momentum_all_are_gradient_descent():
    plain = visited(jgd.gradient_descent(0.02))
    for method in (jgd.heavy_ball(0.02, 0.0), jgd.nesterov(0.02, 0.0)):
        assert (visited(method) == plain).all()


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_is_that_of_optax(nesterov):
    ours = visited(jgd.gradient_descent(0.01, momentum=0.8, nesterov=nesterov))
    optaxs = visited(jgd.from_optax(optax.sgd, learning_rate=0.01, momentum=0.8, nesterov=nesterov))
    assert ours == pytest.approx(optaxs, rel=1e-11, abs=1e-13)


def test_where_a_search_fails_along_a_remembered_direction_the_next_step_forgets_it():
    """The velocity is made to point uphill: that step is not taken, and afresh it is steepest descent."""
    method = jgd.gradient_descent(jgd.armijo(0.05), momentum=0.9)
    f = jgd.Objective(loss, (jnp.asarray(SPECTRUM),))
    point = f.evaluate(jnp.asarray(START))
    _, searched, _ = method.init(f, point)
    step = jax.jit(method.step)
    failed = step(f, point, (10.0 * point.grad, searched, jnp.zeros((), bool)))
    assert (failed.info.status, failed.info.accepted) == (jgd.Status.RUNNING, False)
    assert (failed.to.x == point.x).all()
    again, plain = step(f, point, failed.state), step(f, point, method.init(f, point))
    assert again.info.accepted
    assert (again.to.x == plain.to.x).all()
    assert again.to.value < point.value


def misled(x):
    """Its derivative has the wrong sign."""
    return jnp.sum(x**2) - 2 * (jnp.sum(x**2) - jax.lax.stop_gradient(jnp.sum(x**2)))


def test_a_search_that_fails_afresh_as_well_ends_the_run():
    result = jgd.minimize(misled, np.ones(2), jgd.gradient_descent(jgd.armijo(0.05), momentum=0.9))
    assert (result.status, result.steps) == (jgd.Status.SEARCH_FAILED, 1)


def test_numbers_for_leaves_are_remembered_as_arrays_are():
    """Of x itself a single number: the same restart, the same step."""
    method, f = jgd.gradient_descent(jgd.armijo(0.05), momentum=0.9), jgd.Objective(lambda x: x["a"] ** 2)
    point = f.evaluate({"a": jnp.asarray(3.0)})
    uphill = jax.tree.map(lambda g: 10.0 * g, point.grad)
    failed = jax.jit(method.step)(f, point, (uphill, method.init(f, point)[1], jnp.zeros((), bool)))
    step = jax.jit(method.step)(f, point, failed.state)
    assert step.info.accepted
    assert step.to.value < point.value
