"""The benchmark runs, asserts equal iterates, and counts what it says."""

import pytest

pytest.importorskip("optimistix")
pytest.importorskip("jaxopt")


@pytest.fixture(autouse=True)
def _promotion():
    import jax

    with jax.numpy_dtype_promotion("standard"):
        yield


def test_all_contenders_reach_the_same_point():
    from experiments.benchmarks.driver import CONTENDERS, loops

    found = loops({2: 40, 10: 40}, rounds=1)
    assert set(found) == {2, 10}
    for figures in found.values():
        assert set(figures) == {*CONTENDERS, "bare ns/step"}
        assert all(figure > 0 for figure in figures.values())
        assert figures["bare loop"] == 1


def test_a_first_answer_traces_the_objective_at_most_twice(capsys):
    from experiments.benchmarks.driver import first_answers

    assert first_answers(2, rounds=1)["jgd"] > 0
    traces = capsys.readouterr().out.splitlines()[-1]
    assert int(traces.split("jgd ")[1].split()[0]) <= 2
