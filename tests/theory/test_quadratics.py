"""What theory says exactly of gradient descent and momentum on quadratics: rows 1, 4, 5, 9 and 19."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from tests.theory.digits import agrees


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def quadratic(x, spectrum):
    return 0.5 * jnp.sum(spectrum * x**2)


def square(w):
    return w**2


def ratio(steps, kappa, rate):
    """The factor of f in the last of `steps` steps from where the worst factor is met."""
    spectrum = jnp.array([1.0, kappa])
    x0 = jnp.array([1.0, 1.0 / kappa])
    method = jgd.gradient_descent(rate)
    values = [
        float(jgd.minimize(quadratic, x0, method, args=(spectrum,), gtol=0.0, max_steps=k).value)
        for k in (steps - 1, steps)
    ]
    return values[1] / values[0]


def test_the_hessian_of_rosenbrock_at_its_minimum_gives_the_printed_constants():
    H = jgd.Objective(rosenbrock).hessian(jnp.ones(2))
    low, high = np.linalg.eigvalsh(H)
    assert agrees(low, "0.399360767")
    assert agrees(high, "1001.60064")
    assert agrees(2 / high, "0.00199680384")
    assert agrees(high / low, "2508.00960")
    assert agrees(2 / (low + high), "0.00199600798")


def test_near_its_minimum_rosenbrock_falls_by_the_predicted_factor_at_the_best_rate():
    low, high = np.linalg.eigh(jax.hessian(rosenbrock)(jnp.ones(2)))[0]
    v = np.linalg.eigh(jax.hessian(rosenbrock)(jnp.ones(2)))[1][:, 0]
    method = jgd.gradient_descent(2 / (low + high))
    values = [
        float(jgd.minimize(rosenbrock, jnp.ones(2) + 1e-6 * v, method, gtol=0.0, max_steps=k).value)
        for k in (10, 11)
    ]
    np.testing.assert_allclose(values[1] / values[0], 0.998406381, rtol=2e-6)


@pytest.mark.parametrize(("fraction", "status"), [(0.999, "CONVERGED"), (1.001, "DIVERGED")])
def test_gradient_descent_converges_if_and_only_if_the_rate_is_below_two_over_the_largest_curvature(
    fraction, status
):
    spectrum = jnp.array([1.0, 7.0, 30.0])
    method = jgd.gradient_descent(fraction * 2 / 30.0)
    result = jgd.minimize(quadratic, jnp.ones(3), method, args=(spectrum,), max_steps=100_000)
    assert result.status.name == status


def test_each_mode_shrinks_by_its_own_factor():
    spectrum, rate = jnp.array([1.0, 7.0, 30.0]), 0.05
    result = jgd.minimize(
        quadratic, jnp.ones(3), jgd.gradient_descent(rate), args=(spectrum,), gtol=0.0, max_steps=20
    )
    np.testing.assert_allclose(result.x, (1 - rate * np.asarray(spectrum)) ** 20, rtol=1e-12)


@pytest.mark.parametrize(
    ("kappa", "factor"),
    [(10.0, "0.669421488"), (100.0, "0.960788158"), (1e3, "0.996007988"), (1e4, "0.99960008")],
)
def test_the_best_constant_rate_meets_its_worst_factor(kappa, factor):
    assert agrees(ratio(6, kappa, 2 / (1 + kappa)), factor)


def test_the_rate_one_over_the_curvature_meets_its_worst_factor():
    spectrum = jnp.array([1.0, 100.0])
    values = [
        float(
            jgd.minimize(
                quadratic,
                jnp.array([1.0, 0.0]),
                jgd.gradient_descent(0.01),
                args=(spectrum,),
                gtol=0.0,
                max_steps=k,
            ).value
        )
        for k in (4, 5)
    ]
    np.testing.assert_allclose(values[1] / values[0], 0.9801, rtol=1e-12)


def test_exact_line_search_zigzags_at_the_worst_factor_at_every_step():
    kappa = 100.0
    recorder = jgd.Recorder(rows=64, x=True)
    result = jgd.minimize(
        quadratic,
        jnp.array([kappa, 1.0]),
        jgd.gradient_descent(jgd.exact()),
        args=(jnp.array([1.0, kappa]),),
        gtol=0.0,
        max_steps=40,
        recorder=recorder,
    )
    values, x = result.history["value"], result.history["x"]
    np.testing.assert_allclose(values[1:] / values[:-1], 0.9607881580237231, rtol=1e-13)
    np.testing.assert_allclose(result.history["rate"][1:], 2 / (1 + kappa), rtol=1e-12)
    grads = x * np.array([1.0, kappa])
    cosines = np.sum(grads[1:] * grads[:-1], 1) / (
        np.linalg.norm(grads[1:], axis=1) * np.linalg.norm(grads[:-1], axis=1)
    )
    np.testing.assert_allclose(cosines, 0, atol=1e-13)


def iteration_matrix(method, spectrum):
    """The linear map (x, state) -> (x, state) of one step of a momentum method, measured by basis vectors."""
    f = jgd.Objective(quadratic, (spectrum,))

    def step(z):
        point = f.evaluate(z[:2])
        taken = method.step(f, point, (z[2:], None))
        return jnp.concatenate([taken.to, taken.state[0]])

    return np.asarray(jax.jacfwd(step)(jnp.zeros(4)))


@pytest.mark.parametrize(("name", "radius"), [("heavy_ball", 9 / 11), ("nesterov", 0.9)])
def test_momentum_has_its_spectral_radius(name, radius):
    mu, L = 1.0, 100.0
    root = (L / mu) ** 0.5
    momentum = (root - 1) / (root + 1)
    method = {
        "heavy_ball": jgd.heavy_ball(4 / (L**0.5 + mu**0.5) ** 2, momentum**2),
        "nesterov": jgd.nesterov(1 / L, momentum),
    }[name]
    eigenvalues = np.linalg.eigvals(iteration_matrix(method, jnp.array([mu, L])))
    # a double root is found to the root of the precision
    np.testing.assert_allclose(np.max(np.abs(eigenvalues)), radius, rtol=1e-6)
    np.testing.assert_allclose(radius, {"heavy_ball": 0.818182, "nesterov": 0.9}[name], atol=4e-7)


def pieces(x):
    """f with f'(x) = 25 x below 1, x + 24 up to 2, 25 x - 24 above."""
    low, middle = 12.5 * x**2, 0.5 * x**2 + 24 * x - 12
    high = 12.5 * x**2 - 24 * x + 36
    return jnp.where(x < 1, low, jnp.where(x < 2, middle, high))


def test_heavy_ball_cycles_for_ever_on_the_counter_example():
    result = jgd.minimize(
        pieces,
        jnp.array(3.3),
        jgd.heavy_ball(1 / 9, 4 / 9),
        max_steps=600,
        recorder=jgd.Recorder(1024, x=True),
    )
    assert result.status.name == "MAX_STEPS"
    cycle = np.array([792, -2208, 2592]) / 1225
    np.testing.assert_allclose(np.sort(result.history["x"][-3:, 0]), np.sort(cycle), rtol=1e-9)


@pytest.mark.parametrize(("rate", "status"), [(1 / 25, "CONVERGED"), (1 / 9, "DIVERGED")])
def test_gradient_descent_on_the_counter_example(rate, status):
    result = jgd.minimize(pieces, jnp.array(3.3), jgd.gradient_descent(rate))
    assert result.status.name == status


def path(rate, steps):
    result = jgd.minimize(
        square,
        jnp.array(3.0),
        jgd.gradient_descent(rate),
        gtol=0.0,
        max_steps=steps,
        recorder=jgd.Recorder(x=True),
    )
    return result, result.history["x"][:, 0]


def test_overshooting_multiplies_by_minus_three_fifths():
    _, w = path(0.8, 10)
    np.testing.assert_allclose(w[1:4], [-1.8, 1.08, -0.648], rtol=1e-14)
    np.testing.assert_allclose(w[1:] / w[:-1], -0.6, rtol=1e-13)


def test_the_rate_one_oscillates_for_ever():
    result, w = path(1.0, 63)
    assert result.status.name == "MAX_STEPS"
    np.testing.assert_array_equal(w, 3.0 * (-1.0) ** np.arange(64))


def test_the_rate_one_half_lands_in_one_step():
    result = jgd.minimize(square, jnp.array(3.0), jgd.gradient_descent(0.5))
    assert (result.steps, float(result.x), result.status.name) == (1, 0.0, "CONVERGED")


@pytest.mark.parametrize(("rate", "status"), [(1.05, "DIVERGED"), (0.95, "CONVERGED")])
def test_above_one_it_diverges_and_below_it_converges(rate, status):
    assert jgd.minimize(square, jnp.array(3.0), jgd.gradient_descent(rate)).status.name == status
