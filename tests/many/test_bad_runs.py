"""Among many runs a bad one has its own verdict, as if it were alone, and spoils no other."""

from functools import cache

import numpy as np
import pytest

import jgd
from jgd.core.status import Status
from tests.contract.squares import himmelblau
from tests.many.runs import LANES, work_at, work_of

KNOWN = himmelblau(2.9)
"""Beyond a wall at x[0] = 2.9 the value is NaN."""

rng = np.random.default_rng(0)
STARTS = np.stack([rng.uniform(-4.5, -2, 17), rng.uniform(1.5, 4.5, 17) * np.resize([-1, 1, 1], 17)], axis=1)
RATES = np.linspace(0.004, 0.012, 17)
BAD = (0, 7, 16)
GOOD = np.delete(np.arange(17), BAD)
OPTIONS = {"args": KNOWN.args, "gtol": 1e-3, "max_steps": 100}

FAULTS = {
    "NaN start": ([np.nan, 0.0], 0.01, Status.NONFINITE_START),
    "infinite start": ([1e200, 0.0], 0.01, Status.NONFINITE_START),
    "NaN on the way": ([2.0, 2.0], 0.01, Status.NONFINITE),
    "divergence": ([-0.54, -3.11], 0.069, Status.DIVERGED),
    "step limit": ([-3.0, 3.0], 1e-6, Status.MAX_STEPS),
}
"""Fault -> a start, a rate, and how such a run ends."""


@cache
def runs(fault: str | None, lanes: int) -> jgd.Ends:
    """Runs that converge, in 8 to 33 steps, but for some of that fault."""
    starts, rates = STARTS.copy(), RATES.copy()
    for run in BAD if fault else ():
        starts[run], rates[run], _ = FAULTS[fault or ""]
    return jgd.minimize_many(KNOWN.fun, starts, jgd.gradient_descent(rates), lanes=lanes, **OPTIONS)


@pytest.mark.parametrize("lanes", [1, LANES])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_run_spoils_no_other(fault, lanes):
    """The others end as they do among good ones, to the bit."""
    ends, free = runs(fault, lanes), runs(None, lanes)
    assert free.success.all()
    assert (ends.status[list(BAD)] == FAULTS[fault][2]).all()
    for name in ("x", "value", "grad_norm", "status", "steps", "first_value", "best_value", "best_x"):
        assert (getattr(ends, name)[GOOD] == getattr(free, name)[GOOD]).all(), name
    for name, column in ends.work.items():
        assert (column[GOOD] == free.work[name][GOOD]).all(), name


@pytest.mark.parametrize("lanes", [1, LANES])
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if "start" not in fault])
def test_a_bad_run_is_what_it_is_alone(fault, lanes):
    ends, (start, rate, _) = runs(fault, lanes), FAULTS[fault]
    single = jgd.minimize(KNOWN.fun, np.array(start), jgd.gradient_descent(rate), **OPTIONS)
    for run in BAD:
        assert (Status(ends.status[run]), ends.steps[run]) == (single.status, single.steps)
        assert ends.x[run] == pytest.approx(np.asarray(single.x), rel=1e-12), "the last finite point is kept"
        assert ends.value[run] == pytest.approx(float(single.value), rel=1e-12)
        assert ends.grad_norm[run] == pytest.approx(single.grad_norm, rel=1e-12)
        assert ends.best_value[run] == pytest.approx(float(single.best_value), rel=1e-12)
        assert ends.best_x[run] == pytest.approx(np.asarray(single.best_x), rel=1e-12)
        if single.best_step == single.steps:
            assert work_at(ends, run) == work_of(single)


@pytest.mark.parametrize("lanes", [1, LANES])
@pytest.mark.parametrize("fault", ["NaN start", "infinite start"])
def test_a_bad_start_is_given_back_after_one_evaluation(fault, lanes):
    ends = runs(fault, lanes)
    for run in BAD:
        assert np.array_equal(ends.x[run], FAULTS[fault][0], equal_nan=True)
        assert work_at(ends, run) == {"values": 1, "grads": 1, "hvps": 0, "hessians": 0, "discarded": 0}


@pytest.mark.parametrize("lanes", [1, LANES])
def test_one_lane_at_its_step_limit_does_not_raise_for_the_batch(lanes):
    ends = runs("step limit", lanes)
    assert [Status(ends.status[run]) for run in BAD] == [Status.MAX_STEPS] * 3
    assert (ends.steps[list(BAD)] == 100).all()
    assert ends.success.sum() == 14
    assert "MAX_STEPS                3   100 steps" in str(ends)


@pytest.mark.parametrize("tolerance", [{"ftol": 1e-3}, {"ftol": 1e-6}, {"xtol": 1e-4}])
def test_a_lane_whose_run_has_stalled_waits(tolerance):
    """The check that ended it is not made again: the lane would go on."""
    options = OPTIONS | {"gtol": 0.0} | tolerance
    one, other = (
        jgd.minimize_many(KNOWN.fun, STARTS, jgd.gradient_descent(RATES), lanes=lanes, **options)
        for lanes in (1, LANES)
    )
    assert (one.status == Status.STALLED).all()
    assert (other.status == one.status).all()
    assert (other.steps == one.steps).all()
    assert len(set(one.steps)) > 5
    for run in (0, 16):
        made = jgd.gradient_descent(float(RATES[run]))
        single = jgd.minimize(KNOWN.fun, STARTS[run], made, **options)
        assert (single.status, single.steps) == (Status.STALLED, one.steps[run])
