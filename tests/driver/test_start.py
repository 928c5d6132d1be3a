"""`start=` goes on from an earlier result as if the run had never stopped."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd import Status
from tests.contract.counting import compilations
from tests.driver.functions import quadratic, square, walled

X, H = np.array([3.0, 1.0]), np.array([1.0, 100.0])
MOMENTUM = jgd.heavy_ball(0.005, 0.7)


def go(max_steps, **options):
    return jgd.minimize(
        quadratic, options.pop("x0", None), MOMENTUM, args=(H,), max_steps=max_steps, **options
    )


def test_more_steps_are_the_same_steps():
    whole = go(150, x0=X)
    half = go(70, x0=X)
    more = go(150, start=half)
    assert (half.status, half.steps) == (Status.MAX_STEPS, 70)
    assert more.steps == whole.steps == 150
    assert (more.x == whole.x).all()
    assert more.value == whole.value
    assert more.work == whole.work
    assert jax.tree.all(
        jax.tree.map(lambda a, b: np.array_equal(a[:-1], b[:-1]), more.history, whole.history)
    )
    assert more.first_value == whole.first_value


def test_a_looser_run_may_be_tightened():
    loose = go(5000, x0=X, gtol=1e-2)
    tight = go(5000, start=loose, gtol=1e-6)
    assert loose.status == tight.status == Status.CONVERGED
    assert (tight.x == go(5000, x0=X, gtol=1e-6).x).all()


def test_another_method_begins_where_the_first_ended():
    first = go(20, x0=X)
    second = jgd.minimize(quadratic, None, jgd.newton(), args=(H,), start=first)
    assert second.history["step"][0] == 0
    assert second.first_value == float(first.value)
    assert second.status == Status.CONVERGED
    assert second.steps == 1


def test_an_end_that_still_holds_ends_it_again():
    ended = go(5000, x0=X)
    again = go(5000, start=ended)
    assert (again.status, again.steps) == (Status.CONVERGED, ended.steps)
    assert again.work == ended.work


def test_a_wall_is_met_again():
    def run(**options):
        return jgd.minimize(
            walled,
            options.pop("x0", None),
            jgd.gradient_descent(0.01),
            args=(np.asarray(0.5),),
            **options,
        )

    first = run(x0=np.zeros(2))
    again = run(start=first)
    assert first.status == again.status == Status.NONFINITE
    assert again.steps == first.steps
    assert (again.x == first.x).all()
    assert again.work.values > first.work.values


def test_other_data_makes_another_function_whose_value_and_gradient_are_its_own():
    first = go(5000, x0=X)
    other = jgd.minimize(quadratic, None, MOMENTUM, args=(2 * H[::-1],), start=first, max_steps=3)
    value, grad = jax.value_and_grad(quadratic)(other.x, 2 * H[::-1])
    assert float(other.value) == pytest.approx(float(value), rel=1e-12)
    assert np.asarray(other.grad) == pytest.approx(np.asarray(grad), rel=1e-12)

    coarse = go(5000, x0=X, gtol=1.0)
    stretched = jgd.minimize(quadratic, None, MOMENTUM, args=(1e6 * H,), start=coarse, gtol=1.0)
    slope = np.max(np.abs(jax.grad(quadratic)(stretched.x, 1e6 * H)))
    assert (stretched.status == Status.CONVERGED) <= (slope <= 1.0)


def test_another_rate_is_taken_up_without_compiling():
    first = jgd.minimize(square, X, jgd.gradient_descent(0.01), max_steps=5)
    warm = jgd.minimize(square, None, jgd.gradient_descent(0.01), start=first, max_steps=10)
    compiled = compilations()
    second = jgd.minimize(square, None, jgd.gradient_descent(0.25), start=first, max_steps=10)
    assert compilations() == compiled
    assert second.history["rate"][-1] == 0.25
    assert second.value < warm.value


def test_the_method_is_the_earlier_one_if_none_is_named():
    whole, half = go(150, x0=X), go(70, x0=X)
    more = jgd.minimize(quadratic, args=(H,), max_steps=150, start=half)
    assert (more.method, more.steps) == ("heavy_ball", 150)
    assert (more.x == whole.x).all()
    assert more.notes == ("Went on from step 70 of an earlier run.",)
    assert more.notes[0] in str(more)


@pytest.mark.parametrize(
    "further",
    [
        {"max_evaluations": 10_000},
        {"recorder": jgd.Recorder(16)},
        {"recorder": None},
        {"stop": lambda p: p.value < 0},
    ],
)
def test_further_rules_and_other_recorders_go_on_all_the_same(further):
    whole, half = go(150, x0=X), go(70, x0=X)
    more = go(150, start=half, **further)
    assert (more.steps, more.work, more.first_value) == (150, whole.work, whole.first_value)
    assert (more.x == whole.x).all()
    if "recorder" in further:
        assert min(more.history.get("step", [71])) > 70


def test_a_rule_that_was_there_keeps_its_memory():
    """The gradient is held against the one at the very start; what a further rule needs begins here."""
    half = go(20, x0=X, grtol=1e-3)
    more = go(5000, start=half, grtol=1e-3, stop=jgd.stop.Gradient(0.0, 0.5))
    assert half.tolerances.grad == more.tolerances.grad == pytest.approx(0.1)
    assert more.status == Status.CONVERGED
    assert 0.1 < more.grad_norm <= 0.5 * half.grad_norm


def test_nan_among_the_data_is_the_same_data():
    def loss(x, data):
        return jnp.sum(jnp.where(jnp.isnan(data), 0.0, x - data) ** 2)

    def run(steps, **options):
        data = np.array([1.0, np.nan])
        return jgd.minimize(
            loss, *([] if options else [X]), method=MOMENTUM, args=(data,), max_steps=steps, **options
        )

    more = run(20, start=run(10))
    assert (more.steps, more.notes) == (20, ("Went on from step 10 of an earlier run.",))
    assert (more.x == run(20).x).all()


def test_a_random_key_among_the_data_is_data():
    def noisy(x, key):
        return jnp.sum((x - jax.random.normal(key, (2,), x.dtype)) ** 2)

    first = jgd.minimize(noisy, X, MOMENTUM, args=(jax.random.key(3),), max_steps=10)
    more = jgd.minimize(noisy, args=(jax.random.key(3),), max_steps=20, start=first)
    other = jgd.minimize(noisy, args=(jax.random.key(4),), max_steps=20, start=first)
    assert (more.steps, more.notes) == (20, ("Went on from step 10 of an earlier run.",))
    assert "its data are others" in other.notes[0]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"method": jgd.newton(), "args": (H,)}, "the method is another one"),
        ({"args": (2 * H,)}, "fun is another function object, or its data are others"),
    ],
)
def test_a_new_beginning_is_said_to_be_one(other, words):
    first = go(20, x0=X)
    second = jgd.minimize(quadratic, start=first, max_steps=10, **other)
    assert second.notes[0] == f"Started anew at the x of the earlier run: {words}."
    assert second.steps <= 10


def test_no_steps_left_is_said_at_once():
    with pytest.raises(ValueError, match=r"max_steps=20 counts from the beginning .* at step 20: give more"):
        go(20, start=go(20, x0=X))


@pytest.mark.parametrize("gtol", [None, 10.0])
def test_going_on_with_nothing_to_do_changes_no_history(gtol):
    """With gtol = 10 the run ends at a step that has a row."""
    ended = go(5000, x0=X, gtol=gtol)
    again = go(5000, start=ended, gtol=gtol)
    for name, column in ended.history.items():
        assert np.array_equal(column, again.history[name], equal_nan=True), name


@pytest.mark.parametrize(
    "change",
    [{"method": jgd.heavy_ball(1e-4, 0.97)}, {"gtol": 3.0}, {"max_steps": 61}, {"target": -1.0}],
)
def test_the_best_of_both_runs_is_kept_whatever_has_changed(change):
    swinging = {"method": jgd.heavy_ball(0.02, 0.97), "args": (H,), "gtol": 1e-300, "max_steps": 60}
    first = jgd.minimize(quadratic, X, **swinging)
    second = jgd.minimize(quadratic, start=first, **{**swinging, "max_steps": 61, **change})
    assert first.best_value < first.value
    assert second.best_value == min(first.best_value, second.value)
    assert float(second.best_value) == float(quadratic(second.best_x, H))


def test_two_starts_are_one_too_many():
    first = jgd.minimize(square, X, jgd.gradient_descent(0.01), max_steps=5)
    with pytest.raises(ValueError, match="x0 and start"):
        jgd.minimize(square, X, jgd.gradient_descent(0.01), start=first)


def test_the_best_point_is_that_of_the_run_before_where_another_rate_leads_away():
    first = jgd.minimize(square, np.ones(2), jgd.gradient_descent(1e-4), max_steps=5000)
    more = jgd.minimize(square, start=first, method=jgd.gradient_descent(1.5), max_steps=6000)
    assert (more.best_value, more.best_step) == (first.value, 5000)
    assert square(more.best_x) == first.value


def test_a_search_that_failed_is_tried_again_with_other_numbers():
    def steep(x):
        return 1e12 * jnp.sum(x**2)

    short = jgd.gradient_descent(jgd.armijo(shrink=0.99))
    failed = jgd.minimize(steep, np.ones(2), short)
    assert (failed.status, failed.steps) == (Status.SEARCH_FAILED, 1)
    assert jgd.minimize(steep, start=failed, max_steps=9).status == Status.SEARCH_FAILED
    more = jgd.minimize(steep, start=failed, method=jgd.gradient_descent(jgd.armijo(initial=1e-12)))
    assert more.success
