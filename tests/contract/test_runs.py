"""Every method on every problem: where it ends, and that what is returned belongs together."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.problems import get
from tests.catalogue import EXCEPTIONS, METHODS, MORE_PROBLEMS, PROBLEMS, problem, solved

FAST = [pytest.param((m, p), id=f"{m}:{p}") for p in PROBLEMS for m in METHODS]
SLOW = [pytest.param((m, p), id=f"{m}:{p}", marks=pytest.mark.slow) for p in MORE_PROBLEMS for m in METHODS]


@pytest.fixture(scope="module", params=FAST + SLOW)
def pair(request):
    return request.param


@cache
def evaluation(problem_name: str):
    """Value and gradient by JAX alone, compiled once."""
    return jax.jit(jax.value_and_grad(problem(problem_name).fun))


def reached(result: jgd.Result, minimum: float) -> bool:
    """Whether the gradient test was met, and that at the minimum rather than elsewhere."""
    gap = float(result.value) - minimum
    return result.status == jgd.Status.CONVERGED and gap <= 1e-7 * max(1.0, result.first_value)


def test_the_minimum_is_reached_but_for_the_declared_exceptions(pair):
    result, known = solved(*pair), problem(pair[1])
    assert known.minimum is not None
    if pair in EXCEPTIONS:
        assert not reached(result, known.minimum), f"stale exception: {EXCEPTIONS[pair]}"
    else:
        assert reached(result, known.minimum), result


@pytest.mark.parametrize("steps", [0, 7, 200_000])
def test_value_and_gradient_belong_to_the_x_they_are_returned_with(pair, steps):
    result, known = solved(*pair, max_steps=steps), problem(pair[1])
    evaluate = evaluation(pair[1])
    size = np.max(np.abs(evaluate(known.x0, *known.args)[1]))

    value, grad = evaluate(result.x, *known.args)
    assert float(result.value) == pytest.approx(float(value), rel=1e-11, abs=1e-14 * result.first_value)
    assert np.asarray(result.grad) == pytest.approx(np.asarray(grad), rel=1e-9, abs=1e-12 * size)
    assert result.grad_norm == np.max(np.abs(result.grad))

    best_value, _ = evaluate(result.best_x, *known.args)
    assert float(result.best_value) == pytest.approx(
        float(best_value), rel=1e-11, abs=1e-14 * result.first_value
    )
    assert result.best_value <= result.value
    assert result.best_value == min(result.best_value, *result.history["value"])


@pytest.mark.parametrize("name", [name for name in PROBLEMS if name != "bowl"])
def test_the_small_problems_are_those_of_the_library_written_otherwise(name):
    ours, theirs = problem(name), get("valley" if name.startswith("valley") else name)
    args = (np.array([1.0, 1000.0]),) if name == "valley-1000" else theirs.args
    for x in np.random.default_rng(0).uniform(-2, 2, (5, 2)):
        expected = float(theirs.fun(jnp.asarray(x), *args))
        assert float(ours.fun(jnp.asarray(x), *ours.args)) == pytest.approx(expected, rel=1e-11)
    assert (ours.x0 == theirs.x0).all()


def test_every_exception_is_of_the_catalogue():
    assert {m for m, _ in EXCEPTIONS} <= set(METHODS)
    assert {p for _, p in EXCEPTIONS} <= set(PROBLEMS) | set(MORE_PROBLEMS)
