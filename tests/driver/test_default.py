"""Where no method is named: which one is taken, what is said of it, and what goes on where it fails."""

import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.methods import default
from jgd.methods.default import DENSE, Stage, stages


def cosh(x):
    return jnp.sum(jnp.cosh(x - 1.0))


@pytest.mark.parametrize(
    ("n", "name"), [(1, "trust_region"), (DENSE, "trust_region"), (DENSE + 1, "trust_region_cg")]
)
def test_the_method_follows_from_the_number_of_parameters_and_the_summary_says_so(n, name):
    result = jgd.minimize(cosh, np.zeros(n))
    assert result.success
    assert result.method == name == stages(n)[0].method.name
    assert f"{name} (chosen for {n:,} parameter" in str(result)
    assert result.notes == ()


T = np.linspace(0.0, 2.0, 12)


def decay(x, y):
    return x[0] * jnp.exp(-x[1] * T) + x[2] - y


def test_for_a_sum_of_squares_it_is_levenberg_marquardt_and_the_summary_says_so():
    y = 3 * np.exp(-1.5 * T) + 0.5
    result = jgd.minimize(jgd.residuals(decay), np.array([1.0, 1.0, 0.0]), args=(y,))
    assert result.success
    assert "levenberg_marquardt (chosen for 3 parameters of a sum of squares)" in str(result)
    assert np.asarray(result.x) == pytest.approx([3.0, 1.5, 0.5], rel=1e-5)
    assert jgd.minimize(jgd.residuals(lambda x: x - 1.0), np.zeros(DENSE + 1)).method == "trust_region_cg"


def test_where_residuals_stay_large_and_bend_the_hessian_goes_on():
    """At the minimum the residuals' own curvature is of the size of J^T J, which alone converges slowly."""

    def bent(x):
        return jnp.stack(
            [x[0] ** 2 + x[1] - 11.0, x[0] + x[1] ** 2 - 7.0, 40.0 + 30.0 * jnp.sin(x[0] * x[1])]
        )

    result = jgd.minimize(jgd.residuals(bent), np.array([1.0, 1.0]))
    alone = jgd.minimize(jgd.residuals(bent), np.array([1.0, 1.0]), jgd.levenberg_marquardt(), max_steps=100)
    assert result.success
    assert not alone.success
    assert result.method == "trust_region"
    assert "it knows the residuals' own curvature" in str(result)
    assert result.steps < 120


def test_a_method_that_was_named_is_not_called_chosen():
    assert "chosen" not in str(jgd.minimize(cosh, np.zeros(2), jgd.newton()))


def rosenbrock(x):
    return jnp.sum((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2)


@pytest.fixture
def short(monkeypatch):
    """The default with a share of ten steps for its first method."""
    made = (Stage(jgd.lbfgs(), 10, "chosen"), Stage(jgd.trust_region(), None, "it knows more"))
    monkeypatch.setattr("jgd.prepare.stages", lambda n, squares, structured: made)


def test_where_a_share_is_used_up_the_next_method_goes_on_in_one_run(short):
    x0 = np.array([-1.2, 1.0, -1.2, 1.0])
    result = jgd.minimize(rosenbrock, x0, recorder=jgd.Recorder(rows=128, x=True))
    first = jgd.minimize(rosenbrock, x0, jgd.lbfgs(), max_steps=10, recorder=jgd.Recorder(rows=128, x=True))
    rest = jgd.minimize(rosenbrock, first.x, jgd.trust_region(), recorder=jgd.Recorder(rows=128, x=True))
    assert result.success
    assert result.method == "trust_region"
    assert result.steps == 10 + rest.steps
    assert result.work.values == first.work.values + rest.work.values - 1
    assert result.work.hessians == rest.work.hessians
    np.testing.assert_array_equal(result.history["step"], np.arange(result.steps + 1))
    np.testing.assert_array_equal(result.history["value"][:11], first.history["value"])
    np.testing.assert_allclose(result.history["value"][11:], rest.history["value"][1:], rtol=1e-9, atol=1e-18)
    assert np.isnan(result.history["radius"][:11]).all()
    assert (result.history["radius"][11:] > 0).all()
    assert result.first_value == first.first_value
    assert "lbfgs had used up its share of steps at step 10" in result.notes[0]
    assert "trust_region went on, since it knows more" in str(result)


def test_budgets_count_all_methods_together(short):
    result = jgd.minimize(rosenbrock, np.array([-1.2, 1.0, -1.2, 1.0]), max_steps=13)
    assert (result.status, result.steps) == (jgd.Status.MAX_STEPS, 13)
    result = jgd.minimize(rosenbrock, np.array([-1.2, 1.0, -1.2, 1.0]), max_steps=7)
    assert (result.status, result.steps, result.method) == (jgd.Status.MAX_STEPS, 7, "lbfgs")


def test_a_run_that_was_handed_over_can_be_gone_on_with(short):
    part = jgd.minimize(rosenbrock, np.array([-1.2, 1.0, -1.2, 1.0]), max_steps=13)
    whole = jgd.minimize(rosenbrock, np.array([-1.2, 1.0, -1.2, 1.0]))
    more = jgd.minimize(rosenbrock, start=part, max_steps=1000)
    assert more.steps == whole.steps
    np.testing.assert_array_equal(more.x, whole.x)


def test_a_method_that_fails_is_followed_by_the_next(monkeypatch):
    """The exact step of a quadratic fails at once, where the curvature along the gradient is negative."""

    def hills(x):
        return jnp.sum(jnp.cos(x) + 0.01 * x**2)

    exact = jgd.gradient_descent(jgd.exact())
    assert jgd.minimize(hills, np.full(2, 0.1), exact).status == jgd.Status.SEARCH_FAILED
    made = (Stage(exact, 50, "chosen"), Stage(jgd.lbfgs(), None, "it takes gradients alone"))
    monkeypatch.setattr("jgd.prepare.stages", lambda n, squares, structured: made)
    result = jgd.minimize(hills, np.full(2, 0.1))
    assert result.success
    assert result.method == "lbfgs"
    assert "gradient_descent ended with SEARCH_FAILED at step 1" in result.notes[0]
    assert "chosen" not in str(result)


def test_methods_that_follow_have_all_steps_that_are_left():
    for n in (2, 1000):
        first, *others = stages(n, squares=True)
        assert len(others) == (2 if n <= DENSE else 1)
        assert first.steps
        assert all(stage.steps is None for stage in others)
        assert all(stage.why for stage in stages(n))
    assert default.NEWTON == 100


def test_at_the_limit_of_precision_no_other_method_goes_on():
    """One that finds no step there would make a failure of an answer as good as float32 can tell."""
    t = np.linspace(0, 3, 20, dtype=np.float32)
    y = 5 * np.exp(-t) + np.cos(7 * t)

    def fun(x):
        return jnp.sum((x[0] * jnp.exp(-x[1] * t) - y) ** 2)

    result = jgd.minimize(fun, np.array([3.0, 2.0], np.float32), gtol=0.0, grtol=0.0)
    assert (result.status, result.method) == (jgd.Status.PRECISION_LIMIT, "trust_region")
    assert result.origin == ()
