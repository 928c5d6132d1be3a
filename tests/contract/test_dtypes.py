"""A run keeps the dtype of its start, whatever the precision that is at hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from tests.catalogue import METHODS, method, problem, solved

SHARE = ("gradient_descent", "newton", "adam")
SHORT = {
    "optax.adamw": "near the minimum its steps fall below the resolution of x",
    "optax.polyak_sgd": "its step is in proportion to f - f*, which rounds to 0",
}
"""Method -> why its steps vanish in float32 before the default gradient test is met."""

if hasattr(jax, "enable_x64"):
    enable_x64 = jax.enable_x64
else:
    from jax.experimental import enable_x64


def single(name: str) -> jgd.Result:
    """The run from a start in float32."""
    bowl = problem("bowl")
    x0 = bowl.x0.astype(np.float32)
    return jgd.minimize(bowl.fun, x0, method(name, "bowl"), args=bowl.args, max_steps=5000)


def holds_single(name: str, result: jgd.Result) -> None:
    leaves = jax.tree.leaves((result.x, result.value, result.grad, result.best_x))
    assert {leaf.dtype for leaf in leaves} == {np.dtype(np.float32)}
    assert result.dtype == "float32"
    assert result.history["value"].dtype == np.float32
    assert result.success or name in SHORT, result
    assert result.status in (jgd.Status.CONVERGED, jgd.Status.PRECISION_LIMIT)
    assert float(result.value) == pytest.approx(2.0, abs=1e-5)
    assert np.asarray(result.x) == pytest.approx(np.ones(2), abs=1e-3)


@pytest.mark.parametrize("name", METHODS)
def test_float32_stays_float32_while_float64_is_at_hand(name):
    holds_single(name, single(name))


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in SHARE else pytest.mark.slow) for n in METHODS]
)
def test_float32_where_there_is_nothing_else(name):
    with enable_x64(False):
        holds_single(name, single(name))


@pytest.mark.parametrize("name", METHODS)
def test_float64_stays_float64(name):
    result = solved(name, "bowl")
    leaves = jax.tree.leaves((result.x, result.value, result.grad, result.best_x))
    assert {leaf.dtype for leaf in leaves} == {np.dtype(np.float64)}
    assert result.dtype == "float64"


@pytest.mark.parametrize("kind", [jnp.bfloat16, jnp.float16])
def test_sixteen_bits_are_kept_too(kind):
    x0 = jnp.asarray([1.0, -2.0], kind)
    result = jgd.minimize(lambda x: jnp.sum((x - 0.5) ** 2), x0, jgd.gradient_descent(0.25))
    assert result.x.dtype == result.value.dtype == result.grad.dtype == kind
    assert result.success


def test_leaves_of_two_precisions_keep_their_own():
    x0 = {"wide": jnp.ones(2), "narrow": jnp.ones(3, jnp.float32)}

    def loss(x):
        return jnp.sum(x["wide"] ** 2) + jnp.sum(x["narrow"] ** 2).astype(jnp.float64)

    result = jgd.minimize(loss, x0, jgd.gradient_descent(0.25, momentum=0.1))
    assert {name: leaf.dtype for name, leaf in result.x.items()} == {
        "wide": jnp.float64,
        "narrow": jnp.float32,
    }
    assert result.success
