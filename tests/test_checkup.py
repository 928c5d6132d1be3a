"""The checkup finds what is wrong with an objective, and nothing where nothing is."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.checkup import Checkup
from jgd.problems import PROBLEMS

X = np.array([0.3, 0.7])


def fine(x):
    return jnp.sum((x - 1.0) ** 2)


def rounded(x):
    return jnp.sum(jnp.round(3 * x)) + 0.0 * jnp.sum(x)


def chosen(x):
    return jnp.array([3.0, 1.0])[jnp.argmin(x)] * 1.0


def held(x):
    return jnp.sum(jax.lax.stop_gradient(x) ** 2)


@jax.custom_vjp
def wrong(x):
    return jnp.sum(x**2)


wrong.defvjp(lambda x: (jnp.sum(x**2), x), lambda x, g: (3 * g * x,))


def edge(x):
    return jnp.where(jnp.all(x == jnp.asarray(X)), 0.0, jnp.nan) + fine(x)


def rooted(x):
    return jnp.sqrt(jnp.sum(x))


counter = itertools.count()


def impure(x):
    return fine(x) + next(counter)


DATA = np.ones((1024, 300))


def heavy(x):
    return fine(x) * jnp.sum(DATA)


def wider(x):
    return fine(x).astype(jnp.float64) * 2.0


def found(checkup: Checkup) -> str:
    return " ".join((*checkup.errors, *checkup.warnings))


def test_nothing_is_found_where_nothing_is():
    checkup = jgd.check(fine, X)
    assert checkup.ok
    assert found(checkup) == ""
    assert "ok       The gradient agrees with finite differences along 3 random directions." in str(checkup)


@pytest.mark.parametrize("dtype", [pytest.param(np.float32, marks=pytest.mark.slow), np.float64])
@pytest.mark.parametrize("name", sorted(set(PROBLEMS) - {"breast-cancer-network"}))
def test_nothing_is_found_in_the_problems_of_the_library(name, dtype):
    problem = PROBLEMS[name]()
    if problem.n > 2000:
        pytest.skip("a large one")
    x0 = jax.tree.map(lambda leaf: np.asarray(leaf, dtype), problem.x0)
    checkup = jgd.check(problem.fun, x0, args=problem.args)
    assert checkup.ok
    assert "does not agree" not in found(checkup)


@pytest.mark.parametrize("name", ["rosenbrock", "mgh/wood", "valley"])
def test_nothing_is_found_at_a_minimum_where_the_slope_is_but_rounding(name):
    problem = PROBLEMS[name]()
    for minimizer in problem.minimizers:
        x = np.asarray(minimizer, float) * (1 + 1e-12)
        assert "does not agree" not in found(jgd.check(problem.fun, x, args=problem.args))


@pytest.mark.parametrize(
    ("fun", "words"),
    [
        (rounded, "The gradient is exactly zero, yet the value moves: round in fun has no derivative."),
        (chosen, "The gradient is exactly zero, yet the value moves: argmin in fun has no derivative."),
        (held, "The gradient is exactly zero, yet the value moves: stop_gradient in fun has no derivative."),
        (wrong, "The gradient does not agree with finite differences"),
        (edge, "The gradient could not be held against finite differences"),
        (impure, "fun is not pure: traced twice it gives two programs"),
        (heavy, "2.3 MiB of data are baked into fun: pass them in args"),
    ],
)
def test_what_is_suspicious_is_a_warning(fun, words):
    checkup = jgd.check(fun, X)
    assert checkup.ok
    assert words in found(checkup), checkup
    assert "The gradient agrees" not in str(checkup) or fun in (impure, heavy)


def test_a_value_wider_than_x_is_a_warning():
    checkup = jgd.check(wider, X.astype(np.float32))
    assert "x is float32 but the value is float64" in found(checkup)


@pytest.mark.parametrize(
    ("fun", "x0", "words"),
    [
        (fine, np.array([1, 2]), "x0 must be of a float dtype"),
        (lambda x: x, X, "fun must return a scalar, got shape (2,)"),
        (lambda x, y: fine(x), X, "data is passed as args="),
        (rooted, -X, "fun(x0) is nan: choose an x0 where fun is finite"),
        (rooted, 0 * X, "The gradient at x0 has 2 entries that are NaN or infinite: look for sqrt"),
    ],
)
def test_what_forbids_a_run_is_an_error(fun, x0, words):
    checkup = jgd.check(fun, x0)
    assert not checkup.ok
    assert words in " ".join(checkup.errors), checkup
    assert str(checkup).startswith("error    ")


def broken(x):
    return fine(x) + undefined_name  # noqa: F821


@pytest.mark.parametrize("fun", [broken, jax.jit(broken)])
def test_an_error_inside_the_function_comes_out_as_it_is(fun):
    with pytest.raises(NameError, match="undefined_name"):
        jgd.check(fun, X)


def mistyped(x):
    return jnp.sum(x, nonsense=1)


@pytest.mark.parametrize("fun", [mistyped, jax.jit(mistyped)])
def test_a_type_error_inside_the_function_is_the_users_own(fun):
    with pytest.raises(TypeError, match="nonsense"):
        jgd.check(fun, X)


def test_an_error_inside_what_is_called_like_a_function_comes_out_too():
    class Model:
        def __call__(self, x):
            raise ValueError("inside")

    def bad(scale, x):
        raise ValueError("inside")

    for fun in (functools.partial(bad, 2.0), Model()):
        with pytest.raises(ValueError, match="inside"):
            jgd.check(fun, np.ones(2))


def test_a_value_narrower_than_x_is_said_to_be():
    found = jgd.check(lambda x: jnp.sum(x.astype(jnp.float32) ** 2), np.array([100.5, 2.5]))
    assert "narrower dtype" in "".join(found.warnings)
