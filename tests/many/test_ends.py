"""What is told of many runs, from parts written by hand: five runs, of which three and then one were handed over."""

import dataclasses
import time

import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.batch import Batch
from jgd.core.status import Status
from jgd.driver.queue import End
from jgd.driver.queue import columns as names
from jgd.driver.recorder import Row
from jgd.driver.stop import Gradient, Stop
from jgd.ends import Part
from jgd.methods.default import Stage

NAN = np.nan
RECORDER = jgd.Recorder(2)


def loss(x):
    return jnp.sum(x**2)


def history(values: np.ndarray, width: int) -> Row:
    """One row at step 0, its value that of the run, an empty row and the spare one."""
    reals, wholes = np.full((len(values), 3, width), -1.0), np.full((len(values), 3, 6), -1)
    reals[:, 0, 0], wholes[:, 0] = values, [0, 1, 1, 0, 0, 0]
    return Row(reals, wholes, None)


def part(rows: list[int], stage: Stage, executed: int, **columns) -> Part:
    """A part of which the counts are multiples of `counts`, and each best point is (best value, 0)."""
    columns = {name: np.array(column) for name, column in columns.items()}
    best = columns["best_value"]
    program = jgd.Program(jgd.Objective(loss), stage.method, Stop((Gradient(1e-3),)), RECORDER)
    end = End(
        **columns | {"counts": np.multiply.outer(columns["counts"], [1, 2, 0, 3, 4])},
        discarded=np.multiply.outer(columns["steps"], [10, 20, 0, 30, 40]),
        x=np.stack([columns["value"], np.ones(len(rows))], axis=1),
        first_grad_norm=np.ones(len(rows)),
        best_x=np.stack([best, np.zeros(len(rows))], axis=1),
        history=history(columns["value"], len(names(program, np.ones(2)))),
    )
    starts = np.ones((len(rows), 2))
    return Part(
        Batch((program, np.ones(2)), (program, starts), len(rows)), np.array(rows), end, executed, stage
    )


NEWTON, DESCENT, LBFGS = (
    Stage(jgd.newton(), 9, "it is first"),
    Stage(jgd.gradient_descent(0.1), None, "it is second"),
    Stage(jgd.lbfgs(), None, "it is third"),
)
FIRST = part(
    [0, 1, 2, 3, 4], NEWTON, 70,
    status=[Status.CONVERGED, Status.RUNNING, Status.NONFINITE_START, Status.STALLED, Status.RUNNING],
    steps=[2, 9, 0, 5, 9], counts=[3, 10, 1, 6, 20], value=[0.5, 4.0, NAN, 6.0, 7.0],
    grad_norm=[0.0, 1.0, NAN, 3.0, 4.0], first_value=[50.0, 51.0, NAN, 53.0, 54.0],
    best_value=[0.5, 3.5, NAN, 6.0, 5.0],
)  # fmt: skip
SECOND = part(
    [1, 3, 4], DESCENT, 11,
    status=[Status.MAX_STEPS, Status.SEARCH_FAILED, Status.TARGET_REACHED],
    steps=[4, 1, 6], counts=[5, 2, 7], value=[3.8, 2.5, 0.25], grad_norm=[5.0, 6.0, 7.0],
    first_value=[4.0, 6.0, 7.0], best_value=[3.75, 1.5, 0.25],
)  # fmt: skip
THIRD = part(
    [3], LBFGS, 3, status=[Status.MAX_STEPS], steps=[3], counts=[4], value=[2.0], grad_norm=[8.0],
    first_value=[2.5], best_value=[2.0],
)  # fmt: skip
ENDS = jgd.Ends([FIRST, SECOND, THIRD], {"gtol": 1e-3}, (0.25, 1.5))


def test_a_run_is_where_its_last_method_left_it():
    assert ENDS.value.tolist() == pytest.approx([0.5, 3.8, NAN, 2.0, 0.25], nan_ok=True)
    assert ENDS.x[:, 0].tolist() == pytest.approx(ENDS.value.tolist(), nan_ok=True)
    assert ENDS.grad_norm.tolist() == pytest.approx([0, 5, NAN, 8, 7], nan_ok=True)
    assert [Status(status).name for status in ENDS.status] == [
        "CONVERGED", "MAX_STEPS", "NONFINITE_START", "MAX_STEPS", "TARGET_REACHED"
    ]  # fmt: skip
    assert ENDS.success.tolist() == [True, False, False, False, True]
    assert ENDS.first_value.tolist() == pytest.approx([50, 51, NAN, 53, 54], nan_ok=True)
    assert len(ENDS) == ENDS.count == 5
    assert FIRST.end.value[1] == 4.0, "what was found is left as it is"


def test_steps_and_work_are_those_of_all_its_methods():
    assert ENDS.steps.tolist() == [2, 13, 0, 9, 15]
    counts, steps = np.array([3, 15, 1, 12, 27]), ENDS.steps
    assert ENDS.work["values"].tolist() == (counts + 10 * steps).tolist()
    assert ENDS.work["grads"].tolist() == (2 * counts + 20 * steps).tolist()
    assert ENDS.work["hvps"].tolist() == [0] * 5
    assert ENDS.work["hessians"].tolist() == (3 * counts + 30 * steps).tolist()
    assert ENDS.work["discarded"].tolist() == (4 * counts + 10 * steps).tolist(), (
        "and all that was made again"
    )
    assert ENDS.executed == 84


def test_the_best_point_is_that_of_the_method_that_saw_it():
    """Run 1 was lower before it was handed over, run 3 under the second method, run 4 in the end."""
    assert ENDS.best_value.tolist() == pytest.approx([0.5, 3.5, NAN, 1.5, 0.25], nan_ok=True)
    found = ENDS.best_x
    assert found[[1, 3], 0].tolist() == [3.5, 1.5]
    assert found[[0, 4]].tolist() == [[0.5, 1.0], [0.25, 1.0]], "where it ended"
    assert np.isnan(found[2, 0])


def test_a_history_is_that_of_the_last_method():
    found = [ENDS.history(run)["value"].tolist() for run in (0, 1, 3, 4)]
    assert found == [[0.5], [3.8], [2.0], [0.25]]
    assert set(ENDS.history(0)) >= {"step", "value", "grad_norm", "rate", "values"}
    for run in (-1, 5):
        with pytest.raises(ValueError, match=f"run must be a whole number from 0 to 4, got {run}"):
            ENDS.history(run)
    none = dataclasses.replace(THIRD, end=dataclasses.replace(THIRD.end, history=None))
    assert jgd.Ends([FIRST, SECOND, none], {}, (0.0, 0.0)).history(3) == {}


def test_the_summary_tells_how_many_ended_how():
    assert repr(ENDS) == "Ends(5 runs: 2 MAX_STEPS, 1 CONVERGED, 1 TARGET_REACHED, 1 NONFINITE_START)"
    assert str(ENDS).splitlines() == [
        "5 runs of newton (it is first), 2 parameters, float64",
        "  MAX_STEPS                2   9 to 13 steps, half of them in 11",
        "  CONVERGED                1   2 steps",
        "  TARGET_REACHED           1   15 steps",
        "  NONFINITE_START          1   0 steps",
        "  lowest value     0.25 (run 4)",
        "  handed over      3 runs to gradient_descent",
        "  handed over      1 run to lbfgs",
        "  work             448 values, 896 gradients, 1,344 Hessians",
        "  time             0.250 s compiling, 1.500000 s running",
    ]
    once = dataclasses.replace(FIRST, end=dataclasses.replace(FIRST.end, steps=np.ones(5, int)))
    assert "  CONVERGED                1   1 step\n" in str(jgd.Ends([once], {}, (0.0, 0.0)))


def test_compiling_and_running_are_told_apart():
    def fun(x):
        return jnp.sum(jnp.cosh(x))

    def spent(starts) -> tuple[tuple[float, float], float]:
        began = time.perf_counter()
        ends = jgd.minimize_many(fun, starts, jgd.gradient_descent(0.1))
        return ends.seconds, time.perf_counter() - began

    (compiling, running), whole = spent(np.linspace(-1, 1, 6)[:, None])
    assert 0 < running < compiling < compiling + running <= whole
    (compiling, running), whole = spent(np.linspace(-2, 2, 6)[:, None])
    assert compiling == 0 < running <= whole
