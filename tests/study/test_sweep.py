"""Sweeps: against theory, single runs, and what a user may get wrong."""

import csv
import json
from functools import partial

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from matplotlib.colors import to_rgba

import jgd
from jgd.study.sweep import OPTIONS
from tests.contract.counting import compilations

X0 = jnp.array([-1.2, 1.0])
EIGENVALUES = np.linspace(1, 100, 10)


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def square(w):
    return w**2


def bowl(x, eigenvalues):
    return 0.5 * jnp.sum(eigenvalues * x**2)


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.fixture(scope="module")
def valley():
    rates = [1e-3, 1.5e-3, 1.99e-3, 2e-3, 0.1]
    return jgd.sweep(rosenbrock, X0, jgd.gradient_descent, learning_rate=rates, gtol=1e-6, max_steps=50_000)


@pytest.fixture(scope="module")
def bowls():
    """Row 10's quadratic; the rates 1/L and 2/(L + mu) are among them, and both sides of 2/L."""
    rates = jnp.array([1e-4, 1e-3, 0.006, 0.01, 2 / 101, 0.01995, 0.0201, 0.1])
    given = {"args": (EIGENVALUES,), "gtol": 1e-8, "grtol": 0.0}
    return jgd.sweep(bowl, np.ones(10), jgd.gradient_descent, learning_rate=rates, **given)


@pytest.fixture(scope="module")
def plane():
    given = {"momentum": [0.0, 0.5, 0.9], "learning_rate": np.geomspace(1e-4, 0.1, 12)}
    return jgd.sweep(rosenbrock, X0, jgd.heavy_ball, max_steps=3000, **given)


def test_rosenbrock_takes_the_printed_steps_and_stops_being_stable_where_theory_says(valley):
    assert valley.steps[:3].tolist() == [31_798, 21_188, 15_938]
    assert valley.verdicts.tolist() == ["good", "good", "good", "overshooting", "diverging"]
    assert valley.best == {"learning_rate": 1.99e-3}
    low, high = valley.stable_range
    assert (low, high) == (1.99e-3, 2e-3)
    assert low < valley.stable_rates[0] < high
    assert valley.stable_rates[0] == pytest.approx(0.00199680384, rel=1e-5)
    assert valley.best_rate == pytest.approx(0.00199600798, rel=1e-5)


def test_on_a_quadratic_the_best_rate_is_that_of_theory(bowls):
    assert bowls.steps[3:5].tolist() == pytest.approx([1833, 1152], abs=2)
    assert bowls.best["learning_rate"] == pytest.approx(bowls.best_rate, rel=1e-12)
    assert bowls.best_rate == pytest.approx(2 / 101, rel=1e-12)
    assert bowls.stable_rates[0] == pytest.approx(0.02)
    assert bowls.stable_range == (0.01995, 0.0201)
    assert bowls.verdicts.tolist() == ["too slow"] * 3 + ["good"] * 2 + ["overshooting"] + ["diverging"] * 2


def test_the_parabola_is_slow_exact_overshooting_and_diverging_at_the_rates_of_theory():
    rates = [0.01, 0.3, 0.5, 0.8, 0.99, 1.0, 1.01]
    swept = jgd.sweep(square, 3.0, jgd.gradient_descent, learning_rate=rates, max_steps=5000)
    assert swept.steps[2] == 1
    assert swept.steps[5] == 5000
    words = ["too slow", "too slow", "good", "overshooting", "overshooting", "overshooting", "diverging"]
    assert swept.verdicts.tolist() == words
    assert (swept.best_rate, swept.stable_rates[0]) == (0.5, 1.0)


def test_every_run_is_what_minimize_makes_of_it_alone(plane):
    assert plane.shape == (3, 12)
    for run in (1, 16, 30, 35):
        result = jgd.minimize(rosenbrock, X0, jgd.heavy_ball(**plane.grid.points[run]), max_steps=3000)
        assert plane.ends.status[run] == result.status
        assert plane.steps[run] == result.steps
        np.testing.assert_allclose(plane.ends.x[run], result.x, rtol=1e-12)


def test_a_grid_of_two_knows_the_limit_of_each_momentum(plane):
    momentum = plane.columns["momentum"]
    np.testing.assert_allclose(plane.stable_rates, plane.stable_rates[0] * (1 + momentum), rtol=1e-12)
    assert np.isnan(plane.best_rate)
    words = plane.verdicts.reshape(plane.shape)
    assert set(words[0]) == {"too slow", "overshooting", "diverging"}
    assert "good" in words[2]
    for row in words:
        order = [["too slow", "good", "overshooting", "diverging"].index(word) for word in row]
        assert order == sorted(order)


def test_a_sweep_is_one_compilation_and_other_rates_and_starts_are_none():
    def fresh(x):
        return jnp.sum((x - 1.0) ** 4 + x**2)

    given = {"max_steps": 50}
    jgd.minimize_many(
        fresh, np.ones((1, 3)), jgd.gradient_descent(0.1), **given
    )  # what the process itself needs
    rates = np.geomspace(1e-3, 1, 100), np.linspace(0.1, 2, 100)
    before = compilations()
    jgd.sweep(fresh, np.ones(3), jgd.gradient_descent, learning_rate=rates[0], **given)
    once = compilations()
    jgd.sweep(fresh, np.zeros(3), jgd.gradient_descent, learning_rate=rates[1], **given)
    assert (once - before, compilations() - once) == (1, 0)


@pytest.mark.parametrize(
    "factory",
    [optax.sgd, partial(jgd.from_optax, optax.sgd), partial(optax.sgd, momentum=None)],
    ids=["optax", "from_optax", "partial"],
)
def test_an_optax_factory_is_swept_as_gradient_descent_is(factory):
    given = {"learning_rate": np.array([0.1, 0.5, 0.8, 1.5]), "max_steps": 200}
    theirs, ours = (
        jgd.sweep(square, 3.0, factory, **given),
        jgd.sweep(square, 3.0, jgd.gradient_descent, **given),
    )
    assert theirs.verdicts.tolist() == ours.verdicts.tolist()
    assert theirs.steps.tolist() == ours.steps.tolist()
    assert theirs.method == "optax.sgd" or "partial" in str(factory)


def test_a_function_of_ones_own_is_a_factory_and_its_number_may_be_the_rate():
    swept = jgd.sweep(square, 3.0, lambda exponent: jgd.gradient_descent(2.0**exponent), exponent=[-4, -1, 1])
    assert swept.verdicts.tolist() == ["too slow", "good", "diverging"]
    assert swept.best == {"exponent": -1}
    assert swept.best_rate == 0.5


def test_numbers_that_are_no_rates_never_overshoot():
    swept = jgd.sweep(square, 3.0, partial(jgd.heavy_ball, 0.1), momentum=[0.0, 0.2, 0.95])
    assert swept.rate_axis is None
    assert set(swept.verdicts) == {"good", "too slow"}
    assert np.isnan(swept.stable_range).all()


def test_nothing_succeeds_and_the_lowest_end_is_the_best():
    swept = jgd.sweep(rosenbrock, X0, jgd.gradient_descent, learning_rate=[1e-4, 1e-3, 0.1], max_steps=100)
    assert swept.best == {"learning_rate": 1e-3}
    assert swept.verdicts.tolist() == ["too slow", "too slow", "diverging"]
    assert "none succeeded; the lowest end is that of learning_rate=0.001" in str(swept)
    assert "value where the run ended" in swept.figure().axes[-1].get_ylabel()


@pytest.mark.slow
def test_theory_is_silent_where_it_does_not_hold(bowls):
    given = {"learning_rate": [1e-3, 1e-2], "args": (EIGENVALUES,), "max_steps": 20}
    assert jgd.sweep(bowl, np.ones(10), jgd.gradient_descent, bounds=(0.5, None), **given).curvature is None
    assert jgd.sweep(bowl, np.ones(10), jgd.adam, **given).curvature is None
    assert bowls.curvature.highest.value == pytest.approx(100)


def test_a_bad_start_makes_failed_runs():
    swept = jgd.sweep(jnp.log, -1.0, jgd.gradient_descent, learning_rate=[0.1, 0.2])
    assert swept.verdicts.tolist() == ["failed", "failed"]
    assert swept.curvature is None
    assert "NONFINITE_START" in str(swept)
    assert json.dumps(swept.record(), allow_nan=False)


def test_the_table_has_a_line_for_each_run_or_for_each_verdict(valley, plane):
    lines = str(valley).splitlines()
    assert lines[0] == "rosenbrock: 5 runs of gradient_descent (5 learning_rate), 2 parameters, float64"
    assert lines[4].split() == ["good", "CONVERGED", "0.001", "31,798", "1.56e-12"]
    assert "  highest      0.00199 succeeded; the next one, 0.002, did not" in lines
    assert "the best one found is 0.997 times that" in str(valley)
    shown = [line.split()[0] for line in str(plane).splitlines()[4:] if line.split()][:4]
    counted = next(line for line in str(plane).splitlines() if line.startswith("diverging")).split()
    assert shown == ["too", "good", "overshooting", "diverging"]
    assert int(counted[2]) == (plane.verdicts == "diverging").sum()


def test_a_curve_shows_all_runs_and_both_rates_of_theory(valley):
    figure = valley.figure()
    strip, main = figure.axes
    lines = {line.get_xdata()[0] for line in main.lines if list(line.get_ydata()) == [0, 1]}
    assert lines == {valley.stable_rates[0], valley.best_rate}
    points = [line for line in main.lines if line.get_marker() == "s"]
    np.testing.assert_array_equal(points[0].get_ydata(), valley.steps[:3])
    assert [label.get_text() for label in strip.get_yticklabels()] == ["not reached", "diverged"]
    shown = {
        line.get_marker(): line.get_xdata().tolist() for line in strip.lines if len(line.get_xdata()) == 1
    }
    assert shown == {"^": [2e-3], "X": [0.1]}
    assert f"$2/\\lambda_{{max}}$ = {valley.stable_rates[0]:.6g}" in legend(figure)
    figure.draw_without_rendering()
    assert figure.legends[0].get_window_extent().y1 < main.get_window_extent().y0


def test_a_plane_shows_the_steps_where_the_numbers_lie(plane):
    figure = plane.figure()
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("learning_rate", "momentum")
    ended, steps = axes.collections
    np.testing.assert_array_equal(steps.get_array().mask.ravel(), ~plane.ends.success)
    assert steps.get_array().min() == plane.steps[plane.ends.success].min()
    figure.draw_without_rendering()
    assert (ended.get_array() == 1).sum() == (plane.verdicts == "diverging").sum()
    colors = ended.to_rgba(np.array([0.0, 1.0]))
    np.testing.assert_allclose(colors[1], to_rgba("#D55E00"))
    limit = next(line for line in axes.lines if len(line.get_xdata()) == 3)
    np.testing.assert_allclose(limit.get_xdata(), plane.stable_rates[0] * np.array([1, 1.5, 1.9]))


def test_what_is_saved_is_strict_json_rows_and_a_picture(plane, tmp_path):
    paths = plane.save(tmp_path / "deep")
    assert [path.name for path in paths] == ["sweep.json", "sweep.csv", "sweep-steps.png"]
    told = json.loads(paths[0].read_text(), parse_constant=pytest.fail)
    assert told["best"] == plane.best
    assert len(told["rows"]) == 36
    with paths[1].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["verdict"] for row in rows] == plane.verdicts.tolist()
    assert [float(row["learning_rate"]) for row in rows] == plane.columns["learning_rate"].tolist()
    assert paths[2].read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_three_numbers_are_swept_but_not_drawn(tmp_path):
    given = {"learning_rate": [0.1, 0.3], "b1": [0.8, 0.9], "b2": [0.9, 0.99], "max_steps": 20}
    swept = jgd.sweep(square, 3.0, jgd.adam, **given)
    assert swept.shape == (2, 2, 2)
    assert swept.columns["b2"].tolist() == [0.9, 0.99] * 4
    with pytest.raises(ValueError, match="one or two swept numbers"):
        swept.figure()
    assert [path.name for path in swept.save(tmp_path)] == ["sweep.json", "sweep.csv"]


REFUSED = {
    "memory is static: 3 and 5": (jgd.lbfgs, {"memory": [3, 5]}),
    "learning_rate is static: 0.1 and 'auto'": (jgd.gradient_descent, {"learning_rate": [0.1, "auto"]}),
    "Nothing is swept": (jgd.gradient_descent, {"learning_rate": 0.1}),
    "learning_rate must be positive, got -1": (jgd.gradient_descent, {"learning_rate": [0.1, -1.0]}),
    "factory: gradient_descent cannot be called with rate": (jgd.gradient_descent, {"rate": [0.1]}),
    "factory must be a function that makes a method": (optax.sgd(0.1), {"learning_rate": [0.1]}),
    "gtol must be one number": (jgd.gradient_descent, {"learning_rate": [0.1], "gtol": [1e-3]}),
    "learning_rate must be an array of one axis": (jgd.gradient_descent, {"learning_rate": np.ones((2, 2))}),
    "target is an option of the runs and an argument of": (
        lambda target: jgd.gradient_descent(target),
        {"target": 1.0},
    ),
    "method must be a jgd method": (lambda rate: rate, {"rate": [0.1]}),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_bad_input_is_refused_in_a_sentence(sentence):
    factory, given = REFUSED[sentence]
    with pytest.raises((TypeError, ValueError), match=sentence):
        jgd.sweep(square, 3.0, factory, **given)


def test_a_missing_start_is_named():
    with pytest.raises(ValueError, match="x0 is missing"):
        jgd.sweep(square, None, jgd.gradient_descent, learning_rate=[0.1])


def test_the_options_are_those_of_minimize_many():
    assert {"args", "gtol", "max_steps", "target", "stop", "bounds", "recorder"} <= set(OPTIONS)
    assert "args_axis" not in OPTIONS


def test_single_precision_and_trees():
    x0 = {"a": np.float32(3.0), "b": np.ones(2, np.float32)}
    swept = jgd.sweep(
        lambda x: x["a"] ** 2 + jnp.sum(x["b"] ** 2), x0, jgd.gradient_descent, learning_rate=[0.1, 0.5]
    )
    assert swept.ends.x["b"].dtype == np.float32
    assert swept.ends.x["b"].shape == (2, 2)
    assert swept.best == {"learning_rate": 0.5}


@pytest.mark.slow
def test_mini_batches_are_swept_without_theory():
    rows = (jnp.arange(1.0, 9.0), jnp.arange(1.0, 9.0))
    fit = jgd.finite_sum(lambda w, row: (row[0] * w - row[1]) ** 2, rows, batch_size=2)
    swept = jgd.sweep(
        fit, jnp.zeros(()), jgd.gradient_descent, learning_rate=[1e-5, 1e-2, 10.0], max_steps=400
    )
    assert swept.curvature is None
    assert swept.best == {"learning_rate": 1e-2}
    assert swept.verdicts.tolist() == ["too slow", "good", "diverging"]
