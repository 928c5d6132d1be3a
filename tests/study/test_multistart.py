"""Many starts: known minima, saddles that are none, clusters, and what a user may get wrong."""

import csv
import json
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.problems import get
from jgd.study.clusters import clustered
from jgd.study.solution import load_solution
from jgd.study.starts import sampled

HIMMELBLAU = get("himmelblau")
CAMEL = {
    -1.031628453489877: [(0.08984201, -0.7126564), (-0.08984201, 0.7126564)],
    -0.215463824383720: [(1.7036067, -0.7960836), (-1.7036067, 0.7960836)],
    2.104250310311225: [(1.6071048, 0.5686515), (-1.6071048, -0.5686515)],
}
"""The six-hump camel's minima: Dixon & Szegö (1978), to digits found by Newton's method in extended precision."""


def camel(x):
    return (4 - 2.1 * x[0] ** 2 + x[0] ** 4 / 3) * x[0] ** 2 + x[0] * x[1] + (-4 + 4 * x[1] ** 2) * x[1] ** 2


def valleys(x):
    return (x**2 - 1) ** 2


def walled(x):
    return jnp.where(x > 0, x - jnp.log(x), jnp.nan)


BOX = (np.array([-3.0, -2.0]), np.array([3.0, 2.0]))


@pytest.fixture(scope="module")
def four():
    return jgd.multistart(HIMMELBLAU.fun, (-5.0, 5.0), 128, x0=jnp.zeros(2))


@pytest.fixture(scope="module")
def newton():
    """Pure Newton steps end at critical points of all kinds."""
    return jgd.multistart(camel, BOX, 512, jgd.newton_raphson())


def matched(found, wanted):
    """Whether the points found are those wanted, in any order."""
    gaps = np.abs(np.array([point.x for point in found])[:, None] - np.array(wanted)).max(axis=2)
    return len(found) == len(wanted) and (gaps.min(axis=0) < 1e-6).all() and (gaps.min(axis=1) < 1e-6).all()


def test_himmelblau_has_four_minima_of_value_zero(four):
    assert matched(four.minima, HIMMELBLAU.minimizers)
    assert not four.others
    assert all(minimum.value < 1e-15 and minimum.kind == "minimum (dense)" for minimum in four.minima)
    assert sum(minimum.runs for minimum in four.minima) == 128
    assert sum(minimum.share for minimum in four.minima) == pytest.approx(1.0)
    assert four.failures == {}
    assert four.best is four.points[0]


def test_the_camel_has_six_minima_two_of_them_global_and_nine_other_critical_points(newton):
    minima = newton.minima
    assert matched(minima, [x for places in CAMEL.values() for x in places])
    values = [value for value in CAMEL for _ in (0, 1)]
    np.testing.assert_allclose([minimum.value for minimum in minima], values, rtol=1e-12)
    kinds = [other.kind.partition(" ")[0] for other in newton.others]
    assert kinds.count("saddle") == 7
    assert kinds.count("maximum") == 2
    x = jnp.array([other.x for other in newton.others])
    grads, hessians = jax.jit(jax.vmap(lambda x: (jax.grad(camel)(x), jax.hessian(camel)(x))))(x)
    assert np.abs(grads).max() < 1e-7
    assert np.linalg.eigvalsh(hessians)[:, 0].max() < -1


def test_every_run_is_at_the_point_that_its_label_says(newton):
    for i, point in enumerate(newton.points):
        runs = np.flatnonzero(newton.labels == i)
        assert point.runs == runs.size
        assert point.run in runs
        np.testing.assert_allclose(newton.ends.x[runs], np.tile(point.x, (runs.size, 1)), atol=1e-6)
        assert point.steps == int(np.median(newton.ends.steps[runs]))
    lost = newton.labels < 0
    assert lost.sum() == sum(newton.failures.values())
    assert not newton.ends.success[lost].any()


def test_the_order_of_the_starts_has_no_part_in_it(newton):
    order = np.random.default_rng(0).permutation(512)
    again = jgd.multistart(camel, newton.starts[order], method=jgd.newton_raphson())
    assert [point.value for point in again.points] == [point.value for point in newton.points]
    assert [point.runs for point in again.points] == [point.runs for point in newton.points]
    np.testing.assert_array_equal(again.labels, newton.labels[order])


def test_the_best_is_a_start_to_go_on_from(four):
    assert jgd.minimize(HIMMELBLAU.fun, four.best.x, jgd.gradient_descent(0.01)).steps == 0


def test_failures_are_counted_by_their_status():
    found = jgd.multistart(walled, np.array([-1.0, 2.0, 3.0, -5.0, 0.5]), method=jgd.gradient_descent(0.1))
    assert found.failures == {"NONFINITE_START": 2}
    assert found.labels.tolist() == [-1, 0, 0, -1, 0]
    assert found.minima[0].share == 0.6
    assert "elsewhere    2 NONFINITE_START" in str(found)


def test_no_minimum_found_is_said_and_nothing_is_lost(tmp_path):
    found = jgd.multistart(
        lambda x: -(x**2), np.array([1.0, 2.0]), method=jgd.gradient_descent(0.1), max_steps=3
    )
    assert found.best is None
    assert found.minima == ()
    assert found.failures == {"MAX_STEPS": 2}
    assert [path.name for path in found.save(tmp_path)] == ["multistart.json", "multistart.csv"]


def test_a_point_held_by_a_bound_is_told_as_such():
    given = {"x0": jnp.array(0.0), "bounds": (None, 0.5)}
    found = jgd.multistart(valleys, (-2.0, 3.0), 32, jgd.gradient_descent(0.05), **given)
    assert {point.kind: round(float(point.x), 6) for point in found.minima} == {
        "minimum (dense)": -1.0,
        "at a bound": 0.5,
    }


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 2])
def test_starts_that_are_not_finite_leave_the_others_apart(bad, place):
    found = jgd.multistart(valleys, np.insert([-3.0, 2.0, 3.0], place, bad))
    left, *right = np.delete(found.labels, place)
    assert {left} | set(right) == {0, 1}
    assert right[0] == right[1]
    assert found.labels[place] == -1


def test_a_saddle_of_the_entries_that_no_bound_holds_is_no_minimum():
    def fun(x):
        return x[0] + x[1] ** 4 / 4 - x[1] ** 2 / 2

    starts, bounds = np.array([[0.5, 0.0], [0.7, 1.5], [0.2, -1.2]]), (np.array([0.0, -3.0]), 3.0)
    found = jgd.multistart(fun, starts, method=jgd.gradient_descent(0.1), bounds=bounds)
    assert matched(found.minima, [(0, 1), (0, -1)])
    assert matched(found.others, [(0, 0)])


def test_a_point_is_held_by_a_bound_that_it_has_come_near_enough_to():
    method = jgd.gradient_descent(0.5 / 0.6 * (1 - 1e-9))
    found = jgd.multistart(lambda x: x[0] - 0.4 * x[0] ** 2, np.array([[0.5]]), method=method, bounds=(0, 1))
    assert 0 < found.best.x[0] < 1e-8
    assert found.best.kind == "at a bound"


class Line(NamedTuple):
    """An x of two fields, which is a tuple of two, and no box."""

    w: Any
    b: Any


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_starts_in_16_bits_and_in_a_named_tuple_of_two(dtype):
    starts = Line(jnp.ones((3, 2), dtype), jnp.arange(3, dtype=dtype))
    found = jgd.multistart(lambda x: jnp.sum(x.w**2) + x.b**2, starts, method=jgd.gradient_descent(0.5))
    assert [point.runs for point in found.minima] == [3]


def test_starts_of_sobol_lie_in_the_box_evenly_and_by_the_seed_alone():
    like = {"a": jnp.zeros((2, 2), jnp.float32), "b": jnp.array(0.0)}
    lower = {"a": np.zeros((2, 2)), "b": -1.0}
    starts = sampled((lower, 3.0), 256, like, "sobol", 7)
    assert starts["a"].shape == (256, 2, 2)
    assert starts["a"].dtype == np.float32
    assert starts["b"].dtype == np.float64
    for entry, low in ((starts["a"][:, 1, 0], 0.0), (starts["b"], -1.0)):
        counts = np.histogram(entry, 16, (low, 3.0))[0]
        assert counts.sum() == 256
        assert counts.min() >= 15
    np.testing.assert_array_equal(starts["b"], sampled((lower, 3.0), 256, like, "sobol", 7)["b"])
    assert (starts["b"] != sampled((lower, 3.0), 256, like, "sobol", 8)["b"]).all()
    drawn = sampled((lower, 3.0), 256, like, "random", 7)["b"]
    assert np.histogram(drawn, 16, (-1.0, 3.0))[0].min() < 15


def test_normal_starts_have_the_center_and_the_deviation_given():
    given = jgd.normal(np.array([1.0, -2.0]), np.array([0.5, 3.0]))
    for sampling, off in (("sobol", 0.01), ("random", 0.1)):
        starts = sampled(given, 4096, None, sampling, 0)
        np.testing.assert_allclose(starts.mean(axis=0), [1, -2], atol=off)
        np.testing.assert_allclose(starts.std(axis=0), [0.5, 3.0], rtol=off)
        assert np.isfinite(starts).all()


def test_ends_are_told_apart_by_distance_and_by_value():
    points = np.array([[0.0], [1e-5], [0.05], [1.0], [1.0], [1e-5]])
    values = np.array([0.0, 1e-12, 0.0, 5.0, 5.1, 2.0])
    groups = clustered(points, values, np.full(6, 1e-8), reach=np.array([1e-3]), rounding=1e-8)
    assert [sorted(group.tolist()) for group in groups] == [[0, 1], [2], [5], [3], [4]]


def test_values_may_differ_by_what_the_gradients_allow():
    points, values = np.array([[0.0], [1e-3]]), np.array([0.0, 5e-6])
    shallow = clustered(points, values, np.full(2, 1e-2), reach=np.array([1e-2]), rounding=1e-8)
    assert [group.tolist() for group in shallow] == [[0, 1]]
    assert len(clustered(points, values, np.full(2, 1e-4), reach=np.array([1e-2]), rounding=1e-8)) == 2


def test_what_is_saved_is_strict_json_rows_and_a_solution(newton, tmp_path):
    paths = newton.save(tmp_path / "deep")
    assert [path.name for path in paths] == ["multistart.json", "multistart.csv", "solution.npz"]
    told = json.loads(paths[0].read_text(), parse_constant=pytest.fail)
    assert (told["minima"], told["starts"], told["sampling"], told["seed"]) == (6, 512, "sobol", 0)
    assert told["points"][0]["x"] == newton.best.x.tolist()
    with paths[1].open(newline="") as file:
        assert [int(row["runs"]) for row in csv.DictReader(file)] == [p.runs for p in newton.points]
    np.testing.assert_array_equal(load_solution(paths[2], np.zeros(2)), newton.best.x)


def test_the_table_has_the_best_first_and_numbers_minima_alone(newton):
    lines = str(newton).splitlines()
    assert lines[0].startswith("camel: 6 minima, 9 saddles or maxima, by 512 runs of newton_raphson")
    rows = lines[4:19]
    assert [row.split()[0] for row in rows[:6]] == list("123456")
    assert rows[0].split()[3] == f"{newton.best.value:.10g}"
    assert all(row.startswith("   ") for row in rows[6:])


REFUSED = {
    "x0 is missing: a box of two numbers": ((-1.0, 1.0), {}),
    "box: lower must broadcast": ((np.zeros(3), 1.0), {"x0": jnp.zeros(2)}),
    "each entry of lower less than that of upper": ((1.0, -1.0), {"x0": jnp.zeros(2)}),
    "The box must be finite": ((-np.inf, 1.0), {"x0": jnp.zeros(2)}),
    "x0 must be a float array": ((-1.0, 1.0), {"x0": jnp.zeros(2, int)}),
    "sampling must be one of sobol and random": ((-1.0, 1.0), {"x0": jnp.zeros(2), "sampling": "grid"}),
    "n must be at least 1": ((-1.0, 1.0), {"x0": jnp.zeros(2), "n": 0}),
    "n and x0 are for starts that are drawn": (np.zeros((4, 2)), {"n": 3}),
    "args_axis": (np.zeros((4, 2)), {"args_axis": 0}),
    "distance must be non-negative": (np.zeros((4, 2)), {"distance": -1.0}),
    "x0s must have a first axis": (np.float64(3.0), {}),
    'give sampling="random"': ((-1.0, 1.0), {"x0": jnp.zeros(30_000)}),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_bad_input_is_refused_in_a_sentence(sentence):
    starts, given = REFUSED[sentence]
    with pytest.raises((TypeError, ValueError), match=sentence):
        jgd.multistart(HIMMELBLAU.fun, starts, **given)


def test_a_deviation_must_be_positive():
    with pytest.raises(ValueError, match="scale must be positive"):
        jgd.normal(np.zeros(2), 0.0)
