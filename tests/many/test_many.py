"""Many runs at once are the runs one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core.status import Status
from jgd.driver.recorder import COUNTS
from tests.catalogue import METHODS, method, problem
from tests.contract.counting import compilations
from tests.contract.squares import rosenbrock

ROSENBROCK = rosenbrock()
FUN, ARGS = ROSENBROCK.fun, ROSENBROCK.args
STARTS = np.random.default_rng(0).uniform(-2, 2, (24, 2))
FAST = {"newton", "lbfgs", "adam"}
STEADY = ("gradient_descent", "newton")
NAMES = [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in METHODS]


def alone(run: int, made, **options) -> jgd.Result:
    return jgd.minimize(FUN, STARTS[run], made, args=ARGS, **options)


@pytest.mark.parametrize("name", NAMES)
def test_runs_one_after_another_are_the_single_runs(name):
    made = method(name, "rosenbrock")
    ends = jgd.minimize_many(FUN, STARTS, made, args=ARGS, max_steps=300, lanes=1)
    for run in range(0, 24, 7):
        single = alone(run, made, max_steps=300)
        assert Status(ends.status[run]) == single.status
        assert ends.steps[run] == single.steps
        assert ends.x[run] == pytest.approx(np.asarray(single.x), rel=1e-10, abs=1e-10)
        assert ends.value[run] == pytest.approx(float(single.value), rel=1e-9, abs=1e-20)
        assert ends.grad_norm[run] == pytest.approx(single.grad_norm, rel=1e-6, abs=1e-12)
        assert ends.best_value[run] == pytest.approx(float(single.best_value), rel=1e-9, abs=1e-20)
        assert ends.best_x[run] == pytest.approx(np.asarray(single.best_x), rel=1e-9, abs=1e-9)
        work = {column: int(ends.work[column][run]) for column in COUNTS[:-1]}
        assert work["hessians"] == single.work.hessians
        assert abs(work["values"] - single.work.values) <= abs(single.steps - single.best_step) + 1


@pytest.mark.parametrize("name", NAMES)
def test_lanes_that_are_refilled_are_the_single_runs(name):
    """To 1e-10 over 20 steps; to the end in as many steps, give or take what rounding does to chaotic ones."""
    made = method(name, "rosenbrock")
    early = jgd.minimize_many(FUN, STARTS, made, args=ARGS, max_steps=20, lanes=5)
    whole = jgd.minimize_many(FUN, STARTS, made, args=ARGS, max_steps=300, lanes=5)
    for run in range(0, 24, 7):
        single = alone(run, made, max_steps=20)
        assert early.x[run] == pytest.approx(np.asarray(single.x), rel=1e-10, abs=1e-10)
        assert early.steps[run] == single.steps
        single = alone(run, made, max_steps=300)
        allowed = 1 if name.startswith(STEADY) else max(1, 0.05 * single.steps)
        assert abs(int(whole.steps[run]) - single.steps) <= allowed
        if single.success:
            assert Status(whole.status[run]).ok


def test_a_bad_run_spoils_no_other():
    starts = STARTS.copy()
    starts[3], starts[10] = np.nan, 1e200
    rates = np.full(24, 1e-3)
    rates[5] = 1.0
    made = jgd.gradient_descent(rates)
    for lanes in (1, 4):
        ends = jgd.minimize_many(FUN, starts, made, args=ARGS, max_steps=50, lanes=lanes)
        found = [Status(status).name for status in ends.status]
        assert (found[3], found[10]) == ("NONFINITE_START", "NONFINITE_START")
        assert found[5] in ("DIVERGED", "NONFINITE")
        assert np.isfinite(ends.x[5]).all(), "the last finite point is kept"
        good = [run for run in range(24) if run not in (3, 5, 10)]
        assert {found[run] for run in good} <= {"MAX_STEPS", "DIVERGED"}
        for run in good[::5]:
            single = alone(run, jgd.gradient_descent(1e-3), max_steps=50)
            assert found[run] == single.status.name
            assert ends.x[run] == pytest.approx(np.asarray(single.x), rel=1e-10)


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


def test_where_the_default_gives_way_lbfgs_goes_on_within_what_is_left():
    """A wall of slope that the trust region's share of steps does not get over."""

    def slow(x, stiff):
        return jnp.sum(jnp.where(stiff, jnp.sqrt(jnp.abs(x)) ** 0.5, (x - 1) ** 2))

    starts = np.linspace(0.5, 3.0, 6)[:, None]
    stiff = np.array([False, True, False, True, False, False])
    ends = jgd.minimize_many(slow, starts, args=(stiff,), args_axis=0, max_steps=3000)
    singles = [jgd.minimize(slow, starts[run], args=(stiff[run],), max_steps=3000) for run in range(6)]
    assert any(single.method == "lbfgs" for single in singles)
    for run, single in enumerate(singles):
        assert Status(ends.status[run]) == single.status
        assert ends.steps[run] == single.steps
        assert ends.best_value[run] == pytest.approx(float(single.best_value), rel=1e-9, abs=1e-300)
        assert ends.best_x[run] == pytest.approx(np.asarray(single.best_x), rel=1e-9, abs=1e-300)
    handed = sum(single.method == "lbfgs" for single in singles)
    assert f"handed over      {handed} run" in str(ends)


@pytest.mark.parametrize(
    "own", [jgd.stop.Gradient(1e-1), jgd.stop.Target(1.0), jgd.stop.Steps(5), jgd.stop.Evaluations(9)]
)
def test_a_rule_of_ones_own_beside_one_of_its_kind_is_kept(own):
    given = {"args": ARGS, "stop": own, "max_evaluations": 500}
    ends = jgd.minimize_many(FUN, STARTS, jgd.newton(), **given)
    singles = {run: jgd.minimize(FUN, STARTS[run], jgd.newton(), **given) for run in (0, 11, 23)}
    for run, single in singles.items():
        assert (Status(ends.status[run]), ends.steps[run]) == (single.status, single.steps)
    assert max(single.grad_norm for single in singles.values()) > 1e-2, "the own rule ended it"


@pytest.mark.parametrize("lanes", [1, 4])
def test_the_best_point_is_where_the_best_value_was(lanes):
    made = jgd.adam(0.5)
    ends = jgd.minimize_many(FUN, STARTS, made, args=ARGS, max_steps=60, lanes=lanes)
    assert (ends.best_value < ends.value).sum() > 5
    values = jax.vmap(lambda x: FUN(x, *ARGS))(ends.best_x)
    assert np.asarray(values) == pytest.approx(ends.best_value, rel=1e-9)
    single = alone(4, made, max_steps=60)
    assert ends.best_x[4] == pytest.approx(np.asarray(single.best_x), rel=1e-9)


@pytest.mark.parametrize("lanes", [1, 4])
def test_every_run_has_its_history(lanes):
    recorder = jgd.Recorder(16, x=True)
    made = jgd.newton()
    ends = jgd.minimize_many(FUN, STARTS, made, args=ARGS, recorder=recorder, lanes=lanes)
    for run in (0, 11, 23):
        single = alone(run, made, recorder=recorder).history
        found = ends.history(run)
        assert set(found) == set(single)
        rows = len(found["step"])
        assert rows >= len(single["step"]) - 1
        for column in found:
            assert found[column] == pytest.approx(single[column][:rows], rel=1e-9, abs=1e-12, nan_ok=True), (
                column
            )
    assert jgd.minimize_many(FUN, STARTS, made, args=ARGS).history(0) == {}


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


def test_few_steps_are_made_in_vain():
    """Runs of 3 to 27 steps: were all lanes to wait for the slowest, two in five steps would be."""
    starts = np.random.default_rng(2).uniform(-2, 2, (2000, 2))
    ends = jgd.minimize_many(FUN, starts, jgd.newton(), args=ARGS, lanes=64)
    assert ends.success.all()
    assert ends.executed <= 1.10 * ends.steps.sum()
    assert ends.steps.sum() < 0.7 * ends.steps.max() * 2000
    alone = jgd.minimize_many(FUN, starts, jgd.newton(), args=ARGS, lanes=1)
    assert alone.executed == alone.steps.sum()
    assert (alone.steps == ends.steps).all()


@pytest.mark.parametrize("lanes", [1, 64])
def test_more_runs_than_are_on_a_device_at_once(lanes, monkeypatch):
    import jgd.batch as module

    monkeypatch.setattr(module, "PIECE_BYTES", 2**18)
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
    assert len(ends) == 20_001


def test_on_mini_batches_runs_go_one_after_another():
    rng = np.random.default_rng(3)
    X, w = rng.standard_normal((50, 3)), np.array([1.0, -2.0, 0.5])
    fit = jgd.finite_sum(lambda w, row: (row[0] @ w - row[1]) ** 2, (X, X @ w), batch_size=8, test_every=2)
    rates = np.array([0.01, 0.03, 0.1])
    starts = np.zeros((3, 3))
    ends = jgd.minimize_many(fit, starts, jgd.gradient_descent(rates), gtol=1e-3, max_steps=500)
    for run, rate in enumerate(rates):
        single = jgd.minimize(fit, starts[run], jgd.gradient_descent(float(rate)), gtol=1e-3, max_steps=500)
        assert (Status(ends.status[run]), ends.steps[run]) == (single.status, single.steps)
        assert ends.value[run] == pytest.approx(float(single.value), rel=1e-9)
        assert ends.best_x[run] == pytest.approx(np.asarray(single.best_x), rel=1e-9)
    with pytest.raises(ValueError, match="lanes: runs on mini-batches go one after another"):
        jgd.minimize_many(fit, starts, jgd.gradient_descent(rates), lanes=2)


BAD = {
    "no axis": (lambda: jgd.minimize_many(jnp.sum, 1.0), "x0s must have a first axis"),
    "two lengths": (
        lambda: jgd.minimize_many(bowl, {"a": np.zeros((3, 2)), "b": np.zeros((4, 2))}),
        "x0s must have a first axis",
    ),
    "none": (lambda: jgd.minimize_many(FUN, np.zeros((0, 2)), args=ARGS), "x0s must have a first axis"),
    "rates": (
        lambda: jgd.minimize_many(FUN, STARTS, jgd.gradient_descent(np.ones(3)), args=ARGS),
        "method has numbers of shape (3,) for 24 runs",
    ),
    "gtol": (
        lambda: jgd.minimize_many(FUN, STARTS, args=ARGS, gtol=np.ones(3)),
        "gtol must be one number or one for each of 24 runs",
    ),
    "negative gtol": (
        lambda: jgd.minimize_many(FUN, STARTS, args=ARGS, gtol=-np.ones(24)),
        "gtol must be non-negative",
    ),
    "axis": (
        lambda: jgd.minimize_many(lambda x, a: jnp.sum(a * x), STARTS, args=(1.0,), args_axis=1),
        "args_axis must be 0 or None",
    ),
    "data": (
        lambda: jgd.minimize_many(lambda x, a: jnp.sum(a * x), STARTS, args=(np.ones(3),), args_axis=0),
        "args[0] has an array of shape (3,) for 24 runs",
    ),
    "lanes": (lambda: jgd.minimize_many(FUN, STARTS, args=ARGS, lanes=0), "lanes must be at least 1"),
    "recorder": (
        lambda: jgd.minimize_many(FUN, STARTS, args=ARGS, recorder=64),
        "recorder must be a jgd.Recorder or None",
    ),
    "integers": (
        lambda: jgd.minimize_many(FUN, np.ones((3, 2), int), args=ARGS),
        "x0 must be of a float dtype",
    ),
    "all NaN": (lambda: jgd.minimize_many(FUN, np.full((3, 2), np.nan), args=ARGS), "NaN or infinite"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_in_a_sentence(name):
    attempt, words = BAD[name]
    with pytest.raises((TypeError, ValueError)) as caught:
        attempt()
    assert words in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_the_summary_tells_how_many_ended_how():
    starts = np.vstack([STARTS, [[np.nan, 0.0]]])
    ends = jgd.minimize_many(FUN, starts, jgd.newton(), args=ARGS)
    text = str(ends)
    assert text.startswith("25 runs of newton, 2 parameters, float64")
    assert "CONVERGED               24   " in text
    assert "NONFINITE_START          1   0 steps" in text
    assert repr(ends) == "Ends(25 runs: 24 CONVERGED, 1 NONFINITE_START)"


def test_a_problem_may_be_shared_by_all():
    known = problem("bowl")
    starts = np.tile(np.asarray(known.x0), (4, 1))
    ends = jgd.minimize_many(known.fun, starts, jgd.newton(), args=known.args, bounds=(None, 0.5))
    single = jgd.minimize(known.fun, known.x0, jgd.newton(), args=known.args, bounds=(None, 0.5))
    assert (ends.x == np.asarray(single.x)).all()
