import csv
import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.core.record import record, static
from jgd.problems import get
from jgd.study.comparison import Comparison
from jgd.study.row import gradient_equivalents

ZIGZAG, CREEP = 0.019, 0.001


@pytest.fixture(scope="module")
def table() -> Comparison:
    return jgd.compare(
        get("valley"),
        methods={
            "too large": jgd.gradient_descent(0.0205),
            "creep": jgd.gradient_descent(CREEP),
            "zigzag": jgd.gradient_descent(ZIGZAG),
            "newton_raphson": jgd.newton_raphson(),
        },
        max_steps=9000,
        seed=7,
    )


def square(x):
    return jnp.sum(x**2)


@record
class Refusing:
    """A method that cannot be used on any objective."""

    error: type = static(default=ValueError)

    def init(self, f, point):
        return None

    def step(self, f, point, state):
        raise self.error("This method wants something else.")


def strict_json(text: str):
    def refuse(constant: str):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def steps_by_hand(rate: float, fraction: float, limit: int) -> int | None:
    """The first step of gradient descent on the valley with f at most fraction * f0."""
    x, curvature = np.array([3.0, 1.0]), np.array([1.0, 100.0])
    first = 0.5 * np.sum(curvature * x**2)
    for k in range(limit + 1):
        if 0.5 * np.sum(curvature * x**2) <= fraction * first:
            return k
        x = x - rate * curvature * x
    return None


def test_those_that_converged_come_first_and_failures_last(table):
    order = [(row.label, row.verdict) for row in table.rows]
    assert order == [
        ("newton_raphson", "CONVERGED"),
        ("zigzag", "CONVERGED"),
        ("creep", "MAX_STEPS"),
        ("too large", "DIVERGED"),
    ]


def test_the_scoreboard_shows_every_method_and_says_why_one_failed(table):
    lines = str(table).splitlines()
    places = [next(i for i, line in enumerate(lines) if line.startswith(r.label)) for r in table.rows]
    assert places == sorted(places)
    assert any(line.startswith("too large: DIVERGED. The value rose") for line in lines)
    assert "f* = 0 (known)" in lines[0]
    assert "best found" not in str(table)


@pytest.mark.parametrize(("label", "rate"), [("zigzag", ZIGZAG), ("creep", CREEP)])
@pytest.mark.parametrize("fraction", [1e-4, 1e-8])
def test_steps_to_a_fraction_are_those_of_a_loop_by_hand(table, label, rate, fraction):
    row = next(row for row in table.rows if row.label == label)
    by_hand = steps_by_hand(rate, fraction, 9000)
    assert by_hand is not None
    assert row.steps_to[fraction] == by_hand


def test_steps_to_are_never_where_they_are_not_reached(table):
    assert set(table.rows[-1].steps_to.values()) == {None}
    assert " never " in next(a for a in str(table).splitlines() if a.startswith("too large "))


def test_a_threshold_below_the_users_target_is_never_reached():
    table = jgd.compare(square, jnp.ones(2), [jgd.gradient_descent(3e-4)], minimum=0.0, target=0.5)
    row = table.rows[0]
    assert row.verdict == "TARGET_REACHED"
    assert row.steps > 1024
    assert set(row.steps_to.values()) == {None}


def test_counts_are_those_of_the_steps(table):
    rows = {row.label: row for row in table.rows}
    assert rows["zigzag"].values == rows["zigzag"].grads == rows["zigzag"].steps + 1
    assert rows["newton_raphson"].hessians == rows["newton_raphson"].steps == 1
    assert rows["newton_raphson"].work == 2 + (1 + 2) * 1
    assert "2 + 1 H" in str(table)


def test_gradient_equivalents():
    assert gradient_equivalents(10, 4, 3, 2, parameters=5) == 4 + 6 / 3 + 2 * 3 + 2 * 6


def test_histories_hold_every_one_of_the_first_1024_steps(table):
    steps = table.histories["creep"]["step"]
    np.testing.assert_array_equal(steps[:1024], np.arange(1024))
    assert steps[-1] == 9000
    assert (np.diff(steps) > 0).all()
    x = table.histories["creep"]["x"]
    np.testing.assert_allclose(x[100], [3 * 0.999**100, 0.9**100], rtol=1e-12)


def test_the_second_rate_compiles_nothing(table):
    seconds = {row.label: row.compile_seconds for row in table.rows}
    assert seconds["too large"] > 0
    assert seconds["creep"] == seconds["zigzag"] == 0


def test_one_stopping_test_for_all(table):
    assert {result.tolerances for result in table.results.values()} == {table.results["creep"].tolerances}
    assert table.results["creep"].steps == 9000
    loose = jgd.compare(get("valley"), methods=[jgd.newton(), jgd.gradient_descent()], gtol=1.0)
    assert all(r.tolerances.grad == 1.0 and r.grad_norm <= 1.0 for r in loose.results.values())
    assert "max |grad| <= 1 " in str(loose)


def test_f_star_is_the_best_value_found_and_marked_where_none_is_known():
    table = jgd.compare(square, jnp.ones(3), [jgd.gradient_descent(0.1), jgd.adam(1e-3)], max_steps=20)
    best = min(float(result.best_value) for result in table.results.values())
    assert table.best_found
    assert table.minimum == best
    assert table.rows[0].gap == 0
    assert f"f* = {best:.10g} (best found)" in str(table)
    assert "f - f* (best found)" in str(table)
    assert table.record()["minimum_is"] == "best found"


def test_a_known_minimum_that_is_undercut_is_not_believed():
    table = jgd.compare(square, jnp.ones(2), [jgd.newton()], minimum=0.5)
    assert table.best_found
    assert table.minimum < 1e-30
    assert "f*: 0.5 was given, but a lower value was found." in str(table)
    rounding = jgd.compare(square, jnp.ones(2), [jgd.newton()], minimum=1e-12)
    assert not rounding.best_found


@pytest.mark.parametrize("error", [TypeError, ValueError])
def test_a_method_that_refuses_has_the_last_row(error):
    table = jgd.compare(square, jnp.ones(2), {"picky": Refusing(error), "newton": jgd.newton()})
    assert [row.verdict for row in table.rows] == ["CONVERGED", "REFUSED"]
    assert "picky: REFUSED. This method wants something else." in str(table)
    assert strict_json(json.dumps(table.record()))["rows"][1]["status"] == "REFUSED"
    with pytest.raises(error, match="wants something else"):
        jgd.compare(square, jnp.ones(2), [Refusing(error)])


def test_a_start_that_is_not_finite_is_a_row_like_any_other(tmp_path):
    table = jgd.compare(lambda x: jnp.log(x[0]) + x[1], jnp.array([-1.0, 0.0]), [jgd.newton()])
    assert table.rows[0].verdict == "NONFINITE_START"
    assert strict_json(json.dumps(table.record()))["minimum"] is None
    assert all(path.stat().st_size > 10_000 for path in table.plot(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((square,), {}, ValueError, "x0 is missing"),
        ((square, jnp.ones(2), {}), {}, ValueError, "methods is empty"),
        ((square, jnp.ones(2), 3), {}, TypeError, "methods must be a dict or a list"),
        ((square, jnp.ones(2), optax.sgd(0.1)), {}, TypeError, "methods must be a dict or a list"),
        ((square, jnp.ones(2), [jgd.newton]), {}, TypeError, "call it to make one"),
        ((square, jnp.ones(2)), {"recorder": None}, TypeError, "recorder cannot be given"),
        ((square, jnp.ones(2)), {"checkpoint": "ck"}, TypeError, "checkpoint cannot be given: compare makes"),
        ((square, jnp.ones(2)), {"max_steps": -1}, ValueError, "max_steps must be at least 0"),
        ((lambda x: x, jnp.ones(2)), {}, TypeError, "fun must return a scalar"),
    ],
)
def test_bad_input_raises(arguments, options, error, words):
    with pytest.raises(error, match=words):
        jgd.compare(*arguments, **options)


def test_a_model_brings_its_start():
    X = np.array([[0.0], [1.0], [2.0]])
    model = jgd.models.linear(X, np.array([1.0, 3.0, 5.0]), intercept=True)
    for x0, first in ((None, 17.5), ({"coef": np.array([2.0]), "intercept": np.array(0.0)}, 1.5)):
        table = jgd.compare(model, x0, [jgd.newton()])
        assert (table.rows[0].verdict, table.first_value) == ("CONVERGED", first)


def test_unnamed_methods_are_numbered_and_optax_is_welcome():
    methods = [jgd.gradient_descent(0.1), jgd.gradient_descent(0.2), optax.sgd(0.1)]
    seen = []
    table = jgd.compare(square, jnp.ones(2), methods, progress=seen.append, max_steps=3)
    assert list(table.results) == ["gradient_descent", "gradient_descent (2)", "optax transformation"]
    assert table["gradient_descent (2)"] is table.results["gradient_descent (2)"]
    assert seen == list(table.results)


def test_default_methods_leave_newton_out_where_the_hessian_is_large():
    assert "newton" in jgd.compare(square, jnp.ones(2)).results
    assert list(jgd.compare(square, jnp.ones(200)).results) == ["gradient_descent", "lbfgs"]


def test_json_and_csv_carry_rows_and_provenance(table, tmp_path):
    table.to_json(tmp_path / "rows.json")
    table.to_csv(tmp_path / "rows.csv")
    told = strict_json((tmp_path / "rows.json").read_text())
    with (tmp_path / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == [row["label"] for row in told["rows"]]
    assert [row["label"] for row in rows] == [row.label for row in table.rows]
    zigzag = rows[1]
    assert zigzag["status"] == "CONVERGED"
    assert zigzag["settings"] == "rate=0.019"
    assert int(zigzag["steps_to_1e-4"]) == told["rows"][1]["steps_to_1e-4"] == 176
    assert float(zigzag["gap"]) == table.rows[1].gap
    assert rows[-1]["steps_to_1e-8"] == ""
    for name in ("jgd", "jax", "jaxlib", "optax", "numpy", "python", "platform", "device"):
        assert told["provenance"][name]
        assert zigzag[f"provenance_{name}"] == told["provenance"][name]
    assert told["provenance"]["seed"] == 7
    assert told["provenance"]["dtype"] == "float64"
    assert told["provenance"]["x64"] is True
    assert told["provenance"]["matmul_precision"] == "default"
    assert told["provenance"]["command"]
    assert str(Path.cwd()) not in json.dumps(told)


def test_save_writes_all_that_there_is(table, tmp_path):
    paths = table.save(tmp_path / "new" / "folder")
    names = ["comparison.json", "comparison.csv"]
    names += ["comparison-convergence.png", "comparison-contour.png"]
    assert [path.name for path in paths] == names
    assert all(path.stat().st_size > 500 for path in paths)
