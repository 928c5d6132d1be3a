"""Quasi-Newton and conjugate directions against what they are on quadratics, and against NumPy."""

from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.directions.conjugate import Conjugate, hager_zhang, polak_ribiere
from jgd.directions.quasi_newton import BFGS, LBFGS
from jgd.linalg.norm import first_rate

N = 6


def quadratic(x, H, b):
    return 0.5 * x @ H @ x - b @ x


def problem(seed):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((N, N))
    return A @ A.T + np.eye(N), rng.standard_normal(N), rng.standard_normal(N)


def linear_cg(H, b, x):
    """The iterates of conjugate gradients on H x = b."""
    r = b - H @ x
    p, visited = r, [x]
    for _ in range(N):
        alpha = r @ r / (p @ H @ p)
        x, following = x + alpha * p, r - alpha * H @ p
        p, r = following + (following @ following / (r @ r)) * p, following
        visited.append(x)
    return np.array(visited)


METHODS = {
    "lbfgs": jgd.lbfgs(N, search=jgd.exact()),
    "bfgs": jgd.bfgs(search=jgd.exact()),
    "hager-zhang": jgd.conjugate_gradient(search=jgd.exact()),
    "polak-ribiere": jgd.conjugate_gradient("polak-ribiere", search=jgd.exact()),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", METHODS)
def test_with_exact_steps_on_a_quadratic_all_are_conjugate_gradients(name, seed):
    """Reference: Nocedal & Wright (2006), theorems 5.3 and 6.4."""
    H, b, x0 = problem(seed)
    result = jgd.minimize(
        quadratic, x0, METHODS[name], args=(H, b), recorder=jgd.Recorder(x=True), gtol=1e-9, max_steps=20
    )
    assert result.success
    assert result.steps <= N + 1
    count = min(result.steps, N) + 1
    np.testing.assert_allclose(result.history["x"][:count], linear_cg(H, b, x0)[:count], atol=1e-6)


def walk(direction, steps, seed=0):
    """The states of a direction over some points of a function that is not quadratic, and the points."""
    rng = np.random.default_rng(seed)
    f = jgd.Objective(lambda x: jnp.sum(jnp.cosh(x)) + 0.5 * jnp.sum(x) ** 2)
    points = [f.evaluate(jnp.asarray(x)) for x in rng.uniform(-1, 1, (steps + 1, N))]
    state, found = direction.init(f, points[0]), []
    for point in points:
        d, state, _ = direction(f, point, state)
        found.append((np.asarray(d), state))
    return points, found


def numpy_bfgs(points, first):
    """The inverse Hessian by the textbook product form."""
    B, begun = first * np.eye(N), False
    for old, new in pairwise(points):
        s, y = np.asarray(new.x - old.x), np.asarray(new.grad - old.grad)
        if not begun:
            B, begun = (s @ y) / (y @ y) * np.eye(N), True
        V = np.eye(N) - np.outer(y, s) / (s @ y)
        B = V.T @ B @ V + np.outer(s, s) / (s @ y)
    return B


def test_bfgs_is_the_product_form_and_satisfies_the_secant_equation():
    points, found = walk(BFGS(), 5)
    matrix = np.asarray(found[-1][1].matrix)
    np.testing.assert_allclose(matrix, numpy_bfgs(points, 1.0), rtol=1e-9)
    y, s = points[-1].grad - points[-2].grad, points[-1].x - points[-2].x
    np.testing.assert_allclose(matrix @ y, s, rtol=1e-9)
    assert np.linalg.eigvalsh(matrix)[0] > 0
    np.testing.assert_allclose(found[-1][0], -matrix @ points[-1].grad, rtol=1e-12)


@pytest.mark.parametrize("memory", [1, 3, 8])
def test_lbfgs_is_bfgs_of_the_last_pairs_from_the_newest_scale(memory):
    points, found = walk(LBFGS(memory), 5)
    kept = points[-min(memory, 5) - 1 :]
    s, y = points[-1].x - points[-2].x, points[-1].grad - points[-2].grad
    B = float(s @ y / (y @ y)) * np.eye(N)
    for old, new in pairwise(kept):
        s, y = np.asarray(new.x - old.x), np.asarray(new.grad - old.grad)
        V = np.eye(N) - np.outer(y, s) / (s @ y)
        B = V.T @ B @ V + np.outer(s, s) / (s @ y)
    np.testing.assert_allclose(found[-1][0], -B @ np.asarray(points[-1].grad), rtol=1e-9)


@pytest.mark.parametrize("direction", [LBFGS(), BFGS(), Conjugate()])
def test_the_first_direction_is_down_the_gradient_and_not_longer_than_one(direction):
    points, found = walk(direction, 1)
    grad = np.asarray(points[0].grad)
    expected = -grad / max(np.linalg.norm(grad), 1)
    np.testing.assert_allclose(found[0][0], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("x", "grad", "rate"),
    [([3.0, 0.5], [0.3, 0.4], 1.0), ([3.0, 0.5], [30.0, 40.0], 0.02), ([-3e4, 1.0], [3e3, 4e3], 0.06)],
)
def test_a_first_step_is_of_length_one_or_of_a_hundredth_of_x(x, grad, rate):
    assert float(first_rate(jnp.array(x), {"a": jnp.array(grad)})) == pytest.approx(rate, rel=1e-12)


@pytest.mark.parametrize("direction", [LBFGS(), BFGS()])
def test_a_pair_of_negative_curvature_is_left_out(direction):
    f = jgd.Objective(lambda x: -jnp.sum(x**2))
    one, other = (f.evaluate(jnp.asarray(x)) for x in (np.ones(3), 2 * np.ones(3)))
    _, state, _ = direction(f, one, direction.init(f, one))
    d, state, _ = direction(f, other, state)
    assert state.kept == 0
    assert np.isfinite(d).all()
    assert d @ other.grad < 0


def test_hager_and_zhang_descend_whatever_the_search():
    """Reference: Hager & Zhang (2005), theorem 1.1: d.grad <= -7/8 |grad|^2, before scaling and truncation."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        grad, before, d = rng.standard_normal((3, N))
        if d @ (grad - before) <= 0:
            d = -d
        beta = float(hager_zhang(jnp.asarray(grad), jnp.asarray(before), jnp.asarray(d)))
        assert (-grad + beta * d) @ grad <= -7 / 8 * grad @ grad + 1e-9


def test_polak_and_ribiere_never_go_backward():
    grad, before = jnp.array([1.0, 0.0]), jnp.array([2.0, 0.0])
    assert polak_ribiere(grad, before, grad) == 0.0
    assert polak_ribiere(before, grad, grad) == 2.0


def test_an_unknown_formula_is_refused():
    with pytest.raises(
        ValueError, match=r"formula must be one of hager-zhang, polak-ribiere, got 'fletcher'"
    ):
        jgd.conjugate_gradient("fletcher")


@pytest.mark.parametrize("method", [jgd.lbfgs, jgd.bfgs, jgd.conjugate_gradient])
@pytest.mark.parametrize("search", ["auto", 0.5, True, jgd.armijo])
def test_what_is_no_search_is_refused(method, search):
    with pytest.raises(TypeError, match="search must be one of jgd's, such as"):
        method(search=search)


def test_a_memory_must_be_a_whole_number():
    with pytest.raises(ValueError, match="memory must be at least 1"):
        jgd.lbfgs(0)
