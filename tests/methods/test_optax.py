"""Every optimizer of optax walks through the adapter as it walks in a loop written by hand."""

from functools import cache, partial
from itertools import islice

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest

import jgd
from jgd.prepare import as_method
from tests.contract.loops import points

STEPS = 50
RNG = np.random.default_rng(0)
DATA = (jnp.asarray(RNG.standard_normal((8, 3))), jnp.asarray(RNG.standard_normal((8, 2))))
START = {"w": jnp.asarray(RNG.standard_normal((3, 2))), "b": jnp.asarray(RNG.standard_normal(2))}


def loss(x, inputs, targets):
    """Least squares with a quartic term, over a tree of a matrix and a vector."""
    residual = inputs @ x["w"] + x["b"] - targets
    return jnp.mean(residual**2) + 0.01 * jnp.sum(x["w"] ** 4)


OPTIMISTIC = optax.optimistic_adam_v2 if hasattr(optax, "optimistic_adam_v2") else optax.optimistic_adam

FACTORIES = {
    "adabelief": partial(optax.adabelief, learning_rate=0.05),
    "adadelta": partial(optax.adadelta, learning_rate=1.0, rho=0.8),
    "adafactor": partial(optax.adafactor, learning_rate=0.05),
    "adagrad": partial(optax.adagrad, learning_rate=0.2),
    "adam": partial(optax.adam, learning_rate=0.05, b1=0.8),
    "adam-nesterov": partial(optax.adam, learning_rate=0.05, nesterov=True),
    "adamax": partial(optax.adamax, learning_rate=0.05),
    "adamaxw": partial(optax.adamaxw, learning_rate=0.05),
    "adamw": partial(optax.adamw, learning_rate=0.05, weight_decay=0.01),
    "adan": partial(optax.adan, learning_rate=0.05),
    "amsgrad": partial(optax.amsgrad, learning_rate=0.05),
    "fromage": partial(optax.fromage, learning_rate=0.02),
    "lamb": partial(optax.lamb, learning_rate=0.02),
    "lars": partial(optax.lars, learning_rate=0.5),
    "lion": partial(optax.lion, learning_rate=0.02),
    "nadam": partial(optax.nadam, learning_rate=0.05),
    "nadamw": partial(optax.nadamw, learning_rate=0.05),
    "noisy_sgd": partial(optax.noisy_sgd, learning_rate=0.05, eta=0.01, key=0),
    "novograd": partial(optax.novograd, learning_rate=0.05),
    "optimistic_adam": partial(OPTIMISTIC, learning_rate=0.05),
    "optimistic_gradient_descent": partial(optax.optimistic_gradient_descent, learning_rate=0.05),
    "polyak_sgd": partial(optax.polyak_sgd, max_learning_rate=0.2),
    "radam": partial(optax.radam, learning_rate=0.05),
    "rmsprop": partial(optax.rmsprop, learning_rate=0.02, momentum=0.5),
    "rmsprop-centered": partial(optax.rmsprop, learning_rate=0.02, centered=True),
    "rprop": partial(optax.rprop, learning_rate=0.02),
    "sgd": partial(optax.sgd, learning_rate=0.1),
    "sgd-momentum": partial(optax.sgd, learning_rate=0.05, momentum=0.8),
    "sgd-nesterov": partial(optax.sgd, learning_rate=0.05, momentum=0.8, nesterov=True),
    "sign_sgd": partial(optax.sign_sgd, learning_rate=0.02),
    "sm3": partial(optax.sm3, learning_rate=0.1),
    "yogi": partial(optax.yogi, learning_rate=0.05),
    "ademamix": partial(optax.contrib.ademamix, learning_rate=0.05),
    "cocob": partial(optax.contrib.cocob, learning_rate=1.0),
    "dadapt_adamw": partial(optax.contrib.dadapt_adamw, learning_rate=1.0),
    "dog": partial(optax.contrib.dog, learning_rate=1.0),
    "momo": partial(optax.contrib.momo, learning_rate=0.1),
    "muon": partial(optax.contrib.muon, learning_rate=0.05),
    "prodigy": partial(optax.contrib.prodigy, learning_rate=0.1),
    "schedule_free": partial(optax.contrib.schedule_free_adamw, learning_rate=0.05),
}
"""Those of optax that take numbers. lookahead wants a pair of trees for parameters, and sophia an
estimator of the Hessian with a key for every step: neither is a transformation of one x."""


def chained_with_a_schedule():
    return optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.add_decayed_weights(1e-3),
        optax.scale_by_adam(),
        optax.scale_by_learning_rate(optax.cosine_decay_schedule(0.1, 40)),
    )


READY_MADE = {
    "chain, clipping, schedule": chained_with_a_schedule,
    "clip": lambda: optax.chain(optax.clip(0.1), optax.sgd(0.1)),
    "lbfgs": optax.lbfgs,
    "lbfgs without search": lambda: optax.lbfgs(0.1, linesearch=None),
    "backtracking": lambda: optax.chain(
        optax.sgd(1.0), optax.scale_by_backtracking_linesearch(15, store_grad=True)
    ),
    "inject_hyperparams": lambda: optax.inject_hyperparams(optax.adam)(
        learning_rate=optax.exponential_decay(0.1, 10, 0.9)
    ),
    "apply_if_finite": lambda: optax.apply_if_finite(optax.adam(0.05), 3),
    "MultiSteps": lambda: optax.MultiSteps(optax.adam(0.1), 3).gradient_transformation(),
    "apply_every": lambda: optax.chain(optax.sgd(0.05), optax.apply_every(4)),
    "reduce_on_plateau": lambda: optax.chain(
        optax.sgd(0.5, momentum=0.9), optax.contrib.reduce_on_plateau(factor=0.5, patience=2)
    ),
    "masked": lambda: optax.chain(
        optax.masked(optax.sgd(0.1), {"w": True, "b": False}),
        optax.masked(optax.set_to_zero(), {"w": False, "b": True}),
    ),
    "partition": lambda: optax.partition(
        {"fast": optax.adam(0.1), "slow": optax.sgd(0.01)}, {"w": "fast", "b": "slow"}
    ),
    "ema": lambda: optax.chain(optax.ema(0.9), optax.sgd(0.1)),
    "normalized": lambda: optax.chain(optax.normalize_by_update_norm(), optax.sgd(0.05)),
    "zero_nans": lambda: optax.chain(optax.zero_nans(), optax.sgd(0.05)),
    "nonnegative": lambda: optax.chain(optax.sgd(0.1), optax.keep_params_nonnegative()),
}

ALWAYS = {
    "adam",
    "adafactor",
    "sgd-nesterov",
    "chain, clipping, schedule",
    "inject_hyperparams",
    "apply_if_finite",
    "MultiSteps",
    "reduce_on_plateau",
}
"""One of each kind; the others are for the slow run."""


@cache
def by_hand(name: str) -> list[dict]:
    """The iterates of a loop as the documentation of optax has it."""
    optimizer = optax.with_extra_args_support((FACTORIES | READY_MADE)[name]())

    def value_fn(x):
        return loss(x, *DATA)

    @jax.jit
    def step(x, state):
        value, grad = jax.value_and_grad(value_fn)(x)
        updates, state = optimizer.update(grad, state, x, value=value, grad=grad, value_fn=value_fn)
        return optax.apply_updates(x, updates), state

    with jax.numpy_dtype_promotion("standard"):
        x, state = START, optimizer.init(START)
        visited = [x]
        for _ in range(STEPS):
            x, state = step(x, state)
            visited.append(x)
    return jax.device_get(visited)


def through_the_adapter(method) -> list[dict]:
    objective = jgd.Objective(loss, DATA)
    walk = points(objective, as_method(method), START)
    return jax.device_get([point.x for point in islice(walk, STEPS + 1)])


def assert_the_same_walk(ours: list[dict], theirs: list[dict], precision: float) -> None:
    assert any((ours[-1][name] != ours[0][name]).any() for name in START)
    for one, other in zip(ours, theirs, strict=True):
        for name in START:
            assert one[name].dtype == other[name].dtype == np.float64
            assert one[name] == pytest.approx(other[name], rel=precision, abs=precision)


def parameters(names, always):
    return [pytest.param(n, marks=() if n in always else pytest.mark.slow) for n in names]


@pytest.mark.parametrize("name", parameters(FACTORIES | READY_MADE, ALWAYS))
def test_a_ready_made_transformation_walks_as_by_hand(name):
    optimizer = (FACTORIES | READY_MADE)[name]()
    assert_the_same_walk(through_the_adapter(optimizer), by_hand(name), 1e-12)


@pytest.mark.parametrize("name", parameters(FACTORIES, ("adam", "adafactor", "sgd-nesterov")))
def test_an_opened_factory_walks_as_by_hand_though_its_numbers_are_traced(name):
    made = FACTORIES[name]
    method = jgd.from_optax(made.func, **made.keywords)
    assert set(method.hyper) == {k for k, v in made.keywords.items() if isinstance(v, float)}
    assert_the_same_walk(through_the_adapter(method), by_hand(name), 1e-10)


def rates(method, steps=3):
    f, x0 = jgd.Objective(squares), jnp.array([1.0, 2.0])
    method, point = as_method(method), f.evaluate(x0)
    state, found = method.init(f, point), []
    for _ in range(steps):
        step = method.step(f, point, state)
        state = step.state
        found.append(float(step.info.rate))
    return np.array(found)


def squares(x):
    return jnp.sum(x**2)


def test_the_rate_of_a_step_is_reported_where_it_can_be_known():
    schedule = optax.piecewise_constant_schedule(0.1, {2: 0.5})
    assert rates(jgd.from_optax(optax.sgd, learning_rate=0.1)).tolist() == [0.1] * 3
    assert rates(jgd.adam(schedule)) == pytest.approx([0.1, 0.1, 0.05], rel=1e-6)
    injected = optax.inject_hyperparams(optax.sgd)(learning_rate=schedule)
    assert rates(injected) == pytest.approx([0.1, 0.1, 0.05], rel=1e-6)
    assert np.isnan(rates(optax.sgd(0.1))).all()


def test_numbers_of_an_opened_factory_are_leaves_and_the_rest_is_structure():
    method = jgd.from_optax(optax.sgd, learning_rate=0.1, momentum=0.5, nesterov=True)
    assert jax.tree.leaves(method) == [0.1, 0.5]
    other = jgd.from_optax(optax.sgd, learning_rate=0.2, momentum=0.6, nesterov=True)
    assert jax.tree.structure(method) == jax.tree.structure(other)
    plain = jgd.from_optax(optax.sgd, learning_rate=0.1, momentum=0.5, nesterov=False)
    assert jax.tree.structure(method) != jax.tree.structure(plain)
    assert method.name == "optax.sgd"


def test_a_ready_made_transformation_is_one_method_each_time_it_is_given():
    optimizer = optax.adam(0.1)
    one, other = as_method(optimizer), as_method(optimizer)
    assert jax.tree.structure(one) == jax.tree.structure(other)
    assert jax.tree.structure(one) != jax.tree.structure(as_method(optax.adam(0.1)))


def test_adam_is_adam():
    """The update of Kingma and Ba, written out."""
    m = v = np.zeros(2)
    x = np.array([1.0, -2.0])
    expected = []
    for t in range(1, 11):
        g = 2 * x
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g**2
        x = x - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)
        expected.append(x)
    walk = points(jgd.Objective(squares), jgd.adam(0.1, b2=0.99), jnp.array([1.0, -2.0]))
    ours = [point.x for point in islice(walk, 11)][1:]
    assert np.asarray(ours) == pytest.approx(np.asarray(expected), rel=1e-12)


def test_a_transformation_whose_state_grows_is_refused():
    growing = optax.GradientTransformation(
        lambda params: jnp.zeros(1), lambda grads, state, params=None: (grads, jnp.append(state, 0.0))
    )
    with pytest.raises(TypeError, match="changes the structure or the shapes of its state"):
        jgd.minimize(squares, np.ones(2), growing)


def test_the_summary_of_a_ready_made_transformation_names_the_way_to_open_it():
    x0 = np.ones(2)
    ready = jgd.minimize(lambda x: jnp.sum(x**2), x0, optax.sgd(0.1), max_steps=3)
    opened = jgd.minimize(
        lambda x: jnp.sum(x**2), x0, jgd.from_optax(optax.sgd, learning_rate=0.1), max_steps=3
    )
    assert "from_optax" in str(ready)
    assert "from_optax" not in str(opened)


def test_line_searches_of_optax_evaluate_inside_the_bounds():
    seen = []

    def fun(x):
        jax.debug.callback(lambda value: seen.append(float(value)), x[0])
        return (x[0] + 1) ** 2 + (x[1] - 3) ** 2

    result = jgd.minimize(fun, jnp.array([1.0, 0.0]), optax.lbfgs(), bounds=(0.2, None), max_steps=50)
    jax.effects_barrier()
    assert min(seen) >= 0.2
    assert result.value < result.first_value


def test_a_transformation_is_passed_what_it_takes():
    """Sharpness-aware minimization takes neither values nor gradients by their names."""
    sam = optax.contrib.sam(optax.sgd(0.1), optax.sgd(0.01), sync_period=2)
    result = jgd.minimize(lambda x: jnp.sum(x**4), np.ones(2), sam, max_steps=200)
    assert result.status == jgd.Status.MAX_STEPS
    assert result.value < 1e-2


def test_the_rate_of_gathered_steps_is_not_known_from_the_number_of_the_step():
    def gathered(learning_rate):
        return optax.MultiSteps(optax.sgd(learning_rate), 4).gradient_transformation()

    method = jgd.from_optax(gathered, learning_rate=optax.linear_schedule(0.01, 0.0, 8))
    result = jgd.minimize(lambda x: jnp.sum(x**2), np.ones(2), method, max_steps=12)
    assert np.isnan(result.history["rate"]).all()
