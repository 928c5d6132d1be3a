"""The sampled check of convexity: violations with the right eigenvalue, and no claim where there are none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd import problems
from tests.geometry.matrices import form, turned


def double_well(x):
    return jnp.sum(x**4 - x**2)


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def lowest_eigenvalue(fun, x):
    return float(np.linalg.eigvalsh(np.asarray(jax.hessian(fun)(x)))[0])


@pytest.mark.parametrize(
    ("fun", "x", "radius"),
    [
        (double_well, np.zeros(3), 1.0),
        (rosenbrock, np.array([0.0, 1.0]), 1.0),
        pytest.param(problems.get("saddle").fun, np.zeros(2), 0.5, marks=pytest.mark.slow),
        pytest.param(problems.get("himmelblau").fun, np.zeros(2), 4.0, marks=pytest.mark.slow),
        (lambda x: jnp.sum(jnp.sin(x)), np.zeros(5), 3.0),
    ],
)
def test_a_violation_is_found_with_its_lambda_and_the_point_where(fun, x, radius):
    found = jgd.convexity(fun, x, radius)
    assert found.violated
    assert found.samples == 100
    assert found.eigenvalue < 0
    assert found.eigenvalue == pytest.approx(lowest_eigenvalue(fun, found.at), rel=1e-9)
    assert np.abs(np.asarray(found.at) - x).max() <= radius
    assert str(found).startswith("violated at [")
    assert str(found).endswith(f"], lambda = {found.eigenvalue:.6g}")


def test_the_lowest_curvature_of_a_double_well_is_that_at_its_middle():
    found = jgd.convexity(double_well, np.zeros(2), 0.1)
    assert str(found) == "violated at [0. 0.], lambda = -2"  # x itself is among the samples
    assert not jgd.convexity(double_well, np.ones(2), 0.5).violated


def test_a_narrow_negative_direction_is_found_among_many():
    H = turned(np.r_[-0.5, np.linspace(1, 2, 199)], np.random.default_rng(0))
    found = jgd.convexity(form, np.zeros(200), 1.0, args=(H,), samples=3, products=25)
    assert found.violated
    assert -0.5 - 1e-12 <= found.eigenvalue < -0.49


def logistic():
    problem = problems.get("breast-cancer-l2-0.01")
    return problem.fun, problem.x0, problem.args


CONVEX = {
    "logistic regression": logistic,
    "quadratic": lambda: (
        form,
        np.ones(30),
        (turned(np.geomspace(1e-3, 1e3, 30), np.random.default_rng(0)),),
    ),
    "singular quadratic": lambda: (
        form,
        np.ones(30),
        (turned(np.r_[np.zeros(20), 1:11], np.random.default_rng(0)),),
    ),
    "logsumexp": lambda: (jax.nn.logsumexp, np.linspace(-1, 1, 30), ()),
    "linear": lambda: (jnp.sum, np.ones(3), ()),
    "fourth power": lambda: (lambda x: jnp.sum(x**4), np.zeros(4), ()),
}


@pytest.mark.parametrize("dtype", [np.float64, pytest.param(np.float32, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CONVEX)
def test_where_there_is_no_violation_none_is_found_and_no_more_is_claimed(name, dtype):
    fun, x, args = CONVEX[name]()
    x = x.astype(dtype)
    if name != "logistic regression":
        args = tuple(arg.astype(dtype) for arg in args)
    found = jgd.convexity(fun, x, 1.0, args=args, samples=20)
    assert not found.violated, found
    assert str(found) == "no violation in 20 samples"
    along = jgd.is_convex_along(fun, x, x + np.ones_like(x), args=args, samples=1000)
    assert not along.violated, along
    assert str(along) == "no violation in 1,000 samples"


@pytest.mark.parametrize(
    "dtype", ["bfloat16", *(pytest.param(name, marks=pytest.mark.slow) for name in ("float16", "float32"))]
)
def test_in_few_bits_rounding_is_no_violation_and_a_violation_is_one(dtype):
    rows = jnp.asarray(np.random.default_rng(0).standard_normal((10, 40)), dtype)

    def softplus(w):
        return jnp.mean(jnp.logaddexp(jnp.zeros((), w.dtype), rows @ w))

    assert not jgd.convexity(softplus, jnp.zeros(40, dtype), 0.5, samples=20).violated
    assert jgd.convexity(double_well, jnp.zeros(3, dtype), 0.5, samples=20).eigenvalue == pytest.approx(
        -2, rel=0.02
    )


@pytest.mark.parametrize("fun", [double_well, jnp.sum])
def test_the_answer_never_says_convex(fun):
    found = jgd.convexity(fun, np.zeros(2), 1.0)
    assert found.violated == (fun is double_well)
    assert "convex" not in str(found).lower()


def test_along_a_segment_the_curvature_is_that_of_the_segment():
    """f(t) = t^4 - t^2 along each axis: along (1, 1) from (-1, -1) the lowest is -2, in the middle."""
    found = jgd.is_convex_along(double_well, -np.ones(2), np.ones(2), samples=101)
    assert found.violated
    assert found.eigenvalue == pytest.approx(-2, rel=1e-12)
    assert np.asarray(found.at) == pytest.approx([0, 0], abs=1e-12)


def test_along_a_segment_both_ends_are_looked_at():
    found = jgd.is_convex_along(lambda x: jnp.sum(x**3), np.array([-2.0]), np.array([1.0]), samples=2)
    assert (found.violated, found.eigenvalue, found.at.tolist()) == (True, -12.0, [-2.0])
    found = jgd.is_convex_along(lambda x: -jnp.sum(x**3), np.array([-2.0]), np.array([1.0]), samples=2)
    assert (found.violated, found.eigenvalue, found.at.tolist()) == (True, -6.0, [1.0])


def test_a_segment_across_a_saddle_shows_only_its_own_curvature():
    saddle = problems.get("saddle").fun
    assert not jgd.is_convex_along(saddle, np.array([-1.0, 0.0]), np.array([1.0, 0.0])).violated
    assert jgd.is_convex_along(saddle, np.array([0.0, -0.1]), np.array([0.0, 0.1])).violated


def test_a_pytree_is_taken_apart_and_its_point_told_in_a_line():
    x, y = {"a": np.zeros((2, 2)), "b": np.zeros(12)}, {"a": np.ones((2, 2)), "b": np.ones(12)}

    def fun(x):
        return double_well(x["a"]) + double_well(x["b"])

    found = jgd.is_convex_along(fun, x, y)
    assert jax.tree.map(jnp.shape, found.at) == {"a": (2, 2), "b": (12,)}
    assert str(found) == "violated at [0. 0. 0. ... 0. 0. 0.], lambda = -2"


def test_samples_where_the_function_has_no_curvature_do_not_count():
    found = jgd.convexity(lambda x: -jnp.sum(jnp.sqrt(x)), np.full(2, 0.1), 0.3)
    assert not found.violated
    assert 0 < found.samples < 100
    assert str(jgd.convexity(lambda x: jnp.sum(jnp.sqrt(x)), -np.ones(2), 0.3)) == "no violation in 0 samples"
    found = jgd.is_convex_along(lambda x: jnp.sum(jnp.sqrt(x)), np.array([-1.0]), np.array([1.0]))
    assert (found.violated, found.samples) == (True, 50)


def test_samples_where_the_function_is_nan_do_not_count_though_its_derivatives_are_numbers():
    found = jgd.convexity(lambda x: jnp.sum(x * jnp.log(x)), np.array([0.5]), 1.0)
    assert not found.violated
    assert 0 < found.samples < 100
    found = jgd.is_convex_along(lambda x: jnp.sum(jnp.log(x)), -np.ones(1), np.ones(1))
    assert (found.violated, found.samples) == (True, 50)
    assert found.at[0] > 0


def test_huge_curvature_elsewhere_hides_no_violation():
    """Each sample is held against its own curvature: exp(25 x) is 1e10 at one end and nothing at the other."""

    def steep(x):
        return jnp.sum(jnp.exp(25 * x) + jnp.cos(x))

    found = jgd.convexity(steep, np.zeros(1, np.float32), 0.9)
    assert found.violated
    assert found.eigenvalue == pytest.approx(lowest_eigenvalue(steep, found.at), rel=1e-5)
