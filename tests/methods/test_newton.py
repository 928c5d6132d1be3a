"""Newton's directions against closed forms: pure, and made safe by a shift."""

from itertools import islice

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.directions.newton import NewtonRaphson, SafeNewton
from jgd.linalg.dense import solve_shifted
from tests.contract.loops import points

MATRICES = {
    "positive definite": [[4.0, 1.0], [1.0, 3.0]],
    "barely definite": [[1.0, 0.0], [0.0, 1e-6]],
    "indefinite": [[1.0, 0.0], [0.0, -2.0]],
    "indefinite, positive diagonal": [[1.0, 3.0], [3.0, 1.0]],
    "negative definite": [[-3.0, 1.0], [1.0, -5.0]],
    "singular": [[1.0, 1.0], [1.0, 1.0]],
    "zero": [[0.0, 0.0], [0.0, 0.0]],
    "zero but for one entry": [[0.0, 0.0], [0.0, 5.0]],
    "huge": [[1e12, 0.0], [0.0, -1e12]],
    "tiny": [[-1e-12, 0.0], [0.0, 1e-12]],
}
B = np.array([1.0, -2.0])


solve = jax.jit(solve_shifted)


def squares(H):
    """What a shift of 1 adds: D^2, by NumPy."""
    diagonal = np.abs(np.diag(H)).astype(float)
    return np.diag(np.where(diagonal > 0, diagonal, diagonal.max() or 1.0))


X = jnp.array([0.5, 0.25])


def form(x, H, b):
    return 0.5 * x @ H @ x - b @ x


@jax.jit
def directed(direction, H, b):
    """The point at X of the quadratic form, and the direction from there."""
    f = jgd.Objective(form, (H, b))
    point = f.evaluate(X)
    return point, *direction(f, point, direction.init(f, point))


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_shifted_solution_descends_and_solves(name, dtype):
    H, b = np.array(MATRICES[name], dtype), B.astype(dtype)
    z, shift = solve(H, b)
    assert z.dtype == shift.dtype == dtype
    assert np.isfinite(z).all()
    assert float(b @ z) > 0
    eps = np.finfo(dtype).eps
    shifted = H.astype(float) + float(shift) * squares(H)
    assert np.linalg.eigvalsh(shifted)[0] > 0
    condition = np.linalg.cond(shifted)
    assert shifted @ np.asarray(z, float) == pytest.approx(b, rel=16 * eps * condition)


@pytest.mark.parametrize("name", ["positive definite", "barely definite"])
def test_the_shift_is_zero_where_the_hessian_is_definite(name):
    H = np.array(MATRICES[name])
    z, shift = solve(H, B)
    assert shift == 0
    assert np.asarray(z) == pytest.approx(np.linalg.solve(H, B), rel=1e-9)


@pytest.mark.parametrize("name", MATRICES)
def test_the_shift_is_not_much_larger_than_it_must_be(name):
    """At most twice what makes the least eigenvalue positive, or a floor in proportion to the matrix."""
    H = np.array(MATRICES[name])
    _, shift = solve(H, B)
    scale = 1 / np.sqrt(np.diag(squares(H)))
    scaled = H * scale[:, None] * scale
    needed, size = max(0.0, -np.linalg.eigvalsh(scaled)[0]), np.max(np.abs(scaled))
    assert shift <= 2 * needed + (4e-8 * size if size > 0 else np.max(np.abs(B)))


@pytest.mark.parametrize("name", [name for name in MATRICES if not name.startswith("zero")])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_units_of_x_do_not_matter(name, dtype):
    """In y = x / unit the Hessian is unit H unit, and the solution the same point, to a factor of 1e12."""
    unit = np.array([2.0**20, 2.0**-20], dtype)
    H, b = np.array(MATRICES[name], dtype), B.astype(dtype)
    z, shift = solve(H, b)
    other, same = solve(H * unit[:, None] * unit, b * unit)
    assert (np.asarray(other * unit), same) == (pytest.approx(np.asarray(z), rel=1e-5), pytest.approx(shift))


def test_a_narrow_valley_in_float32_is_one_step():
    def fun(x):
        return jnp.sum(jnp.array([1e-4, 1.0, 1e8], x.dtype) * (x - 1) ** 2)

    result = jgd.minimize(fun, jnp.full(3, 3.0, jnp.float32), jgd.newton(), gtol=1e-6, grtol=0.0)
    assert result.success
    assert result.steps <= 2


def test_large_definite_matrices_are_left_alone():
    rng = np.random.default_rng(1)
    q, _ = np.linalg.qr(rng.standard_normal((60, 60)))
    H = (q * np.geomspace(1e-4, 1e3, 60)) @ q.T
    H = 0.5 * (H + H.T)
    b = rng.standard_normal(60)
    z, shift = solve(H, b)
    assert shift == 0
    assert H @ np.asarray(z) == pytest.approx(b, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", ["positive definite", "indefinite"])
def test_the_pure_direction_is_that_of_the_equations_of_newton(name):
    H = np.array(MATRICES[name])
    _, d, _, info = directed(NewtonRaphson(), H, B)
    assert np.asarray(X + d) == pytest.approx(np.linalg.solve(H, B), rel=1e-12)
    assert info.hessians == 1


@pytest.mark.parametrize("name", MATRICES)
def test_the_safe_direction_is_one_of_descent(name):
    point, d, shift, info = directed(SafeNewton(), np.array(MATRICES[name]), B)
    assert float(point.grad @ d) < 0
    assert info.hessians == 1
    assert SafeNewton().report(shift) == {"shift": shift}


def cosh(x):
    return jnp.sum(jnp.cosh(x)) + 0.5 * x[0] * x[1]


def walk(fun, method, x0, steps):
    return np.array([point.x for point in islice(points(jgd.Objective(fun), method, x0), steps + 1)])


def test_errors_square_near_a_regular_minimum():
    sizes = np.linalg.norm(walk(cosh, jgd.newton(), jnp.array([0.3, -0.2]), 3), axis=1)
    slopes = np.diff(np.log(sizes[1:]))
    assert slopes[1] / slopes[0] >= 1.9
    assert sizes[-1] < 1e-9


def test_iterates_are_the_same_under_a_linear_change_of_variables():
    A = np.array([[2.0, 1.0], [-1.0, 3.0]])

    def turned(y):
        return cosh(A @ y)

    x0 = jnp.array([1.5, -1.0])
    x = walk(cosh, jgd.newton_raphson(), x0, 4)
    y = walk(turned, jgd.newton_raphson(), jnp.linalg.solve(A, x0), 4)
    assert y @ A.T == pytest.approx(x, rel=1e-9, abs=1e-12)


def test_the_shift_leads_off_a_saddle():
    def saddle(x):
        return 0.5 * x[0] ** 2 - 0.5 * x[1] ** 2 + 0.25 * x[1] ** 4

    result = jgd.minimize(saddle, np.array([1.0, 1e-3]), jgd.newton())
    assert result.success
    assert np.abs(result.x) == pytest.approx([0.0, 1.0], abs=1e-6)
    assert result.history["shift"][1] > 0
    assert result.history["shift"][-1] == 0


def huber(x):
    return jnp.where(jnp.abs(x) < 1.0, 0.5 * x**2, jnp.abs(x) - 0.5)


def test_where_the_hessian_vanishes_the_steps_are_of_length_one():
    result = jgd.minimize(huber, np.array(5.5), jgd.newton(), recorder=jgd.Recorder(x=True))
    assert result.history["x"][:6, 0].tolist() == [5.5, 4.5, 3.5, 2.5, 1.5, 0.5]
    assert (result.status, float(result.x)) == (jgd.Status.CONVERGED, 0.0)


@pytest.mark.parametrize("n", [129, *(pytest.param(n, marks=pytest.mark.slow) for n in (128, 300))])
def test_a_hessian_in_blocks_is_the_hessian(n):
    def loss(x):
        return jnp.sum(jnp.cosh(x)) + x[0] * x[n - 1] + jnp.sum(x) ** 2 / 7

    x = jnp.asarray(np.random.default_rng(0).standard_normal(n))
    found = jax.jit(jgd.Objective(loss).hessian)(x)
    assert found == pytest.approx(np.asarray(jax.hessian(loss)(x)), rel=1e-12, abs=1e-12)


def test_a_hessian_takes_the_memory_of_a_block_beside_its_own():
    """Of 1,000 rows of data and 1,024 parameters: all tangents at once would be thousands of copies of them."""

    def loss(x, data):
        W = x.reshape(32, 32)
        return jnp.sum(jnp.tanh(jnp.tanh(data @ W) @ W) ** 2)

    x, data = jnp.ones(1024), jax.ShapeDtypeStruct((1000, 32), jnp.float64)
    compiled = jax.jit(lambda x, data: jgd.Objective(loss, (data,)).hessian(x)).lower(x, data).compile()
    copies = compiled.memory_analysis().temp_size_in_bytes / (8 * 1000 * 32)
    assert copies < 2000


def test_a_hessian_that_would_not_fit_is_refused_with_its_size():
    with pytest.raises(ValueError, match=r"100,000 parameters takes 74\.5 GiB.*matrix-free"):
        jgd.minimize(lambda x: jnp.sum(x**2), np.ones(100_000), jgd.newton())


def test_a_held_entry_does_not_hide_curvature_that_is_small_beside_one():
    def fun(x):
        return 1e-8 * jnp.sum((x - jnp.array([1e4, 2e4, -1e4], x.dtype)) ** 2)

    lower = jnp.array([-jnp.inf, -jnp.inf, 0.0])
    x0 = jnp.array([2e4, 1e4, 0.0], jnp.float32)
    result = jgd.minimize(fun, x0, jgd.newton(), bounds=(lower, None), gtol=1e-9, max_steps=20)
    assert result.success
    assert np.asarray(result.x) == pytest.approx([1e4, 2e4, 0.0], rel=1e-5)
