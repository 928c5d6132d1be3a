"""Newton: one step on a quadratic, the same under any x = Ay, errors that square, IRLS: row 18."""

import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd import problems

METHODS = {
    "newton_raphson": jgd.newton_raphson(),
    "newton": jgd.newton(),
    "trust_region": jgd.trust_region(1e9),
    "newton_cg": jgd.newton_cg(),
}


@pytest.mark.parametrize("name", [name for name in METHODS if name != "newton_cg"])
def test_a_quadratic_takes_one_step(name):
    H = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 2.0]])
    result = jgd.minimize(lambda x: 0.5 * x @ H @ x - jnp.sum(x), np.ones(3), METHODS[name])
    assert (result.success, result.steps) == (True, 1)


def well(x):
    return jnp.sum(jnp.exp(x) - 2 * x) + 0.5 * (x[0] - x[1]) ** 2


@pytest.mark.parametrize("name", ["newton_raphson", "newton"])
def test_iterates_are_the_same_under_any_linear_change_of_variables(name):
    A = np.array([[2.0, -30.0], [0.1, 5.0]])
    recorder, x0 = jgd.Recorder(x=True), np.array([2.0, -1.0])
    plain = jgd.minimize(well, x0, METHODS[name], recorder=recorder, max_steps=5)
    other = jgd.minimize(
        lambda y: well(A @ y), np.linalg.solve(A, x0), METHODS[name], recorder=recorder, max_steps=5
    )
    count = min(len(plain.history["x"]), len(other.history["x"]))
    assert count >= 5
    np.testing.assert_allclose(other.history["x"][:count] @ A.T, plain.history["x"][:count], rtol=1e-9)


@pytest.mark.parametrize("name", METHODS)
def test_errors_square_near_a_regular_minimum(name):
    """The slope of log |x+ - x*| over log |x - x*| is 2; for truncated conjugate gradients at least 1.5."""
    result = jgd.minimize(
        well, np.array([1.2, 0.2]), METHODS[name], recorder=jgd.Recorder(x=True), gtol=1e-14
    )
    errors = np.linalg.norm(result.history["x"] - np.log(2), axis=1)
    errors = errors[(errors < 0.3) & (errors > 1e-7)]
    assert errors.size >= 3 or name == "newton_cg"
    if errors.size >= 3:
        slope = np.polyfit(np.log(errors[:-1]), np.log(errors[1:]), 1)[0]
        assert slope == pytest.approx(2.0, abs=0.15) if name != "newton_cg" else slope >= 1.4


def test_on_logistic_regression_it_is_iteratively_reweighted_least_squares():
    problem = problems.get("breast-cancer")
    X = np.asarray(problem.args[0])
    result = jgd.minimize(
        problem.fun, problem.x0, METHODS["newton_raphson"], args=problem.args, recorder=jgd.Recorder(x=True)
    )
    assert result.success
    f = jgd.Objective(problem.fun, tuple(map(jnp.asarray, problem.args)))
    w = result.history["x"][0]
    for following in result.history["x"][1:4]:
        p = 1 / (1 + np.exp(-X @ w))
        weights = p * (1 - p)
        H = X.T * weights @ X + np.eye(w.size)
        g = np.asarray(f.grad(jnp.asarray(w)))
        np.testing.assert_allclose(following, np.linalg.solve(H, H @ w - g), rtol=1e-7, atol=1e-10)
        w = following
