"""The benchmark runs, asserts equal iterates, and counts what it says."""

import pytest

pytestmark = pytest.mark.usefixtures("peers")


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


@pytest.mark.slow
def test_measured_rates_are_compared_with_the_best_of_a_sweep(capsys, tmp_path):
    from experiments.benchmarks.auto import main

    rows = main(["--quick", "--json", str(tmp_path / "rows.json")])
    assert [row["problem"] for row in rows] == ["valley", "quadratic-100", "quadratic-100-rotated"]
    assert all(row["auto"] == "CONVERGED" and 0.9 < row["ratio"] < 1.3 for row in rows)
    assert rows[0]["best rate"] < 2 / 100
    assert "median of the ratios: 1." in capsys.readouterr().out


@pytest.mark.slow
def test_a_sweep_is_timed_against_loops_that_make_the_same_runs():
    from experiments.benchmarks.sweep import FACTORIES, measured, problems

    problem = problems()["rosenbrock, n = 2, 100 steps"]
    found = measured(problem, FACTORIES["gradient descent"], count=12, rounds=1)
    loops = {"recompiling, first", "one program, first", "one program, again", "one step, again"}
    assert set(found) == {"jgd first s", "jgd again s", *loops}
    assert all(figure > 0 for figure in found.values())


@pytest.mark.slow
def test_the_cost_of_the_gauge_is_measured(capsys):
    from experiments.benchmarks.gauge import measured, objectives

    objective, x, rate = objectives(quick=True)["logistic, 569 x 30"]
    found = measured(objective, x, rate, rounds=1, every=16, long=64)
    assert set(found) == {
        f"{kind}, {gauge}" for kind in ("every step", "as recorded") for gauge in ("none", "free", "product")
    }
    assert all(figure > 0 for figure in found.values())


@pytest.mark.slow
def test_the_stable_limit_of_runs_is_two_over_the_highest_curvature(capsys):
    from experiments.benchmarks.stability import PROBLEMS, QUICK, distance, measure

    assert len(PROBLEMS) == 10
    distance.clear_cache()
    found = measure(QUICK, steps=1000)
    assert distance._cache_size() == len(QUICK)
    assert list(found) == list(QUICK)
    for row in found.values():
        assert abs(row["difference"]) <= 1e-4
        assert row["products"] <= 40
        assert row["runs"] > 15
    assert found["rosenbrock"]["predicted"] == pytest.approx(0.00199680384, abs=5e-12)
    assert found["rosenbrock"]["found"] == pytest.approx(0.00199680384, rel=1e-4)
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(QUICK)


@pytest.mark.parametrize(("allowed", "status"), [(1e-3, False), (0.0, True)])
def test_it_ends_with_status_1_where_the_two_differ(allowed, status, monkeypatch, tmp_path):
    from experiments.benchmarks import stability

    monkeypatch.setattr(stability, "QUICK", ("rosenbrock",))
    monkeypatch.setattr(stability, "TOLERANCE", allowed)
    monkeypatch.setattr("sys.argv", ["stability", "--quick", "--json", str(tmp_path / "figures.json")])
    with pytest.raises(SystemExit) as ended:
        stability.main()
    assert bool(ended.value.code) == status
    assert "rosenbrock" in (tmp_path / "figures.json").read_text()


@pytest.mark.slow
def test_the_cost_of_checkpoints_is_measured(capsys):
    pytest.importorskip("orbax.checkpoint")
    from experiments.benchmarks.checkpoints import main

    (row,) = main(["--sizes", "10", "--rounds", "2"])
    assert 0 < row["held up"] < row["save"]
    assert "held up" in capsys.readouterr().out
