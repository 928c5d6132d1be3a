"""Faults seen in other optimizers, each with the run that shows it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd import Status
from tests.contract.counting import Counting
from tests.driver.functions import quadratic, rosenbrock, square, walled

X = np.array([-1.2, 1.0])


@pytest.mark.parametrize("rate", [1e-8, 1e-12, 1e-300])
def test_fault_1_a_tiny_learning_rate_is_called_success(rate):
    result = jgd.minimize(rosenbrock, X, jgd.gradient_descent(rate), max_steps=500)
    assert not result.success
    assert result.status in (Status.MAX_STEPS, Status.STALLED, Status.PRECISION_LIMIT)
    assert result.grad_norm > result.tolerances.grad


def value_without_slope(x):
    """Finite, with a gradient that is NaN from x[0] = 0 on (the root's slope times zero)."""
    return jnp.sum((x - 1.0) ** 2) + 0.0 * jnp.sqrt(-jnp.minimum(x[0], 0.0))


@pytest.mark.parametrize("method", [jgd.gradient_descent(0.1), jgd.gradient_descent()])
def test_fault_2_a_gradient_of_nan_is_called_convergence(method):
    result = jgd.minimize(value_without_slope, X, method)
    assert not result.success
    assert np.isfinite(result.grad).all()
    assert np.isfinite(result.grad_norm)


def test_fault_2_a_gradient_of_nan_at_the_start_is_called_convergence():
    result = jgd.minimize(value_without_slope, np.zeros(2), jgd.gradient_descent(0.1))
    assert (result.status, result.steps) == (Status.NONFINITE_START, 0)
    assert not result.success


def infinite(x):
    return jnp.sum(x**2) + jnp.inf


def undefined(x):
    return jnp.sum(x**2) * jnp.nan


@jax.custom_jvp
def flat(u):
    """0, its slope infinite in (2.59, 2.6]."""
    return 0.0 * u


flat.defjvp(lambda u, du: (0.0 * u[0], jnp.where((u[0] > 2.59) & (u[0] <= 2.6), jnp.inf, 0.0) * du[0]))


def jump(x):
    """(x - 1)^2 / 2, of which the gradient is infinite in (2.59, 2.6]."""
    return 0.5 * jnp.sum((x - 1.0) ** 2) + flat(x[0])


@pytest.mark.parametrize(("rows", "steps"), [(2, 237), (64, 237), (1024, 2237)])
def test_fault_2_an_infinite_gradient_is_seen_at_the_step_that_meets_it(rows, steps):
    """Clipping makes a finite step of it, which would go on as if nothing had been.

    Only the step after `steps` meets it, in the midst of a block.
    """
    method, start = optax.chain(optax.clip(0.01), optax.sgd(1.0)), 2.605 + 0.01 * steps
    result = jgd.minimize(jump, np.array([start]), method, max_steps=3000, recorder=jgd.Recorder(rows))
    assert (result.status, result.steps) == (Status.NONFINITE, steps)
    assert result.x[0] == pytest.approx(2.605)
    assert np.isfinite(result.grad).all()


def test_fault_2_a_point_at_infinity_is_called_convergence():
    """exp(-10 x) and its slope are 0 at infinity, to where the first step leads."""
    result = jgd.minimize(lambda x: jnp.exp(-10 * x), np.zeros(()), jgd.gradient_descent(1e308))
    assert (result.status, result.steps, float(result.x)) == (Status.NONFINITE, 0, 0.0)


@pytest.mark.parametrize(
    ("fun", "method"), [(undefined, jgd.gradient_descent(0.1)), (infinite, jgd.gradient_descent())]
)
def test_fault_3_a_start_at_nan_burns_all_the_steps(fun, method):
    result = jgd.minimize(fun, X, method)
    assert (result.status, result.steps) == (Status.NONFINITE_START, 0)
    assert result.work.values == 1
    assert (np.asarray(result.x) == X).all()


@pytest.mark.parametrize(("rate", "status"), [(0.1, Status.DIVERGED), (1e200, Status.NONFINITE)])
def test_fault_4_a_diverging_run_loses_its_last_finite_point(rate, status):
    result = jgd.minimize(rosenbrock, X, jgd.gradient_descent(rate))
    for leaf in (result.x, result.value, result.grad, result.best_x, result.best_value):
        assert np.isfinite(leaf).all()
    assert result.status == status
    assert (np.asarray(result.best_x) == X).all()


@pytest.mark.parametrize(
    "method",
    [jgd.gradient_descent(), jgd.newton(), pytest.param(optax.lbfgs(), marks=pytest.mark.slow)],
)
def test_fault_5_a_search_collapses_before_a_wall_and_calls_it_success(method):
    result = jgd.minimize(walled, np.zeros(2), method, args=(np.asarray(0.3),), max_steps=500)
    assert not result.success
    assert result.grad_norm > 1.0
    assert result.x[0] <= 0.3


@pytest.mark.parametrize("steps", [1, 2, 5, 64])
@pytest.mark.parametrize("method", [jgd.gradient_descent(1e-3), jgd.adam(0.1)])
def test_fault_6_value_and_gradient_are_one_step_behind_x(method, steps):
    result = jgd.minimize(with_aux, X, method, max_steps=steps, has_aux=True)
    value, grad = jax.value_and_grad(rosenbrock)(result.x)
    assert float(result.value) == pytest.approx(float(value), rel=1e-12)
    assert np.asarray(result.grad) == pytest.approx(np.asarray(grad), rel=1e-9)
    assert (np.asarray(result.aux["twice"]) == 2 * np.asarray(result.x)).all()
    assert result.history["value"][-1] == float(result.value)


def with_aux(x):
    return rosenbrock(x), {"twice": 2 * x}


def test_fault_8_a_relative_test_never_fires_where_f_is_negative():
    def sunk(x):
        return square(x) - 1e4

    result = jgd.minimize(sunk, X, jgd.gradient_descent(0.1), ftol=1e-8, gtol=1e-300)
    changes = np.abs(np.diff(result.history["value"]))
    assert result.status == Status.STALLED
    assert (changes[-8:] < 1e-8 * 1e4).all()
    assert changes[-9] >= 1e-8 * 1e4


def raised(x):
    """Rosenbrock's valley and 1e5, rounded up by 5 units in the last place towards the minimum."""
    return rosenbrock(x) + 1e5 + jax.lax.stop_gradient(0.04 / (1 + 100 * jnp.sum((x - 1) ** 2)))


@pytest.mark.parametrize("method", [jgd.newton(), jgd.gradient_descent()])
def test_fault_9_in_float32_a_large_constant_fools_the_search(method):
    """Values differ by less than rounding long before the minimum; slopes still tell the way."""
    single = np.float32(X)
    with_constant = jgd.minimize(raised, single, method, gtol=1e-2, max_steps=20_000)
    assert with_constant.success
    assert np.asarray(with_constant.x) == pytest.approx(np.ones(2), abs=0.05)


CURVED = {
    "lbfgs": jgd.lbfgs(),
    "bfgs": jgd.bfgs(),
    "conjugate_gradient": jgd.conjugate_gradient(),
    "newton_cg": jgd.newton_cg(),
    "trust_region": jgd.trust_region(),
    "trust_region_cg": jgd.trust_region_cg(),
    "default": None,
}


@pytest.mark.parametrize("method", CURVED.values(), ids=CURVED)
def test_fault_9_what_rounding_does_not_allow_is_said_to_be_the_limit_of_precision(method):
    """No gradient in float32 meets a gtol of 0: the run ends by itself near the minimum, and says why."""
    result = jgd.minimize(raised, np.float32(X), method, gtol=0.0, grtol=0.0, max_steps=5_000)
    assert result.status in (Status.PRECISION_LIMIT, Status.CONVERGED), result
    assert np.asarray(result.x) == pytest.approx(np.ones(2), abs=0.05)


def test_fault_11_an_unstable_dtype_in_the_state_breaks_the_loop():
    """A float64 is added to a float32 of the state at every step."""

    def init(params):
        return jnp.zeros((), jnp.float32)

    def update(grads, state, params=None):
        return jax.tree.map(lambda g: -1e-4 * g, grads), state + jnp.ones((), jnp.float64)

    widening = optax.GradientTransformation(init, update)
    result = jgd.minimize(rosenbrock, np.float32(X), widening, max_steps=20)
    kept = result.carry.motion.at.state[0]
    assert (result.x.dtype, result.steps) == (np.float32, 20)
    assert (kept.dtype, kept) == (np.float32, 20)


def test_fault_11_a_method_whose_state_changes_is_refused_in_a_sentence():
    class Growing:
        def init(self, f, point):
            return jnp.zeros(1)

        def step(self, f, point, state):
            return jgd.Step(point.x, jnp.zeros(2), jgd.Info())

    jax.tree_util.register_static(Growing)
    with pytest.raises(TypeError, match=r"^method: step\(\) must return .* state of the structure"):
        jgd.minimize(square, X, Growing())


def test_fault_13_rejected_trials_are_counted_as_steps():
    result = jgd.minimize(
        quadratic, np.ones(2), jgd.gradient_descent(jgd.armijo(1e6)), args=(np.array([1.0, 100.0]),)
    )
    assert result.success
    rejected = result.history["rejected"]
    assert rejected[1] >= 20
    assert result.work.values == result.steps + 1 + rejected[-1]
    assert result.work.discarded == rejected[-1]


DENSE = {
    "newton": jgd.newton(),
    "newton_raphson": jgd.newton_raphson(),
    "trust_region": jgd.trust_region(),
    "bfgs": jgd.bfgs(),
    "gauss_newton": jgd.gauss_newton(),
    "levenberg_marquardt": jgd.levenberg_marquardt(),
}


@pytest.mark.parametrize("method", DENSE.values(), ids=DENSE)
def test_fault_14_a_matrix_that_does_not_fit_is_asked_for(method):
    """n^2 numbers for 100,000 parameters are refused in a sentence with the figure and the way out."""
    fun = jgd.residuals(lambda x: x - 1)
    with pytest.raises(
        ValueError, match=r"100,000 parameters takes 74\.5 GiB \(limit 2 GiB\): use a matrix-free"
    ):
        jgd.minimize(fun, jnp.zeros(100_000), method)


def test_fault_14_the_default_needs_no_matrix():
    result = jgd.minimize(lambda x: jnp.sum(jnp.cosh(x - 1)), jnp.zeros(100_000))
    assert result.success
    assert result.work.hessians == 0


def test_fault_15_the_objective_is_traced_over_and_over():
    counting = Counting(rosenbrock, 2)
    for rate in (1e-3, 2e-3):
        jgd.minimize(counting.fun, X, jgd.gradient_descent(rate), max_steps=5)
    assert counting.traces == 2
