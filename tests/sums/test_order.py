"""The order in which mini-batches are drawn: a permutation for every key, uniform, computed place by place."""

from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chi2

from jgd.core.bijection import permuted
from jgd.core.minibatch import Batches


def order(count, key):
    return np.asarray(permuted(jnp.arange(count, dtype=jnp.int32), count, key))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 10, 17, 64, 100, 1000, 12_345, 262_145])
def test_every_number_comes_once(count):
    found = order(count, jax.random.key(count))
    assert found.dtype == np.int32
    assert np.array_equal(np.sort(found), np.arange(count))


def test_a_place_is_computed_on_its_own_also_of_two_billion():
    count, key = 2**31 - 1, jax.random.key(0)
    places = jnp.array([0, 1, 12_345, 2**31 - 3, 2**31 - 2], jnp.int32)
    found = np.asarray(permuted(places, count, key))
    assert len(set(found.tolist())) == 5
    assert ((found >= 0) & (found < count)).all()
    alone = [int(permuted(place[None], count, key)[0]) for place in places]
    assert alone == found.tolist()


def likely(counts, expected, freedom):
    """Whether a chi-squared test of equal frequencies passes at 1 in 10,000."""
    return chi2.sf(np.sum((counts - expected) ** 2 / expected), freedom) > 1e-4


def test_all_orders_of_four_are_as_frequent():
    draws = 24_000
    keys = jax.random.split(jax.random.key(1), draws)
    found = np.asarray(jax.jit(jax.vmap(lambda key: permuted(jnp.arange(4), 4, key)))(keys))
    counts = np.array(list(Counter(map(tuple, found.tolist())).values()))
    assert counts.size == 24
    assert likely(counts, draws / 24, 23)


@pytest.mark.parametrize("count", [10, 37])
def test_every_place_and_every_pair_is_as_frequent(count):
    draws = 40_000
    keys = jax.random.split(jax.random.key(2), draws)
    found = np.asarray(jax.jit(jax.vmap(lambda key: permuted(jnp.arange(count), count, key)))(keys))
    for place in range(count):
        assert likely(np.bincount(found[:, place], minlength=count), draws / count, count - 1)
    pairs = np.bincount(found[:, 0] * count + found[:, 1], minlength=count**2).reshape(count, count)
    others = pairs[~np.eye(count, dtype=bool)]
    assert likely(others, draws / (count * (count - 1)), others.size - 1)


def test_neighbours_end_up_apart():
    found = order(100_003, jax.random.key(5)).astype(float)
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.02
    assert abs(np.corrcoef(found, np.arange(found.size))[0, 1]) < 0.02


@pytest.mark.parametrize("count", [0, 2**31])
def test_counts_out_of_range_are_refused(count):
    with pytest.raises(ValueError, match="count must be positive and below"):
        permuted(jnp.arange(2), count, jax.random.key(0))


@pytest.mark.parametrize(("count", "size"), [(10, 4), (12, 4), (7, 7), (5, 1), (1003, 64)])
def test_an_epoch_goes_through_all_rows_once_with_a_last_batch_of_what_is_left(count, size):
    batches = Batches(jax.random.key(3), size)
    steps = -(-count // size)
    draw = jax.jit(lambda k: batches.rows(k, count))
    orders = []
    for epoch in range(3):
        rows = [draw(jnp.int32(epoch * steps + i)) for i in range(steps)]
        taken = [np.asarray(indices)[np.asarray(counted)] for indices, counted in rows]
        assert all(
            set(np.asarray(indices)) == set(one) for (indices, _), one in zip(rows, taken, strict=True)
        )
        assert [len(one) for one in taken[:-1]] == [size] * (steps - 1)
        assert len(taken[-1]) == count - size * (steps - 1)
        orders.append(np.concatenate(taken).tolist())
        assert sorted(orders[-1]) == list(range(count))
    assert orders[0] != orders[1] != orders[2]


def test_with_replacement_each_row_is_drawn_from_all():
    batches, count = Batches(jax.random.key(4), 50, replacement=True), 20
    draw = jax.jit(lambda k: batches.rows(k, count)[0])
    drawn = np.concatenate([np.asarray(draw(jnp.int32(k))) for k in range(400)])
    assert likely(np.bincount(drawn, minlength=count), drawn.size / count, count - 1)
    assert max(Counter(np.asarray(batches.rows(0, count)[0]).tolist()).values()) > 1
