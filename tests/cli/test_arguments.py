"""What commands make of their arguments, in this process."""

import json

import numpy as np
import pytest

import jgd
from jgd.cli.codes import exit_code, worst
from jgd.cli.methods import OWN, build, entries, optax_names
from jgd.cli.objective import load
from jgd.core.status import Status
from jgd.study.presets import PRESETS

MODEL = """
import jax.numpy as jnp

number = 3.0
start = jnp.array([3.0, 1.0])

def loss(x):
    return jnp.sum(x**2)

def vector(x):
    return x * 2.0

def paired(x):
    return jnp.sum(x**2), 2 * x

def logarithm(x):
    return jnp.sum(jnp.log(x - 5.0))

def leaving(x):
    raise SystemExit(0)
"""


@pytest.fixture
def told(tmp_path, invoke, monkeypatch):
    """A command's exit code and output, in a folder with a model."""
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "leaves.py").write_text("import sys\n\nsys.exit(0)\n")
    monkeypatch.chdir(tmp_path)
    return invoke


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("run", "Missing argument 'OBJECTIVE'"),
        ("run valley --gtol -1", "-1.0 is not in the range"),
        ("run valley --method newtn", "no method 'newtn': did you mean newton"),
        ("run valley --method optax.adamm", "no method 'optax.adamm': did you mean optax.adam"),
        ("run valley --method newton --method adam", "`jgd compare` takes several"),
        ("run valley --method heavy_ball", "heavy_ball needs learning_rate: --set heavy_ball.lear"),
        ("run valley --method adam --set adm.b1=0.5", "called 'adm': did you mean adam?"),
        ("run valley --method adam --set adam.lerning_rate=1", "did you mean learning_rate?"),
        ("run valley --method adam --set adam.learning_rate=fast", "'fast' is no value"),
        ("run valley --method adam --set adam.b1", "write LABEL.PARAM=VALUE"),
        ("run valley --method adam --set adam.b1=1.5", "adam: b1 must be less than 1, got 1.5."),
        ("run valley --set adam.b1=0.5", "--set: no method is named; add --method adam."),
        ("run valley --x0 a,b", "'a,b' is neither numbers"),
        ("run model.py:loss", "--x0 is missing: name the start of model.py:loss, as in --x0 model"),
        ("compare valley --method adam --method adam", "write --method LABEL=adam"),
        ("compare rosenbrock --preset demo", "is for valley and breast-cancer, not for rosenbrock"),
        ("init model.py", "model.py exists already; --force"),
        ("init model.py/a.py", "model.py/a.py cannot be written to (File exists: model.py); name another"),
        (
            "run valley --save model.py/out",
            "model.py/out cannot be written to (Not a directory: model.py/out); name",
        ),
        ("run valley --seed -1", "-1 is not in the range 0<=x<=2147483646"),
        ("run valley --gtol nan", "nan is not a finite number"),
        ("run valley --method gauss_newton", "Error: fun must be jgd.residuals(r)"),
        ("compare valley --method gauss_newton", "Error: fun must be jgd.residuals(r)"),
        ("run valley --method lbfgs --set search=auto", "lbfgs: search must be one of jgd's"),
        ("run valley --method optax.adam --set b1=auto", "b1 of optax.adam must be a number, got 'auto'."),
        ("run valley --method optax.adam --set learning_rate=none", "must be a number, got None."),
        ("run valley --method optax.adam --set nesterov=auto", "must be true or false, got 'auto'."),
        ("run valley --method svrg --set learning_rate=silver", "silver: write silver(rate), with numbers"),
        ("run valley --method svrg --set learning_rate=silver(e)", "silver(e): write silver(rate), with"),
        ("run valley --method svrg --set learning_rate=silver(-1)", "silver(-1): rate must be positive"),
        ("list nothing", "is not one of 'methods', 'problems'"),
    ],
)
def test_usage_errors_exit_2_and_say_the_way_out(told, arguments, words):
    code, output = told(*arguments.split())
    assert code == 2
    assert words in output


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        ("vally", "No problem is named 'vally': did you mean valley?"),
        ("model.py", "Name what to minimize in model.py after a colon, as in model.py:loss."),
        ("modle.py:loss", "There is no file modle.py: did you mean model.py?"),
        ("jgd.problem:loss", "There is no module jgd.problem: did you mean jgd.problems"),
        ("nowhere_at_all.losses:loss", "There is no module nowhere_at_all."),
        ("model.py:los", "model.py has no attribute 'los': did you mean loss?"),
        (":loss", "':loss' names no file or nothing in it: write it as my_model.py:loss."),
        ("model.py:", "'model.py:' names no file or nothing in it: write it as my_model.py:loss."),
        ("leaves.py:loss", "leaves.py cannot be loaded."),
        ("leaves:loss", "Module leaves cannot be loaded."),
        ("model.py:leaving", "model.py:leaving raised SystemExit when called with x0 of shape (2,)."),
        ("jgd.problems:valey", "jgd.problems has no attribute 'valey': did you mean valley"),
        ("model.py:number", "model.py:number is not callable: it is of type float."),
        ("model.py:vector", "fun must return a scalar, got shape (2,)"),
        ("model.py:logarithm", "fun(x0) is nan: choose an x0 where fun is finite."),
    ],
)
def test_bad_objectives_exit_6_and_say_which_part_is_wrong(told, objective, words):
    code, output = told("run", objective, "--x0", "3,1")
    assert code == 6
    assert words in output


def test_a_function_that_returns_something_else_beside_its_value(told):
    code, output = told("run", "model.py:paired", "--x0", "3,1")
    assert (code, "(--has-aux)" in output) == (6, True)
    assert told("run", "model.py:paired", "--x0", "3,1", "--has-aux")[0] == 0
    assert told("compare", "model.py:paired", "--x0", "3,1", "--has-aux", "--strict")[0] == 0


def test_budgets_and_tolerances_reach_the_run(told):
    _, output = told(
        "run", "valley", "--method", "gradient_descent", "--max-evaluations", "5", "--json", "--quiet"
    )
    assert json.loads(output)["status"] == "MAX_EVALUATIONS"
    _, output = told(
        "run", "valley", "--method", "newton", "--grtol", "0.5", "--gtol", "0", "--json", "--quiet"
    )
    assert json.loads(output)["tolerances"]["grad"] == 50.0


def test_a_bad_start_exits_6(told):
    assert told("run", "model.py:loss", "--x0", "model.py:stat")[0] == 6
    code, output = told("run", "model.py:loss", "--x0", "model.py:loss")
    assert code == 6
    assert "x0 must be a float array, got function" in output


def test_a_model_brings_its_start(tmp_path):
    (tmp_path / "fits.py").write_text(
        "import numpy as np, jgd\nfit = jgd.models.linear(np.eye(3), np.arange(3.0), ridge=1.0)\n"
    )
    found = load(f"{tmp_path / 'fits.py'}:fit", None, None)
    assert np.shape(found.x0) == (3,)


def test_a_problem_takes_another_start_and_a_seed():
    problem = load("valley", "1.5,-2", None)
    np.testing.assert_array_equal(problem.x0, [1.5, -2.0])
    assert problem.minimum == 0
    first, same, other = (load("network", None, seed).x0[0]["w"] for seed in (None, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_settings_reach_a_label_before_a_name_and_all_of_a_name():
    methods = ["a=adam", "adam", "b=gradient_descent"]
    made = entries(methods, ["a.b1=0.5", "gradient_descent.learning_rate=armijo", "a.eps=0"])
    assert made["a"].settings == {"b1": 0.5, "eps": 0}
    assert made["adam"].settings == {}
    for order in (["a.b1=0.5", "adam.b1=0.9"], ["adam.b1=0.9", "a.b1=0.5"]):
        assert entries(["a=adam", "b=adam"], order) == {
            "a": ("adam", {"b1": 0.5}),
            "b": ("adam", {"b1": 0.9}),
        }
    assert entries(["a=adam", "b=adam"], ["adam.b1=0.5"])["b"].settings == {"b1": 0.5}
    assert entries(["newton"], []) == {"newton": ("newton", {})}


def test_presets_are_not_changed_by_settings():
    preset = PRESETS["demo"]["valley"]
    made = entries([], ["adam 0.3.b1=0.5"], preset)
    assert made["adam 0.3"].settings == {"learning_rate": 0.3, "b1": 0.5}
    assert preset["adam 0.3"].settings == {"learning_rate": 0.3}


def made(name, *settings):
    ((label, entry),) = entries([name], [f"{name}.{text}" for text in settings]).items()
    return build(label, entry, print)


def test_values_are_numbers_words_and_searches():
    assert made("gradient_descent", "learning_rate=0.25").search.rate == 0.25
    silver = made("gradient_descent", "learning_rate=silver(0.5)").search
    assert (type(silver).__name__, silver.rate) == ("Silver", 0.5)
    assert made("gradient_descent", "learning_rate=armijo(2.0)").search.initial == 2.0
    assert made("gradient_descent", "learning_rate=none").search.initial == 1.0
    assert type(made("gradient_descent", "learning_rate=exact").search).__name__ == "Exact"
    nesterov = made("gradient_descent", "learning_rate=1", "momentum=0.5", "nesterov=true")
    assert type(nesterov.direction).__name__ == "LookAhead"
    assert made("ogm", "steps=8", "learning_rate=0.1").direction.steps == 8


def test_an_optax_method_without_a_rate_says_which_it_takes(capsys):
    assert made("optax.adamw").hyper["learning_rate"] == 1e-3
    assert "optax.adamw: learning_rate=0.001" in capsys.readouterr().out
    assert made("optax.adamw", "learning_rate=0.5").hyper["learning_rate"] == 0.5
    assert capsys.readouterr().out == ""


def test_every_preset_can_be_built():
    for problems in PRESETS.values():
        for name, preset in problems.items():
            assert name in jgd.problems.PROBLEMS
            assert all(build(label, entry, print) for label, entry in entries([], [], preset).items())


@pytest.mark.parametrize("status", [s for s in Status if s > Status.RUNNING])
def test_every_status_has_its_exit_code(status):
    expected = {
        "CONVERGED": 0,
        "TARGET_REACHED": 0,
        "PRECISION_LIMIT": 3,
        "DIVERGED": 4,
        "NONFINITE": 4,
        "NONFINITE_START": 4,
        "STALLED": 5,
        "SEARCH_FAILED": 5,
        "DATA_FAILED": 5,
        "INTERRUPTED": 130,
    }
    assert exit_code(status) == expected.get(status.name, 3)


def test_the_worst_code_is_that_of_a_divergence():
    assert worst([0, 3, 5, 4]) == 4
    assert worst([0, 3, 5]) == 5
    assert worst([0, 3]) == 3
    assert worst([0, exit_code(None)]) == 2


def test_lists_name_what_commands_take(told):
    code, output = told("list", "methods")
    assert code == 0
    assert all(f"\n{name} " in f"\n{output}" for name in OWN)
    assert "optax.lbfgs" in output
    assert "adamw" in optax_names()
    assert "cosine_decay_schedule" not in optax_names()
    problems = json.loads(told("list", "problems", "--json")[1])
    assert problems.keys() == jgd.problems.PROBLEMS.keys()
    assert all(problems.values())


def test_doctor_tells_versions_devices_and_precision(told):
    code, output = told("doctor", "--json")
    found = json.loads(output)
    assert code == 0
    assert found["jgd"] == jgd.__version__
    assert found["devices"]
    assert found["matmul precision"].startswith("default")
    assert "float64" in found["default dtype"]
    assert found["many runs"].startswith("1 of ") or found["platform"] != "cpu"
    assert "cpu" in told("doctor")[1]


def test_init_writes_a_file_that_runs(told, tmp_path):
    code, output = told("init")
    assert code == 0
    assert "jgd run my_model.py:loss --x0 my_model.py:start" in output
    assert told("init")[0] == 2
    assert told("run", "my_model.py:loss", "--x0", "my_model.py:start")[0] == 0
    (tmp_path / "my_model.py").write_text("overwritten")
    assert told("init", "--force")[0] == 0
    assert "def loss(x):" in (tmp_path / "my_model.py").read_text()


def test_run_saves_its_result(told, tmp_path):
    arguments = ["--method", "newton", "--save", "out", "--quiet"]
    assert told("run", "valley", *arguments) == (0, "")
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert (result["status"], result["steps"], result["x"]) == ("CONVERGED", 1, [0.0, 0.0])
    assert result["work"]["hessians"] == 1


@pytest.mark.parametrize("command", ["run", "compare", "curvature"])
def test_what_was_found_is_printed_where_it_cannot_be_saved(command, told, tmp_path):
    name = {"run": "result", "compare": "comparison"}.get(command, command)
    (tmp_path / "out" / f"{name}.json").mkdir(parents=True)
    method = [] if command == "curvature" else ["--method", "newton"]
    code, output = told(command, "valley", *method, "--save", "out", "--quiet")
    found, error = output.split("Error: ")
    assert code == 1
    assert json.loads(found)["provenance"]["jgd"] == jgd.__version__
    assert error.startswith(f"--save: out cannot be written to (Is a directory: out/{name}.json); what was")


def test_a_limit_of_time_and_progress_of_a_run(told):
    endless = ["--max-steps", "2000000000", "--method", "gradient_descent", "--set", "learning_rate=1e-12"]
    _, output = told("run", "valley", "--x64", *endless, "--time-limit", "1", "--progress")
    assert "TIME_LIMIT  step " in output
    assert "TIME_LIMIT: The time given in time_limit= is up." in output
    _, output = told("run", "valley", "--x64", *endless, "--time-limit", "1")
    assert "TIME_LIMIT  step " not in output, "this is no terminal"
    assert told("run", "valley", "--time-limit", "0")[0] == 2
