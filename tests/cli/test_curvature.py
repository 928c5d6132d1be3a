"""`jgd curvature`, the solutions that `jgd run` saves for it, and `--explain`."""

import importlib.util
import json

import jax.numpy as jnp
import numpy as np
import pytest
from click.testing import CliRunner

from jgd.cli.app import cli
from jgd.study.solution import load_solution, save_solution

MODEL = """
import jax.numpy as jnp
import numpy as np

start = {"w": np.array([[3.0, 1.0]]), "b": [np.array(2.0)]}
other = {"w": np.array([[3.0, 1.0]]), "c": np.array(2.0)}
ones = np.ones(3)
wide = np.ones(20_000)

def loss(x):
    return jnp.sum((x["w"] - 1.0) ** 2) + 2.0 * (x["b"][0] + jnp.sum(x["w"])) ** 2

def kinked(x):
    return jnp.sum(jnp.abs(x - 1.0) ** 1.5)

def square(x):
    return jnp.sum(x**2)

def logarithm(x):
    return jnp.sum(x - jnp.log(x))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a model, and the solution of a run."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "bent.py").write_text(MODEL)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        arguments = ["run", "bent.py:loss", "--x0", "bent.py:start", "--save", "out", "--json", "--quiet"]
        saved = CliRunner().invoke(cli, arguments)
    assert saved.exit_code == 0, saved.output
    (folder / "printed.json").write_text(saved.output)
    np.savez(folder / "shape.npz", x=np.ones(2))
    np.savez(folder / "infinite.npz", x=np.array([1.0, np.inf, 0.0]))
    np.savez(folder / "objects.npz", x=np.array([{}], object))
    np.savez(folder / "negative.npz", x=-np.ones(3))
    (folder / "broken.npz").write_text("no archive")
    (folder / "broken.json").write_text('{"y": 1')
    (folder / "without.json").write_text('{"y": 1}')
    (folder / "ragged.json").write_text('{"x": [[1, 2], 3]}')
    return folder


@pytest.fixture
def told(folder, invoke, monkeypatch):
    """A command's exit code and output, in that folder."""
    monkeypatch.chdir(folder)
    return invoke


def test_the_report_and_the_record_at_the_start(told):
    code, output = told("curvature", "valley")
    assert code == 0
    assert "condition    100" in output
    code, output = told("curvature", "valley", "--json", "--quiet", "--seed", "3")
    record = json.loads(output)
    assert code == 0
    assert (record["objective"], record["at"], record["dense"]) == ("valley", "x0", True)
    assert record["eigenvalues"] == pytest.approx([1, 100])
    assert record["stable_rate"] == pytest.approx(0.02)
    assert record["kind"].startswith("not a critical point")
    assert (record["provenance"]["seed"], record["provenance"]["dtype"]) == (3, "float64")


def test_options_reach_the_search(told):
    arguments = ("--lanczos", "--products", "5", "--starts", "2", "--gtol", "1e9", "--json", "--quiet")
    record = json.loads(told("curvature", "quadratic-100", *arguments)[1])
    assert (record["dense"], record["products"], record["starts"]) == (False, 10, 2)
    assert record["kind"] == "no negative curvature found (k = 3, 2 starts)"


def test_a_saved_solution_is_the_point_whichever_file_is_named(told, folder):
    saved = json.loads((folder / "out" / "result.json").read_text())
    assert saved == json.loads((folder / "printed.json").read_text())
    with np.load(folder / "out" / "solution.npz") as file:
        assert sorted(file.files) == ["['b'][0]", "['w']"]
        assert file["['w']"].tolist() == saved["x"]["['w']"]
    arguments = ("curvature", "bent.py:loss", "--x0", "bent.py:start", "--json", "--quiet", "--at")
    for name in ("solution.npz", "result.json"):
        code, output = told(*arguments, f"out/{name}")
        record = json.loads(output)
        assert (code, record["at"], record["x"]) == (0, name, saved["x"])
        assert record["kind"] == "minimum (dense)"
    assert json.loads(told(*arguments, "x0")[1])["x"]["['w']"] == [[3, 1]]


@pytest.mark.parametrize(
    "x", [np.array([1.0, 1 / 3]), np.array(2.0), {"w": np.ones((2, 0, 3)), "a/b": [3.5]}]
)
def test_solutions_are_read_as_they_were_written(x, tmp_path):
    path = tmp_path / "solution.npz"
    save_solution(path, x)
    found = load_solution(path, x)
    if isinstance(x, dict):
        assert found["w"].shape == (2, 0, 3)
        assert found["a/b"] == [3.5]
    else:
        with np.load(path) as file:
            assert file.files == ["x"]
        np.testing.assert_array_equal(found, x)


def test_each_leaf_comes_back_in_its_own_dtype(tmp_path):
    x = (jnp.array([1 / 3], jnp.bfloat16), np.array([1 / 3], np.float32), jnp.array(0.1, jnp.float16))
    save_solution(tmp_path / "solution.npz", x)
    found = load_solution(tmp_path / "solution.npz", x)
    for a, b in zip(found, x, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(np.asarray(a, float), np.asarray(b, float))


@pytest.mark.parametrize(
    ("x0", "at", "words"),
    [
        ("ones", "nowhere.npz", "--at: There is no file nowhere.npz."),
        ("ones", "x1", "x1 must end in .npz or .json"),
        ("ones", "shape.npz", "shape.npz: leaf x is of shape (2,), but that of x0 of (3,)."),
        ("ones", "infinite.npz", "leaf x has entries that are NaN or infinite."),
        ("ones", "out/solution.npz", "has no leaf x, which x0 has; it has ['b'][0], ['w']."),
        ("ones", "broken.npz", "broken.npz holds no solution"),
        ("ones", "objects.npz", "objects.npz holds no solution"),
        ("ones", "broken.json", "broken.json holds no solution"),
        ("ones", "without.json", "without.json holds no solution"),
        ("ones", "ragged.json", "leaf x is no array of numbers."),
        ("start", "shape.npz", "has no leaf ['b'][0], which x0 has; it has x."),
        ("other", "out/solution.npz", "has no leaf ['c'], which x0 has; it has ['b'][0], ['w']."),
    ],
)
def test_files_that_do_not_fit_exit_2_and_say_why(told, x0, at, words):
    objective = "bent.py:square" if x0 == "ones" else "bent.py:loss"
    if x0 == "other":
        with pytest.raises(ValueError, match=r"has no leaf \['c'\]"):
            load_solution(at, {"w": np.ones((1, 2)), "c": np.ones(())})
        return
    code, output = told("curvature", objective, "--x0", f"bent.py:{x0}", "--at", at)
    assert code == 2
    assert words in output.replace("\n", " ")


def test_a_leaf_too_many_is_no_fit(folder):
    with pytest.raises(ValueError, match=r"has a leaf \['b'\]\[0\], which x0 has not; that has \['w'\]\."):
        load_solution(folder / "out" / "solution.npz", {"w": np.ones((1, 2))})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("valley --products 2", "2 is not in the range x>=3"),
        ("valley --starts 0", "0 is not in the range x>=1"),
        ("valley --seed -1", "-1 is not in the range 0<=x<=2147483646"),
        ("valley --gtol nan", "nan is not a finite number"),
        ("bent.py:square", "--x0 is missing"),
        (
            "bent.py:square --x0 bent.py:wide --dense --x64",
            "a Hessian of 20,000 parameters takes 3.0 GiB (limit 2 GiB); --lanczos",
        ),
    ],
)
def test_usage_errors_exit_2(told, arguments, words):
    code, output = told("curvature", *arguments.split())
    assert code == 2
    assert words in output


@pytest.mark.parametrize(
    ("option", "package", "extra"),
    [(["--density"], "matfree", "curvature"), (["--save", "out"], "matplotlib", "plot")],
)
def test_what_an_option_needs_is_said_before_anything_runs(told, monkeypatch, option, package, extra):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find(name))
    code, output = told("curvature", "valley", *option)
    assert code == 2
    assert f'pip install "jgd[{extra}]"' in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("vally", "did you mean valley?"),
        ("bent.py:squar --x0 1,1", "did you mean square"),
        ("bent.py:logarithm --x0 bent.py:ones --at negative.npz", "fun(x0) is nan"),
        ("bent.py:kinked --x0 bent.py:ones", "The Hessian at x has entries that are NaN or infinite"),
    ],
)
def test_bad_objectives_exit_6(told, arguments, words):
    code, output = told("curvature", *arguments.split())
    assert code == 6
    assert words in output


def test_figures_and_record_are_saved(told, tmp_path):
    code, output = told("curvature", "saddle", "--x0", "0,0", "--save", str(tmp_path / "out"))
    names = ["curvature.json", "curvature-spectrum.png", "curvature-slices.png"]
    assert code == 0
    assert [line.split("/")[-1] for line in output.splitlines() if line.startswith("saved")] == names
    record = json.loads((tmp_path / "out" / names[0]).read_text())
    assert record["kind"].startswith("saddle")
    assert np.abs(record["negative_direction"]) == pytest.approx([0, 1])
    assert str(tmp_path) not in json.dumps(record)
    assert all((tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG") for name in names[1:])


def test_a_density_is_told_and_recorded(told):
    pytest.importorskip("matfree")
    code, output = told("curvature", "valley", "--density")
    assert code == 0
    assert "of the eigenvalues within 1 of zero" in output
    density = json.loads(told("curvature", "valley", "--density", "--json", "--quiet")[1])["density"]
    area = np.sum(np.array(density["density"])) * (density["grid"][1] - density["grid"][0])
    assert area == pytest.approx(1, rel=1e-2)


def test_runs_are_explained(told, tmp_path):
    arguments = ("--method", "steep=gradient_descent", "--set", "steep.learning_rate=0.021", "--explain")
    _, output = told("run", "valley", *arguments, "--json", "--quiet")
    assert json.loads(output)["explanation"]["findings"][0]["name"] == "rate-over-limit"
    code, output = told("compare", "valley", *arguments, "--save", str(tmp_path))
    assert code == 0
    assert "\nsteep = gradient_descent: DIVERGED" in output
    assert json.loads((tmp_path / "explanations.json").read_text()).keys() == {"steep"}
