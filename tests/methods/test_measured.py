"""The measured rate is the one that theory names, follows the curvature, and keeps f from rising."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.problems import get
from tests.contract.counting import Counting


def quadratic(x, h):
    return 0.5 * jnp.sum(h * x**2)


def softening(x):
    """Its curvature falls from 1 + 100/e at the origin's side to 1: sqrt(1 + (10 u)^2) and a bowl."""
    return jnp.sum(jnp.sqrt(1.0 + 100.0 * x**2)) + 0.5 * jnp.sum(x**2)


def steepening(x):
    """Flat at the start 0.1, a hundred times as curved at its minimum at 3."""
    return jnp.sum(0.005 * (x - 3.0) ** 2 + jnp.exp(3.0 * (x - 3.0)) - 3.0 * x)


SPECTRUM = np.array([1.0, 4.0, 25.0, 100.0])


@pytest.mark.parametrize(
    ("method", "rate"),
    [
        (jgd.gradient_descent("auto"), 1.95 / 101),
        (jgd.heavy_ball("auto", 0.81), 0.7 * 1.9**2 / 100),
        (jgd.gradient_descent("auto", momentum=0.81), 0.7 * 1.9**2 / 100),
        (jgd.gradient_descent("auto", momentum=0.5, nesterov=True), 1 / 100),
        (jgd.nesterov("auto"), 1 / 100),
    ],
)
def test_on_a_quadratic_of_few_parameters_the_rate_is_exact(method, rate):
    result = jgd.minimize(quadratic, np.ones(4), method, args=(SPECTRUM,), max_steps=30)
    rates = result.history["rate"][1:]
    taken = rates[rates > 0.9 * rate]  # the others are halved, since f would have risen
    assert taken == pytest.approx(rate, rel=1e-6)
    assert taken.size >= 15


def test_the_rate_is_safe_where_the_spectrum_is_only_partly_seen():
    """Six products see the highest of 300 eigenvalues from below; with the residual it is bounded."""
    spectrum = np.linspace(1.0, 100.0, 300)
    result = jgd.minimize(quadratic, np.ones(300), jgd.gradient_descent("auto"), args=(spectrum,))
    assert result.success
    assert (result.history["rate"][1:] <= 2 / 100 * 1.03).all()
    few = jgd.minimize(quadratic, np.ones(300), jgd.gradient_descent("auto"), args=(spectrum,), max_steps=12)
    assert (1.95 / few.history["rate"][1:] > 101).all()  # the highest Ritz value alone is 96
    assert (np.diff(result.history["value"]) <= 0).all()
    best = jgd.minimize(quadratic, np.ones(300), jgd.gradient_descent(2 / 101), args=(spectrum,))
    assert result.steps < 1.3 * best.steps


@pytest.mark.parametrize(("fun", "x0"), [(softening, 5.0), (steepening, 0.1)])
def test_the_rate_follows_the_curvature(fun, x0):
    result = jgd.minimize(fun, np.array([x0, x0]), jgd.gradient_descent("auto"))
    rates = result.history["rate"][1:]
    here, there = (jgd.curvature(fun, x).highest.value for x in (np.array([x0, x0]), result.x))
    assert result.success
    halvings = np.log2(1.95 / (2 * here) / rates[0])
    assert halvings == pytest.approx(round(halvings), abs=1e-9)
    assert halvings > 0.5
    assert rates[-1] == pytest.approx(1.95 / (2 * there), rel=0.05)
    assert max(here, there) > 5 * min(here, there)


SLOW = [
    pytest.param(name, marks=pytest.mark.slow) for name in ("beale", "mgh/helical-valley", "breast-cancer")
]


@pytest.mark.parametrize("name", ["rosenbrock", "himmelblau", *SLOW])
@pytest.mark.parametrize(
    "method", [jgd.gradient_descent("auto"), jgd.heavy_ball("auto"), jgd.nesterov("auto", 0.9)]
)
def test_f_never_rises_and_work_is_counted(method, name):
    known = get(name)
    counting = Counting(known.fun, known.n)
    result = jgd.minimize(counting.fun, known.x0, method, args=known.args, max_steps=300)
    counts = counting.counts()
    assert (result.work.values, result.work.grads, result.work.hvps) == (
        counts["values"],
        counts["grads"],
        counts["hvps"],
    )
    rounding = 1e-12 * np.abs(result.history["value"][:-1])
    assert (np.diff(result.history["value"]) <= rounding).all()
    assert result.work.hvps < 0.5 * result.work.grads


def test_without_curvature_the_first_step_is_of_length_one():
    result = jgd.minimize(lambda x: -3.0 * jnp.sum(x), np.zeros(4), jgd.gradient_descent("auto"), max_steps=3)
    assert np.asarray(result.x) == pytest.approx(3 * np.full(4, 0.5))


def test_another_word_than_auto_is_no_rate():
    with pytest.raises(TypeError, match="learning_rate must be a number, got 'fast'"):
        jgd.gradient_descent("fast")


def test_a_pytree_in_float32_is_measured_in_float32():
    x0 = {"a": jnp.ones(2, jnp.float32), "b": jnp.ones((), jnp.float32)}

    def loss(x):
        return jnp.sum(x["a"] ** 2) + 5.0 * x["b"] ** 2

    result = jgd.minimize(loss, x0, jgd.gradient_descent("auto"))
    assert result.success
    assert jax.tree.leaves(result.x)[0].dtype == jnp.float32
    assert result.history["rate"][1] == pytest.approx(1.95 / 12, rel=1e-4)
