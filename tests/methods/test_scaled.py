"""Scaled variables: the run in x / x_scale, told in x."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd

SCALE = jnp.array([1.0, 1024.0, 2.0**-10])
WEIGHTS = jnp.array([1.0, 2.0, 3.0])


def in_z(z):
    return jnp.sum(WEIGHTS * (z - 1) ** 2) + jnp.prod(jnp.sin(z))


def in_x(x):
    return in_z(x / SCALE)


METHODS = {
    "gradient_descent": jgd.gradient_descent(0.1),
    "momentum": jgd.gradient_descent(0.05, momentum=0.5),
    "lbfgs": jgd.lbfgs(),
    "conjugate_gradient": jgd.conjugate_gradient(),
    "newton_cg": jgd.newton_cg(),
    "trust_region_cg": jgd.trust_region_cg(),
    "adam": optax.adam(0.1),
    "default": None,
}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_it_is_the_run_in_scaled_variables(method):
    how = {"gtol": 0.0, "max_steps": 5}
    scaled = jgd.minimize(in_x, jnp.zeros(3), method, x_scale=SCALE, **how)
    plain = jgd.minimize(in_z, jnp.zeros(3), method, **how)
    assert scaled.steps == plain.steps
    assert np.asarray(scaled.x / SCALE) == pytest.approx(np.asarray(plain.x), rel=1e-12)
    assert np.asarray(scaled.grad * SCALE) == pytest.approx(np.asarray(plain.grad), rel=1e-9, abs=1e-12)
    assert scaled.work == plain.work
    assert "in scaled variables" in str(scaled)
    for name in set(plain.history) - {"grad_norm", "step_norm"}:
        assert scaled.history[name] == pytest.approx(plain.history[name], rel=1e-9, abs=1e-12, nan_ok=True)


def test_one_rate_suits_all_entries_where_the_scale_is_theirs():
    spread = 10.0 ** np.arange(-3, 4)

    def loss(x):
        return jnp.sum((x / jnp.asarray(spread) - 1) ** 2)

    method = jgd.gradient_descent(0.25)
    scaled = jgd.minimize(loss, jnp.zeros(7), method, x_scale=spread, gtol=1e-6, max_steps=200)
    assert scaled.success
    assert np.asarray(scaled.x) == pytest.approx(spread, rel=1e-6)
    assert not jgd.minimize(loss, jnp.zeros(7), method, gtol=1e-6, max_steps=200).success


def test_the_scale_is_rounded_to_powers_of_two_and_may_be_a_number_or_a_tree():
    x0 = {"a": jnp.ones((2, 3)), "b": jnp.ones((), jnp.float32)}

    def loss(x):
        return jnp.sum(x["a"] ** 2) + (x["b"] ** 2).astype(jnp.float64)

    method = jgd.gradient_descent(0.01)
    result = jgd.minimize(loss, x0, method, x_scale={"a": np.array([3.0, 1.4, 0.7]), "b": 5}, max_steps=1)
    scale = result.program.method.map.scale
    assert np.array_equal(scale["a"], np.broadcast_to([4.0, 1.0, 0.5], (2, 3)))
    assert scale["b"] == 4
    assert scale["b"].dtype == jnp.float32
    expected = 1 - 0.02 * np.array([16.0, 1.0, 0.25])
    assert np.asarray(result.x["a"]) == pytest.approx(np.broadcast_to(expected, (2, 3)), rel=1e-15)
    by_number = jgd.minimize(loss, x0, method, x_scale=2.1, max_steps=1)
    assert np.asarray(by_number.x["a"]) == pytest.approx(1 - 0.08, rel=1e-15)


def test_within_bounds_and_for_residuals_the_answer_is_the_same():
    bounded = jgd.minimize(in_x, jnp.zeros(3), x_scale=SCALE, bounds=(0.0, 0.5))
    assert bounded.success
    assert np.asarray(bounded.x) == pytest.approx(
        np.asarray(jgd.minimize(in_x, jnp.zeros(3), bounds=(0.0, 0.5)).x), rel=1e-6
    )
    assert list(bounded.active) == [True, True, False]

    fit = jgd.residuals(lambda x: x / SCALE - WEIGHTS + jnp.sin(x / SCALE) / 4)
    result = jgd.minimize(fit, jnp.zeros(3), jgd.levenberg_marquardt(), x_scale=SCALE)
    assert result.success
    assert np.asarray(result.aux) == pytest.approx(0, abs=1e-6)


def test_a_run_goes_on_in_its_scale():
    method = jgd.lbfgs()
    whole = jgd.minimize(in_x, jnp.zeros(3), method, x_scale=SCALE, max_steps=8)
    half = jgd.minimize(in_x, jnp.zeros(3), method, x_scale=SCALE, max_steps=3)
    rest = jgd.minimize(in_x, start=half, max_steps=8)
    assert np.array_equal(rest.x, whole.x)
    with pytest.raises(ValueError, match="x_scale: the method of start has its own"):
        jgd.minimize(in_x, start=half, x_scale=2.0)


@pytest.mark.parametrize(
    ("scale", "error", "words"),
    [
        (0.0, ValueError, "x_scale must be positive and finite"),
        (-1.0, ValueError, "x_scale must be positive and finite"),
        (jnp.inf, ValueError, "x_scale must be positive and finite"),
        (jnp.nan, ValueError, "x_scale has entries that are NaN"),
        (jnp.ones(2), TypeError, "x_scale must broadcast to the leaves of x0"),
        ("big", TypeError, "x_scale must broadcast"),
        ({"a": 1.0}, TypeError, "x_scale must be a number or a tree of arrays like x0"),
    ],
)
def test_what_is_no_scale_is_refused(scale, error, words):
    with pytest.raises(error, match=words):
        jgd.minimize(in_x, jnp.zeros(3), x_scale=scale)


@pytest.mark.parametrize(("dtype", "scale"), [(np.float16, 5e4), (np.float32, 3e38)])
def test_a_scale_near_the_largest_number_is_a_number(dtype, scale):
    method = jgd.gradient_descent(0.1)
    result = jgd.minimize(lambda x: jnp.sum((x / scale) ** 2), np.ones(2, dtype), method, x_scale=scale)
    assert result.success


def test_another_scale_is_another_beginning():
    def bowl(x):
        return 0.5 * jnp.sum(x**2 * jnp.array([1.0, 100.0]))

    method = jgd.gradient_descent(jgd.barzilai_borwein())
    first = jgd.minimize(bowl, np.ones(2), method, x_scale=1.0, max_steps=5)
    more = jgd.minimize(bowl, start=first, method=method, x_scale=1024.0, max_steps=8)
    assert more.origin == ("Started anew at the x of the earlier run: x_scale is another one.",)
