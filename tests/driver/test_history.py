"""The history has at most so many rows, and they span the run whatever its length."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import jgd
from jgd.driver.recorder import Recorder, has_row, steps_to_row, stride_exponent
from jgd.driver.steps import COLUMNS
from tests.driver.functions import square

SLOW = jgd.gradient_descent(1e-7)


def stride(k: int, rows: int) -> int:
    """The least 2^s of which at most `rows` multiples, 0 among them, are up to k."""
    stride = 1
    while k // stride + 1 > rows:
        stride *= 2
    return stride


def keep(held: list[int], k: int, rows: int) -> None:
    """By brute force: add step k, in place of the first step that its stride has no use for."""
    if len(held) == rows:
        held.remove(next(step for step in held if step % stride(k, rows)))
    held.append(k)


def held_after(steps: int, rows: int) -> list[int]:
    """The steps that have rows after a run of so many."""
    held: list[int] = []
    for k in range(steps + 1):
        if k % stride(k, rows) == 0:
            keep(held, k, rows)
    return held


@pytest.mark.parametrize("rows", [2, 4, 8, 64])
def test_rows_are_held_by_the_rule_at_every_step(rows):
    recorder, last = Recorder(rows), 40 * rows
    point = jgd.Point(jnp.zeros(1), jnp.zeros(()), jnp.zeros(1))

    def row(k):
        return recorder.row(k, point, [k.astype(float)], jnp.zeros(5, jnp.int32))

    def step(history, k):
        due = has_row(k, recorder.exponent)
        history = recorder.write(history, row(k), due)
        return history, (history.wholes[:-1, 0], history.reals[:-1, 0])

    empty = recorder.empty(jax.eval_shape(row, jnp.int32(0)))
    _, (steps, values) = jax.jit(lambda: lax.scan(step, empty, jnp.arange(last, dtype=jnp.int32)))()
    expected: list[int] = []
    for k, held, value in zip(range(last), np.asarray(steps), np.asarray(values), strict=True):
        if k % stride(k, rows) == 0:
            keep(expected, k, rows)
        written = held >= 0
        assert sorted(held[written]) == expected
        assert (value[written] == held[written]).all()
        assert set(expected) >= set(range(0, k + 1, stride(k, rows)))


@pytest.mark.parametrize("rows", [2, 64])
def test_rows_span_runs_of_any_length(rows):
    """All steps that get a row, up to 2^30, each in the slot that it is given when its turn comes."""
    recorder = Recorder(rows)
    point = jgd.Point(jnp.zeros(1), jnp.zeros(()), jnp.zeros(1))

    @jax.jit
    def write(history, k):
        row = recorder.row(k, point, [k.astype(float)], jnp.zeros(5, jnp.int32))
        return recorder.write(history, row, jnp.array(True)), k + steps_to_row(k, recorder.exponent)

    history = recorder.empty(recorder.row(jnp.int32(0), point, [jnp.zeros(())], jnp.zeros(5, jnp.int32)))
    k, expected = 0, []
    while k < 2**30:
        history, following = write(history, jnp.int32(k))
        keep(expected, k, rows)
        assert sorted(np.asarray(history.wholes[:-1, 0]))[-len(expected) :] == expected
        k += stride(k, rows)
        k = -(-k // stride(k, rows)) * stride(k, rows)
        assert following == k


def test_strides_double_when_the_rows_are_full():
    ks = jnp.array([0, 1, 63, 64, 127, 128, 255, 256, 2**31 - 1], jnp.int32)
    assert stride_exponent(ks, 6).tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 25]


@pytest.mark.parametrize("steps", [0, 1, 62, 63, 64, 65, 100, 127, 128, 129, 1000, 4096, 99_999])
def test_a_history_begins_at_the_start_and_ends_at_the_last_step(steps):
    result = jgd.minimize(square, np.array([1.0]), SLOW, max_steps=steps)
    history = result.history
    expected = held_after(steps, 64)
    assert history["step"].tolist() == expected + [steps] * (steps not in expected)
    assert history["value"] == pytest.approx((1 - 2e-7) ** (2 * history["step"]), rel=1e-9)
    assert history["values"].tolist() == (history["step"] + 1).tolist()
    assert history["value"][-1] == float(result.value)
    assert history["grad_norm"][-1] == result.grad_norm
    assert all(len(column) == len(history["step"]) for column in history.values())


def test_the_columns_are_the_same_for_every_method_and_a_method_may_add_its_own():
    names = {"step", "values", "grads", "hvps", "hessians", "rejected", *COLUMNS}
    assert set(jgd.minimize(square, np.ones(1), SLOW).history) == names
    newton = jgd.minimize(square, np.ones(1), jgd.newton())
    assert set(newton.history) == names | {"shift"}
    assert newton.history["shift"][-1] == 0


def test_columns_say_what_the_steps_did():
    history = jgd.minimize(square, np.array([8.0]), jgd.gradient_descent(0.25), max_steps=4).history
    assert history["value"].tolist() == [64.0, 16.0, 4.0, 1.0, 0.25]
    assert history["grad_norm"].tolist() == [16.0, 8.0, 4.0, 2.0, 1.0]
    assert history["step_norm"].tolist() == [0.0, 4.0, 2.0, 1.0, 0.5]
    assert history["rate"][1:].tolist() == [0.25] * 4
    assert history["accepted"].tolist() == [1.0] * 5


def test_without_a_recorder_the_run_is_the_same_and_has_no_history():
    kept = jgd.minimize(square, np.array([1.0]), SLOW, max_steps=1000)
    bare = jgd.minimize(square, np.array([1.0]), SLOW, max_steps=1000, recorder=None)
    assert bare.history == {}
    assert (bare.x, bare.value, bare.steps) == (kept.x, kept.value, kept.steps)
    assert bare.status == kept.status
    assert str(bare)


def test_x_is_recorded_on_request():
    x0 = {"b": np.array([8.0]), "a": np.array([[4.0], [2.0]])}

    def loss(x):
        return square(x["a"]) + square(x["b"])

    result = jgd.minimize(loss, x0, jgd.gradient_descent(0.25), max_steps=2, recorder=jgd.Recorder(x=True))
    assert result.history["x"].tolist() == [[4.0, 2.0, 8.0], [2.0, 1.0, 4.0], [1.0, 0.5, 2.0]]


def test_more_or_fewer_rows_change_nothing_else():
    runs = [
        jgd.minimize(square, np.array([1.0]), SLOW, max_steps=500, recorder=jgd.Recorder(rows=rows))
        for rows in (2, 1024)
    ]
    assert len(runs[1].history["step"]) == 501
    assert len(runs[0].history["step"]) <= 3
    assert runs[0].x == runs[1].x


@pytest.mark.parametrize("rows", [0, 1, 3, 100, 64.0])
def test_rows_are_a_power_of_two(rows):
    with pytest.raises(ValueError, match="rows must be a power of two"):
        jgd.Recorder(rows=rows)


@pytest.mark.parametrize(
    ("of_x", "of_f"), [("float32", "float64"), ("float64", "float32"), ("float16", "float16")]
)
def test_rows_are_as_wide_as_the_widest_of_their_columns(of_x, of_f):
    def loss(x):
        return jnp.sum((x.astype(of_f) - 1) ** 2)

    result = jgd.minimize(
        loss, np.array([1.5, 1e-3], of_x), jgd.gradient_descent(0.1), recorder=jgd.Recorder(x=True)
    )
    wide = np.float64 if "float64" in (of_x, of_f) else np.float32
    assert result.history["value"].dtype == result.history["grad_norm"].dtype == wide
    assert result.history["x"].dtype == of_x
    assert result.history["x"][0].tolist() == np.array([1.5, 1e-3], of_x).tolist()


@jgd.record
class Numbered:
    """Gradient descent that reports the number of its steps, a whole number."""

    def init(self, f, point):
        return jnp.zeros((), jnp.int64)

    def step(self, f, point, state):
        return jgd.Step(point.x - point.grad / 10, state + 1, jgd.Info())

    def report(self, state):
        return {"number": state}


def test_a_whole_number_makes_no_whole_numbers_of_the_other_columns():
    result = jgd.minimize(square, jnp.array([0.5, 0.25], jnp.float32), Numbered(), max_steps=10)
    assert result.history["value"][0] == pytest.approx(float(square(jnp.array([0.5, 0.25]))))
    assert result.history["number"].tolist() == list(range(11))
