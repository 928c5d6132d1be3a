"""Taylor's models: the order of their errors, their decreases, and where they are lowest."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd import problems


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def waves(x):
    return jnp.sum(jnp.sin(x) * jnp.exp(0.3 * x[::-1])) + jnp.prod(x)


POINTS = {
    "rosenbrock": (rosenbrock, np.array([-1.2, 1.0])),
    "waves": (waves, np.array([0.3, -0.4, 1.1, 0.7])),
}


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("name", POINTS)
def test_errors_fall_as_the_power_of_the_degree_plus_one(name, degree):
    fun, x = POINTS[name]
    model = jgd.taylor(fun, x, degree)
    scales = np.geomspace(1e-3, 1e-2, 9)
    for seed in range(5):
        d = np.random.default_rng(seed).standard_normal(x.size)
        errors = model.errors(d, scales)
        slope = np.polyfit(np.log(scales), np.log(errors), 1)[0]
        assert slope == pytest.approx(degree + 1, abs=0.15)
        assert errors[-1] == pytest.approx(
            abs(float(fun(x + scales[-1] * d)) - model(scales[-1] * d)), rel=1e-6
        )


@pytest.mark.parametrize("degree", [1, 2])
def test_the_model_and_its_decreases_are_those_of_jax(degree):
    x = POINTS["waves"][1]
    g, H = jax.grad(waves)(x), jax.hessian(waves)(x)
    model = jgd.taylor(waves, x, degree)
    for seed in range(5):
        d = np.random.default_rng(seed).standard_normal(x.size)
        expected = -(g @ d) - (0.5 * d @ H @ d if degree == 2 else 0.0)
        actual = waves(x) - waves(x + d)
        assert model.predicted_decrease(d) == pytest.approx(float(expected), rel=1e-12)
        assert model.actual_decrease(d) == pytest.approx(float(actual), rel=1e-12)
        assert model.ratio(d) == pytest.approx(float(actual / expected), rel=1e-12)
        assert model(d) == pytest.approx(float(waves(x) - expected), rel=1e-12)


def test_of_a_quadratic_the_model_of_degree_2_is_right_everywhere():
    problem = problems.get("quadratic-100-rotated")
    model = jgd.taylor(problem.fun, problem.x0, 2, args=problem.args)
    assert model.ratio(np.linspace(-5, 5, 10)) == pytest.approx(1, rel=1e-12)
    assert model.ratio(model.minimizer()) == pytest.approx(1, rel=1e-12)


def test_where_nothing_is_predicted_the_ratio_is_nan():
    assert np.isnan(jgd.taylor(rosenbrock, np.ones(2), 1).ratio(np.ones(2)))


@pytest.mark.parametrize("bound", [0.01, 1.0, 7.0])
@pytest.mark.parametrize("name", POINTS)
def test_the_minimizer_of_degree_1_within_a_bound_is_a_step_of_gradient_descent(name, bound):
    fun, x = POINTS[name]
    model = jgd.taylor(fun, x, 1)
    d = np.asarray(model.minimizer(bound))
    g = np.asarray(jax.grad(fun)(x))
    assert np.linalg.norm(d) == pytest.approx(bound, rel=1e-12)
    step = jgd.minimize(fun, x, jgd.gradient_descent(bound / np.linalg.norm(g)), max_steps=1)
    if step.steps:  # 7 times the gradient's length is too far for the run itself
        assert x + d == pytest.approx(np.asarray(step.x), rel=1e-12)
    lowest = model(d)
    for u in np.random.default_rng(0).standard_normal((200, x.size)):
        assert model(bound * u / np.linalg.norm(u)) >= lowest - 1e-12 * abs(lowest)


def test_at_a_critical_point_no_step_of_degree_1_is_made():
    assert jgd.taylor(rosenbrock, np.ones(2), 1).minimizer(1.0).tolist() == [0, 0]


@pytest.mark.parametrize("name", ["rosenbrock", "beale", "quadratic-100-rotated", "breast-cancer"])
def test_the_minimizer_of_degree_2_is_newtons_step(name):
    problem = problems.get(name)
    x = problem.x0 if name != "beale" else np.array([2.9, 0.45])
    model = jgd.taylor(problem.fun, x, 2, args=problem.args)
    d = np.asarray(model.minimizer())
    step = jgd.minimize(problem.fun, x, jgd.newton_raphson(), args=problem.args, max_steps=1)
    assert step.steps == 1
    assert x + d == pytest.approx(np.asarray(step.x), rel=1e-9, abs=1e-12)
    for u in np.random.default_rng(0).standard_normal((20, x.size)):
        assert model(d + 1e-3 * np.linalg.norm(d) * u) > model(d)


def test_pytrees_and_float32_stay_as_they_are():
    x = {"a": np.ones((2, 2), np.float32), "b": np.float32(0.5)}
    model = jgd.taylor(lambda x: jnp.sum(jnp.cosh(x["a"])) * x["b"] + 9 * x["b"] ** 2, x)
    for d in (model.minimizer(), jgd.taylor(model.objective.fun, x, 1).minimizer(0.5)):
        assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), d) == jax.tree.map(
            lambda leaf: (leaf.shape, leaf.dtype), x
        )
        assert model.predicted_decrease(d) > 0
    doubles = {"a": np.full((2, 2), 0.1), "b": 0.1}  # of another dtype, and a Python number
    assert model.predicted_decrease(doubles) < 0


def model(degree):
    return jgd.taylor(rosenbrock, np.array([-1.2, 1.0]), degree)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: model(1).minimizer(),
            "bound is missing: a model of degree 1 is lowest at infinity without one.",
        ),
        (lambda: model(1).minimizer(-1.0), "bound must be non-negative, got -1.0."),
        (lambda: model(1).minimizer("far"), "bound must be a number, got 'far'."),
        (lambda: model(2).minimizer(1.0), "bound is for degree 1: Newton's step has a length of its own."),
        (
            lambda: jgd.taylor(lambda x: x[0] ** 2 - x[1] ** 2, np.ones(2)).minimizer(),
            "The model has no minimizer: the Hessian is not positive definite here.",
        ),
        (lambda: model(2)(np.ones(3)), "d must be a pytree of the same structure and shapes as x."),
        (lambda: model(2).ratio([1.0, 1.0]), "d must be a pytree of the same structure and shapes as x."),
        (lambda: model(1).actual_decrease(1.0), "d must be a pytree of the same structure and shapes as x."),
        (lambda: model(1).errors(np.ones(2), "small"), "scales must be a number, got 'small'."),
        (lambda: jgd.taylor(rosenbrock, np.ones(2), 3), "degree must be 1 or 2, got 3."),
        (lambda: jgd.taylor(rosenbrock, np.ones(2), "two"), "degree must be 1 or 2, got 'two'."),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(call, words):
    with pytest.raises((TypeError, ValueError)) as refused:
        call()
    assert str(refused.value) == words
