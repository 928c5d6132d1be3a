"""The benchmark on CUTEst: what counts as solved, what is counted, and that a run that hangs ends."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from experiments.benchmarks import cutest
from experiments.benchmarks.profiles import geometric_mean, outcomes, ratios, report, table, unbounded
from experiments.benchmarks.watch import Watched, thinned
from experiments.benchmarks.worker import Worker


def line(contender, problem, f, g=1e-9, **more):
    start = {"setting": "raised", "n": 2, "precision": "float64", "scale": 1.0, "f0": 10.0, "g0": 100.0}
    found = {"f": f, "g": g, "warm_s": 0.01, "first_s": 1.0, "work": 40, "said": "ended", "steps": 20}
    found |= {"improvements": [(1, 10.0), (20, 1e-3), (30, 1e-9), (40, f)]}
    return {"contender": contender, "problem": problem, **start, **found, **more}


RUNS = [
    line("jgd", "A", 0.0),
    line("peer", "A", 9e-6, warm_s=0.02),
    line("jgd", "B", 1.0, g=1.0),
    line("peer", "B", 0.0),
    line("jgd", "C", -1e30),
    line("peer", "C", 0.0),
    line("jgd", "D", 5.0),
    {**line("peer", "D", 5.0), "error": "time-out"},
    line("jgd", "E", math.nan, g=math.nan),
    line("peer", "E", 2.0),
]


def test_solved_is_by_the_lowest_value_that_anyone_found():
    found = outcomes(RUNS)
    ours, theirs = found["jgd", "raised"], found["peer", "raised"]
    assert {name: ours[name].solved for name in "ABDE"} == {"A": True, "B": False, "D": True, "E": False}
    assert {name: theirs[name].solved for name in "ABDE"} == {"A": True, "B": True, "D": False, "E": True}
    assert not ours["E"].stationary
    assert not ours["B"].stationary
    assert ours["A"].stationary
    assert unbounded(RUNS) == ["C"]
    assert "C" not in ours


def test_in_float32_the_lowest_value_is_that_of_float64_too_but_not_the_other_way_round():
    single = {"precision": "float32"}
    runs = [line("jgd", "A", 0.0), line("jgd", "A", 0.009, **single), line("peer", "A", 0.02, **single)]
    runs += [line("jgd", "B", 0.0), line("jgd", "B", -1.0, **single)]
    found = outcomes(runs, "float32")
    assert found["jgd", "raised"]["A"].solved
    assert not found["peer", "raised"]["A"].solved
    assert outcomes(runs)["jgd", "raised"]["B"].solved


def test_the_time_until_solved_is_the_share_of_the_work_until_then():
    ours = outcomes(RUNS)["jgd", "raised"]
    assert ours["A"].work == 30
    assert ours["A"].seconds == pytest.approx(0.0075)
    assert ours["B"].seconds == math.inf


def test_tables_and_ratios_say_so():
    found = outcomes(RUNS)
    ours = next(row for row in table(found, set("ABDE")) if row.startswith("jgd"))
    assert ours.split()[2:6] == ["4", "2", "50.0", "2"]
    assert "peer" in ratios(found, ("jgd", "raised"))[1]
    assert "1 problems" in ratios(found, ("jgd", "raised"))[1]
    assert geometric_mean([1.0, 100.0]) == pytest.approx(10.0)


def test_a_report_is_printed_and_drawn(tmp_path, capsys):
    pytest.importorskip("matplotlib").use("Agg")
    report(RUNS, tmp_path)
    said = capsys.readouterr().out
    assert "set aside, unbounded below: C" in said
    assert (tmp_path / "performance.png").stat().st_size > 5000
    assert (tmp_path / "data.png").stat().st_size > 5000


def test_from_starts_far_off_a_problem_is_solved_at_the_level_of_the_near_one(capsys):
    far = {"scale": 100.0, "f0": 1e12}
    runs = [
        line("jgd", "mgh/wood", 0.0),
        line("jgd", "mgh/wood", 1e-6, **far),
        line("peer", "mgh/wood", 9e-6),
        line("peer", "mgh/wood", 1.0, **far),
        {**line("late", "mgh/wood", 0.0), "error": "time-out"},
    ]
    report(runs, None)
    rows = {row.split()[0]: row.split()[2:] for row in capsys.readouterr().out.splitlines() if row}
    assert rows["jgd"] == ["1", "0", "1"]
    assert rows["peer"] == ["1", "0", "0"]
    assert rows["late"] == ["0", "0", "0"]


def rosenbrock(x):
    return jnp.sum((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2)


@pytest.mark.parametrize(
    "method", [jgd.lbfgs(), jgd.trust_region(), jgd.trust_region_cg(), jgd.gradient_descent(jgd.lengths())]
)
def test_what_is_watched_is_what_is_reported(method):
    watched = Watched(rosenbrock)
    result = jgd.minimize(watched.fun, np.array([-1.2, 1.0]), method, max_steps=12)
    jax.effects_barrier()
    assert watched.values == result.work.values
    assert watched.products == result.work.hvps + 2 * result.work.hessians
    assert watched.best <= float(result.best_value)  # trials that were not taken count as well
    values = [value for _, value in watched.improvements]
    assert values == sorted(values, reverse=True)


def test_improvements_are_thinned_evenly_with_both_ends():
    kept = thinned([(i, -i) for i in range(1000)], 11)
    assert len(kept) == 11
    assert (kept[0][0], kept[5][0], kept[-1][0]) == (0, 500, 999)


def test_lines_are_kept_once_each_the_later_one_wins(tmp_path):
    file = tmp_path / "runs.jsonl"
    file.write_text("".join(json.dumps(run) + "\n" for run in (RUNS[0], RUNS[1], {**RUNS[0], "f": 3.0})))
    found = cutest.lines([file, tmp_path / "none.jsonl"])
    assert [run["f"] for run in found if run["contender"] == "jgd"] == [3.0]
    assert len(found) == 2


class Silent:
    """A connection on which nothing comes."""

    def send(self, task):
        self.task = task

    def poll(self, seconds):
        return False


def test_a_run_that_takes_too_long_is_a_time_out_and_ends_its_worker():
    worker = Worker(wide=True)
    worker._started = lambda problem: Silent()
    assert worker.run({"problem": "A"}, 1.0) == {"error": "time-out"}
    assert worker.process is None


@pytest.mark.slow
@pytest.mark.usefixtures("peers")
@pytest.mark.parametrize("cap", [None, 2000])
def test_every_contender_minimizes_rosenbrocks_function(cap):
    """With caps of their own some peers end on the way: optimistix takes 702 steps of L-BFGS and allows 256."""
    from experiments.benchmarks.contenders import CONTENDERS

    for name, make in CONTENDERS.items():
        x, said, steps = make(lambda x: rosenbrock(x), 2, cap)(jnp.array([-1.2, 1.0]))
        enough = 4.2 if cap is None or name == "jgd adgd" else 1e-4
        assert float(rosenbrock(jnp.asarray(x))) < enough, name
        assert said
        assert steps > 3
