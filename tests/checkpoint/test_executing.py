"""Loading what was saved executes nothing that is in the file."""

import ast
from pathlib import Path

import numpy as np
import pytest

import jgd
from jgd.study.solution import load_solution

SOURCES = sorted(Path(jgd.__file__).parent.rglob("*.py"))


class Payload:
    """What makes itself known where it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("unpickled",)


@pytest.fixture
def payload() -> np.ndarray:
    return np.array([Payload()], dtype=object)


def test_a_solution_with_a_pickle_in_it_is_refused(tmp_path, payload):
    path = tmp_path / "solution.npz"
    np.savez(path, x=payload)
    with pytest.raises(ValueError, match="holds no solution"):
        load_solution(path, np.zeros(1))


def test_a_stream_with_a_pickle_in_it_is_refused(tmp_path, payload):
    path = tmp_path / "X.npy"
    np.save(path, payload)
    with pytest.raises(ValueError, match=r"is not a whole \.npy file"):
        jgd.data.stream(path)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_source_unpickles(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            named = {alias.name for alias in node.names} | {getattr(node, "module", None)}
            assert not named & {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False
