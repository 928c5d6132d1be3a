"""A jgd method inside a loop written around optax takes the steps of its own run."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd


def rosenbrock(x):
    return (1 - x["a"]) ** 2 + 100 * (x["b"] - x["a"] ** 2) ** 2


START = {"a": jnp.asarray(-1.2), "b": jnp.asarray(1.0)}
METHODS = {
    "gradient_descent": jgd.gradient_descent(1e-3),
    "momentum": jgd.gradient_descent(1e-3, momentum=0.9),
    "adgd": jgd.gradient_descent(jgd.adgd()),
    "armijo": jgd.gradient_descent(),
    "lbfgs": jgd.lbfgs(),
    "bfgs": jgd.bfgs(),
    "conjugate_gradient": jgd.conjugate_gradient(),
    "newton": jgd.newton(),
    "trust_region": jgd.trust_region(),
}


def loop(optimizer, steps, **given):
    @jax.jit
    def step(x, state):
        value, grads = jax.value_and_grad(rosenbrock)(x)
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optimizer.update(grads, state, x, value=value, value_fn=rosenbrock)
            return optax.apply_updates(x, updates), state

    x, state = START, optimizer.init(START)
    for _ in range(steps):
        x, state = step(x, state)
    return x


@pytest.mark.parametrize("name", METHODS)
def test_the_steps_are_those_of_the_run(name):
    result = jgd.minimize(rosenbrock, START, METHODS[name], max_steps=12, gtol=1e-300)
    x = loop(jgd.as_optax(METHODS[name]), result.steps)
    for leaf in "ab":
        assert float(x[leaf]) == pytest.approx(float(result.x[leaf]), rel=1e-7)


def test_it_chains_with_optax():
    optimizer = optax.chain(jgd.as_optax(jgd.gradient_descent(1e-3)), optax.scale(0.5))
    half = loop(jgd.as_optax(jgd.gradient_descent(5e-4)), 5)
    np.testing.assert_allclose(loop(optimizer, 5)["a"], half["a"], rtol=1e-12)


def test_what_is_missing_is_named():
    optimizer = jgd.as_optax(jgd.lbfgs())
    state, grads = optimizer.init(START), jax.grad(rosenbrock)(START)
    with pytest.raises(TypeError, match="params is missing"):
        optimizer.update(grads, state)
    with pytest.raises(TypeError, match="value_fn and value are missing"):
        optimizer.update(grads, state, START)
    with pytest.raises(TypeError, match="value is missing"):
        optimizer.update(grads, state, START, value_fn=rosenbrock)
    with pytest.raises(TypeError, match=r"method must be a jgd method, such as jgd\.lbfgs\(\), got function"):
        jgd.as_optax(jgd.lbfgs)


def test_a_method_that_uses_the_value_alone_asks_for_it():
    optimizer, x = jgd.as_optax(jgd.gradient_descent(jgd.polyak(0.0))), jnp.ones(2)
    with pytest.raises(TypeError, match="value_fn and value are missing"):
        optimizer.update(2 * x, optimizer.init(x), x)
    updates, _ = optimizer.update(2 * x, optimizer.init(x), x, value=jnp.sum(x**2))
    assert np.asarray(updates) == pytest.approx(-0.5)
