"""Lanczos' tridiagonalization against NumPy: the recurrence, its end, going on with it, and its limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgd.linalg import lanczos
from jgd.linalg.norm import norm
from tests.geometry.matrices import turned

ROUNDING = {np.float64: 1e-14, np.float32: 1e-5}


@jax.jit
def extend(H, so_far, end):
    return lanczos.extend(lambda v: jnp.dot(H, v, precision="highest"), so_far, end)


def run(H, steps, seed=0):
    start = np.random.default_rng(seed).standard_normal(len(H)).astype(H.dtype)
    return extend(H, lanczos.begin(jnp.asarray(start), steps), steps)


def assembled(t):
    """Q and T of the steps done, in float64."""
    k = int(t.done)
    diagonal, below = np.asarray(t.diagonal[:k], float), np.asarray(t.below[: k - 1], float)
    return np.asarray(t.basis[:k], float).T, np.diag(diagonal) + np.diag(below, 1) + np.diag(below, -1)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("steps", [1, 7, 40])
def test_the_recurrence_holds(steps, dtype):
    """A Q = Q T + remainder, Q orthonormal, the remainder orthogonal to Q and of the size it says."""
    H = turned(np.linspace(-40, 10, 40), np.random.default_rng(1)).astype(dtype)
    t = run(H, steps)
    Q, T = assembled(t)
    assert t.basis.dtype == t.diagonal.dtype == t.below.dtype == dtype
    assert np.abs(Q.T @ Q - np.eye(steps)).max() < ROUNDING[dtype]
    remainder = H.astype(float) @ Q - Q @ T
    assert np.abs(remainder[:, :-1]).max(initial=0) < 40 * ROUNDING[dtype]
    assert np.linalg.norm(remainder[:, -1]) == pytest.approx(float(t.below[-1]), abs=40 * ROUNDING[dtype])
    assert np.abs(Q.T @ remainder[:, -1]).max() < 40 * ROUNDING[dtype]


@pytest.mark.parametrize("pieces", [(3, 8, 20), (1, 2, 20), (19, 20)])
def test_it_can_be_gone_on_with(pieces):
    H = turned(np.linspace(-1, 1, 30), np.random.default_rng(2))
    whole = run(H, 20)
    t = lanczos.begin(jnp.asarray(np.random.default_rng(0).standard_normal(30)), 20)
    for end in pieces:
        t = extend(H, t, end)
        assert int(t.done) == end
    for one, other in zip(jax.tree.leaves(t), jax.tree.leaves(whole), strict=True):
        np.testing.assert_array_equal(one, other)


def test_beyond_its_room_it_does_not_go():
    H = turned(np.linspace(-1, 1, 30), np.random.default_rng(2))
    t = extend(H, run(H, 5), 100)
    assert (int(t.done), t.basis.shape) == (5, (6, 30))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("eigenvalues", "distinct"), [([2.0], 1), ([0.0], 1), ([1.0, 3.0], 2), ([-1, 0, 5, 6], 4)]
)
def test_it_stops_on_an_invariant_subspace(eigenvalues, distinct, dtype):
    """From any start it spans one direction for each distinct eigenvalue."""
    H = turned(np.resize(eigenvalues, 40), np.random.default_rng(3)).astype(dtype)
    t = run(H, 30)
    assert int(t.done) == distinct
    assert float(t.below[distinct - 1]) == 0
    values, _, residuals = lanczos.ritz(t)
    assert values == pytest.approx(sorted(eigenvalues), abs=10 * ROUNDING[dtype])
    assert (residuals == 0).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_of_a_spectrum_of_low_rank_with_small_eigenvalues_it_stays_orthogonal(dtype):
    """Images shrink with the eigenvalue they are of: a remainder is small against the matrix or not at all."""
    rng = np.random.default_rng(4)
    rows = rng.standard_normal((50, 1000)) * rng.uniform(1e-4, 1, (50, 1))
    H = (rows.T @ rows).astype(dtype)
    t = run(H, 70)
    Q, T = assembled(t)
    assert np.abs(Q.T @ Q - np.eye(int(t.done))).max() < ROUNDING[dtype]
    assert int(t.done) <= 60
    assert np.linalg.eigvalsh(T)[0] > -5 * np.finfo(dtype).eps * np.linalg.norm(rows, 2) ** 2


def test_a_start_in_an_invariant_subspace_never_leaves_it():
    H = jnp.asarray(np.diag([1.0, 2.0, 3.0, 4.0, 5.0]))
    t = extend(H, lanczos.begin(jnp.array([0.0, 1.0, 0.0, 1.0, 0.0]), 5), 5)
    assert int(t.done) == 2
    assert lanczos.ritz(t)[0] == pytest.approx([2.0, 4.0], abs=1e-14)


def test_ritz_gives_the_true_residuals():
    H = turned(np.geomspace(1e-3, 1e3, 50), np.random.default_rng(5))
    t = run(H, 12)
    values, weights, residuals = lanczos.ritz(t)
    y = np.asarray(t.basis[:12]).T @ weights
    assert residuals == pytest.approx(np.linalg.norm(H @ y - y * values, axis=0), abs=1e-10)
    assert (np.diff(values) > 0).all()


def test_the_eigenvalues_of_an_unfinished_tridiagonal_stand_apart_from_its_unknown_rows():
    H = turned([-40.0, -1.0, 10.0], np.random.default_rng(6))
    t = run(H, 9)
    assert int(t.done) == 3
    values, vectors = jax.jit(lanczos.small_eigh)(t)
    assert np.asarray(values[6:]) == pytest.approx([-40, -1, 10], abs=1e-13)
    assert (np.asarray(values[:6]) < -41).all()
    y = np.asarray(vectors[:, 6:]).T @ np.asarray(t.basis[:9])
    assert np.abs(H @ y.T - y.T * [-40, -1, 10]).max() < 1e-12


@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-20, 1.0, 1e20, 1e37])
def test_the_norm_is_right_where_squares_are_out_of_range(size):
    v = np.array([3.0, 0.0, -4.0], np.float32) * np.float32(size)
    assert float(norm(jnp.asarray(v))) == pytest.approx(5 * size, rel=1e-6)
