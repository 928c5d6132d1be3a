"""The compiled run is the plain loop over `method.step`, and a pytree is the vector of its entries."""

from itertools import islice

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.prepare import as_method
from tests.catalogue import ALIKE, METHODS, method, problem, solved
from tests.contract.loops import points
from tests.contract.squares import two_squares

STEPS = 20
EXACT_COUNT = ("gradient_descent", "newton_raphson", "newton")
LOOPS_INSIDE = {
    "gradient_descent-armijo",
    "gradient_descent-auto",
    "gradient_descent-wolfe",
    "gradient_descent-bb",
    "heavy_ball-auto",
    "conjugate_gradient",
    "conjugate_gradient-pr",
    "lbfgs",
    "bfgs",
    "newton_cg",
    "trust_region",
    "trust_region_cg",
    "newton",
    "optax.lbfgs",
}
"""Outside jit their inner loops are compiled anew at each step, which is left for the slow run."""
BY_HAND = {"gradient_descent-armijo", "newton", "optax.lbfgs"}
"""Without any jit they are not."""


def names(slow):
    return [pytest.param(name, marks=pytest.mark.slow if name in slow else ()) for name in METHODS]


@pytest.mark.parametrize("name", names(ALIKE))
def test_the_compiled_run_is_the_plain_loop(name):
    hold_against(name, plain_loop(name, compiled=name in LOOPS_INSIDE))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(LOOPS_INSIDE))
def test_the_compiled_run_is_the_plain_loop_of_steps_that_are_not_compiled(name):
    with jax.disable_jit(name in BY_HAND):
        visited = plain_loop(name, compiled=False)
    hold_against(name, visited)


def plain_loop(name, compiled):
    bowl = problem("bowl")
    objective = jgd.Objective(bowl.fun, tuple(map(jnp.asarray, bowl.args)))
    rates, x0 = as_method(method(name, "bowl")), jnp.asarray(bowl.x0)
    return list(islice(points(objective, rates, x0, compiled=compiled), STEPS + 1))


def hold_against(name, visited):
    bowl = problem("bowl")

    sizes = np.array([np.max(np.abs(point.grad)) for point in visited])
    level = 1.01 * min(sizes) / sizes[0]
    run = jgd.minimize(
        bowl.fun, bowl.x0, method(name, "bowl"), args=bowl.args, gtol=0.0, grtol=level, max_steps=50
    )
    plain = int(np.argmax(sizes <= level * sizes[0]))
    assert abs(run.steps - plain) <= (1 if name in EXACT_COUNT else max(1, 0.05 * plain))

    for steps in (1, 2, 5, STEPS):
        result = solved(name, "bowl", max_steps=steps)
        assert np.asarray(result.x) == pytest.approx(
            np.asarray(visited[result.steps].x), rel=1e-10, abs=1e-10
        )
        assert result.steps == steps or result.status == jgd.Status.CONVERGED
    expected = [float(point.value) for point in visited[: result.steps + 1]]
    assert result.history["value"] == pytest.approx(expected, rel=1e-10)


def squares_of_a_tree(x, *args):
    return two_squares(jnp.stack([x["b"]["c"][0, 0], x["a"]]), *args)


@pytest.mark.parametrize("name", names(ALIKE | {"optax.lbfgs"}))
def test_a_pytree_is_walked_as_the_vector_of_its_entries(name):
    bowl, rates = problem("bowl"), as_method(method(name, "bowl"))
    args, start = tuple(map(jnp.asarray, bowl.args)), jnp.asarray(bowl.x0)
    tree = {"a": start[1], "b": {"c": start[:1, None]}}
    flat = islice(points(jgd.Objective(two_squares, args), rates, start), STEPS)
    nested = islice(points(jgd.Objective(squares_of_a_tree, args), rates, tree), STEPS)
    for one, other in zip(flat, nested, strict=True):
        assert jax.tree.structure(other.x) == jax.tree.structure(tree)
        assert jax.tree.map(jnp.shape, other.grad) == jax.tree.map(jnp.shape, tree)
        entries = [*np.ravel(other.x["b"]["c"]), float(other.x["a"])]
        assert entries == pytest.approx(np.asarray(one.x), rel=1e-9, abs=1e-9)
        assert float(other.value) == pytest.approx(float(one.value), rel=1e-10)
