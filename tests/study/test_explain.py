"""Scripted runs, each with the finding and the number that explain it, and the advice followed."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd import Status
from jgd.problems import get
from jgd.study.evidence import Evidence


def quadratic(x, h):
    return 0.5 * jnp.sum(h.astype(x.dtype) * x**2)


def coupled(x, H):
    return 0.5 * x @ H.astype(x.dtype) @ x


def saddle(x):
    return 0.5 * x[0] ** 2 - 0.5 * x[1] ** 2 + 0.25 * x[1] ** 4


def camel(x):
    """The six-hump camel: two global minima of -1.0316 and four local ones."""
    u, v = x
    return (4 - 2.1 * u**2 + u**4 / 3) * u**2 + u * v + (-4 + 4 * v**2) * v**2


def flat(x):
    return x[0] ** 2 + x[1] ** 4


def raised(x):
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2 + 1e4


def logistic(w, rows, labels):
    return jnp.mean(jnp.logaddexp(0.0, -labels * (rows @ w)))


def walled(x):
    return jnp.where(x[0] <= 0.5, jnp.sum((x - 1.0) ** 2), jnp.nan)


def kinked(x):
    return jnp.sum(jnp.abs(x))


ROSENBROCK = get("rosenbrock")
SEPARABLE = (np.array([[2.0, 1.0], [1.0, 2.0], [-1.0, -1.5], [-2.0, -1.0]]), np.array([1.0, 1.0, -1.0, -1.0]))
GD = jgd.gradient_descent


def follow(result: jgd.Result, hint) -> jgd.Result:
    """The run that a hint asks for."""
    before = {
        "fun": result.program.objective.fun,
        "x0": result.x0,
        "method": result.program.method,
        "args": result.program.objective.args,
        "max_steps": max(result.steps, 100),
    }
    given = {**before, **hint}
    return jgd.minimize(given.pop("fun"), given.pop("x0"), given.pop("method"), **given)


@pytest.mark.parametrize(
    ("method", "limit"),
    [
        (GD(0.5), 0.25),
        (jgd.heavy_ball(0.5, 0.9), 3.8 / 8),
        (jgd.nesterov(0.5, 0.9), 3.8 / 2.8 / 8),
        (jgd.nesterov(0.5), 4 / 3 / 8),
        (jgd.from_optax(optax.sgd, learning_rate=0.5), 0.25),
        pytest.param(
            jgd.from_optax(optax.sgd, learning_rate=0.5, momentum=0.9), 3.8 / 8, marks=pytest.mark.slow
        ),
    ],
)
def test_a_rate_over_the_limit(method, limit):
    result = jgd.minimize(quadratic, np.ones(2), method, args=(np.array([1.0, 8.0]),))
    why = jgd.explain(result)
    assert result.status == Status.DIVERGED
    assert [finding.name for finding in why.findings] == ["rate-over-limit"]
    numbers = why["rate-over-limit"].numbers
    assert (numbers["rate"], numbers["lambda_max"]) == (0.5, pytest.approx(8.0))
    assert numbers["limit"] == pytest.approx(limit, rel=1e-9)
    assert f"over the stable limit {'2' if limit == 0.25 else '(2 + 2 beta)'}" in str(why)
    assert why.regime == "diverging"
    assert follow(result, why["rate-over-limit"].hint).success


def test_a_rate_far_too_small():
    result = jgd.minimize(quadratic, np.ones(2), GD(1e-5), args=(np.array([1.0, 100.0]),), max_steps=2000)
    why = jgd.explain(result)
    found = why.findings[0]
    assert found.name == "rate-too-small"
    assert found.numbers["limit"] == pytest.approx(0.02)
    assert found.numbers["better"] == pytest.approx(0.95 * 2 / 101)
    assert why.regime == "monotone"
    assert follow(result, found.hint).success


@pytest.mark.parametrize("condition", [400.0, 2500.0])
def test_a_narrow_valley_and_how_many_steps_are_left(condition):
    rate = 1.75 / condition
    run = {"args": (np.array([1.0, condition]),), "max_steps": int(condition)}
    result = jgd.minimize(quadratic, np.ones(2), GD(rate), **run)
    why = jgd.explain(result)
    found = why["narrow-valley"]
    assert found.numbers["condition"] == pytest.approx(condition)
    assert found.numbers["lambda_min"] == pytest.approx(1.0)
    whole = jgd.minimize(quadratic, np.ones(2), GD(rate), **{**run, "max_steps": 10**6})
    assert whole.success
    assert found.numbers["steps_left"] == pytest.approx(whole.steps - result.steps, abs=1)
    assert follow(result, found.hint).success


@pytest.mark.slow
def test_what_is_left_in_rosenbrocks_valley_is_told_within_a_fifth():
    result = jgd.minimize(ROSENBROCK.fun, ROSENBROCK.x0, GD(1.5e-3), max_steps=10_000)
    found = jgd.explain(result)["narrow-valley"]
    whole = jgd.minimize(ROSENBROCK.fun, ROSENBROCK.x0, GD(1.5e-3), max_steps=10**6)
    assert found.numbers["steps_left"] == pytest.approx(whole.steps - result.steps, rel=0.2)
    assert follow(result, found.hint).success


def test_a_search_that_zigzags():
    kappa = 100.0
    result = jgd.minimize(
        quadratic, np.array([kappa, 1.0]), GD(jgd.exact()), args=(np.array([1.0, kappa]),), max_steps=200
    )
    why = jgd.explain(result)
    found = why.findings[0]
    assert (found.name, why.regime) == ("zigzag", "zigzag")
    assert found.numbers["cosine"] < 1e-6
    assert found.numbers["factor"] == pytest.approx(0.9607881580237231)
    assert found.numbers["measured"] == pytest.approx(found.numbers["factor"], rel=1e-9)
    assert follow(result, found.hint).success


def test_the_edge_of_stability_is_told_from_its_neighborhood_by_the_cosines():
    """At the end eta lambda max is 1.96 of one and 1.90 of the other."""
    runs = [
        jgd.minimize(ROSENBROCK.fun, ROSENBROCK.x0, GD(rate), max_steps=20_000) for rate in (2.1e-3, 1.9e-3)
    ]
    at_edge, below = map(jgd.explain, runs)
    tops = [why.directions[0].rate_curvature for why in (at_edge, below) if why.directions]
    assert tops[0] == pytest.approx(1.96, abs=0.01)
    found = at_edge.findings[0]
    assert (found.name, at_edge.regime) == ("edge-of-stability", "oscillating")
    assert found.numbers["backwards"] == 1.0
    assert found.numbers["rate_curvature"] == pytest.approx(2.0, abs=1e-3)
    assert "edge-of-stability" not in below
    assert below.regime == "monotone"
    assert at_edge.directions[0].regime == "oscillating"
    assert follow(runs[0], found.hint).success


@pytest.mark.parametrize(("rate", "name"), [(0.96, "cut-short"), (1.0, "edge-of-stability")])
def test_below_the_edge_a_run_converges_and_at_it_the_error_stays(rate, name):
    result = jgd.minimize(lambda x: jnp.sum(x**2), np.array([1.0, 2.0]), GD(rate), max_steps=50)
    why = jgd.explain(result)
    assert [finding.name for finding in why.findings] == [name]
    assert why.regime == why.directions[0].regime == ("oscillating" if rate == 1 else "overshooting")


def test_a_part_that_drifts_with_a_turning_valley_has_no_ratio():
    result = jgd.minimize(ROSENBROCK.fun, ROSENBROCK.x0, GD(1e-3), max_steps=500)
    why = jgd.explain(result)
    assert why.regime == "monotone"
    assert [direction.regime for direction in why.directions] == ["monotone"]


def test_where_further_steps_are_not_finite_no_ratio_is_told():
    result = jgd.minimize(lambda x: -jnp.sum(x**2), np.array([0.05, 1.0]), GD(0.2))
    why = jgd.explain(result)
    assert (result.status, [finding.name for finding in why.findings]) == (Status.NONFINITE, ["unbounded"])
    assert why.directions == ()


def test_a_start_on_the_stable_manifold_of_a_saddle():
    result = jgd.minimize(saddle, np.array([1.0, 0.0]), GD(0.1))
    found = jgd.explain(result).findings[0]
    assert (result.status, found.name) == (Status.CONVERGED, "stable-manifold")
    assert found.numbers["eigenvalue"] == pytest.approx(-1.0)
    assert found.numbers["slope_at_start"] == 0
    better = follow(result, found.hint)
    assert better.value == pytest.approx(-0.25)


@pytest.mark.slow
def test_a_saddle_that_newton_raphson_was_drawn_to():
    result = jgd.minimize(saddle, np.array([1.0, 1e-3]), jgd.newton_raphson())
    found = jgd.explain(result).findings[0]
    assert (result.status, found.name) == (Status.CONVERGED, "saddle")
    assert found.numbers["eigenvalue"] == pytest.approx(-1.0)
    assert found.numbers["slope_at_start"] > 0
    assert follow(result, found.hint).value == pytest.approx(-0.25)


@pytest.mark.slow
def test_a_local_minimum_says_that_it_cannot_know():
    result = jgd.minimize(camel, np.array([1.8, -0.9]), GD(0.02))
    found = jgd.explain(result).findings[0]
    assert found.name == "local-minimum"
    assert "cannot be known from here" in found.sentence
    assert result.value > -0.3 > -1.0316
    assert found.numbers["negative_curvature"] < 0


def test_a_flat_valley():
    result = jgd.minimize(flat, np.ones(2), GD(0.1), gtol=1e-3)
    why = jgd.explain(result)
    found = why.findings[0]
    assert (result.status, found.name) == (Status.CONVERGED, "flat-valley")
    assert found.numbers["remaining"] == pytest.approx(abs(float(result.x[1])) / 3, rel=0.1)
    assert follow(result, found.hint).value < 0.1 * result.value
    unused = jgd.explain(jgd.minimize(lambda x: x[0] ** 2, np.ones(2), GD(0.4)))["flat-valley"].numbers
    assert (unused["lambda_min"], unused["lambda_max"]) == (0, pytest.approx(2))


def test_in_float64_no_wider_dtype_is_advised():
    result = jgd.minimize(lambda x: jnp.sum(jnp.cosh(x - 0.3)), np.ones(2), GD(0.3), gtol=0.0, grtol=0.0)
    found = jgd.explain(result).findings[0]
    assert (result.status, found.name) == (Status.PRECISION_LIMIT, "precision-limit")
    assert "float64" not in found.advice


def test_the_limit_of_precision_of_x_is_told_from_that_of_f():
    def fun(x):
        return 1e6 * jnp.sum((x**2 - 2) ** 2)

    result = jgd.minimize(fun, np.array([3.0, 1.0], np.float32), jgd.newton(), gtol=1e-3)
    found = jgd.explain(result).findings[0]
    assert (result.status, found.name) == (Status.PRECISION_LIMIT, "precision-limit")
    assert found.numbers["decrease"] > found.numbers["rounding"]
    assert "x by its last bits alone" in found.sentence
    assert found.advice.startswith("Go on in float64 (jax_enable_x64), write x in other units")


def test_the_limit_of_precision_of_float32():
    result = jgd.minimize(raised, ROSENBROCK.x0.astype(np.float32), GD(1e-3), gtol=1e-8, max_steps=200_000)
    found = jgd.explain(result).findings[0]
    assert (result.status, found.name) == (Status.PRECISION_LIMIT, "precision-limit")
    assert found.numbers["rounding"] == pytest.approx(1e4 * 1.19e-7, rel=0.01)
    assert found.numbers["decrease"] < found.numbers["rounding"]
    better = follow(result, found.hint)
    assert better.success
    assert better.grad_norm < result.grad_norm


@pytest.mark.parametrize(
    ("fun", "x0", "method", "name"),
    [
        (lambda x: jnp.sum((x - 100.0) ** 2), np.ones(2), GD(1e-3), "rate-too-small"),
        (jnp.sum, np.ones(2), GD(1.0), "unbounded"),
        (lambda x: -jnp.sum(x**4), np.ones(2), jgd.adam(0.1), "unbounded"),
        (lambda x: jnp.sum(jnp.exp(-x)), np.ones(2), GD(0.1), "no-minimizer"),
    ],
)
def test_whether_f_has_a_minimum_far_away_or_no_bound_or_only_no_minimizer(fun, x0, method, name):
    steps = 10 if name == "rate-too-small" else 2000
    why = jgd.explain(jgd.minimize(fun, x0, method, max_steps=steps))
    assert [finding.name for finding in why.findings] == [name]
    assert ("gradient vanishes" in str(why)) == (name == "no-minimizer")


@pytest.mark.parametrize(
    ("fun", "x0", "method", "target"),
    [
        (lambda x: (x[0] ** 2 - 1) ** 2 + x[1] ** 2, np.array([0.1, 3.0]), GD(0.05), 2.0),
        (ROSENBROCK.fun, ROSENBROCK.x0, jgd.lbfgs(), 1.0),
        (lambda x: jnp.sum((x - 1.0) ** 2), np.array([8.0]), GD(0.01), 5.0),
    ],
)
def test_a_target_is_no_critical_point(fun, x0, method, target):
    why = jgd.explain(jgd.minimize(fun, x0, method, target=target))
    assert [finding.name for finding in why.findings] == ["target-reached"]
    assert why["target-reached"].numbers["target"] == target


@pytest.mark.parametrize(
    ("fun", "x0", "method", "name", "told"),
    [
        (lambda x: jnp.sum((x - 3.0) ** 2), np.zeros(2), jgd.newton(), "converged", "hold all of x"),
        (lambda x: x[0] ** 2 - x[1] ** 2, np.array([0.5, 0.2]), jgd.newton(), "local-minimum", "1 of 2"),
        (lambda x: (x[0] - 3) ** 2 + 9 * (x[1] - 3) ** 2, np.zeros(2), GD(1e-4), "rate-too-small", "0.1111"),
    ],
)
def test_bounds_hold_x_and_end_the_way(fun, x0, method, name, told):
    why = jgd.explain(jgd.minimize(fun, x0, method, bounds=(-1.0, 1.0), max_steps=20))
    assert [finding.name for finding in why.findings] == [name]
    assert told in why[name].sentence


def test_the_curvature_is_of_the_entries_that_no_bound_holds():
    """The first is held; the others have curvatures 2 and 8, and the first is coupled to one of them."""

    def fun(x):
        return x[0] * (x[1] - 4.0) + x[1] ** 2 + 4 * (x[2] - 1.0) ** 2

    evidence = Evidence(jgd.minimize(fun, np.zeros(3), GD(0.1), bounds=(-1.0, 1.0)))
    assert evidence.held.tolist() == [True, False, False]
    values, vectors = evidence.eigen
    assert values == pytest.approx([2.0, 8.0])
    assert np.abs(vectors) == pytest.approx(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    assert evidence.grad == pytest.approx(np.zeros(3), abs=1e-7)


@pytest.mark.parametrize(
    ("fun", "x0", "method"),
    [
        (lambda x: -jnp.sum(x**2), np.zeros(2), jgd.newton()),
        (jnp.cos, np.array(0.2), jgd.newton_raphson()),
    ],
)
def test_a_maximum_is_no_saddle(fun, x0, method):
    why = jgd.explain(jgd.minimize(fun, x0, method))
    assert "maximum" in why
    assert "saddle" not in str(why)


def _separable():
    rows = np.random.default_rng(0).standard_normal((20, 3))
    return jgd.models.logistic(rows, rows[:, 0] > 0, ridge=0.0), np.zeros(3), GD(0.1)


def _least_squares():
    return jgd.residuals(lambda x: np.array([1.0, 30.0]) * (x - 1.0)), np.zeros(2), GD(1e-3)


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (_separable, "no-minimizer"),
        (lambda: (jgd.residuals(lambda x: jnp.exp(-x)), np.ones(2), GD(0.1)), "no-minimizer"),
        (_least_squares, "bad-scaling"),
    ],
)
def test_hints_can_be_followed_for_models_and_residuals(made, name):
    fun, x0, method = made()
    given = {"fun": fun, "x0": x0, "max_steps": 500}
    before = jgd.minimize(**given, method=method)
    hint = jgd.explain(before)[name].hint
    assert not before.success
    assert jgd.minimize(**{**given, **hint}).success


@pytest.mark.parametrize("method", [GD(1.0), pytest.param(jgd.newton(), marks=pytest.mark.slow)])
def test_what_has_no_minimizer(method):
    result = jgd.minimize(logistic, np.zeros(2), method, args=SEPARABLE)
    found = jgd.explain(result).findings[0]
    assert found.name == "no-minimizer"
    assert found.numbers["at_4x"] < found.numbers["at_2x"] < found.numbers["value"]
    better = follow(result, found.hint)
    assert better.success
    assert better.notes == ()


def test_a_wall_of_nan():
    result = jgd.minimize(walled, np.zeros(2), GD(0.01))
    why = jgd.explain(result)
    found = why.findings[0]
    assert (result.status, found.name) == (Status.NONFINITE, "wall")
    assert found.numbers["distance"] == pytest.approx(2**0.5 * (0.5 - float(result.x[0])), rel=0.8)
    assert why.regime != "diverging"
    assert follow(result, found.hint).value < result.value


def test_where_f_overflows_far_away_is_no_wall():
    result = jgd.minimize(
        lambda x: jnp.sum(jnp.exp(x**2)), np.array([1.0, 0.5]), GD(1e-6), xtol=1e-3, max_steps=100
    )
    why = jgd.explain(result)
    assert result.status == Status.STALLED
    assert [finding.name for finding in why.findings] == ["rate-too-small"]


@pytest.mark.slow
def test_a_search_before_a_wall():
    result = jgd.minimize(walled, np.zeros(2), GD())
    found = jgd.explain(result).findings[0]
    assert (result.status, found.name) == (Status.SEARCH_FAILED, "wall")
    assert not found.hint


def test_badly_scaled_features_and_what_correlation_leaves():
    """Features of standard deviations 1 and 30 that correlate by 0.9: scaling leaves (1 + 0.9)/(1 - 0.9)."""
    H = np.array([[1.0, 27.0], [27.0, 900.0]])
    result = jgd.minimize(coupled, np.ones(2), GD(2e-3), args=(H,), max_steps=500)
    found = jgd.explain(result)["bad-scaling"]
    assert found.numbers["condition"] == pytest.approx(np.linalg.cond(H), rel=1e-6)
    assert found.numbers["after_scaling"] == pytest.approx(19.0, rel=1e-6)
    assert follow(result, found.hint).success


@pytest.mark.slow
def test_features_of_real_data_as_they_come():
    raw = get("breast-cancer-raw")
    result = jgd.minimize(raw.fun, raw.x0, GD(1e-9), args=raw.args, max_steps=2000)
    found = jgd.explain(result)["bad-scaling"]
    assert found.numbers["condition"] > 100 * found.numbers["after_scaling"]
    assert follow(result, found.hint).value < result.value


def test_in_scaled_variables_the_limit_is_theirs():
    """x = (2 z, 4 z): curvatures 4 and 16 * 8 in z."""
    result = jgd.minimize(
        quadratic, np.ones(2), GD(0.1), args=(np.array([1.0, 8.0]),), x_scale=np.array([2.0, 4.0])
    )
    why = jgd.explain(result)
    assert [finding.name for finding in why.findings] == ["rate-over-limit"]
    assert why["rate-over-limit"].numbers["limit"] == pytest.approx(2 / 128)
    assert why.directions[0].ratio == pytest.approx(1 - 12.8)


@pytest.mark.parametrize(
    ("fun", "method", "status"),
    [(ROSENBROCK.fun, optax.sgd(0.01), Status.DIVERGED), (kinked, jgd.newton(), Status.SEARCH_FAILED)],
)
def test_a_failure_that_nothing_explains_is_told_as_such(fun, method, status):
    result = jgd.minimize(fun, np.array([-1.2, 1.0]), method)
    why = jgd.explain(result)
    assert (result.status, [finding.name for finding in why.findings]) == (status, ["unexplained"])
    assert why["unexplained"].advice


@pytest.mark.parametrize("fun", [lambda x: 0 * jnp.sum(x) + 3.0, lambda x: x[0] ** 3 - 3 * x[0] * x[1] ** 2])
def test_where_the_hessian_is_zero_nothing_is_known_of_the_point(fun):
    why = jgd.explain(jgd.minimize(fun, np.zeros(2)))
    assert [finding.name for finding in why.findings] == ["no-curvature"]
    assert not why["no-curvature"].hint


def test_newtons_full_step_climbs():
    result = jgd.minimize(ROSENBROCK.fun, ROSENBROCK.x0, jgd.newton_raphson())
    found = jgd.explain(result).findings[0]
    assert found.name == "newton-climbs"
    assert found.numbers["before"] == pytest.approx(4.73188, rel=1e-5)
    assert found.numbers["after"] == pytest.approx(1411.85, rel=1e-5)
    assert found.numbers["step"] == 2
    better = follow(result, found.hint)
    assert (np.diff(better.history["value"]) <= 0).all()


def test_adams_floor_at_a_constant_rate():
    result = jgd.minimize(kinked, np.array([1.0, -0.7]), jgd.adam(0.1, b1=0.8), max_steps=2000)
    found = jgd.explain(result).findings[0]
    assert found.name == "noise-floor"
    assert 0.01 * found.numbers["rate"] < found.numbers["step"] <= found.numbers["rate"]
    better = follow(result, found.hint)
    assert better.value < 0.01 * found.numbers["floor"]
    assert better.program.method.hyper["b1"] == 0.8


@pytest.mark.parametrize("name", ["quadratic", pytest.param("logistic", marks=pytest.mark.slow)])
def test_of_a_plain_convergence_there_is_nothing_to_say(name):
    if name == "quadratic":
        result = jgd.minimize(quadratic, np.ones(2), GD(0.015), args=(np.array([1.0, 100.0]),))
        lowest = 1.0
    else:
        known = get("breast-cancer")
        result = jgd.minimize(known.fun, known.x0, jgd.newton(), args=known.args)
        lowest = jgd.curvature(known.fun, result.x, args=known.args).lowest.value
    why = jgd.explain(result)
    assert [finding.name for finding in why.findings] == ["converged"]
    assert "nothing more to say" in str(why)
    assert why.findings[0].numbers["lambda_min"] == pytest.approx(lowest)


@pytest.mark.slow
def test_the_gap_is_within_the_bound_that_is_told():
    result = jgd.minimize(quadratic, np.ones(2), GD(0.015), args=(np.array([1.0, 100.0]),), gtol=1e-3)
    bound = jgd.explain(result).findings[0].numbers["error_bound"]
    assert 0.4 * bound <= float(result.value) <= bound * (1 + 1e-9)


@pytest.mark.slow
def test_a_start_that_is_not_finite():
    result = jgd.minimize(lambda x: jnp.sum(jnp.log(x)), -np.ones(2), GD(0.1))
    why = jgd.explain(result)
    assert [finding.name for finding in why.findings] == ["not-finite-at-start"]
    assert why.directions == ()


def test_each_direction_has_its_own_regime():
    """eta lambda = 0.5, 1.5 and 2.5: monotone, overshooting, diverging; at 2 for ever."""
    spectrum = np.array([0.5, 1.5, 2.0, 2.5])
    result = jgd.minimize(quadratic, np.ones(4), GD(1.0), args=(spectrum,), max_steps=20)
    told = {round(d.rate_curvature, 6): (d.ratio, d.regime) for d in jgd.explain(result).directions}
    assert {curvature: regime for curvature, (_, regime) in told.items()} == {
        0.5: "monotone",
        1.5: "overshooting",
        2.0: "oscillating",
        2.5: "diverging",
    }
    for curvature, (ratio, _) in told.items():
        assert ratio == pytest.approx(1 - curvature, rel=1e-6)


@pytest.mark.slow
def test_a_gauge_of_the_runs_own_is_used():
    recorder = jgd.Recorder(gauge=jgd.curvature_gauge())
    result = jgd.minimize(ROSENBROCK.fun, ROSENBROCK.x0, GD(2.1e-3), max_steps=20_000, recorder=recorder)
    assert "edge-of-stability" in jgd.explain(result)
    assert Evidence(result).trail["step"].size == result.history["step"].size  # not of a run made again


@pytest.mark.slow
def test_a_run_cut_short_without_a_reason_says_so():
    result = jgd.minimize(ROSENBROCK.fun, ROSENBROCK.x0, jgd.newton(), max_steps=5)
    found = jgd.explain(result).findings[0]
    assert (found.name, found.numbers["steps"]) == ("cut-short", 5)
    assert f"max_steps={found.hint['max_steps']:,}, with start=result to go on" in found.advice
    assert follow(result, found.hint).success


def test_the_record_is_plain_and_an_unknown_finding_is_named():
    import json

    result = jgd.minimize(quadratic, np.ones(2), GD(0.5), args=(np.array([1.0, 8.0]),))
    why = jgd.explain(result)
    told = json.loads(json.dumps(why.record()))
    assert told["findings"][0]["numbers"]["limit"] == pytest.approx(0.25)
    assert [d["regime"] for d in told["directions"]] == ["diverging", "monotone"]
    with pytest.raises(KeyError, match="no finding is named 'saddle'; there are rate-over-limit"):
        why["saddle"]


def test_what_is_no_result_is_refused():
    with pytest.raises(TypeError, match=r"result must be the Result of jgd.minimize, got Array"):
        jgd.explain(jax.numpy.ones(2).sum())
