"""A run in two pieces leads where the run in one does, to the last bit."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.driver.solve import begin, best, run
from tests.catalogue import problem
from tests.contract.squares import himmelblau

FAR = 10**6
WALL = 2.9


def program(method, name: str, wall: float | None = None) -> tuple[jgd.Program, jax.Array]:
    known = problem(name) if wall is None else himmelblau(wall)
    rules = jgd.stop.Stop((jgd.stop.Gradient(1e-9), jgd.stop.Divergence(), jgd.stop.Steps(10_000)))
    objective = jgd.Objective(known.fun, tuple(map(jnp.asarray, known.args)))
    return jgd.Program(objective, method, rules), jnp.asarray(known.x0)


CASES = {
    "gradient descent": (jgd.gradient_descent(5e-3), "valley", None, "CONVERGED"),
    "Adam": (jgd.adam(0.5), "himmelblau", None, "CONVERGED"),
    "Armijo": (jgd.gradient_descent(), "valley", None, "CONVERGED"),
    "a diverging run": (jgd.gradient_descent(2.05 / 100), "valley", None, "DIVERGED"),
    "a wall of NaN": (jgd.gradient_descent(1e-4), "himmelblau", WALL, "NONFINITE"),
}


def bits(tree) -> dict[str, bytes]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): np.asarray(leaf).tobytes() for path, leaf in leaves}


def state_of(carry) -> dict[str, bytes]:
    """The carry but for what it would go back to, which is where the pieces began."""
    return bits(dataclasses.replace(carry, best_origin=None, discarded=None))


@pytest.mark.parametrize("name", CASES)
def test_two_pieces_are_one_run_to_the_bit(name):
    method, problem_name, wall, ending = CASES[name]
    made, x0 = program(method, problem_name, wall)
    go, look_back = (partial(jax.jit(f), made) for f in (run, best))
    start = jax.jit(begin)(made, x0)
    whole = go(start, FAR)
    steps = int(whole.motion.k)
    assert jgd.Status(int(whole.status)).name == ending

    cuts = {0, 1, 2, 17, 62, 63, 64, 65, 100, 129, 300, steps - 1, steps}
    for limit in (FAR, steps // 2):
        one = go(start, limit)
        for cut in (cut for cut in cuts if cut <= limit):
            two = go(go(start, cut), limit)
            assert state_of(two) == state_of(one), (cut, limit)
            assert bits(look_back(two).at) == bits(look_back(one).at), (cut, limit)
            assert two.discarded[0] <= one.discarded[0]


def test_many_small_pieces_are_one_run_to_the_bit():
    made, x0 = program(*CASES["Adam"][:2])
    go = partial(jax.jit(run), made)
    whole = go(jax.jit(begin)(made, x0), FAR)
    carry = jax.jit(begin)(made, x0)
    for limit in range(0, int(whole.motion.k) + 10, 7):
        carry = go(carry, limit)
    assert state_of(carry) == state_of(whole)


def test_a_run_that_has_ended_does_not_go_on():
    made, x0 = program(*CASES["a wall of NaN"][:3])
    go = partial(jax.jit(run), made)
    whole = go(jax.jit(begin)(made, x0), FAR)
    assert bits(go(whole, FAR)) == bits(whole)
