"""Bad input is refused at once, before anything is compiled, in a sentence that names the argument."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jgd
from jgd.core.compiled import options
from tests.contract.counting import compilations
from tests.driver.functions import quadratic, square

X = np.array([1.0, 2.0])
GD = jgd.gradient_descent(0.1)
KEY = jax.random.key(0)


def whole(x):
    return jnp.sum(x).astype(int)


def pair(x):
    return square(x), x


def of_two(x, data):
    return square(x - data)


class Unregistered:
    """Has what a method has, but JAX knows nothing of it."""

    def init(self, f, point):
        return ()

    def step(self, f, point, state):
        return jgd.Step(point.x, state, jgd.Info())


class Listed(list):
    """Callable and, as a list, without a hash."""

    def __call__(self, x):
        return square(x)


class UnregisteredRule:
    """A rule that JAX takes for a leaf."""

    status = jgd.Status.STOPPED_BY_RULE

    def init(self, f, point):
        return None

    def going(self, f, now, memory):
        return True


CASES = {
    "a method that JAX does not know": (
        lambda: jgd.minimize(square, X, Unregistered()),
        TypeError,
        "method: Unregistered is not registered with JAX; put @jgd.record over its class",
    ),
    "a class of rules": (
        lambda: jgd.minimize(square, X, GD, stop=jgd.stop.Evaluations),
        TypeError,
        "stop must be a function of a Point or a rule of jgd.stop, got Evaluations; write Evaluations(...)",
    ),
    "a search uncalled": (
        lambda: jgd.gradient_descent(jgd.armijo),
        TypeError,
        "learning_rate: armijo is not a schedule, a function of the step number that returns a rate",
    ),
    "a schedule of vectors": (
        lambda: jgd.heavy_ball(lambda k: jnp.ones(3)),
        TypeError,
        "learning_rate: the schedule <lambda> must return one number, got shape (3,)",
    ),
    "several rates": (
        lambda: jgd.minimize(square, X, jgd.gradient_descent(np.array([0.1, 0.2]))),
        TypeError,
        "method: the rate of a step must be one number, got shape (2,)",
    ),
    "several tolerances": (
        lambda: jgd.minimize(square, X, GD, gtol=np.array([1e-3, 1e-4])),
        TypeError,
        "gtol must be one number, got an array of shape (2,)",
    ),
    "a function without a hash": (lambda: jgd.minimize(Listed(), X, GD), TypeError, "fun must be hashable"),
    "words among the data": (
        lambda: jgd.minimize(quadratic, X, GD, args=({"mode": "fast"},)),
        TypeError,
        "args[0]['mode'] must be an array or a number, got str",
    ),
    "a start that is a key": (
        lambda: jgd.minimize(square, KEY, GD),
        TypeError,
        "x0 must be of a float dtype, got key<fry>",
    ),
    "a vector objective": (lambda: jgd.minimize(lambda x: x, X), TypeError, "fun must return a scalar, got shape (2,)"),
    "a matrix of one entry": (
        lambda: jgd.minimize(lambda x: jnp.sum(x).reshape(1, 1), X),
        TypeError,
        "fun must return a scalar, got shape (1, 1)",
    ),
    "a whole-number objective": (lambda: jgd.minimize(whole, X), TypeError, "fun must return a real float"),
    "a complex objective": (
        lambda: jgd.minimize(lambda x: jnp.sum(x.astype(complex)), X),
        TypeError,
        "fun must return a real float, got complex128",
    ),
    "an objective of nothing": (lambda: jgd.minimize(lambda x: None, X), TypeError, "fun must return a scalar, got None"),
    "a pair unannounced": (lambda: jgd.minimize(pair, X), TypeError, "fun returns two things: has_aux=True (--has-aux) says"),
    "an announced pair that is none": (
        lambda: jgd.minimize(square, X, has_aux=True),
        TypeError,
        "fun must return (value, aux)",
    ),
    "no function": (lambda: jgd.minimize(3.0, X), TypeError, "fun must be a function of x, got float"),
    "too few arguments": (lambda: jgd.minimize(of_two, X), TypeError, "data is passed as args="),
    "too many arguments": (lambda: jgd.minimize(square, X, args=(X,)), TypeError, "cannot be called with x0 and 1"),
    "args that are no tuple": (lambda: jgd.minimize(of_two, X, args=X), TypeError, "write args=(data,)"),
    "whole numbers": (lambda: jgd.minimize(square, np.array([1, 2])), TypeError, "x0 must be of a float dtype, got int64"),
    "truth values": (lambda: jgd.minimize(square, np.array([True])), TypeError, "x0 must be of a float dtype, got bool"),
    "complex numbers": (lambda: jgd.minimize(square, X + 1j), TypeError, "x0 is complex; give its real and imaginary parts"),
    "words": (lambda: jgd.minimize(square, "here"), TypeError, "x0 must be a float array, got str"),
    "one bad leaf": (
        lambda: jgd.minimize(square, {"w": X, "n": np.array([1])}),
        TypeError,
        "x0['n'] must be of a float dtype, got int64",
    ),
    "an empty tree": (lambda: jgd.minimize(square, {}), ValueError, "x0 has no entries"),
    "an empty array": (lambda: jgd.minimize(square, np.zeros(0)), ValueError, "x0 has no entries"),
    "no start": (lambda: jgd.minimize(square), ValueError, "x0 is missing"),
    "NaN": (lambda: jgd.minimize(square, np.array([1.0, np.nan])), ValueError, "x0 has entries that are NaN or infinite"),
    "an infinite leaf": (
        lambda: jgd.minimize(square, {"a": X, "b": [np.array([np.inf])]}),
        ValueError,
        "x0['b'][0] has entries that are NaN",
    ),
    "a class of methods": (
        lambda: jgd.minimize(square, X, jgd.Descent),
        TypeError,
        "method must be a jgd method, an optax transformation or None, got Descent; call it",
    ),
    "a factory of methods": (lambda: jgd.minimize(square, X, jgd.newton), TypeError, "got newton; call it to make one"),
    "a factory of optax": (lambda: jgd.minimize(square, X, optax.adam), TypeError, "got adam; call it to make one"),
    "the name of a method": (lambda: jgd.minimize(square, X, "BFGS"), TypeError, "method must be a jgd method"),
    "gtol below zero": (lambda: jgd.minimize(square, X, GD, gtol=-1.0), ValueError, "gtol must be non-negative, got -1.0"),
    "grtol of NaN": (lambda: jgd.minimize(square, X, GD, grtol=np.nan), ValueError, "grtol must be finite"),
    "ftol in words": (lambda: jgd.minimize(square, X, GD, ftol="1e-8"), TypeError, "ftol must be a number, got '1e-8'"),
    "xtol below zero": (lambda: jgd.minimize(square, X, GD, xtol=-1e-8), ValueError, "xtol must be non-negative"),
    "an infinite target": (lambda: jgd.minimize(square, X, GD, target=np.inf), ValueError, "target must be finite"),
    "half a step": (lambda: jgd.minimize(square, X, GD, max_steps=0.5), TypeError, "max_steps must be a whole number"),
    "steps below none": (lambda: jgd.minimize(square, X, GD, max_steps=-1), ValueError, "max_steps must be at least 0"),
    "more steps than can be counted": (
        lambda: jgd.minimize(square, X, GD, max_steps=2**31),
        ValueError,
        "max_steps must be at most 2,147,483,646",
    ),
    "no evaluation": (
        lambda: jgd.minimize(square, X, GD, max_evaluations=0),
        ValueError,
        "max_evaluations must be at least 1",
    ),
    "a rule that is none": (lambda: jgd.minimize(square, X, GD, stop=3), TypeError, "stop must be a function of a Point"),
    "a rule that is no record": (
        lambda: jgd.minimize(square, X, GD, stop=UnregisteredRule()),
        TypeError,
        "stop: UnregisteredRule is not registered with JAX; put @jgd.record over its class",
    ),
    "two rules on a stall": (
        lambda: jgd.minimize(square, X, GD, ftol=1e-3, stop=jgd.stop.Stall()),
        ValueError,
        "ftol and xtol: stop has a Stall",
    ),
    "a recorder that is none": (
        lambda: jgd.minimize(square, X, GD, recorder=True),
        TypeError,
        "recorder must be a jgd.Recorder or None, got bool",
    ),
    "a negative rate": (lambda: jgd.gradient_descent(-0.1), ValueError, "learning_rate must be positive, got -0.1"),
    "no rate": (lambda: jgd.gradient_descent(0.0), ValueError, "learning_rate must be positive"),
    "an infinite rate": (lambda: jgd.heavy_ball(np.inf), ValueError, "learning_rate must be finite"),
    "a rate in words": (lambda: jgd.nesterov("fast"), TypeError, "learning_rate must be a number, got 'fast'"),
    "a rate of Adam": (lambda: jgd.adam(-1.0), ValueError, "learning_rate must be positive"),
    "momentum of one": (lambda: jgd.heavy_ball(0.1, 1.0), ValueError, "momentum must be less than 1"),
    "momentum below zero": (
        lambda: jgd.gradient_descent(0.1, momentum=-0.1),
        ValueError,
        "momentum must be non-negative",
    ),
    "Nesterov without momentum": (
        lambda: jgd.gradient_descent(0.1, nesterov=True),
        ValueError,
        "nesterov=True needs a momentum",
    ),
    "decays beyond one": (lambda: jgd.adam(0.1, b1=1.0), ValueError, "b1 must be less than 1"),
    "half a step of OGM": (lambda: jgd.ogm(2.5, 0.1), TypeError, "steps must be a whole number"),
    "no step of OGM": (lambda: jgd.ogm(0, 0.1), ValueError, "steps must be at least 1"),
    "a search that grows": (lambda: jgd.armijo(shrink=1.5), ValueError, "shrink must be less than 1"),
    "a search without demands": (lambda: jgd.armijo(decrease=0.0), ValueError, "decrease must be positive"),
    "a search that never widens": (lambda: jgd.armijo(growth=0.5), ValueError, "growth must be at least 1"),
    "a silver rate of nothing": (lambda: jgd.silver(0.0), ValueError, "rate must be positive"),
    "optax ready-made": (lambda: jgd.from_optax(optax.adam(0.1)), TypeError, "factory must be a function"),
    "no such option of optax": (
        lambda: jgd.from_optax(optax.sgd, learning_rate=0.1, beta=0.9),
        TypeError,
        "factory: optax.sgd does not take these arguments",
    ),
    "not of optax": (lambda: jgd.from_optax(dict, a=1.0), TypeError, "factory: optax.dict does not make"),
    "optax with NaN": (
        lambda: jgd.from_optax(optax.sgd, learning_rate=np.nan),
        ValueError,
        "learning_rate must be finite",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused_in_a_sentence(name):
    attempt, kind, words = CASES[name]
    options()  # tried by compiling, once in a process
    compiled = compilations()
    with pytest.raises(kind) as caught:
        attempt()
    assert words in str(caught.value)
    assert str(caught.value).count("\n") == 0
    assert compilations() <= compiled + 2  # to make arrays of the entries of x0, at the most


def test_an_option_that_is_not_there_is_named():
    with pytest.raises(TypeError, match="learning_rate"):
        jgd.minimize(square, X, GD, learning_rate=0.1)


TRANSFORMS = {
    "grad": lambda: jax.grad(lambda x: jgd.minimize(square, x, GD).value)(jnp.asarray(X)),
    "jit": lambda: jax.jit(lambda x: jgd.minimize(square, x, GD).value)(jnp.asarray(X)),
    "vmap": lambda: jax.vmap(lambda x: jgd.minimize(square, x, GD).value)(jnp.ones((3, 2))),
    "grad in data": lambda: jax.grad(lambda h: jgd.minimize(quadratic, X, GD, args=(h,)).value)(
        jnp.asarray(X)
    ),
    "grad in a rate": lambda: jax.grad(
        lambda rate: jgd.minimize(square, X, jgd.gradient_descent(rate)).value
    )(0.1),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_minimize_inside_a_transformation_is_refused_in_a_sentence(name):
    with pytest.raises(TypeError, match=r"^minimize cannot be differentiated, jitted or vmapped"):
        TRANSFORMS[name]()


def test_an_error_inside_the_function_comes_out_as_it_is():
    def broken(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        jgd.minimize(broken, X, GD)


@jgd.record
class Counted:
    """Its state begins as a Python number."""

    def init(self, f, point):
        return 0

    def step(self, f, point, state):
        return jgd.Step(0.5 * point.x, state + 1, jgd.Info())


def test_a_state_may_begin_as_a_python_number():
    result = jgd.minimize(square, X, Counted(), max_steps=5)
    assert (result.steps, int(result.carry.motion.at.state)) == (5, 5)


def test_a_python_number_is_a_start_of_the_core_too():
    program = jgd.Program(jgd.Objective(square), GD, jgd.stop.Stop((jgd.stop.Steps(3),)))
    assert jgd.solve(program, 1.0).motion.point.x == pytest.approx(0.8**3)


def test_any_pytree_of_floats_is_a_start():
    def loss(x):
        return square(x["a"]) + square(x["b"][0]) + x["b"][1] ** 2

    result = jgd.minimize(loss, {"a": X, "b": (np.ones((2, 2)), 3.0)}, jgd.gradient_descent(0.25))
    assert result.success
    assert result.x["b"][0].shape == (2, 2)
    assert result.parameters == 7


@pytest.mark.parametrize("x0", [3.0, np.float64(3.0), np.array(3.0), jnp.array(3.0)])
def test_a_single_number_is_a_start(x0):
    result = jgd.minimize(square, x0, jgd.gradient_descent(0.5))
    assert (result.steps, result.x.shape, float(result.x)) == (1, (), 0.0)


@pytest.mark.parametrize(
    ("good", "bad"), [({"max_steps": 1}, {"max_steps": True}), ({"gtol": 1.0}, {"gtol": True})]
)
def test_what_was_right_before_is_no_excuse_for_what_equals_it(good, bad):
    jgd.minimize(square, X, GD, **good)
    with pytest.raises(TypeError, match=f"{next(iter(bad))} must be a"):
        jgd.minimize(square, X, GD, **bad)
