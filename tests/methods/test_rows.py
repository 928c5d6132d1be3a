"""Units in which the rows of a Hessian are equally long: from products alone, and no more than is known."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.linalg.rows import PROBES, looked, probe, units, unknown
from tests.contract.counting import Counting

N = 400
SIZES = jnp.asarray(10.0 ** np.linspace(-3, 3, N))


def beside(v):
    """The product with a tridiagonal matrix of 4 on the diagonal and -1 beside it: condition number 3."""
    return 4 * v - jnp.roll(v, 1).at[0].set(0) - jnp.roll(v, -1).at[-1].set(0)


def after(product, n, looks, dtype=np.dtype("float64")):
    look = jax.jit(lambda rows: looked(product, rows, dtype))
    rows = unknown(n)
    for _ in range(looks):
        rows = look(rows)
    return rows


def test_a_matrix_in_bad_units_is_seen_in_good_ones():
    """Rows of D A D, with D over six decades: the units found leave less than one in a condition of 1e12."""
    rows = after(lambda v: SIZES * beside(SIZES * v), N, 32)
    found = np.asarray(units(rows), float)
    dense = np.asarray(SIZES)[:, None] * np.asarray(jax.vmap(beside)(jnp.eye(N))) * np.asarray(SIZES)
    assert np.linalg.cond(dense) > 1e12
    assert np.linalg.cond(found[:, None] * dense * found) < 10
    assert int(rows.probes) == 32


def test_where_all_rows_are_alike_chance_makes_no_units():
    """Single probes of it differ by a factor of nine from row to row."""
    product = jax.jit(lambda v: 2 * v - jnp.roll(v, 1) - jnp.roll(v, -1))
    for probes in (2, 5, 16, 200):
        found = units(after(product, 10_000, probes))
        assert float(jnp.max(found) / jnp.min(found)) < 1.2


def test_no_probe_and_probes_that_say_nothing_leave_all_units_at_1():
    ones = np.ones(N)
    assert np.array_equal(units(unknown(N)), ones)
    for nothing in (lambda v: 0 * v, lambda v: v * jnp.nan, lambda v: v.at[3].set(jnp.inf)):
        rows = after(nothing, N, 8)
        assert int(rows.probes) == 8
        assert np.array_equal(units(rows), ones)


def test_a_row_of_zeros_stays_in_range():
    """The other rows are in units of their own all the same, in float32 as in float64."""
    lengths = np.ones(N)
    lengths[:10], lengths[10:20] = 0, 1e4
    for dtype in ("float32", "float64"):
        rows = after(lambda v: v * jnp.asarray(lengths, v.dtype), N, 400, np.dtype(dtype))
        found = np.asarray(units(rows))
        assert np.isfinite(found).all()
        assert found[20:] / found[10] == pytest.approx(1e2, rel=0.02)
        assert (found[:10] > found[20]).all()


def test_further_probes_go_on_where_the_earlier_ones_ended():
    def product(v):
        return SIZES * beside(v * SIZES)

    whole = after(product, N, 12)
    parts = jax.jit(lambda rows: probed(product, rows, 7, np.dtype("float64")))(after(product, N, 5))
    assert isinstance(parts, Rows)
    assert int(parts.probes) == 12
    assert np.array_equal(whole.logs, parts.logs)


def test_signs_are_as_good_as_thrown():
    """Means, neighbors and other vectors: all within five standard deviations of nothing."""
    n, most = 10_000, 5 / np.sqrt(10_000)
    thrown = np.stack([np.asarray(signs(jnp.int32(k), n)) for k in range(20)])
    assert set(np.unique(thrown)) == {-1.0, 1.0}
    assert np.abs(thrown.mean(axis=1)).max() < most
    between = thrown @ thrown.T / n
    assert np.abs(between[~np.eye(20, dtype=bool)]).max() < most
    for lag in (1, 2, 3, 64, 128, 1000):
        assert np.abs((thrown[:, lag:] * thrown[:, :-lag]).mean(axis=1)).max() < most


def bad_units(x):
    """Bounded below by its only minimum, 1/SIZES; in y = SIZES x its Hessian has a condition number of 30."""
    y = SIZES * x - 1
    return jnp.sum(y * beside(y)) / 2 + jnp.sum(y**4)


@pytest.mark.parametrize("method", [None, jgd.trust_region_cg(), jgd.trust_region_cg(most=1000)])
def test_units_of_x_matter_little_to_the_matrix_free_one(method):
    """Without them it took 26 steps and 3,000 products, or did not get there in 1,000 steps."""
    result = jgd.minimize(bad_units, jnp.zeros(N), method, gtol=0.0, target=1e-8, max_steps=1000)
    assert result.status is jgd.Status.TARGET_REACHED
    assert result.work.hvps < 600
    np.testing.assert_allclose(SIZES * result.x, 1, atol=1e-3)


def test_probes_are_counted_among_the_products():
    counting = Counting(bad_units, N)
    result = jgd.minimize(counting.fun, jnp.zeros(N), jgd.trust_region_cg(), max_steps=20)
    counting.reset()
    result = jgd.minimize(counting.fun, jnp.zeros(N), jgd.trust_region_cg(), max_steps=20)
    rows = result.carry.motion.at.state.kept
    assert int(rows.probes) > 10
    assert counting.counts()["hvps"] == result.work.hvps


def test_steps_of_few_products_take_no_probe():
    result = jgd.minimize(lambda x: jnp.sum(x**2 + x**4), jnp.ones(N), jgd.trust_region_cg())
    assert result.success
    assert int(result.carry.motion.at.state.kept.probes) == 0
