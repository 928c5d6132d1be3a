"""Box constraints: the answer is SciPy's, every point is inside, and the projected gradient is the test."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.optimize

import jgd

N = 6
LOWER = np.full(N, -1.5)
UPPER = np.resize([0.8, 2.0, 2.0], N)
START = np.resize([-1.2, 1.0], N)

METHODS = {
    "default": None,
    "gradient_descent": jgd.gradient_descent(1e-3),
    "armijo": jgd.gradient_descent(),
    "wolfe": jgd.gradient_descent(jgd.wolfe(1e-2)),
    "barzilai_borwein": jgd.gradient_descent(jgd.barzilai_borwein()),
    "lengths": jgd.gradient_descent(jgd.lengths()),
    "heavy_ball": jgd.heavy_ball(5e-4, 0.8),
    "adam": jgd.adam(1e-2),
    "optax.sgd": optax.sgd(1e-3),
    "conjugate_gradient": jgd.conjugate_gradient(),
    "polak-ribiere": jgd.conjugate_gradient("polak-ribiere"),
    "lbfgs": jgd.lbfgs(),
    "bfgs": jgd.bfgs(),
    "newton": jgd.newton(),
    "newton_cg": jgd.newton_cg(),
    "trust_region": jgd.trust_region(),
    "trust_region_cg": jgd.trust_region_cg(),
}


def convex(x):
    """Coupled, badly scaled, its free minimum outside of the box."""
    weights = jnp.asarray(np.geomspace(1, 100, N)).astype(x.dtype)
    return 0.5 * jnp.sum(weights * (x - 1.5) ** 2) + jnp.sum(jnp.cosh(x)) + 0.5 * jnp.sum(x) ** 2


def oracle(fun, start=START, lower=LOWER, upper=UPPER):
    found = scipy.optimize.minimize(
        lambda x: [np.asarray(out) for out in jax.value_and_grad(fun)(jnp.asarray(x))],
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(lower, upper, strict=True)),
        options={"ftol": 0, "gtol": 1e-10, "maxiter": 10_000},
    )
    return found.x, found.fun


@pytest.mark.parametrize("name", METHODS)
def test_the_answer_is_scipys_and_every_point_is_inside(name):
    # values alone do not tell how small the gradient is
    gtol = 1e-5 if name == "lengths" else 1e-7
    result = jgd.minimize(
        *(convex, START, METHODS[name]),
        bounds=(LOWER, UPPER),
        recorder=jgd.Recorder(x=True),
        max_steps=50_000,
        gtol=gtol,
    )
    x, value = oracle(convex)
    assert result.status == jgd.Status.CONVERGED, result
    np.testing.assert_allclose(result.x, x, atol=10 * gtol)
    assert float(result.value) == pytest.approx(value, rel=1e-12)
    assert (result.history["x"] >= LOWER).all()
    assert (result.history["x"] <= UPPER).all()
    held = np.asarray(result.active)
    assert held.any()
    assert not held.all()
    assert (np.asarray(result.x)[held] == UPPER[held]).all()
    projected = np.asarray(result.x) - np.clip(result.x - result.grad, LOWER, UPPER)
    assert result.grad_norm == pytest.approx(np.max(np.abs(projected)), rel=1e-9)
    assert np.max(np.abs(result.grad)) > 1.0
    assert f"{held.sum()} of {N} parameters held by a bound" in str(result)
    assert "|projected|" in str(result)


DESCENDING = ("armijo", "wolfe", "conjugate_gradient", "lbfgs", "bfgs", "newton", "newton_cg", "trust_region", "trust_region_cg")  # fmt: skip


@pytest.mark.parametrize("name", DESCENDING)
def test_methods_that_descend_do_so_along_bounds(name):
    """The naive projection of a Newton step may climb."""

    def rosenbrock(x):
        return jnp.sum((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2)

    result = jgd.minimize(
        rosenbrock, START, METHODS[name], bounds=(LOWER, UPPER), max_steps=20_000, gtol=1e-6
    )
    assert result.success, result
    values = result.history["value"]
    assert np.all(np.diff(values) <= 1e-12 * np.abs(values[1:]) + 1e-15)


def test_newton_within_bounds_is_not_slower_than_without():
    """Its steps among the free entries are Newton's: errors square near the minimum."""
    for method in (jgd.newton(), jgd.trust_region()):
        assert jgd.minimize(convex, START, method, bounds=(LOWER, UPPER)).steps <= 12


@pytest.mark.slow
def test_without_an_active_bound_a_run_is_the_free_one():
    for name in ("lbfgs", "trust_region", "armijo"):
        free = jgd.minimize(convex, START, METHODS[name])
        wide = jgd.minimize(convex, START, METHODS[name], bounds=(-100.0, 100.0))
        assert wide.steps == free.steps
        np.testing.assert_allclose(wide.x, free.x, rtol=1e-9)
        assert not np.asarray(wide.active).any()


def test_bounds_are_numbers_none_or_trees_and_x0_is_moved_inside():
    def loss(x):
        return jnp.sum((x["a"] - 3.0) ** 2) + jnp.sum((x["b"] + 3.0) ** 2)

    x0 = {"a": jnp.full(2, 9.0), "b": jnp.zeros(())}
    for bounds in (
        (None, 1.0),
        ({"a": -np.inf, "b": -np.inf}, {"a": np.ones(2), "b": 1.0}),
        [{"a": np.full(2, -10.0), "b": -10.0}, 1],
    ):
        result = jgd.minimize(loss, x0, bounds=bounds)
        assert result.success
        np.testing.assert_allclose(result.x["a"], 1.0)
        np.testing.assert_allclose(result.x["b"], -3.0, atol=1e-7)
        assert result.active["a"].tolist() == [True, True]
        assert not result.active["b"]
        assert result.first_value <= float(loss({"a": jnp.ones(2), "b": jnp.zeros(())}))


def test_an_entry_may_be_fixed_by_its_bounds():
    result = jgd.minimize(
        convex,
        START,
        bounds=(np.where(np.arange(N) == 2, 0.25, -9.0), np.where(np.arange(N) == 2, 0.25, 9.0)),
    )
    assert result.success
    assert result.x[2] == 0.25
    assert result.active[2]


def test_going_on_keeps_the_bounds():
    part = jgd.minimize(convex, START, jgd.lbfgs(), bounds=(LOWER, UPPER), max_steps=3)
    whole = jgd.minimize(convex, START, jgd.lbfgs(), bounds=(LOWER, UPPER))
    more = jgd.minimize(convex, start=part, max_steps=1000)
    np.testing.assert_array_equal(more.x, whole.x)
    assert more.steps == whole.steps


@pytest.mark.parametrize("kind", [np.float32, jnp.bfloat16])
def test_bounds_keep_the_dtype(kind):
    result = jgd.minimize(lambda x: jnp.sum((x - 3) ** 2), np.zeros(3, kind), bounds=(0.0, 1.0))
    assert result.x.dtype == kind
    assert result.success
    assert (np.asarray(result.x, float) == 1.0).all()


def test_fault_2_no_gradient_of_nan_is_taken_for_an_active_bound():
    result = jgd.minimize(lambda x: jnp.sum(x * jnp.log(x)), np.zeros(2), jgd.lbfgs(), bounds=(0.0, None))
    assert result.status == jgd.Status.NONFINITE_START


@pytest.mark.parametrize(
    ("bounds", "error", "sentence"),
    [
        (1.0, TypeError, r"bounds must be \(lower, upper\)"),
        ((0.0, 1.0, 2.0), TypeError, r"bounds must be \(lower, upper\)"),
        ((1.0, 0.0), ValueError, "an entry of lower is greater"),
        ((np.nan, 0.0), ValueError, "lower has entries that are NaN"),
        ((np.zeros(3), 1.0), TypeError, "lower must broadcast"),
        (("a", 1.0), TypeError, "lower must"),
        (({"a": 1.0}, None), TypeError, "lower must"),
    ],
)
def test_bad_bounds_are_refused_in_a_sentence(bounds, error, sentence):
    with pytest.raises(error, match=sentence):
        jgd.minimize(convex, START, bounds=bounds)


@pytest.mark.parametrize("name", ["newton", "trust_region"])
def test_ill_conditioned_quadratics_are_solved_at_whatever_corner(name):
    def fun(x, H, b):
        return x @ H @ x / 2 - b @ x

    rng = np.random.default_rng(1)
    for number in range(11):
        basis = np.linalg.qr(rng.standard_normal((8, 8)))[0]
        H = jnp.asarray(basis * 10 ** rng.uniform(-4, 3, 8) @ basis.T)
        b = jnp.asarray(rng.standard_normal(8) * 10 ** rng.uniform(-1, 2))
        method = getattr(jgd, name)()
        result = jgd.minimize(fun, jnp.full(8, 0.5), method, args=(H, b), bounds=(0.0, 1.0), max_steps=300)
        assert result.success, (number, result.status)
