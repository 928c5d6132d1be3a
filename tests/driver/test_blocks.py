"""Where the blocks of a run end changes nothing of it, to the last bit; and the largest counts."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.driver import solve as driver
from tests.driver.functions import quadratic, walled

RULES = jgd.stop.Stop((jgd.stop.Gradient(1e-9), jgd.stop.Divergence(), jgd.stop.Steps(3000)))
CASES = {
    "converging": (quadratic, np.array([1.0, 100.0]), jgd.gradient_descent(0.018), "CONVERGED"),
    "oscillating": (quadratic, np.array([1.0, 1.0]), jgd.heavy_ball(0.01, 0.9999), "MAX_STEPS"),
    "diverging": (quadratic, np.array([1.0, 100.0]), jgd.gradient_descent(0.0205), "DIVERGED"),
    "a wall": (walled, np.asarray(0.9), jgd.gradient_descent(1e-3), "NONFINITE"),
}


def bits(tree) -> list[bytes]:
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


@pytest.mark.parametrize("name", CASES)
def test_results_do_not_depend_on_the_length_of_a_block(name):
    fun, data, method, ending = CASES[name]
    x0 = jnp.zeros(2) if fun is walled else jnp.ones(2)
    ends = []
    for recorder in (None, jgd.Recorder(4096)):
        program = jgd.Program(jgd.Objective(fun, (jnp.asarray(data),)), method, RULES, recorder)
        carry = jax.jit(partial(driver.solve))(program, x0)
        assert jgd.Status(int(carry.status)).name == ending
        best = jax.jit(partial(driver.best))(program, carry)
        assert (best.k < carry.motion.k) == (name in ("oscillating", "diverging"))
        parts = (carry.motion, carry.grad_norm, carry.status, carry.memory, best.at)
        ends.append(bits(parts))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("recorder", [None, jgd.Recorder(), jgd.Recorder(1024)])
@pytest.mark.parametrize("left", [1, 100, 10_000])
def test_a_run_ends_at_the_largest_count_of_steps(left, recorder):
    """2^31 - 1 is the largest whole number of 32 bits, and no sum on the way to it may be larger."""
    most = 2**31 - 1
    rules = jgd.stop.Stop((jgd.stop.Steps(most),))
    program = jgd.Program(
        jgd.Objective(quadratic, (jnp.ones(2),)), jgd.gradient_descent(1e-9), rules, recorder
    )
    carry = driver.run(program, driver.begin(program, jnp.ones(2)), 0)
    at = dataclasses.replace(carry.motion.at, k=jnp.asarray(most - left, jnp.int32))
    late = dataclasses.replace(carry, motion=dataclasses.replace(carry.motion, at=at))
    ended = jax.jit(partial(driver.run))(
        program, dataclasses.replace(late, status=jnp.zeros((), jnp.int32)), most
    )
    assert (int(ended.motion.k), int(ended.status)) == (most, jgd.Status.MAX_STEPS)
    assert ended.motion.point.x == pytest.approx(np.ones(2) * (1 - 1e-9) ** left, rel=1e-15)


def test_the_best_point_is_found_although_the_block_is_not_repeated_to_the_bit():
    """Here the best value is one that no iterate has, as where another compilation rounds otherwise."""
    program = jgd.Program(
        jgd.Objective(quadratic, (jnp.array([1.0, 1.0]),)), jgd.heavy_ball(0.01, 0.9999), RULES
    )
    carry = jax.jit(partial(driver.solve))(program, jnp.ones(2))
    expected = jax.jit(partial(driver.best))(program, carry)
    lower = dataclasses.replace(carry.motion, best_value=carry.motion.best_value * (1 - 1e-9))
    found = jax.jit(partial(driver.best))(program, dataclasses.replace(carry, motion=lower))
    assert 0 < expected.k < carry.motion.k
    assert bits(found.at) == bits(expected.at)
    assert found.counts[0] > expected.counts[0]


def test_an_infinite_value_beside_a_finite_gradient_ends_a_block():
    """Without a rule on the value it was met once for each step of the block that follows it."""

    def edge(x):
        return -x + jnp.where(x > 50, jnp.inf, 0.0)

    rules = jgd.stop.Stop((jgd.stop.Gradient(1e-6), jgd.stop.Steps(60_000)))
    program = jgd.Program(jgd.Objective(edge), jgd.gradient_descent(1e-3), rules, recorder=None)
    carry = jgd.solve(program, jnp.array(0.0))
    assert (int(carry.status), int(carry.motion.k)) == (jgd.Status.NONFINITE, 50_000)
    assert carry.discarded[0] < 50_000
