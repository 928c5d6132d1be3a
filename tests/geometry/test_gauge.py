"""The gauge measures what its columns say, at recorded steps, and leaves the run as it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.problems import get
from tests.contract.counting import Counting

ROSENBROCK = get("rosenbrock")
COLUMNS = ("rayleigh", "rate_curvature", "alpha", "decrease_ratio", "cosine", "path_ratio")


def quadratic(x, h):
    return 0.5 * jnp.sum(h * x**2)


def gauged(method, steps, rows=64, product=True, sharpness=0, **options):
    recorder = jgd.Recorder(rows, x=True, gauge=jgd.curvature_gauge(product, sharpness))
    fun, x0 = options.pop("fun", ROSENBROCK.fun), options.pop("x0", ROSENBROCK.x0)
    return jgd.minimize(fun, x0, method, max_steps=steps, recorder=recorder, gtol=1e-300, **options)


def by_hand(fun, xs, rate):
    """The columns of every step but the first, from the iterates alone, in NumPy."""
    values = np.array([float(fun(x)) for x in xs])
    grads = [np.asarray(jax.grad(fun)(x)) for x in xs]
    rows = []
    for k in range(1, len(xs)):
        g, after, s = grads[k - 1], grads[k], xs[k] - xs[k - 1]
        rayleigh = g @ np.asarray(jax.hessian(fun)(xs[k - 1])) @ g / (g @ g)
        path = sum(np.linalg.norm(xs[i] - xs[i - 1]) for i in range(1, k + 1))
        rows.append(
            (
                rayleigh,
                rate * rayleigh,
                rate * rayleigh - 1,
                (values[k - 1] - values[k]) / -(g @ s),
                g @ after / np.linalg.norm(g) / np.linalg.norm(after),
                path / np.linalg.norm(xs[k] - xs[0]),
            )
        )
    return np.array(rows).T


@pytest.mark.parametrize("method", [jgd.gradient_descent(1e-3), jgd.heavy_ball(5e-4, 0.8)])
def test_every_column_is_what_it_says(method):
    result = gauged(method, 40)
    expected = by_hand(ROSENBROCK.fun, result.history["x"], float(method.search.rate))
    for name, column in zip(COLUMNS, expected, strict=True):
        assert result.history[name][1:] == pytest.approx(column, rel=1e-8, abs=1e-10), name


def test_the_free_curvature_is_the_secants():
    """On a quadratic it is R(g) itself, elsewhere the mean along the step."""
    exact, free = (gauged(jgd.gradient_descent(1e-3), 200, product=p).history for p in (True, False))
    assert free["rayleigh"][1:] == pytest.approx(exact["rayleigh"][1:], rel=0.1)
    assert not np.allclose(free["rayleigh"][1:], exact["rayleigh"][1:], rtol=1e-4)
    for product in (True, False):
        history = gauged(
            jgd.gradient_descent(0.015), 30, product=product, fun=quadratic, x0=np.ones(2),
            args=(np.array([1.0, 100.0]),),
        ).history  # fmt: skip
        assert history["rayleigh"][1] == pytest.approx((1 + 100**3) / (1 + 100**2))


def test_the_sharpness_is_the_highest_eigenvalue():
    result = gauged(jgd.gradient_descent(1e-3), 3000, sharpness=2)
    for x, sharpness in zip(result.history["x"][:-1], result.history["sharpness"][:-1], strict=True):
        expected = np.linalg.eigvalsh(np.asarray(jax.hessian(ROSENBROCK.fun)(x)))[-1]
        assert sharpness == pytest.approx(expected, rel=1e-8)


def test_few_products_follow_the_sharpness_of_many_parameters():
    """Two steps of Lanczos do, since each begins where the one before ended."""
    spectrum = np.linspace(1.0, 100.0, 200)
    history = gauged(
        jgd.gradient_descent(1e-3), 500, sharpness=2, fun=quadratic, x0=np.ones(200), args=(spectrum,)
    ).history
    assert history["sharpness"][0] < 95
    assert history["sharpness"][-2] == pytest.approx(100, rel=1e-2)


@pytest.mark.parametrize("steps", [50, 700])
def test_the_run_is_the_same_and_its_work_too(steps):
    """To rounding: another program is fused in other ways."""
    method = jgd.heavy_ball(5e-4, 0.9)
    plain = jgd.minimize(ROSENBROCK.fun, ROSENBROCK.x0, method, max_steps=steps, gtol=1e-300)
    with_gauge = gauged(method, steps, sharpness=1)
    assert np.asarray(with_gauge.x) == pytest.approx(np.asarray(plain.x), rel=1e-9)
    assert plain.work == with_gauge.work
    assert with_gauge.best_step == plain.best_step


def test_products_are_taken_at_recorded_steps_only():
    counting = Counting(ROSENBROCK.fun, 2)
    result = gauged(jgd.gradient_descent(1e-4), 4000, fun=counting.fun)
    rows_written = 64 + 32 * 5 + 32 * (4000 - 2048) // 2048
    assert counting.counts()["hvps"] == pytest.approx(rows_written, abs=35)
    assert result.work.hvps == 0


def test_going_on_goes_on_measuring():
    whole = gauged(jgd.gradient_descent(1e-3), 100)
    half = gauged(jgd.gradient_descent(1e-3), 50)
    more = gauged(jgd.gradient_descent(1e-3), 100, x0=None, start=half)
    for name in COLUMNS:
        assert np.array_equal(more.history[name], whole.history[name], equal_nan=True), name


def test_a_gauge_taken_up_later_begins_there():
    first = jgd.minimize(ROSENBROCK.fun, ROSENBROCK.x0, jgd.gradient_descent(1e-3), max_steps=50)
    more = gauged(jgd.gradient_descent(1e-3), 60, x0=None, start=first)
    assert more.history["step"].tolist() == list(range(51, 61))
    assert np.isfinite(more.history["cosine"][:-1]).all()


def test_the_start_has_no_step_to_measure():
    history = gauged(jgd.gradient_descent(1e-3), 5).history
    assert np.isnan([history[name][0] for name in ("decrease_ratio", "cosine", "path_ratio")]).all()


def test_a_number_of_products_that_is_none_is_refused():
    with pytest.raises(ValueError, match="sharpness must be at least 0, got -1"):
        jgd.curvature_gauge(sharpness=-1)


def test_the_cosine_of_gradients_whose_squares_multiply_out_of_range():
    """1e10 in float32: the gradients point the same way, and against each other over the limit."""
    f, x0 = (lambda x: 5e9 * jnp.sum(x**2)), jnp.full(2, 2.0, jnp.float32)
    for rate, cosine in ((0.5e-10, 1.0), (1.5e-10, -1.0)):
        method, recorder = jgd.gradient_descent(rate), jgd.Recorder(gauge=jgd.curvature_gauge())
        result = jgd.minimize(f, x0, method, recorder=recorder, max_steps=3)
        assert result.history["cosine"][1:] == pytest.approx(cosine, rel=1e-6)
