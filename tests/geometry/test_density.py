"""Spectral density and trace against dense eigenvalues, within the standard errors they print."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd import problems
from tests.geometry.matrices import form, turned

EIGENVALUES = np.r_[np.linspace(-1, 4, 60), np.full(30, 7.0), np.linspace(7.5, 12, 30)]
H = turned(EIGENVALUES, np.random.default_rng(0))


@pytest.fixture
def _matfree():
    pytest.importorskip("matfree")


def density(matrix, **options):
    return jgd.spectral_density(form, np.zeros(len(matrix), matrix.dtype), args=(matrix,), **options)


def smoothed(eigenvalues, grid, width):
    """The histogram of eigenvalues, each a Gaussian."""
    bells = np.exp(-(((grid - eigenvalues[:, None]) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))
    return bells.mean(axis=0)


@pytest.mark.usefixtures("_matfree")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("width", [None, 1.0])
def test_the_density_is_that_of_the_eigenvalues_within_its_errors(width, dtype):
    found = density(H.astype(dtype), steps=100, samples=40, width=width)
    assert np.trapezoid(found.density, found.grid) == pytest.approx(1, abs=2e-4)
    assert found.width == (
        pytest.approx((EIGENVALUES.max() - EIGENVALUES.min()) / 50, rel=0.02) if width is None else 1
    )
    exact = smoothed(EIGENVALUES, found.grid, found.width)
    z = (found.density - exact)[exact > 1e-3] / found.error[exact > 1e-3]
    assert np.abs(z).max() < 4.5
    assert 0.5 < np.sqrt(np.mean(z**2)) < 1.5
    assert found.error.max() < 0.1 * exact.max()


@pytest.mark.usefixtures("_matfree")
def test_the_weighted_nodes_have_the_moments_of_the_spectrum():
    found = density(H, steps=30, samples=200)
    assert found.nodes.shape == found.weights.shape == (200, 30)
    assert found.weights.sum(axis=1) == pytest.approx(np.ones(200), rel=1e-12)
    assert (found.weights >= 0).all()
    for power in (1, 2, 3):
        each = np.sum(found.weights * found.nodes**power, axis=1)
        error = each.std(ddof=1) / np.sqrt(200)
        assert abs(each.mean() - np.mean(EIGENVALUES**power)) < 4 * error
        assert error < 0.1 * abs(np.mean(EIGENVALUES**power))


@pytest.mark.usefixtures("_matfree")
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("eigenvalues", [np.ones(50), np.zeros(50), np.repeat([-2.0, 1.0, 5.0], 20)])
def test_of_few_distinct_eigenvalues_the_nodes_are_they(eigenvalues, dtype):
    """Lanczos is at its end after a step for each; what comes after is noise and must not be counted."""

    def diagonal(x, eigenvalues):
        return 0.5 * jnp.sum(eigenvalues.astype(x.dtype) * x**2)

    found = jgd.spectral_density(
        diagonal, jnp.zeros(len(eigenvalues), dtype), args=(eigenvalues,), samples=20
    )
    counted = found.weights > 1e-3
    distance = np.abs(found.nodes[..., None] - np.unique(eigenvalues)).min(axis=-1)
    assert distance[counted].max() < {"float64": 1e-12, "float32": 1e-4, "bfloat16": 0.1}[dtype]
    assert np.trapezoid(found.density, found.grid) == pytest.approx(1, abs=2e-4)
    assert found.grid[0] > eigenvalues.min() - 1
    assert found.grid[-1] < eigenvalues.max() + 1
    each = np.sum(found.weights * found.nodes, axis=1)
    assert abs(each.mean() - eigenvalues.mean()) < 5 * each.std() / np.sqrt(20) + 0.02


def separable(w, rows):
    return jnp.mean(jnp.logaddexp(jnp.zeros((), w.dtype), rows @ w))


@pytest.mark.usefixtures("_matfree")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_of_a_convex_function_with_flat_directions_no_node_is_negative(dtype):
    rows = np.random.default_rng(0).standard_normal((50, 1500)).astype(dtype)
    found = jgd.spectral_density(separable, np.zeros(1500, dtype), args=(rows,), steps=60, samples=5)
    highest = np.linalg.norm(rows, 2) ** 2 / 4 / 50
    assert found.nodes.min() > -40 * np.finfo(dtype).eps * highest
    assert found.nodes.max() == pytest.approx(highest, rel=1e-4)


@pytest.mark.slow
@pytest.mark.usefixtures("_matfree")
def test_of_a_pytree_the_density_is_that_of_its_vector():
    network = problems.get("network")
    found = jgd.spectral_density(network.fun, network.x0, args=network.args, steps=20, samples=2)
    ends = jgd.curvature(network.fun, network.x0, args=network.args, products=60)
    assert found.nodes.max() == pytest.approx(ends.highest.value, rel=1e-3)
    assert found.nodes.min() >= ends.lowest.value - ends.lowest.residual


@pytest.mark.usefixtures("_matfree")
@pytest.mark.parametrize("seed", range(5))
def test_the_trace_is_right_within_its_standard_error(seed):
    found = jgd.hessian_trace(form, np.zeros(120), args=(H,), samples=100, seed=seed)
    assert abs(found.value - np.trace(H)) < 4 * found.error
    assert found.samples == 100


@pytest.mark.usefixtures("_matfree")
def test_the_standard_error_of_the_trace_is_the_known_one_and_shrinks_as_the_root_of_the_samples():
    """With random signs the variance of a sample is twice the sum of squares off the diagonal."""
    variance = 2 * (np.sum(H**2) - np.sum(np.diag(H) ** 2))
    for samples in (100, 1600, 25_600):
        found = jgd.hessian_trace(form, np.zeros(120), args=(H,), samples=samples)
        assert found.error == pytest.approx(np.sqrt(variance / samples), rel=4 / np.sqrt(2 * samples))
        assert abs(found.value - np.trace(H)) < 4 * found.error


@pytest.mark.usefixtures("_matfree")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_trace_of_a_diagonal_is_exact_and_summed_in_many_bits(dtype):
    """5,000 ones: a sum in bfloat16 ends at 256 or thereabouts."""
    found = jgd.hessian_trace(lambda x: jnp.sum(jnp.cosh(x)), jnp.zeros(5000, dtype), samples=3)
    assert (found.value, found.error) == (5000, 0)


@pytest.mark.usefixtures("_matfree")
def test_of_one_sample_the_error_is_not_known():
    assert np.isnan(jgd.hessian_trace(form, np.zeros(120), args=(H,), samples=1).error)
    assert np.isnan(density(H, samples=1, steps=5).error).all()


@pytest.mark.usefixtures("_matfree")
@pytest.mark.parametrize("call", [jgd.spectral_density, jgd.hessian_trace])
def test_a_hessian_that_is_not_finite_is_refused(call):
    with pytest.raises(ValueError, match=r"^The Hessian at x has entries that are NaN or infinite"):
        call(lambda x: jnp.sum(jnp.sqrt(x)), -np.ones(4))


@pytest.mark.parametrize("call", [jgd.spectral_density, jgd.hessian_trace])
def test_without_matfree_the_extra_is_named(call, monkeypatch):
    for name in ("matfree", "matfree.decomp", "matfree.stochtrace"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        ImportError, match=r'^Density and trace need matfree: pip install "jgd\[curvature\]"\.$'
    ):
        call(lambda x: jnp.sum(jax.numpy.cosh(x)), np.ones(3))
