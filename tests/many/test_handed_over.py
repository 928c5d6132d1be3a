"""Where the default method gives way another one goes on, for each run as `minimize` does for one."""

import itertools
from collections import Counter

import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core.status import Status
from tests.many.runs import work_at, work_of

LINE, CUSP, CHAIN = range(3)
"""Residuals that the first method solves; that are steepest at their minimum, which ends all three methods; and
a curved valley (Nesterov and Chebyshev's), some 4,000 steps of the second method long."""


def fit(x, kind):
    valley = jnp.concatenate([(x[:1] - 1) / 2**0.5, 2**0.5 * (x[1:] - 2 * x[:-1] ** 2 + 1)])
    cusp = 2**0.5 * jnp.sqrt(jnp.sqrt(jnp.sqrt(jnp.abs(x))))
    return jnp.where(kind == LINE, x - 1, jnp.where(kind == CUSP, cusp, valley))


FIT = jgd.residuals(fit)
KINDS = np.array([LINE, CUSP, LINE, CHAIN, CHAIN, CUSP])
EASY = np.arange(2.0, 10.0) / 4
"""Where the valley is so near that the first method solves it."""
STARTS = np.array([[3.0] * 8, [0.6] * 8, [0.7] * 8, [-0.9] + [1.0] * 7, EASY, [-1.0] + [1.0] * 7])


def both(**options):
    """All runs, one after another, and each alone; whatever is given, they are the same programs."""
    options = {"max_evaluations": 10**6} | options
    ends = jgd.minimize_many(FIT, STARTS, args=(KINDS,), args_axis=0, lanes=1, **options)
    return ends, [jgd.minimize(FIT, STARTS[run], args=(KINDS[run],), **options) for run in range(6)]


LIMITS = {
    "none": ({}, {"CONVERGED": 4, "SEARCH_FAILED": 2}),
    "steps": ({"max_steps": 120}, {"CONVERGED": 3, "MAX_STEPS": 3}),
    "gtol": ({"gtol": 1e-3, "grtol": 0.0}, {"CONVERGED": 4, "SEARCH_FAILED": 2}),
    "grtol": ({"gtol": 1e-300, "grtol": 1e-4}, {"CONVERGED": 4, "SEARCH_FAILED": 2}),
    "target": ({"target": 1e-5}, {"TARGET_REACHED": 4, "CONVERGED": 2}),
}


@pytest.mark.parametrize("name", LIMITS)
def test_the_methods_that_follow_go_on_within_what_is_left(name):
    options, statuses = LIMITS[name]
    ends, singles = both(**options)
    assert Counter(Status(status).name for status in ends.status) == statuses
    followed = Counter(len(single.origin) for single in singles)
    for run, single in enumerate(singles):
        assert (Status(ends.status[run]), ends.steps[run]) == (single.status, single.steps), run
        assert ends.value[run] == pytest.approx(float(single.value), rel=1e-9, abs=1e-20)
        assert ends.first_value[run] == pytest.approx(float(single.first_value), rel=1e-12)
        assert ends.best_value[run] == pytest.approx(float(single.best_value), rel=1e-9, abs=1e-20)
        assert ends.x[run] == pytest.approx(np.asarray(single.x), rel=1e-9, abs=1e-9)
        assert ends.best_x[run] == pytest.approx(np.asarray(single.best_x), rel=1e-9, abs=1e-9)
        work, again = work_of(single), len(single.origin)
        counted = work | {"values": work["values"] + again, "grads": work["grads"] + again}
        assert work_at(ends, run) == counted, "each method evaluates the point where it begins"
    assert ends.executed == ends.steps.sum()
    told = [line.split(maxsplit=2)[2] for line in str(ends).splitlines() if "handed over" in line]
    numbers = {"trust_region": 6 - followed[0], "lbfgs": followed[2]}
    assert told == [
        f"{count} {'run' if count == 1 else 'runs'} to {name}" for name, count in numbers.items() if count
    ]


def test_a_budget_of_evaluations_is_that_of_all_methods():
    ends, singles = both(max_evaluations=150)
    assert [single.status for single in singles].count(Status.MAX_EVALUATIONS) == 3
    for run, single in enumerate(singles):
        assert Status(ends.status[run]) == single.status
        if single.origin:
            assert 150 <= ends.work["values"][run] <= 151, "a step may take two"
            assert 0 <= single.steps - ends.steps[run] <= 1


def test_each_run_keeps_its_own_tolerance_and_target():
    own = {"gtol": np.geomspace(1e-2, 1e-6, 6), "target": np.array([-1, 1e-50, -1, 1e-3, -1, 1e-30])}
    options = {"max_steps": 3000, "max_evaluations": 10**6}
    ends = jgd.minimize_many(FIT, STARTS, args=(KINDS,), args_axis=0, lanes=1, **options, **own)
    found = [(Status(status), steps) for status, steps in zip(ends.status, ends.steps, strict=True)]
    for run in range(6):
        mine = {name: float(numbers[run]) for name, numbers in own.items()}
        single = jgd.minimize(FIT, STARTS[run], args=(KINDS[run],), **options, **mine)
        assert found[run] == (single.status, single.steps)
    assert [part.rows.tolist() for part in ends.parts] == [list(range(6)), [1, 3, 5], [1]]
    assert found[5][0] == found[3][0] == Status.TARGET_REACHED


def test_what_is_left_for_the_method_that_follows():
    """The tolerance of the whole run becomes its gtol, and what was not used of both budgets its budgets."""
    gtol = np.geomspace(1e-2, 1e-6, 6)
    given = {"args": (KINDS,), "args_axis": 0, "max_evaluations": 10**6, "lanes": 1}
    ends = jgd.minimize_many(FIT, STARTS, gtol=gtol, grtol=1e-4, **given)
    assert len(ends.parts) == 3
    for before, after in itertools.pairwise(ends.parts):
        left = np.flatnonzero(np.isin(before.rows, after.rows))
        (old, _), (new, starts) = before.batch.many, after.batch.many
        gradient, *_, evaluations, steps = old.stop.tests
        following, *_, fewer_evaluations, fewer_steps = new.stop.tests
        tolerance = gradient.gtol[left] + gradient.grtol[left] * before.end.first_grad_norm[left]
        assert following.gtol == pytest.approx(tolerance, rel=1e-12)
        assert not following.grtol.any()
        assert (fewer_steps.limit == steps.limit[left] - before.end.steps[left]).all()
        assert (fewer_evaluations.limit == evaluations.limit[left] - before.end.counts[left, 0]).all()
        assert (starts == before.end.x[left]).all()
