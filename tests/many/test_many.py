"""Many runs at once are the runs one by one."""

import dataclasses
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd import stop
from jgd.core.float64 import enable_x64
from jgd.core.status import Status
from tests.catalogue import METHODS, method, problem
from tests.contract.counting import compilations
from tests.many.runs import ARGS, FUN, LANES, STARTS, alone, work_at, work_of

FAST = {"newton", "adam"}
RECORDED = {"adam": jgd.Recorder(16, x=True)}
"""Runs of which a history is kept."""
STEADY = {"gradient_descent", "newton", "newton_raphson"}
NAMES = [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in METHODS]


@cache
def runs(name: str, lanes: int, max_steps: int) -> jgd.Ends:
    made, recorder = method(name, "rosenbrock"), RECORDED.get(name)
    return jgd.minimize_many(
        FUN, STARTS, made, args=ARGS, max_steps=max_steps, recorder=recorder, lanes=lanes
    )


@pytest.mark.parametrize("name", NAMES)
def test_runs_one_after_another_are_the_single_runs(name):
    ends = runs(name, 1, 300)
    for run in range(0, 24, 7):
        options = {"recorder": RECORDED[name]} if name in RECORDED else {}
        single = alone(run, method(name, "rosenbrock"), max_steps=300, **options)
        assert Status(ends.status[run]) == single.status
        assert ends.steps[run] == single.steps
        assert ends.x[run] == pytest.approx(np.asarray(single.x), rel=1e-10, abs=1e-10)
        assert ends.value[run] == pytest.approx(float(single.value), rel=1e-9, abs=1e-20)
        assert ends.grad_norm[run] == pytest.approx(single.grad_norm, rel=1e-6, abs=1e-12)
        assert ends.first_value[run] == pytest.approx(float(single.first_value), rel=1e-12)
        assert ends.best_value[run] == pytest.approx(float(single.best_value), rel=1e-9, abs=1e-20)
        assert ends.best_x[run] == pytest.approx(np.asarray(single.best_x), rel=1e-9, abs=1e-9)
        found, work = work_at(ends, run), work_of(single)
        if single.best_step == single.steps:
            assert found == work
        else:
            assert 0 <= work["values"] - found["values"] <= work["discarded"], "its best point was looked for"
    assert ends.executed == ends.steps.sum()


@pytest.mark.parametrize("name", NAMES)
def test_lanes_that_are_refilled_are_the_runs_one_after_another(name):
    """To 1e-10 over 20 steps; to the end in as many steps, give or take what rounding does to chaotic ones."""
    one, other = runs(name, 1, 20), runs(name, LANES, 20)
    assert (one.steps == other.steps).all()
    assert (one.status == other.status).all()
    assert other.x == pytest.approx(one.x, rel=1e-9, abs=1e-9)
    assert other.first_value == pytest.approx(one.first_value, rel=1e-12)
    assert all((column == other.work[name]).all() for name, column in one.work.items())
    one, other = runs(name, 1, 300), runs(name, LANES, 300)
    allowed = 0 if name in STEADY else np.maximum(1, 0.05 * one.steps)
    assert (abs(other.steps - one.steps) <= allowed).all()
    assert other.success[one.success].all()
    assert other.steps.sum() < other.executed <= other.steps.sum() + LANES * other.steps.max()
    assert other.executed % LANES == 0, "all lanes step together"


def bowl(x, center, scale):
    return jnp.sum(scale["all"] * (x["a"] - center) ** 2) + jnp.sum(x["b"] ** 2).astype(center.dtype)


@pytest.mark.parametrize("lanes", [1, 3])
def test_data_rates_and_tolerances_of_their_own(lanes):
    rng = np.random.default_rng(1)
    starts = {"a": rng.standard_normal((7, 3)), "b": rng.standard_normal((7, 2)).astype(np.float32)}
    centers, scale = rng.standard_normal((7, 3)), {"all": np.array([1.0, 2.0, 3.0])}
    rates, gtol = np.linspace(0.02, 0.1, 7), np.geomspace(1e-6, 1e-1, 7)
    ends = jgd.minimize_many(
        bowl,
        starts,
        jgd.gradient_descent(rates),
        args=(centers, scale),
        args_axis=(0, None),
        gtol=gtol,
        max_steps=900,
        lanes=lanes,
    )
    assert ends.success.all()
    for run in range(7):
        start = jax.tree.map(lambda leaf, run=run: leaf[run], starts)
        made = jgd.gradient_descent(float(rates[run]))
        single = jgd.minimize(bowl, start, made, args=(centers[run], scale), gtol=gtol[run], max_steps=900)
        assert ends.steps[run] == single.steps
        assert ends.grad_norm[run] <= gtol[run]
        assert ends.x["a"][run] == pytest.approx(np.asarray(single.x["a"]), rel=1e-10)
        assert ends.x["b"].dtype == np.float32


def test_a_target_of_their_own():
    targets = np.geomspace(1e-3, 1.0, 24)
    ends = jgd.minimize_many(FUN, STARTS, jgd.newton(), args=ARGS, target=targets)
    assert (ends.value <= targets).all()
    assert set(ends.status) <= {Status.TARGET_REACHED, Status.CONVERGED}
    for run in (0, 12, 23):
        single = alone(run, jgd.newton(), target=float(targets[run]))
        assert (Status(ends.status[run]), ends.steps[run]) == (single.status, single.steps)


OWN = {
    "gradient": stop.Gradient(0.0),
    "target": stop.Target(-1.0),
    "steps": stop.Steps(10**6),
    "evaluations": stop.Evaluations(10**6),
    "value": stop.When(lambda point: point.value < 0),
}
"""Rules of one's own that end nothing."""


@pytest.mark.parametrize(
    "own",
    [
        {},
        {"gradient": stop.Gradient(1e-1)},
        {"target": stop.Target(0.1)},
        {"steps": stop.Steps(5)},
        {"evaluations": stop.Evaluations(9)},
    ],
)
def test_a_rule_of_ones_own_beside_one_of_its_kind_is_kept(own):
    given = {"stop": tuple((OWN | own).values()), "max_evaluations": 500}
    ends = jgd.minimize_many(jnp.linalg.norm, STARTS, jgd.gradient_descent(0.05), **given)
    singles = [
        jgd.minimize(jnp.linalg.norm, start, jgd.gradient_descent(0.05), **given) for start in STARTS[:3]
    ]
    for run, single in enumerate(singles):
        assert (Status(ends.status[run]), ends.steps[run]) == (single.status, single.steps)


@pytest.mark.parametrize("lanes", [1, LANES])
def test_the_best_point_is_where_the_best_value_was(lanes):
    made = jgd.adam(0.5)
    options = {"max_steps": 60, "recorder": RECORDED["adam"]}
    ends = jgd.minimize_many(FUN, STARTS, made, args=ARGS, lanes=lanes, **options)
    assert (ends.best_value < ends.value).sum() > 5
    values = jax.vmap(lambda x: FUN(x, *ARGS))(ends.best_x)
    assert np.asarray(values) == pytest.approx(ends.best_value, rel=1e-9)
    single = alone(4, made, **options)
    assert ends.best_x[4] == pytest.approx(np.asarray(single.best_x), rel=1e-9)


def test_a_best_value_that_is_not_met_again_to_the_last_bit():
    made, options = jgd.adam(0.5), {"max_steps": 60, "recorder": RECORDED["adam"]}
    ends = jgd.minimize_many(FUN, STARTS, made, args=ARGS, lanes=1, **options)
    [part] = ends.parts
    lower = dataclasses.replace(part.end, best_value=np.nextafter(part.end.best_value, -np.inf))
    other = jgd.Ends([dataclasses.replace(part, end=lower)], ends.tolerances, ends.seconds)
    assert (other.best_x == ends.best_x).all()


def chain(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def test_the_best_point_of_a_lane_is_where_its_best_value_was():
    """Made again alone, such a run takes other steps: what is rounded in another order is another number."""
    starts = np.random.default_rng(0).uniform(-2, 2, (24, 20))
    ends = jgd.minimize_many(chain, starts, jgd.adam(0.5), max_steps=75, lanes=LANES)
    assert (ends.best_value < ends.value).sum() > 5
    assert np.asarray(jax.vmap(chain)(ends.best_x)) == pytest.approx(ends.best_value, rel=1e-12)


@pytest.mark.parametrize("lanes", [1, LANES])
def test_every_run_has_its_history(lanes):
    """More steps than rows, so that later ones stand where earlier ones did."""
    ends, recorder = runs("adam", lanes, 300), RECORDED["adam"]
    for run in (0, 11, 23):
        single = alone(run, method("adam", "rosenbrock"), recorder=recorder, max_steps=300).history
        found = ends.history(run)
        assert set(found) == set(single)
        rows = len(found["step"])
        assert rows >= len(single["step"]) - 1
        for name, column in found.items():
            assert column == pytest.approx(single[name][:rows], rel=1e-6, abs=1e-9, nan_ok=True), name
    assert runs("newton", lanes, 300).history(0) == {}


def test_a_further_call_with_other_numbers_compiles_nothing():
    def fun(x, a):
        return jnp.sum(a * jnp.cosh(x))

    starts = np.linspace(-1, 1, 10)[:, None]
    jgd.minimize_many(fun, starts, jgd.gradient_descent(0.1), args=(1.0,))
    before = compilations()
    for rate, gtol in ((0.2, 1e-6), (0.3, np.full(10, 1e-5))):
        ends = jgd.minimize_many(fun, starts[::-1], jgd.gradient_descent(rate), args=(2.0,), gtol=gtol)
        assert ends.success.all()
    assert compilations() == before


def test_the_objective_is_traced_once():
    traced = []

    def fun(x):
        traced.append(1)
        return jnp.sum(jnp.cosh(x))

    jgd.minimize_many(fun, np.linspace(-1, 1, 6)[:, None], jgd.gradient_descent(0.1))
    assert len(traced) <= 2, "once to look at its output, once for value and gradient"


@pytest.mark.parametrize("lanes", [1, 64])
def test_more_runs_than_are_on_a_device_at_once(lanes, monkeypatch):
    import jgd.batch as module

    given, solved = [], module._solved
    monkeypatch.setattr(module, "PIECE_BYTES", 2**18)
    monkeypatch.setattr(module, "HELD", 2**14)
    monkeypatch.setattr(module, "_solved", lambda piece: given.append(piece.counts.sum()) or solved(piece))
    centers = np.arange(20_001.0)
    ends = jgd.minimize_many(
        lambda x, c: (x - c) ** 2,
        centers + 1,
        jgd.gradient_descent(0.5),
        args=(centers,),
        args_axis=0,
        lanes=lanes,
    )
    assert ends.success.all()
    assert (ends.x == centers).all()
    assert len(ends) == ends.steps.sum() == 20_001
    assert len(given) > 4
    assert sum(given) == 20_001
    assert 20_001 <= ends.executed <= 20_001 + 63 * len(given)


def test_on_mini_batches_runs_go_one_after_another(monkeypatch):
    import jgd.batch as module

    monkeypatch.setitem(module.LANES, "cpu", 4)
    rng = np.random.default_rng(3)
    X, w = rng.standard_normal((50, 3)), np.array([1.0, -2.0, 0.5])

    def square(w, row, scale, shift):
        return scale * (row[0] @ w - row[1] - shift) ** 2

    fit = jgd.finite_sum(square, (X, X @ w), batch_size=8, test_every=1)
    fit = dataclasses.replace(fit, args=(np.array(2.0),))
    rates, shifts, starts = (
        np.array([0.005, 0.01, 0.04, 0.01]),
        np.array([0.0, 0.0, 1.0, 1.0]),
        np.zeros((4, 3)),
    )
    own = {"gtol": np.array([1e-3, 1e-2, 1e-9, 1e-9]), "target": np.array([-1.0, 1e-3, -1.0, -1.0])}
    given = {"args_axis": 0, "max_steps": 700}
    ends = jgd.minimize_many(fit, starts, jgd.gradient_descent(rates), args=(shifts,), **given, **own)
    found = [Status(status).name for status in ends.status]
    assert found[:2] == ["CONVERGED", "TARGET_REACHED"]
    assert ends.executed == ends.steps.sum() < 4 * ends.steps.max(), "no lane waited"
    assert (ends.best_value[2:] < ends.value[2:]).all(), "noise"
    for run, rate in enumerate(rates):
        mine = {name: float(numbers[run]) for name, numbers in own.items()}
        made = jgd.gradient_descent(float(rate))
        single = jgd.minimize(fit, starts[run], made, args=(shifts[run],), max_steps=700, **mine)
        assert (Status(ends.status[run]), ends.steps[run]) == (single.status, single.steps)
        assert ends.value[run] == pytest.approx(float(single.value), rel=1e-9)
        assert ends.grad_norm[run] == pytest.approx(single.grad_norm, rel=1e-9)
        assert ends.first_value[run] == pytest.approx(float(single.first_value), rel=1e-9)
        assert ends.best_value[run] == pytest.approx(float(single.best_value), rel=1e-9)
        assert ends.best_x[run] == pytest.approx(np.asarray(single.best_x), rel=1e-9)
    with pytest.raises(ValueError, match="lanes: runs on mini-batches go one after another"):
        jgd.minimize_many(fit, starts, jgd.gradient_descent(rates), args=(0.0,), lanes=2)


def test_a_start_that_is_no_number_does_not_hide_what_is_wrong_with_none():
    starts = np.vstack([[[np.nan, 0.0]], STARTS])
    ends = jgd.minimize_many(FUN, starts, jgd.newton(), args=ARGS)
    assert [Status(status).name for status in ends.status] == ["NONFINITE_START"] + ["CONVERGED"] * 24
    assert repr(ends) == "Ends(25 runs: 24 CONVERGED, 1 NONFINITE_START)"


def test_all_else_is_as_for_minimize():
    known = problem("bowl")

    def fun(x, *args):
        return known.fun(x, *args), x[0]

    given = {"args": known.args, "has_aux": True, "bounds": (None, 0.5), "x_scale": np.array([1.0, 3.0])}
    given |= {"ftol": 1e-9, "xtol": 1e-3, "max_evaluations": 30}
    starts = np.tile(np.asarray(known.x0), (4, 1))
    ends = jgd.minimize_many(fun, starts, jgd.gradient_descent(0.01), **given)
    single = jgd.minimize(fun, known.x0, jgd.gradient_descent(0.01), **given)
    assert (ends.status == single.status).all()
    assert (ends.steps == single.steps).all()
    assert ends.x == pytest.approx(np.tile(np.asarray(single.x), (4, 1)), rel=1e-12)


@pytest.mark.parametrize("lanes", [1, 3])
def test_in_single_precision_where_there_is_no_other(lanes):
    """Starts, data and tolerances in NumPy's double precision are taken over."""
    with enable_x64(False):
        centers = np.arange(7.0)
        ends = jgd.minimize_many(
            lambda x, c: (x - c) ** 2,
            np.zeros(7) + 0.5,
            jgd.gradient_descent(np.full(7, 0.25)),
            args=(centers,),
            args_axis=0,
            gtol=np.full(7, 1e-3),
            lanes=lanes,
        )
    assert ends.x.dtype == ends.value.dtype == np.float32
    assert ends.success.all()
    assert ends.x == pytest.approx(centers, abs=2e-3)
