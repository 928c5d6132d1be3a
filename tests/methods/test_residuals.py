"""Least squares: methods that know the residuals, against SciPy and against Newton."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

import jgd
from jgd.core.residuals import WithResiduals

T = np.linspace(0, 2, 12)


def decay(x, y):
    return x[0] * jnp.exp(-x[1] * T) + x[2] - y


def data(noise=0.01):
    return 3 * np.exp(-1.5 * T) + 0.5 + noise * np.random.default_rng(0).standard_normal(12)


START = np.array([1.0, 1.0, 0.0])
METHODS = {"levenberg_marquardt": jgd.levenberg_marquardt(), "gauss_newton": jgd.gauss_newton()}


@pytest.mark.parametrize("name", METHODS)
def test_the_minimum_is_scipys(name):
    y = data()
    result = jgd.minimize(jgd.residuals(decay), START, METHODS[name], args=(y,))
    expected = scipy.optimize.least_squares(lambda x: np.asarray(decay(x, y)), START, xtol=1e-14, gtol=1e-14)
    assert result.success
    np.testing.assert_allclose(result.x, expected.x, rtol=1e-6)
    assert float(result.value) == pytest.approx(expected.cost, rel=1e-10)
    np.testing.assert_allclose(result.aux, expected.fun, atol=1e-7)
    assert result.history["shift" if name == "gauss_newton" else "radius"].size


def test_the_products_are_those_of_the_jacobian():
    f = jgd.Objective(WithResiduals(decay), (jnp.asarray(data()),), True)
    x, rng = jnp.asarray(START), np.random.default_rng(0)
    J = np.asarray(jax.jacobian(decay)(x, f.args[0]))
    for v in rng.standard_normal((3, 3)):
        np.testing.assert_allclose(f.ravelled_gauss_newton(x)(jnp.asarray(v)), J.T @ J @ v, rtol=1e-12)
    np.testing.assert_allclose(f.hessian(x, jgd.Objective.ravelled_gauss_newton), J.T @ J, rtol=1e-12)


@pytest.mark.parametrize("name", METHODS)
def test_one_step_solves_a_linear_problem(name):
    A, b = np.random.default_rng(1).standard_normal((6, 3)), np.arange(6.0)
    result = jgd.minimize(jgd.residuals(lambda x: A @ x - b), np.ones(3), METHODS[name])
    np.testing.assert_allclose(result.x, np.linalg.lstsq(A, b, rcond=None)[0], rtol=1e-9)
    assert result.steps <= 2


def test_residuals_may_be_a_tree_and_any_method_runs_on_them():
    def fit(x):
        return {"a": x - 1.0, "b": [jnp.sum(x) ** 2 - 4.0]}

    for method in (None, jgd.gradient_descent(), jgd.lbfgs(), *METHODS.values()):
        result = jgd.minimize(jgd.residuals(fit), np.array([3.0, 2.0]), method)
        assert result.success
        assert set(result.aux) == {"a", "b"}
        assert float(result.value) == pytest.approx(
            0.5 * float(jnp.sum(result.aux["a"] ** 2) + result.aux["b"][0] ** 2)
        )


def test_residuals_of_the_same_function_compile_once():
    y, traces = data(), []

    def fit(x, y):
        traces.append(1)
        return decay(x, y)

    jgd.minimize(jgd.residuals(fit), START, METHODS["levenberg_marquardt"], args=(y,))
    count = len(traces)
    jgd.minimize(jgd.residuals(fit), 1.1 * START, METHODS["levenberg_marquardt"], args=(2 * y,))
    assert len(traces) == count


def test_levenberg_and_marquardt_in_float32():
    y = data().astype(np.float32)

    def fit(x, y):
        return x[0] * jnp.exp(-x[1] * T.astype(np.float32)) + x[2] - y

    result = jgd.minimize(
        jgd.residuals(fit), START.astype(np.float32), METHODS["levenberg_marquardt"], args=(y,)
    )
    assert result.success
    assert result.x.dtype == np.float32


@pytest.mark.parametrize("name", METHODS)
def test_without_residuals_there_is_one_sentence(name):
    with pytest.raises(TypeError, match=r"fun must be jgd\.residuals\(r\)"):
        jgd.minimize(lambda x: jnp.sum(x**2), np.ones(2), METHODS[name])


def test_bad_residuals_are_refused_in_words():
    with pytest.raises(TypeError, match="fun must be a function of x that returns residuals, got int"):
        jgd.residuals(3)
    with pytest.raises(TypeError, match=r"auxiliary output of jgd\.residuals"):
        jgd.minimize(jgd.residuals(decay), START, args=(data(),), has_aux=True)
    with pytest.raises(TypeError, match=r"fun\(x, y\) cannot be called"):
        jgd.minimize(jgd.residuals(decay), START)


def test_residuals_of_several_dtypes_are_summed_in_the_widest():
    def fun(x):
        return {"near": (x - 1).astype(jnp.float32), "far": 2 * (x - 3)}

    result = jgd.minimize(jgd.residuals(fun), jnp.zeros(2), gtol=1e-5)
    assert result.success
    assert result.value.dtype == jnp.float64
    assert np.asarray(result.x) == pytest.approx([13 / 5, 13 / 5], rel=1e-6)


def test_no_residuals_at_all_are_refused_in_words():
    with pytest.raises(TypeError, match="must return residuals"):
        jgd.minimize(jgd.residuals(lambda x: ()), jnp.zeros(2))
