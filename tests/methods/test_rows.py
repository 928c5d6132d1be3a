"""Units in which the rows of a Hessian are equally long: from products alone, and no more than is known."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.linalg.rows import PROBES, looked, probe, row_units, unknown
from tests.contract.counting import Counting

N = 400
SIZES = jnp.asarray(10.0 ** np.linspace(-3, 3, N))


def beside(v):
    """The product with a tridiagonal matrix of 4 on the diagonal and -1 beside it: condition number 3."""
    return 4 * v - jnp.roll(v, 1).at[0].set(0) - jnp.roll(v, -1).at[-1].set(0)


def after(product, n, looks, dtype="float64"):
    look = jax.jit(lambda rows: looked(product, rows, np.dtype(dtype), jnp.int32(PROBES)))
    rows = unknown(n)
    for _ in range(looks):
        rows = look(rows)
    return rows


def test_a_matrix_in_bad_units_is_seen_in_good_ones():
    """Rows of D A D, D over six decades: the condition of 1e12 is gone in as few products as 64."""
    dense = np.asarray(SIZES)[:, None] * np.asarray(jax.vmap(beside)(jnp.eye(N))) * np.asarray(SIZES)
    assert np.linalg.cond(dense) > 1e12
    for looks, condition in ((1, 1e7), (4, 500), (8, 10), (50, 10)):
        rows = after(lambda v: SIZES * beside(SIZES * v), N, looks)
        found = np.asarray(row_units(rows), float)
        assert np.linalg.cond(found[:, None] * dense * found) < condition
        assert int(rows.products) == PROBES * looks


def test_where_all_rows_are_alike_chance_makes_no_units():
    """What is seen of them differs by more than ten times from row to row."""

    def alike(v):
        return 2 * v - jnp.roll(v, 1) - jnp.roll(v, -1)

    for looks in (1, 2, 5, 30):
        rows = after(alike, 10_000, looks)
        found = row_units(rows)
        assert float(jnp.max(rows.logs) - jnp.min(rows.logs)) > 2
        assert float(jnp.max(found) / jnp.min(found)) < 1.2


@pytest.mark.parametrize("nothing", [lambda v: 0 * v, lambda v: v * jnp.nan, lambda v: v.at[3].set(jnp.inf)])
def test_what_says_nothing_changes_nothing(nothing):
    assert np.array_equal(row_units(unknown(N)), np.ones(N))
    known = after(lambda v: SIZES * v, N, 2)
    rows = jax.jit(lambda rows: looked(nothing, rows, np.dtype("float64"), jnp.int32(PROBES)))(known)
    assert int(rows.products) == 3 * PROBES
    assert np.array_equal(rows.logs, known.logs)
    assert not np.array_equal(row_units(rows), np.ones(N))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_lengths_whose_squares_are_out_of_range_are_told_apart(dtype, size):
    lengths = jnp.asarray(size * np.where(np.arange(N) < 9, 1e2, 1.0), dtype)
    found = np.asarray(row_units(after(lambda v: lengths * v, N, 8, dtype)))
    assert found[9:] / found[8] == pytest.approx(10, rel=0.2)


@pytest.mark.parametrize("short", [1e-2, 1e-12])
def test_a_row_of_zeros_keeps_its_unit_and_the_others_get_theirs(short):
    """Where the others' change is cut off at its most, too."""
    lengths = jnp.asarray(np.repeat([0.0, short, 1.0], [10, 190, 200]))
    for looks in (8, 40):
        found = np.asarray(row_units(after(lambda v: lengths * v, N, looks)))
        assert found[:10] == pytest.approx(1, rel=0.2)
        assert np.exp(np.mean(np.log(found))) == pytest.approx(1, rel=0.05)
    assert found[10] / found[200] == pytest.approx(short**-0.5, rel=0.2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_shortest_rows_are_not_taken_for_rows_of_zeros(dtype):
    lengths = jnp.asarray(np.repeat([1e-30, 1.0], [40, 360]), dtype)
    found = np.asarray(row_units(after(lambda v: lengths * v, N, 60, dtype)))
    assert found[0] / found[-1] > float(jnp.finfo(dtype).eps) ** -0.5


def test_short_rows_get_longer_units_step_by_step():
    lengths = jnp.asarray(np.where(np.arange(N) == 0, 1e-6, 1.0))
    for looks in (1, 2, 3):
        found = np.asarray(row_units(after(partial(jnp.multiply, lengths), N, looks)))
        assert found[0] / found[1] == pytest.approx(2.0**looks, rel=0.2)


def test_vectors_are_as_good_as_thrown():
    """Signs, neighbors and other vectors: all within five standard deviations of nothing."""
    n, most = 10_000, 5 / np.sqrt(10_000)
    thrown = np.stack([np.asarray(probe(jnp.int32(k), n)) for k in range(20)])
    assert 0.75 <= np.abs(thrown).min() < 0.7501
    assert 1.2499 < np.abs(thrown).max() <= 1.25
    assert np.abs(thrown).mean() == pytest.approx(1, abs=2e-3)
    thrown = np.sign(thrown)
    assert np.abs(thrown.mean(axis=1)).max() < most
    between = thrown @ thrown.T / n
    assert np.abs(between[~np.eye(20, dtype=bool)]).max() < most
    for lag in (1, 2, 3, 64, 128, 1000):
        assert np.abs((thrown[:, lag:] * thrown[:, :-lag]).mean(axis=1)).max() < most


def bad_units(x):
    """Bounded below by its only minimum, 1/SIZES; in y = SIZES x its Hessian has a condition number of 30."""
    y = SIZES.astype(x.dtype) * x - 1
    return jnp.sum(y * beside(y)) / 2 + jnp.sum(y**4)


@pytest.mark.parametrize("method", [None, jgd.trust_region_cg(), jgd.trust_region_cg(most=1000)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_units_of_x_matter_little_to_the_matrix_free_one(method, dtype):
    """Without units of rows it took thousands of products."""
    start = jnp.zeros(N, dtype)
    result = jgd.minimize(bad_units, start, method, gtol=0.0, target=1e-4, max_steps=1000)
    assert result.status is jgd.Status.TARGET_REACHED
    assert result.work.hvps < 1200
    np.testing.assert_allclose(np.asarray(SIZES) * np.asarray(result.x), 1, atol=1e-2)


def test_looks_at_the_rows_are_counted_among_the_products():
    counting = Counting(bad_units, N)
    jgd.minimize(counting.fun, jnp.zeros(N), jgd.trust_region_cg(), max_steps=12)
    counting.reset()
    result = jgd.minimize(counting.fun, jnp.zeros(N), jgd.trust_region_cg(), max_steps=12)
    assert int(result.carry.motion.at.state.kept.products) > 0
    assert counting.counts()["hvps"] == result.work.hvps


def test_steps_of_few_products_take_no_look():
    result = jgd.minimize(lambda x: jnp.sum(x**2 + x**4), jnp.ones(N), jgd.trust_region_cg())
    assert result.success
    assert int(result.carry.motion.at.state.kept.products) == 0
