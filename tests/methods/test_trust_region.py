"""Trust regions: the subproblem against its optimality conditions, and what a run makes of it."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.linalg import krylov
from jgd.linalg.region import within_radius
from jgd.linalg.symmetric import TINY, eigh
from jgd.linalg.truncated import steihaug
from jgd.problems import get

within_radius, decomposed = jax.jit(within_radius), jax.jit(eigh)


@partial(jax.jit, static_argnames="most")
def conjugate_gradients(H, g, radius, tolerance, most=50):
    return steihaug(lambda v: H @ v, g, radius, tolerance, most)


@partial(jax.jit, static_argnames="most")
def krylov_minimum(H, g, radius, count, most):
    return krylov.on_boundary(lambda v: H @ v, g, radius, count, most)


@jax.jit
def beyond(H, g, radius):
    ended = steihaug(lambda v: H @ v, g, radius, 1e-3 * jnp.linalg.norm(g), 50)
    return ended, krylov.beyond(lambda v: H @ v, g, radius, ended)


def indefinite(n, seed):
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.standard_normal((n, n)))
    values = np.concatenate([rng.uniform(-3, -1, n // 3), 10 ** rng.uniform(-2, 2, n - n // 3)])
    return basis * values @ basis.T, rng.standard_normal(n)


@pytest.mark.parametrize("n", [1, 2, 5, 9])
@pytest.mark.parametrize("radius", [1e-3, 1.0, 50.0])
def test_in_the_whole_krylov_space_the_minimum_on_the_boundary_is_the_global_one(n, radius):
    for seed in range(5):
        H, g = indefinite(n, seed) if n > 2 else (-np.eye(n), np.arange(1.0, n + 1))
        values, vectors = decomposed(H)
        best = model(H, g, vectors @ within_radius(values, g @ vectors, radius))
        d, decrease, _ = krylov_minimum(H, g, radius, n, n)
        assert np.linalg.norm(d) <= radius * (1 + 1e-12)
        assert decrease == pytest.approx(-float(model(H, g, d)), rel=1e-9)
        assert model(H, g, d) <= 0.95 * best
        assert model(H, g, d) >= best * (1 + 1e-9)


def test_inside_the_radius_it_is_newtons_step():
    H, g = np.diag([1.0, 2.0, 5.0]), np.array([1.0, -1.0, 2.0])
    d, decrease, _ = krylov_minimum(H, g, 10.0, 3, 3)
    assert np.asarray(d) == pytest.approx(-g / np.diag(H), rel=1e-12)
    assert decrease == pytest.approx(float(g @ np.linalg.solve(H, g)) / 2)


def test_beyond_the_first_meeting_with_the_boundary_the_model_is_lower():
    lower = 0
    for seed in range(20):
        H, g = indefinite(40, seed)
        first, further = beyond(H, g, 2.0)
        assert further.decrease >= first.decrease
        assert further.decrease == pytest.approx(-float(model(H, g, further.d)), rel=1e-9)
        assert np.linalg.norm(further.d) <= 2.0 * (1 + 1e-9)
        extra = int(further.products - first.products)
        assert extra == min(krylov.KEPT, krylov.FURTHER * int(first.products))
        lower += bool(further.decrease > 1.05 * first.decrease)
    assert lower >= 15


def test_a_step_inside_the_radius_takes_no_further_products():
    H, g = np.diag(np.linspace(1.0, 9.0, 6)), np.ones(6)
    first, further = beyond(H, g, 100.0)
    assert further.products == first.products
    assert np.array_equal(first.d, further.d)


@pytest.mark.parametrize("n", [1, 2, 3, TINY, TINY + 1, 20])
def test_eigenvalues_and_vectors_make_the_matrix(n):
    rng = np.random.default_rng(n)
    for _ in range(20):
        A = rng.standard_normal((n, n)) * 10 ** rng.uniform(-6, 6, (n, n))
        A = A + A.T
        values, vectors = decomposed(A)
        size = np.abs(A).max()
        np.testing.assert_allclose(vectors @ np.diag(values) @ vectors.T, A, atol=1e-13 * size * n)
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(n), atol=1e-13)


def test_the_eigenvalues_of_a_diagonal_and_of_a_zero_matrix():
    for A in (np.zeros((3, 3)), np.diag([3.0, -1.0, 2.0])):
        values, vectors = eigh(jnp.asarray(A))
        np.testing.assert_allclose(np.sort(values), np.sort(np.diag(A)))
        assert np.isfinite(vectors).all()


def model(H, g, d):
    return g @ d + 0.5 * d @ H @ d


@pytest.mark.parametrize("radius", [1e-6, 0.1, 1.0, 1e3, 1e8])
@pytest.mark.parametrize("kind", ["convex", "indefinite", "singular", "hard", "nearly hard"])
def test_the_step_within_the_radius_is_the_global_minimum(kind, radius):
    """(H + shift) d = -g with H + shift not indefinite, shift (|d| - radius) = 0."""
    rng = np.random.default_rng(0)
    for _ in range(10):
        values = rng.uniform(0.1, 10, 5)
        g = rng.standard_normal(5)
        if kind != "convex":
            values[2] = 0.0 if kind == "singular" else -2.0
        if "hard" in kind:
            g[2] = 0.0 if kind == "hard" else 1e-13
        d = np.asarray(within_radius(values, g, radius))
        length = np.linalg.norm(d)
        assert length <= radius * (1 + 1e-9)
        low, steps = max(-values.min(), 0.0), []
        for shift in low + np.geomspace(1e-12, 10 + np.linalg.norm(g) / radius, 4000):
            step = -g / (values + shift)
            steps.append(step * min(1.0, radius / np.linalg.norm(step)))
        if kind == "hard":
            edge = np.where(g == 0, 0.0, -g / np.where(g == 0, 1.0, values + low))
            if np.linalg.norm(edge) < radius:
                edge[2] = np.sqrt(radius**2 - edge @ edge)
                steps.append(edge)
        best = min(model(np.diag(values), g, step) for step in steps)
        assert model(np.diag(values), g, d) <= best * 0.95


@pytest.mark.parametrize("radius", [0.05, 1.0, 1e6])
def test_truncated_conjugate_gradients_fall_by_the_cauchy_step_at_least(radius):
    rng = np.random.default_rng(0)
    for _ in range(20):
        A = rng.standard_normal((8, 8))
        H, g = A + A.T, rng.standard_normal(8)
        ended = conjugate_gradients(H, g, radius, 1e-8)
        d = np.asarray(ended.d)
        assert np.linalg.norm(d) <= radius * (1 + 1e-9)
        assert float(ended.decrease) == pytest.approx(-model(H, g, d), rel=1e-8)
        bend, size = g @ H @ g, np.linalg.norm(g)
        length = radius / size if bend <= 0 else min(size**2 / bend, radius / size)
        assert model(H, g, d) <= model(H, g, -length * g) * (1 - 1e-9)
        if ended.indefinite:
            assert np.linalg.norm(d) == pytest.approx(radius)


def test_truncated_conjugate_gradients_solve_a_convex_model_in_n_products():
    H, g = np.diag([1.0, 2.0, 5.0, 9.0]), np.array([1.0, -1.0, 2.0, 0.5])
    ended = conjugate_gradients(H, g, 1e9, 1e-10)
    np.testing.assert_allclose(ended.d, -np.linalg.solve(H, g), rtol=1e-9)
    assert ended.products <= 4
    assert not ended.indefinite


METHODS = {"exact": jgd.trust_region, "truncated": jgd.trust_region_cg}


@pytest.mark.parametrize("name", METHODS)
def test_rejected_trials_are_counted_and_f_never_rises(name):
    known = get("rosenbrock")
    result = jgd.minimize(known.fun, known.x0, METHODS[name](), args=known.args, recorder=jgd.Recorder(128))
    assert result.success
    assert np.all(np.diff(result.history["value"]) <= 0)
    assert result.history["rejected"][-1] > 0
    assert result.work.values == 1 + result.steps + result.history["rejected"][-1]
    assert (result.history["radius"][1:] > 0).all()
    assert result.history["accepted"].all()


def narrow(x):
    """Its quadratic model at 0 is good in a radius of 1e-8 or so."""
    return -jnp.sum(x) + 1e16 * jnp.sum(x**4)


@pytest.mark.parametrize("name", METHODS)
def test_tiny_steps_of_rejected_trials_are_not_taken_for_convergence(name):
    """The first radius is far too large; it must shrink by many orders before a trial is taken."""
    result = jgd.minimize(narrow, np.zeros(2), METHODS[name](1e6), max_steps=200, gtol=1e-6)
    assert result.status == jgd.Status.CONVERGED, result
    assert np.asarray(result.x) == pytest.approx((0.25e-16) ** (1 / 3), rel=1e-6)
    assert result.work.discarded > 5


def test_units_of_x_do_not_matter_to_the_exact_one():
    """Fault of many: parameters of 1e-6 beside others of 1e6."""
    known, scale = get("rosenbrock"), np.array([1e-6, 1e6])

    def scaled(y):
        return known.fun(jnp.asarray(scale) * y, *known.args)

    plain = jgd.minimize(known.fun, known.x0, jgd.trust_region(), args=known.args, gtol=0.0, target=1e-12)
    other = jgd.minimize(scaled, known.x0 / scale, jgd.trust_region(), gtol=0.0, target=1e-12)
    assert plain.steps == other.steps
    np.testing.assert_allclose(np.asarray(other.x) * scale, plain.x, rtol=1e-6)


def test_a_saddle_is_left_along_negative_curvature():
    """At (1, 0) the gradient points to the saddle; the exact step knows the other way out."""
    known = get("saddle")
    result = jgd.minimize(known.fun, np.array([1.0, 0.0]), jgd.trust_region(), args=known.args)
    assert result.success
    assert float(result.value) == pytest.approx(known.minimum, abs=1e-9)


def test_a_step_on_a_quadratic_is_newtons():
    H = np.diag([1.0, 100.0])
    result = jgd.minimize(lambda x: 0.5 * x @ jnp.asarray(H) @ x, np.array([3.0, 1.0]), jgd.trust_region())
    assert (result.status.name, result.steps) == ("CONVERGED", 1)


def test_a_wall_makes_the_radius_smaller():
    result = jgd.minimize(
        lambda x: jnp.where(x[0] < 0.5, jnp.nan, jnp.sum((x - 0.6) ** 2 + (x - 0.6) ** 4)),
        np.array([30.0]),
        jgd.trust_region(100.0),
    )
    assert result.success
    assert result.x[0] == pytest.approx(0.6, abs=1e-6)


@pytest.mark.parametrize("factory", METHODS.values())
def test_a_radius_must_be_positive(factory):
    with pytest.raises(ValueError, match="radius must be positive"):
        factory(0.0)


@pytest.mark.parametrize("method", [jgd.trust_region(), jgd.trust_region_cg()], ids=lambda one: one.name)
def test_where_the_hessian_vanishes_the_step_goes_to_the_boundary_and_the_radius_grows(method):
    def huber(x):
        far = jnp.abs(x) > 1
        return 1e-2 * jnp.sum(jnp.where(far, jnp.abs(x) - 0.5, x**2 / 2))

    result = jgd.minimize(huber, jnp.array([1000.0]), method, max_steps=50)
    assert result.success
    assert abs(float(result.x[0])) < 1e-5


def test_in_float32_lengths_whose_squares_are_out_of_range_are_found():
    def fun(x):
        return jnp.sum(jnp.exp(x) - x * jnp.array([2.0, 3.0, 150.0], x.dtype))

    x0 = jnp.array([-40.0, -30.0, -40.0], jnp.float32)
    result = jgd.minimize(fun, x0, jgd.trust_region(), gtol=1e-3)
    assert result.success, result.status
    assert np.asarray(result.x) == pytest.approx(np.log([2.0, 3.0, 150.0]), rel=1e-4)


@pytest.mark.parametrize("method", [jgd.trust_region_cg(), jgd.newton_cg()], ids=lambda one: one.name)
def test_in_float32_conjugate_gradients_go_on_where_squares_are_out_of_range(method):
    rng = np.random.default_rng(0)
    X = jnp.asarray(1e5 * rng.standard_normal((500, 20)), jnp.float32)
    w = jnp.asarray(1e3 * rng.standard_normal(20), jnp.float32)
    result = jgd.minimize(lambda v: jnp.sum((X @ v - X @ w) ** 2), jnp.zeros(20, jnp.float32), method)
    assert result.value < 1e-9 * result.first_value
    assert np.asarray(result.x) == pytest.approx(np.asarray(w), rel=1e-3)


@pytest.mark.parametrize("size", [1e20, 1e-23])
def test_tiny_matrices_are_rotated_whatever_their_size(size):
    A = jnp.asarray(size * np.array([[2.0, 1.0], [1.0, 2.0]]), jnp.float32)
    values, _ = decomposed(A)
    assert sorted(map(float, values)) == pytest.approx([size, 3 * size], rel=1e-5)


def test_entries_that_a_bound_holds_stay_on_it_to_the_bit():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        A = rng.standard_normal((8, 8))
        H, b = jnp.asarray(A @ A.T + 0.1 * np.eye(8)), jnp.asarray(5 * rng.standard_normal(8))
        result = jgd.minimize(
            lambda x, H, b: x @ H @ x / 2 - b @ x,
            jnp.full(8, 0.5),
            jgd.trust_region(),
            args=(H, b),
            bounds=(0.0, 1.0),
            max_steps=200,
        )
        assert result.success
        pressed = np.abs(result.grad) > 1e-3
        assert np.array_equal(result.active, pressed)
        assert set(np.asarray(result.x)[pressed]) <= {0.0, 1.0}


def test_a_jump_that_no_radius_gets_over_is_no_limit_of_precision():
    def jump(x):
        return jnp.where(x[0] >= 0, 1 + x[0] + x[0] ** 2, 5.0)

    result = jgd.minimize(jump, jnp.zeros(1), jgd.trust_region())
    assert result.status is jgd.Status.SEARCH_FAILED


def test_products_are_those_that_were_made_where_the_krylov_space_ends_early():
    made = []

    def counted(v):
        jax.debug.callback(lambda: made.append(0))
        return -jnp.cos(1.0) * v

    g, radius = jnp.full(50, -jnp.sin(1.0)), jnp.ones(())
    ended = steihaug(counted, g, radius, 1e-3 * jnp.linalg.norm(g), 50)
    ended = krylov.beyond(counted, g, radius, ended)
    jax.effects_barrier()
    assert int(ended.products) == len(made)


@pytest.mark.parametrize("method", [jgd.trust_region(), jgd.trust_region_cg()])
@pytest.mark.parametrize("seed", range(4))
def test_at_a_kink_the_radius_is_small_and_the_precision_is_not_at_its_limit(method, seed):
    """Its least value is 0.02; far above it no step leads down, since the model knows nothing of the kinks."""

    def kinks(x):
        return jnp.abs(x[0] - 1) + 2 * jnp.abs(x[1] + x[0] ** 2) + 0.01 * jnp.sum(x**2)

    result = jgd.minimize(kinks, 2 * np.random.default_rng(seed).normal(size=2), method, max_steps=500)
    assert result.value > 0.05
    assert result.status in (jgd.Status.SEARCH_FAILED, jgd.Status.MAX_STEPS)
