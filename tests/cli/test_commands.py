"""The command line as users meet it: processes, their output and exit codes."""

import csv
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MODEL = """
import jax.numpy as jnp
import numpy as np
from jgd.problems import Problem

start = np.array([3.0, 1.0])
data = np.array([1.0, 100.0])

def loss(x):
    return 0.5 * jnp.sum(jnp.asarray(data, x.dtype) * x**2)

def mismatched(x):
    return jnp.sum(x @ jnp.ones((3, 3)))

def weighted(x, weights):
    return 0.5 * jnp.sum(weights.astype(x.dtype) * x**2)

valley = Problem(name="my valley", fun=weighted, x0=start, args=(data,), minimum=0.0)
"""


EXACT = ("--set", "learning_rate=exact")


def jgd(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    """`jgd` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "jgd.cli", *arguments],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )


def environment() -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT), "PATH": "", "JAX_PLATFORMS": "cpu"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A user's folder: a file, and a package."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "my_model.py").write_text(MODEL)
    (folder / "broken.py").write_text("import jax\n\nvalue = 1 / 0\n")
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("")
    (folder / "package" / "losses.py").write_text(MODEL)
    return folder


@pytest.fixture(scope="module")
def compared(folder):
    """The comparison of the documentation, saved."""
    arguments = ["my_model.py:loss", "--x0", "my_model.py:start", "--method", "gradient_descent"]
    arguments += ["--set", "gradient_descent.learning_rate=0.0205", "--method", "newton"]
    arguments += ["--method", "optax.adamw", "--x64", "--max-steps", "2000", "--seed", "3"]
    return jgd("compare", *arguments, "--save", str(folder / "out"), cwd=folder)


def test_help_leaves_jax_unimported():
    program = (
        "import sys\n"
        "from jgd.cli import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "finally:\n"
        "    print(sorted({'jax', 'numpy', 'matplotlib'} & set(sys.modules)))\n"
    )
    missing = ["curvature", "valley", "--products", "2"]
    for arguments in (["--help"], ["compare", "--help"], ["run", "valley", "--method", "newtn"], missing):
        told = subprocess.run(
            [sys.executable, "-c", program, *arguments], capture_output=True, text=True, cwd=ROOT
        )
        assert told.stdout.endswith("[]\n"), told.stdout


def test_without_click_one_sentence_says_how_to_install_it():
    program = "import sys; sys.modules['click'] = None; from jgd.cli import main; main(['--help'])"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert told.returncode == 1
    assert told.stderr == 'The command line needs click: pip install "jgd[cli]".\n'


def test_compare_prints_every_method_and_exits_0_although_one_diverged(compared):
    assert compared.returncode == 0, compared.stderr
    lines = compared.stdout.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("method "))
    assert [line.split()[:2] for line in lines[head + 2 : head + 5]] == [
        ["newton", "CONVERGED"],
        ["optax.adamw", "MAX_STEPS"],
        ["gradient_descent", "DIVERGED"],
    ]
    assert "gradient_descent: DIVERGED. The value rose" in compared.stdout
    assert "optax.adamw: learning_rate=0.001" in compared.stdout
    assert "(best found)" in compared.stdout


def test_compare_saves_figures_rows_and_their_provenance(compared, folder):
    assert compared.returncode == 0
    out = folder / "out"
    told = json.loads((out / "comparison.json").read_text())
    provenance = told["provenance"]
    assert provenance["command"].startswith("jgd compare my_model.py:loss --x0 my_model.py:start ")
    assert provenance["command"].endswith("--save out")
    assert (provenance["seed"], provenance["dtype"], provenance["x64"]) == (3, "float64", True)
    assert str(folder) not in json.dumps(told)
    with (out / "comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["CONVERGED", "MAX_STEPS", "DIVERGED"]
    assert rows[0]["provenance_jax"] == provenance["jax"]
    for name in ("convergence", "contour"):
        picture = (out / f"comparison-{name}.png").read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) > 20_000


def test_run_prints_json_alone_and_exits_0_when_converged(folder):
    told = jgd("run", "my_model.py:valley", "--method", "newton", "--json", cwd=folder)
    assert told.returncode == 0, told.stderr
    result = json.loads(told.stdout)
    assert result["status"] == "CONVERGED"
    assert result["objective"] == "my valley"
    assert result["x"] == [0.0, 0.0]
    assert result["provenance"]["dtype"] == "float32"
    assert "CONVERGED: The gradient test is met." in told.stderr
    assert "--x64" in told.stderr


def test_run_of_a_package_attribute_quietly_to_its_target(folder):
    told = jgd(
        *("run", "package.losses:loss", "--x0", "3,1", "--target", "1.0", "--quiet"),
        *("--method", "gradient_descent", "--set", "learning_rate=silver(0.005)"),
        cwd=folder,
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("code", "status", "arguments"),
    [
        (3, "MAX_STEPS", ["valley", "--method", "adam", "--max-steps", "20"]),
        (4, "DIVERGED", ["valley", "--method", "x=heavy_ball", "--set", "x.learning_rate=1.0"]),
        (5, "SEARCH_FAILED", ["saddle", "--x0", "0,0.1", "--method", "gradient_descent", *EXACT]),
    ],
)
def test_exit_codes_of_runs_that_end_otherwise(folder, code, status, arguments):
    told = jgd("run", *arguments, "--x64", cwd=folder)
    assert told.stdout.startswith(f"{status}: "), told.stderr
    assert told.returncode == code


def test_compare_strict_exits_with_the_code_of_the_worst(folder):
    methods = ["--method", "newton", "--method", "adam", "--max-steps", "20"]
    told = jgd("compare", "valley", *methods, "--strict", "--json", cwd=folder)
    assert told.returncode == 3
    assert [row["status"] for row in json.loads(told.stdout)["rows"]] == ["CONVERGED", "MAX_STEPS"]


def test_the_users_own_traceback_is_shown_and_no_other(folder):
    told = jgd("run", "my_model.py:mismatched", "--x0", "1,2", cwd=folder)
    assert told.returncode == 6
    assert "return jnp.sum(x @ jnp.ones((3, 3)))" in told.stderr
    assert "my_model.py:mismatched raised TypeError when called with x0 of shape (2,)." in told.stderr
    assert told.stderr.count('File "') == 1
    broken = jgd("run", "broken.py:loss", "--x0", "1", cwd=folder)
    assert broken.returncode == 6
    assert 'broken.py", line 3, in <module>' in broken.stderr
    assert "ZeroDivisionError" in broken.stderr
    assert "broken.py cannot be loaded." in broken.stderr
    assert broken.stderr.count('File "') == 1


HEARING = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # ignored in "make test &"
)


def started(*arguments: str, cwd: Path) -> subprocess.Popen:
    """`jgd` in a process that hears Ctrl-C."""
    return subprocess.Popen(
        [sys.executable, "-c", f"{HEARING}; import jgd.cli; jgd.cli.main()", *arguments],
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


ENDLESS = ("my_model.py:loss", "--x0", "3,1", "--x64", "--max-steps", "2000000000")
ENDLESS += ("--method", "gradient_descent", "--set", "learning_rate=1e-12")


def test_an_interrupt_ends_a_run_with_its_summary_and_exits_130(folder):
    process = started("run", *ENDLESS, "--progress", "--save", "interrupted", cwd=folder)
    assert process.stderr is not None
    shown = process.stderr.readline()
    assert shown.startswith("gradient_descent  step ")
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=10)
    assert process.returncode == 130, errors
    assert out.startswith("INTERRUPTED: ")
    assert errors.startswith("INTERRUPTED  step ")
    saved = json.loads((folder / "interrupted" / "result.json").read_text())
    assert (saved["status"], saved["steps"] > 0) == ("INTERRUPTED", True)


@pytest.mark.slow
def test_a_request_to_end_the_process_does_so_without_progress_too(folder):
    process = started("run", *ENDLESS, cwd=folder)
    time.sleep(7)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    try:
        out, errors = process.communicate(timeout=10)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, errors) == (130, "")
    assert out.startswith("INTERRUPTED: ")


def test_resume_of_a_command_with_two_dashes(folder):
    command = ("run", "--checkpoint", "dashed", "--max-steps", "3", "--x0", "3,1", "--", "my_model.py:loss")
    first, again = jgd(*command, cwd=folder), jgd("resume", "dashed", cwd=folder)
    assert again.returncode == first.returncode, again.stderr
    assert "--checkpoint=" in again.stderr.split(" -- ")[0]
    assert again.stdout.splitlines()[0] == first.stdout.splitlines()[0]


def test_a_run_that_is_saved_exits_75_and_goes_on_by_resume(folder):
    """By SIGTERM, as it comes from a scheduler, sent twice."""
    rate = ("--method", "gradient_descent", "--set", "learning_rate=1e-9")
    steps = ("--gtol", "0", "--max-steps", "500000000")
    command = ("run", "my_model.py:loss", "--x0", "3,1", "--x64", *rate, *steps)
    process = started(*command, "--progress", "--checkpoint", "saved", cwd=folder)
    assert process.stderr is not None
    process.stderr.readline()
    for _ in range(2):
        process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=20)
    assert process.returncode == 75, errors
    assert out.startswith("INTERRUPTED: ")
    assert out.endswith("to go on: jgd resume saved\n")
    step = int(re.search(r"steps +([\d,]+)", out)[1].replace(",", ""))
    (folder / "below").mkdir()
    again = jgd("resume", "../saved", cwd=folder / "below")
    assert again.stdout.startswith("MAX_STEPS: "), again.stderr
    assert f"note         Went on from the checkpoint of step {step:,}." in again.stdout
    assert again.stderr.startswith("jgd run my_model.py:loss --x0 3,1")
    whole = jgd(*command, "--json", cwd=folder)
    saved = jgd(*command, "--json", "--checkpoint", "saved", cwd=folder)
    one, other = json.loads(whole.stdout), json.loads(saved.stdout)
    assert (one["x"], one["steps"], one["work"]) == (other["x"], other["steps"], other["work"])
    assert (saved.returncode, whole.returncode) == (3, 3)


@pytest.mark.slow
def test_what_cannot_be_gone_on_with_is_refused_in_a_sentence(folder):
    rest = ["--x0", "3,1", "--checkpoint", "small", "--method", "gradient_descent"]
    assert jgd("run", "my_model.py:loss", *rest, "--max-steps", "9", cwd=folder).returncode == 3
    other = jgd("run", "my_model.py:loss", *rest, "--x64", cwd=folder)
    assert other.returncode == 2
    assert "is of another run: precision was 32 bits and is 64 bits." in other.stderr
    none = jgd("resume", ".", cwd=folder)
    assert none.returncode == 2
    assert "holds no run of `jgd run --checkpoint`" in none.stderr
    (folder / "small" / "command.json").write_text('{"arguments": 3}')
    damaged = jgd("resume", "small", cwd=folder)
    assert damaged.returncode == 2
    assert "command.json cannot be read: give the command that began the run again" in damaged.stderr
    nowhere = jgd("run", "my_model.py:loss", "--x0", "3,1", "--checkpoint", "/proc/run", cwd=folder)
    assert (nowhere.returncode, nowhere.stdout) == (1, "")
    assert nowhere.stderr.startswith("Error: checkpoint: /proc/run cannot be written to and locked")


def test_an_interrupt_of_other_commands_exits_130_in_the_midst_of_a_compiled_loop(folder):
    process = started("compare", *ENDLESS, cwd=folder)
    time.sleep(7)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    try:
        out, errors = process.communicate(timeout=10)  # the loop itself takes longer
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert (out, errors.strip()) == ("", "Interrupted.")


SPARED = """
import signal, time
import jgd.interrupts  # as a run has
from jgd.cli.interrupt import spared, watch

signal.signal(signal.SIGINT, lambda *_: print("heard", flush=True))  # as one that is busy and does not end
watch(130)
with spared():
    pass
with spared():
    signal.raise_signal(signal.SIGINT)
    time.sleep(0.05)
    signal.raise_signal(signal.SIGINT)
    time.sleep(2)
    print("still here", flush=True)
    signal.raise_signal(signal.SIGINT)
    time.sleep(10)
"""


def test_while_a_run_hears_it_the_first_interrupt_is_spared_and_the_second_is_not():
    told = subprocess.run([sys.executable, "-c", SPARED], env=environment(), capture_output=True, text=True)
    assert (told.returncode, told.stdout) == (130, "heard\nheard\nstill here\nheard\n")
    assert told.stderr == "Interrupted.\n"


IGNORED = """
import gc, signal, time
from jgd.cli.interrupt import watch

signal.signal(signal.SIGINT, signal.default_int_handler)
watch(130)
gc.callbacks.append(lambda phase, info: signal.raise_signal(signal.SIGINT))
gc.collect()
gc.callbacks.clear()
time.sleep(10)
"""


def test_an_interrupt_that_python_ignores_exits_130_and_nothing_else_is_said():
    told = subprocess.run([sys.executable, "-c", IGNORED], env=environment(), capture_output=True, text=True)
    assert (told.returncode, told.stdout, told.stderr) == (130, "", "Interrupted.\n")
