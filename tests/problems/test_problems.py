"""Every named problem: its start, derivatives, minimum, dtypes and name."""

import contextlib
import functools
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.optimize import minimize

from jgd.problems import PROBLEMS, Problem, breast_cancer, get, network, quadratic, rosenbrock
from jgd.problems import more_garbow_hillstrom as mgh
from jgd.problems.classics import rosenbrock_loss

jax.config.update("jax_enable_x64", True)
pytestmark = pytest.mark.filterwarnings("error")

# Other sizes and options that have a known minimum of their own.
MORE = {
    "mgh/watson-9": lambda: mgh.watson(9),
    "mgh/watson-12": lambda: mgh.watson(12),
    "mgh/penalty-1-4": lambda: mgh.penalty_1(4),
    "mgh/penalty-2-4": lambda: mgh.penalty_2(4),
    "mgh/chebyquad-9": lambda: mgh.chebyquad(9),
    "mgh/chebyquad-10": lambda: mgh.chebyquad(10),
    "breast-cancer-intercept": lambda: breast_cancer(intercept=True),
}
ALL = {**PROBLEMS, **MORE}
NO_DATA = [name for name in ALL if name != "network" and not name.startswith("breast-cancer")]
SMALL = [name for name in ALL if name != "network"]  # those whose Hessian is small

# Where Newton's method with a trust region, from the published start, ends elsewhere.
LOCAL = {
    "mgh/freudenstein-roth": 48.98425367924,  # the paper's second minimum
    "rosenbrock-100": 3.986623854301,  # the local minimum near (-1, 1, ..., 1)
    "mgh/trigonometric": 2.79505612188e-5,  # a local minimum; zero is at the origin
}

# The minima printed in the paper, to its digits (cut, not rounded), where they are not zero.
PUBLISHED = {
    "mgh/jennrich-sampson": "124.362",
    "mgh/bard": "8.21487e-3",
    "mgh/gaussian": "1.12793e-8",
    "mgh/meyer": "87.9458",
    "mgh/kowalik-osborne": "3.07505e-4",
    "mgh/brown-dennis": "85822.2",
    "mgh/osborne-1": "5.46489e-5",
    "mgh/osborne-2": "4.01377e-2",
    "mgh/watson": "2.28767e-3",
    "mgh/watson-9": "1.39976e-6",
    "mgh/watson-12": "4.72238e-10",
    "mgh/penalty-1-4": "2.24997e-5",
    "mgh/penalty-1": "7.08765e-5",
    "mgh/penalty-2-4": "9.37629e-6",
    "mgh/penalty-2": "2.93660e-4",
    "mgh/chebyquad": "3.51687e-3",
}

# f at x0 and at 1.1 x0 + 0.05, computed by the authors' own programs: MINPACK's SSQFCN and VECFCN,
# and OBJFCN of TOMS Algorithm 566.
AUTHORS = {
    "rosenbrock": (24.2, 26.580541),
    "freudenstein-roth": (400.5, 635.620715281),
    "powell-badly-scaled": (1.13526171735, 329476.071699),
    "brown-badly-scaled": (999998000003, 999997700003),
    "beale": (14.203125, 20.0604583157),
    "jennrich-sampson": (4171.30616196, 37218.3348268),
    "helical-valley": (2500, 2376.11450358),
    "bard": (41.6816958617, 35.7972374866),
    "gaussian": (3.88810699117e-06, 0.0220527410601),
    "meyer": (1693607809.44, 1140683781.26),
    "gulf": (12.1107058256, 10.6653529929),
    "box": (1031.15381061, 1277.60841417),
    "powell-singular": (215, 293.17750625),
    "wood": (19192, 25825.7546875),
    "kowalik-osborne": (0.00531317227211, 0.0286572549047),
    "brown-dennis": (7926693.337, 12873526.8919),
    "osborne-1": (0.879026293545, 0.911826034736),
    "biggs": (0.779070075656, 0.524136143704),
    "osborne-2": (2.09341951421, 5.30263803678),
    "watson": (30, 18.5539945042),
    "extended-rosenbrock": (121, 132.902705),
    "extended-powell-singular": (645, 879.53251875),
    "penalty-1": (148032.56535, 222477.309224),
    "penalty-2": (162.652776566, 353.600271246),
    "variably-dimensioned": (2198551.1625, 1353292.9746),
    "trigonometric": (0.00707575946622, 0.0284043452366),
    "brown-almost-linear": (273.248047829, 175.227943326),
    "discrete-boundary-value": (0.000788519101265, 0.00549428281201),
    "discrete-integral-equation": (0.0634168415795, 0.0241459973457),
    "broyden-tridiagonal": (21, 27.62425),
    "broyden-banded": (360, 506.903197656),
    "linear-full-rank": (50, 56.225),
    "linear-rank-1": (8658670, 11455069.375),
    "linear-rank-1-zeros": (4067996, 5382514.04),
    "chebyquad": (0.0386176982859, 1.73171492438),
}


def flat(problem: Problem):
    """The problem as f of one vector, with its start and the map from vectors back to x."""
    start, unravel = ravel_pytree(problem.x0)
    return lambda vector: problem.fun(unravel(vector), *problem.args), np.asarray(start), unravel


@pytest.mark.parametrize("name", ALL)
def test_name_size_and_identity(name):
    problem = ALL[name]()
    assert problem.name == name
    assert problem.fun is ALL[name]().fun
    assert problem.n == flat(problem)[1].size > 0
    assert all(leaf.dtype == np.float64 for leaf in jax.tree.leaves(problem.x0))


@contextlib.contextmanager
def without_x64():
    jax.config.update("jax_enable_x64", False)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", True)


@functools.cache
def evaluator(name):
    """x to f, gradient and Hessian at it, of the named problem as a function of one vector."""
    f, _, _ = flat(ALL[name]())
    return jax.jit(lambda x: (f(x), jax.grad(f)(x), jax.hessian(f)(x)))


@pytest.mark.parametrize("name", SMALL)
def test_derivatives_against_central_differences(name):
    """The gradient against differences of f, the Hessian against differences of the gradient.

    Along random directions, each coordinate on its own scale, by Richardson's extrapolation.
    """
    evaluate, x = evaluator(name), flat(ALL[name]())[1]
    value, grad, hessian = evaluate(x)
    assert np.isfinite(value)
    assert np.all(np.isfinite(hessian))
    assert np.abs(hessian - hessian.T).max() <= 1e-12 * np.abs(hessian).max()

    def difference(v, h):
        (above, grad_above, _), (below, grad_below, _) = evaluate(x + h * v), evaluate(x - h * v)
        return np.append(grad_above - grad_below, above - below) / (2 * h)

    h, random = 2e-4, np.random.default_rng(0)
    noise = 10 * np.finfo(float).eps / h
    for _ in range(3):
        v = random.standard_normal(x.size) * np.where(x == 0, 1e-3, np.abs(x))
        along = (4 * difference(v, h) - difference(v, 2 * h)) / 3
        assert abs(along[-1] - grad @ v) <= 1e-6 * np.abs(grad * v).sum() + noise * abs(value)
        product, bound = hessian @ v, 1e-6 * np.abs(hessian * v).max()
        assert np.abs(along[:-1] - product).max() <= bound + noise * np.abs(grad).max()


@pytest.mark.parametrize("name", [name for name in NO_DATA if ALL[name]().minimizers])
def test_minimizers_have_the_minimum_and_no_slope(name):
    problem, evaluate = ALL[name](), evaluator(name)
    slope_at_start = float(np.abs(evaluate(problem.x0)[1]).max())
    for x in problem.minimizers:
        value, grad, _ = evaluate(x)
        assert float(value) == pytest.approx(problem.minimum, rel=1e-9, abs=1e-22)
        assert np.abs(grad).max() <= 1e-9 * slope_at_start


@pytest.mark.parametrize("name", SMALL)
def test_newton_with_a_trust_region_ends_at_the_minimum(name):
    problem, evaluate = ALL[name](), evaluator(name)
    with np.errstate(over="ignore"):  # SciPy's, where a trial step goes far out
        end = minimize(
            lambda x: float(evaluate(x)[0]),
            flat(problem)[1],
            jac=lambda x: np.asarray(evaluate(x)[1]),
            hess=lambda x: np.asarray(evaluate(x)[2]),
            method="trust-exact",
            options={"maxiter": 2000, "gtol": 1e-9},
        )
    assert problem.minimum is not None
    assert end.fun == pytest.approx(LOCAL.get(name, problem.minimum), rel=1e-8, abs=1e-13)
    assert end.fun >= problem.minimum - 1e-9 * abs(problem.minimum)


@pytest.mark.parametrize("name", PUBLISHED)
def test_minimum_has_the_published_digits(name):
    digits, _, exponent = PUBLISHED[name].partition("e")
    scaled = float(ALL[name]().minimum or 0.0) * 10.0 ** -int(exponent or 0)
    decimals = len(digits.split(".")[1])
    assert np.trunc(scaled * 10**decimals) / 10**decimals == float(digits)


def test_the_collection_is_whole():
    assert [factory().name for factory in mgh.IN_ORDER] == [f"mgh/{name}" for name in AUTHORS]
    for number, factory in enumerate(mgh.IN_ORDER, start=1):
        assert f"problem {number}" in factory().source.split(";")[0].split(", ")[-1]


@pytest.mark.parametrize("name", AUTHORS)
def test_values_of_the_authors_programs(name):
    problem, evaluate = get(f"mgh/{name}"), evaluator(f"mgh/{name}")
    for x, value in zip((problem.x0, 1.1 * problem.x0 + 0.05), AUTHORS[name], strict=True):
        assert float(evaluate(x)[0]) == pytest.approx(value, rel=1e-11)


def residuals_of(problem: Problem):
    return problem.fun.__wrapped__  # pyright: ignore[reportFunctionMemberAccess]


@pytest.mark.parametrize("name", AUTHORS)
def test_residuals_stay_at_hand(name):
    problem = get(f"mgh/{name}")
    with jax.numpy_dtype_promotion("strict"):
        residuals = jax.jit(residuals_of(problem))(problem.x0.astype(np.float32), *problem.args)
    assert residuals.dtype == np.float32
    assert residuals.ndim == 1
    assert float(np.sum(np.square(residuals))) == pytest.approx(AUTHORS[name][0], rel=1e-3)


@pytest.mark.parametrize("name", ALL)
def test_float32_in_float32_out(name):
    problem = ALL[name]()
    single = jax.tree.map(lambda leaf: leaf.astype(np.float32), problem.x0)
    with jax.numpy_dtype_promotion("strict"):
        for x, dtype in ((problem.x0, np.float64), (single, np.float32)):
            value, grad = jax.eval_shape(jax.value_and_grad(problem.fun), x, *problem.args)
            assert value.shape == ()
            assert {value.dtype} | {leaf.dtype for leaf in jax.tree.leaves(grad)} == {np.dtype(dtype)}
        with without_x64():
            value = jax.jit(problem.fun)(problem.x0, *problem.args)
    assert value.dtype == np.float32
    assert np.isfinite(value)


@pytest.mark.parametrize("name", ["valley", "mgh/osborne-2", "breast-cancer", "network"])
def test_numpy_start_without_x64_and_without_jit(name):
    problem = ALL[name]()
    with without_x64(), jax.numpy_dtype_promotion("strict"):
        assert problem.fun(problem.x0, *problem.args).dtype == jnp.float32


def test_rosenbrock_forms_agree():
    x = np.array([-1.2, 1.0])
    assert float(rosenbrock_loss(x)) == pytest.approx(float(mgh.rosenbrock().fun(x)), rel=1e-14)
    assert float(rosenbrock_loss([0.5, 0.5, 0.5])) == pytest.approx(2 * (6.25 + 0.25), rel=1e-14)


def test_helical_valley_angle_in_every_quadrant():
    problem = mgh.helical_valley()
    for x, turns in (((2, 2), 1 / 8), ((-2, 2), 3 / 8), ((-2, -2), 5 / 8), ((2, -2), -1 / 8)):
        residuals = residuals_of(problem)(np.array([*x, 0.0], float))
        assert float(residuals[0]) == pytest.approx(-100 * turns, rel=1e-14)


@pytest.mark.parametrize("seed", [0, 1])
def test_rotated_quadratic_has_the_spectrum(seed):
    spectrum = [-1.0, 0.5, 2.0, 30.0]
    problem = quadratic(spectrum, rotate=True, seed=seed)
    H = np.asarray(jax.hessian(problem.fun)(problem.x0, *problem.args))
    assert np.linalg.eigvalsh(H) == pytest.approx(np.array(spectrum), abs=1e-12)
    assert np.abs(H - np.diag(np.diag(H))).max() > 0.1
    assert problem.minimum is None


def test_logistic_loss_is_stable_far_out():
    problem = breast_cancer()
    w = 1e6 * np.ones(problem.n)
    value, grad = jax.value_and_grad(problem.fun)(w, *problem.args)
    assert np.isfinite(value)
    assert np.all(np.isfinite(grad))


def test_network_is_a_classifier_that_can_be_trained():
    problem = network()
    assert problem.n == 64 * 16 + 16 + 16 * 10 + 10
    assert float(problem.fun(problem.x0, *problem.args)) == pytest.approx(np.log(10.0), abs=0.3)
    f, x, _ = flat(problem)
    evaluate = jax.jit(jax.value_and_grad(f))
    end = minimize(evaluate, x, jac=True, method="L-BFGS-B", options={"maxiter": 60})
    assert end.fun < 0.1
    v = np.random.default_rng(0).standard_normal(x.size)
    (_, grad), (slope, product) = jax.jit(lambda v: jax.jvp(evaluate, (x,), (v,)))(v)
    (above, grad_above), (below, grad_below) = evaluate(x + 1e-5 * v), evaluate(x - 1e-5 * v)
    assert float(slope) == pytest.approx(float(above - below) / 2e-5, rel=1e-6)
    assert float(grad @ v) == pytest.approx(float(slope), rel=1e-12)
    assert np.abs(product - (grad_above - grad_below) / 2e-5).max() <= 1e-6 * np.abs(product).max()
    assert [layer["w"].shape for layer in network(hidden=()).x0] == [(64, 10)]


def test_get_builds_by_name_and_suggests_near_names():
    assert get("valley").name == "valley"
    with pytest.raises(ValueError, match=r"'rosenbrok'.*did you mean rosenbrock"):
        get("rosenbrok")
    with pytest.raises(ValueError, match="mgh/bard"):
        get("bard")
    with pytest.raises(ValueError, match="PROBLEMS lists them"):
        get("?")


@pytest.mark.parametrize(
    ("build", "argument"),
    [
        (lambda: rosenbrock(1), "n"),
        (lambda: quadratic([]), "spectrum"),
        (lambda: quadratic([1.0, 2.0], x0=[1.0]), "x0"),
        (lambda: breast_cancer(l2=-1.0), "l2"),
        (lambda: network(hidden=(0,)), "hidden"),
        (lambda: mgh.watson(32), "n"),
        (lambda: mgh.extended_rosenbrock(3), "n"),
        (lambda: mgh.extended_powell_singular(6), "n"),
        (lambda: mgh.linear_full_rank(5, 4), "n and m"),
    ],
)
def test_bad_arguments_are_named(build, argument):
    with pytest.raises(ValueError, match=rf"^{argument} must"):
        build()


@pytest.mark.parametrize("build", [breast_cancer, network])
def test_without_scikit_learn_the_extra_is_named(build, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r'pip install "jgd\[data\]"'):
        build()


def test_listing_names_loads_no_data():
    script = "import sys, jgd.problems as p; list(p.PROBLEMS); print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
