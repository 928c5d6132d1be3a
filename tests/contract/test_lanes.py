"""`jax.vmap` of a run over a number is the runs one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from tests.catalogue import problem

RATES = (0.05, 0.01, 1e-5, 3.0)
FACTORIES = {
    "gradient descent": jgd.gradient_descent,
    "Armijo": lambda rate: jgd.gradient_descent(jgd.armijo(rate)),
    "Adam": jgd.adam,
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "Adam" else ()) for name in FACTORIES]
)
def test_lanes_over_the_rate_are_the_single_runs(name):
    known = problem("bowl")
    x0, args = jnp.asarray(known.x0), tuple(map(jnp.asarray, known.args))
    rules = jgd.stop.Stop((jgd.stop.Gradient(1e-6), jgd.stop.Divergence(), jgd.stop.Steps(400)))

    def end(rate):
        made = jgd.Program(jgd.Objective(known.fun, args), FACTORIES[name](rate), rules, None)
        carry = jgd.solve(made, x0)
        return carry.status, carry.motion.k, carry.motion.point

    single = jax.jit(end)
    ones = [jax.device_get(single(rate)) for rate in RATES]
    statuses, steps, points = jax.device_get(jax.jit(jax.vmap(end))(jnp.array(RATES)))
    assert statuses.tolist() == [int(status) for status, _, _ in ones]
    assert len(set(statuses.tolist())) > 1 or name == "Armijo"
    assert steps.tolist() == [int(k) for _, k, _ in ones]
    for lane, (status, _, point) in enumerate(ones):
        assert points.x[lane] == pytest.approx(point.x, rel=1e-8)
        assert points.value[lane] == pytest.approx(point.value, rel=1e-8)
        assert np.isfinite(points.x[lane]).all(), jgd.Status(int(status))


@pytest.mark.slow
def test_lanes_over_starts_and_data_are_the_single_runs():
    def loss(x, center):
        return jnp.sum((x - center) ** 4 + (x - center) ** 2)

    rules = jgd.stop.Stop((jgd.stop.Gradient(1e-6), jgd.stop.Steps(400)))

    def end(x0, center):
        made = jgd.Program(jgd.Objective(loss, (center,)), jgd.newton(), rules, None)
        return jgd.solve(made, x0).motion.point.x

    starts = jnp.array([[0.0, 1.0], [5.0, -3.0], [2.0, 2.0]])
    centers = jnp.array([0.0, 1.0, 2.0])
    ends, end = jax.jit(jax.vmap(end))(starts, centers), jax.jit(end)
    for lane in range(3):
        assert np.asarray(ends[lane]) == pytest.approx(np.asarray(end(starts[lane], centers[lane])))
        assert np.asarray(ends[lane]) == pytest.approx(float(centers[lane]), abs=1e-6)
