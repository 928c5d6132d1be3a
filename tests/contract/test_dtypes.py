"""A run keeps the dtype of its start, whatever the precision that is at hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from tests.catalogue import ALIKE, METHODS, method, problem, solved

SHORT = {
    "optax.adamw": "near the minimum its steps fall below the resolution of x",
    "optax.polyak_sgd": "its step is in proportion to f - f*, which rounds to 0",
}
"""Method -> why its steps vanish in float32 before the default gradient test is met."""

BLIND = {
    "gradient_descent-polyak": "its rate is 0 where f rounds to its minimum",
    "gradient_descent-lengths": "it compares values alone, which are equal near the minimum",
}
"""Method -> why it neither meets the default gradient test in float32 nor ends at the limit of precision."""

if hasattr(jax, "enable_x64"):
    enable_x64 = jax.enable_x64
else:
    from jax.experimental import enable_x64


def names(always):
    return [pytest.param(n, marks=() if n in always else pytest.mark.slow) for n in METHODS]


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
    if name in BLIND:
        assert result.status in (jgd.Status.STALLED, jgd.Status.MAX_STEPS), result
    else:
        assert result.success or name in SHORT, result
        assert result.status in (jgd.Status.CONVERGED, jgd.Status.PRECISION_LIMIT)
    assert float(result.value) == pytest.approx(2.0, abs=1e-5)
    # where no step is left once the value is 2 to the last bit, x has the square root of its rounding to itself
    assert np.asarray(result.x) == pytest.approx(np.ones(2), abs=2e-3)


@pytest.mark.parametrize("name", names(set(METHODS) - ALIKE))
def test_float32_stays_float32_while_float64_is_at_hand(name):
    holds_single(name, single(name))


@pytest.mark.parametrize("name", names({"adam"}))
def test_float32_where_there_is_nothing_else(name):
    with enable_x64(False):
        holds_single(name, single(name))


@pytest.mark.parametrize("name", METHODS)
def test_float64_stays_float64(name):
    result = solved(name, "bowl")
    leaves = jax.tree.leaves((result.x, result.value, result.grad, result.best_x))
    assert {leaf.dtype for leaf in leaves} == {np.dtype(np.float64)}
    assert result.dtype == "float64"


def parabola(x):
    return jnp.sum((x - 0.5) ** 2)


def nearly_reflecting(x):
    """A step of rate 1 leads to the other side of the minimum, nearer by less than a hundredth."""
    return 0.9975 * parabola(x)


@pytest.mark.parametrize("kind", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("method", [jgd.gradient_descent(0.25), jgd.gradient_descent(), jgd.newton()])
def test_sixteen_bits_are_kept_too(kind, method):
    """Also by the search, whose demand of a decrease of 1e-4 is below their rounding."""
    result = jgd.minimize(nearly_reflecting, jnp.asarray([1.5, -0.5], kind), method)
    assert result.x.dtype == result.value.dtype == result.grad.dtype == kind
    assert result.success
    assert result.steps < 50


@pytest.mark.parametrize("method", [jgd.gradient_descent(), jgd.newton()])
@pytest.mark.parametrize(("of_x", "of_f"), [("float32", "float64"), ("float64", "float32")])
def test_the_value_may_be_of_another_dtype_than_x(method, of_x, of_f):
    def loss(x):
        return parabola(x).astype(of_f)

    result = jgd.minimize(loss, np.array([1.5, -0.5], of_x), method)
    assert (result.x.dtype, result.value.dtype) == (of_x, of_f)
    assert result.success


def two_widths(x):
    return jnp.sum(x["wide"] ** 2) + jnp.sum(x["narrow"] ** 2).astype(jnp.float64)


@pytest.mark.parametrize("method", [jgd.gradient_descent(0.25, momentum=0.1), jgd.newton()])
def test_leaves_of_two_precisions_keep_their_own(method):
    x0 = {"wide": jnp.ones(2), "narrow": jnp.ones(3, jnp.float32)}
    result = jgd.minimize(two_widths, x0, method)
    assert {name: leaf.dtype for name, leaf in result.x.items()} == {
        "wide": jnp.float64,
        "narrow": jnp.float32,
    }
    assert result.success
