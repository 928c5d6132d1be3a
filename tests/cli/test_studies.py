"""`jgd sweep` and `jgd multistart`: grids and boxes as users write them, JSON, files and exit codes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from jgd.cli.app import cli
from jgd.cli.sweep import _swept
from jgd.study.solution import load_solution

ROOT = Path(__file__).parents[2]
RUN = ("sweep", "valley", "--max-steps", "3000")


def test_grids_are_logarithmic_linear_or_listed():
    swept = _swept(("a=1e-4:10:6", "b=0:0.9:4:linear", "c=3,0.5,1e2", "d=10:0.1:3"))
    np.testing.assert_allclose(swept["a"], np.geomspace(1e-4, 10, 6), rtol=1e-14)
    np.testing.assert_allclose(swept["b"], np.linspace(0, 0.9, 4), rtol=1e-14)
    assert swept["c"] == [3, 0.5, 100.0]
    assert isinstance(swept["c"][0], int)
    np.testing.assert_allclose(swept["d"], [10, 1, 0.1], rtol=1e-14)


def test_sweep_prints_the_table_and_saves_all(invoke, tmp_path):
    out = tmp_path / "out"
    code, output = invoke(*RUN, "--x64", "--grid", "learning_rate=1e-3:0.1:8", "--save", str(out))
    assert code == 0
    assert output.startswith("valley: 8 runs of gradient_descent (8 learning_rate), 2 parameters, float64")
    assert sorted(path.name for path in out.iterdir()) == ["sweep-steps.png", "sweep.csv", "sweep.json"]
    assert json.loads((out / "sweep.json").read_text())["stable_rate"] == pytest.approx(0.02)


def test_sweep_prints_json_alone_with_what_is_set_beside_what_is_swept(invoke):
    momentum = ("--method", "heavy_ball", "--set", "momentum=0.9")
    code, output = invoke(*RUN, *momentum, "--grid", "learning_rate=0.001:0.02:3:linear", "--json", "--quiet")
    told = json.loads(output)
    assert code == 0
    assert told["constants"] == {"momentum": 0.9}
    assert told["swept"]["learning_rate"] == pytest.approx([0.001, 0.0105, 0.02])
    assert len(told["rows"]) == 3


def test_sweep_of_an_optax_method(invoke):
    adam = (
        "--method",
        "optax.adam",
        "--grid",
        "learning_rate=0.1,1",
        "--grid",
        "b1=0.5,0.9",
        "--quiet",
        "--json",
    )
    told = json.loads(invoke(*RUN, *adam)[1])
    assert told["method"] == "optax.adam"
    assert [row["b1"] for row in told["rows"]] == [0.5, 0.9] * 2


def test_multistart_tells_the_minima_and_saves_the_best(invoke, tmp_path):
    out = tmp_path / "out"
    newton = ("--method", "newton", "--x64", "--save", str(out))
    code, output = invoke("multistart", "himmelblau", "--box", "-5", "5", "--starts", "32", *newton)
    assert code == 0
    assert output.startswith("himmelblau: 4 minima, by 32 runs of newton, 2 parameters, float64")
    told = json.loads((out / "multistart.json").read_text())
    assert told["points"][0]["x"] == load_solution(out / "solution.npz", np.zeros(2)).tolist()


@pytest.mark.slow
def test_multistart_around_the_start_at_random(invoke):
    given = ("--normal", "0.1", "--sampling", "random", "--starts", "8", "--seed", "3", "--x0", "3.1,2")
    code, output = invoke("multistart", "himmelblau", *given, "--method", "newton", "--json", "--quiet")
    told = json.loads(output)
    assert code == 0
    assert (told["sampling"], told["minima"], told["starts"]) == ("random", 1, 8)
    assert told["points"][0]["x"] == pytest.approx([3, 2], abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((*RUN, "--grid", "learning_rate=0.01,10"), 0),
        ((*RUN, "--grid", "learning_rate=1e-6,1e-5"), 3),
        ((*RUN, "--grid", "learning_rate=1,2"), 4),
        (("multistart", "valley", "--box", "-5", "5", "--method", "gradient_descent", "--max-steps", "1"), 3),
        (
            (
                "multistart",
                "rosenbrock",
                "--box",
                "-5",
                "5",
                "--method",
                "newton_raphson",
                "--max-steps",
                "5",
            ),
            0,
        ),
    ],
    ids=["one reached it", "none reached it", "all diverged", "no start led anywhere", "some did"],
)
def test_the_exit_code_is_that_of_the_run_that_ended_best(arguments, code):
    ran = CliRunner().invoke(cli, [*arguments, "--x64", "--quiet"], standalone_mode=False)
    assert ran.return_value == code


REFUSED = {
    "--grid learning_rate: write NAME=LOW:HIGH:COUNT": (*RUN, "--grid", "learning_rate"),
    "--grid learning_rate=1:2: write NAME": (*RUN, "--grid", "learning_rate=1:2"),
    "--grid learning_rate=1:x:3: write NAME": (*RUN, "--grid", "learning_rate=1:x:3"),
    "COUNT at least 2": (*RUN, "--grid", "learning_rate=1:2:1"),
    "write learning_rate=0:1:3:linear": (*RUN, "--grid", "learning_rate=0:1:3"),
    "is given twice": (*RUN, "--grid", "learning_rate=1,2", "--grid", "learning_rate=1,2"),
    "--grid: gradient_descent has no parameter 'learning_rat'": (*RUN, "--grid", "learning_rat=1,2"),
    "is set and swept": (*RUN, "--grid", "learning_rate=1,2", "--set", "gradient_descent.learning_rate=3"),
    "takes one; `jgd compare`": (*RUN, "--method", "adam", "--method", "newton", "--grid", "eps=1,2"),
    "memory is static": (*RUN, "--method", "lbfgs", "--grid", "memory=3,4"),
    "learning_rate must be positive": (*RUN, "--grid", "learning_rate=-1,1"),
    "Missing option '--grid'": RUN,
    "one of the two": ("multistart", "valley"),
    "each entry of lower less": ("multistart", "valley", "--box", "5", "-5"),
    "scale must be positive": ("multistart", "valley", "--normal", "-1"),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_cannot_be_meant_is_refused_with_exit_code_2(sentence, invoke):
    code, output = invoke(*REFUSED[sentence])
    assert code == 2
    assert sentence in output.replace("\n", " ")


def test_a_limit_of_time_is_told_with_what_was_found_until_then(invoke):
    code, told = invoke(
        "multistart", "himmelblau", "--box", "-5", "5", "--starts", "999", "--time-limit", "1e-6", "--x64"
    )
    assert code == 0
    assert "50.0%" in told or "100.0%" in told, "of those that were made"
    assert re.search(r"elsewhere +99\d TIME_LIMIT", told)
    given = ("sweep", "valley", "--grid", "learning_rate=0.01:0.1:20", "--time-limit", "1e-6", "--x64")
    code, told = invoke(*given)
    assert code == 0
    assert re.search(r"not made +TIME_LIMIT", told)


def test_there_is_a_device_for_each_core(tmp_path):
    """In a process of its own, where JAX has not begun."""
    (tmp_path / "own.py").write_text(
        "import jax, jax.numpy as jnp\n\ndef loss(x):\n    assert jax.device_count() == 3\n    return jnp.sum(x**2)\n"
    )
    command = [sys.executable, "-c", "import os; os.cpu_count = lambda: 3; import jgd.cli; jgd.cli.main()"]
    given = ["sweep", "own.py:loss", "--x0", "1,2", "--grid", "learning_rate=0.1:0.4:7"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "JAX_PLATFORMS": "cpu"}
    told = subprocess.run([*command, *given], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (told.returncode, told.stderr) == (0, "")
