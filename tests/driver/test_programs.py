"""Compiled programs: made once for each kind of arguments, forgotten before they fill the process, and one
kernel where they are small."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import jgd
from jgd.core import compiled as module
from jgd.core.compiled import compiled
from jgd.core.kernel import COMPUTED, READ, as_one_kernel, is_possible, is_small
from jgd.core.packed import SMALL, packed, unpacked
from jgd.driver.solve import solve
from tests.contract.counting import Counting, compilations


def test_programs_beyond_the_limit_are_forgotten_and_the_others_kept(monkeypatch):
    monkeypatch.setattr(module, "KEPT", 3)
    traced = []

    def total(x):
        traced.append(x.size)
        return jnp.sum(x)

    call = compiled(total)
    assert [float(call(jnp.ones(n))) for n in range(1, 11)] == list(range(1, 11))
    assert traced == list(range(1, 11))
    call(jnp.ones(10))
    assert traced == list(range(1, 11))
    call(jnp.ones(1))
    assert traced == [*range(1, 11), 1]


@pytest.mark.skipif(sys.platform != "linux", reason="memory maps are counted in Linux's /proc")
def test_a_new_program_at_every_call_does_not_use_up_the_memory_maps(monkeypatch):
    monkeypatch.setattr(module, "KEPT", 3)

    def maps() -> int:
        return len(Path("/proc/self/maps").read_text().splitlines())

    call = compiled(lambda x: jnp.sin(x).sum())
    counts = []
    for n in range(1, 25):
        call(np.ones(n))
        counts.append(maps())
    assert max(counts[12:]) <= max(counts[:12]) + 8


def test_numbers_of_numpy_and_of_python_are_for_one_program():
    counting = Counting(lambda x: jnp.sum((x - 1.0) ** 2), 2)

    def run(real, whole) -> tuple[int, int]:
        limits = {"gtol": real(2.0**-20), "target": real(-1.0), "max_steps": whole(50)}
        result = jgd.minimize(counting.fun, np.zeros(2), jgd.gradient_descent(real(0.25)), **limits)
        assert (result.status.name, result.steps) == ("CONVERGED", 21)
        return counting.traces, compilations()

    made = run(float, int)
    assert run(np.float64, np.int64) == made
    assert run(np.float32, np.int32) == made


possible = pytest.mark.skipif(not is_possible(), reason="this version of JAX, or a GPU")


def whole(fun, *args) -> bool:
    """Whether XLA is told to make it one kernel."""
    text = jax.jit(as_one_kernel(fun, set())).lower(*args).as_text()
    return "xla_cpu_small_call" in text


def rosenbrock(x):
    return jnp.sum((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2)


@possible
@pytest.mark.parametrize("method", [None, jgd.lbfgs(), jgd.conjugate_gradient(), jgd.adam(0.01), jgd.bfgs()])
def test_a_run_on_few_parameters_is_one_kernel(method):
    program = jgd.minimize(rosenbrock, jnp.zeros(4), method, max_steps=2).program
    assert whole(solve, program, jnp.zeros(4))


@pytest.mark.parametrize(
    ("fun", "x"),
    [
        (jnp.sort, np.ones(4)),
        (jnp.linalg.eigvalsh, np.eye(4)),
        (jnp.fft.fft, np.ones(4)),
        (lambda x: x @ x, np.eye(4)),
        (lambda x: x.at[jnp.array([0, 2])].add(1.0), np.ones(4)),
        (lambda x: jax.debug.print("{}", x), np.ones(4)),
        (lambda x: lax.while_loop(lambda y: y[0] < 3, lambda y: jnp.sort(y) + 1, x), np.ones(4)),
        (lambda x: lax.complex(x, x), np.ones(4)),
        (jnp.sin, np.ones(COMPUTED + 1)),
        (lambda x: x[:2], np.ones(READ + 1)),
    ],
    ids=["sort", "lapack", "fft", "matrices", "scatter", "callback", "inner", "complex", "computed", "read"],
)
def test_what_cannot_be_in_a_kernel_or_is_large_is_left_apart(fun, x):
    assert not whole(fun, x)
    assert not is_small(jax.make_jaxpr(fun)(x).jaxpr)


@possible
def test_one_kernel_computes_what_many_do():
    def fun(x, A):
        def step(carry):
            k, x = carry
            return k + 1, jnp.tanh(A @ x) + lax.cumsum(x) / 7 + x[::-1]

        k, x = lax.while_loop(lambda carry: carry[0] < 20, step, (0, x))
        return {"x": x, "k": k, "largest": jnp.argmax(x), "any": jnp.any(x > 1)}

    x, A = jnp.linspace(-1.0, 1.0, 7), jnp.cos(jnp.arange(49.0)).reshape(7, 7)
    assert whole(fun, x, A)
    one, many = compiled(fun)(x, A), jax.jit(fun)(x, A)
    assert jax.tree.structure(one) == jax.tree.structure(many)
    for name in many:
        assert one[name].dtype == many[name].dtype
        assert np.asarray(one[name]) == pytest.approx(np.asarray(many[name]), rel=1e-12)


@possible
def test_a_program_that_xla_cannot_make_one_kernel_of_is_compiled_apart_and_remembered(monkeypatch):
    monkeypatch.setattr("jgd.core.kernel.is_small", lambda jaxpr: True)
    traced = []

    def fun(A):
        traced.append(A.shape)
        return jnp.linalg.eigvalsh(A)

    call, tries = compiled(fun), []
    for _ in range(3):
        before = compilations()
        assert np.asarray(call(np.diag(np.arange(3.0)))) == pytest.approx([0, 1, 2])
        tries.append(compilations() - before)
    assert len(traced) <= 2
    assert tries[0] > 0
    assert tries[1:] == [0, 0]


def test_an_error_of_a_program_that_is_not_one_kernel_comes_out_as_it_is():
    def fail(x):
        raise ValueError("no value here")

    call = compiled(lambda x: jax.pure_callback(fail, x, x))
    with pytest.raises(jax.errors.JaxRuntimeError, match="no value here"):
        jax.block_until_ready(call(jnp.ones(3)))


@possible
def test_arguments_that_xla_finds_unused_do_no_harm():
    def fun(x, unused, dead):
        def step(carry):
            k, x, dead = carry
            return k + 1, jnp.sin(x), dead

        return lax.while_loop(lambda carry: carry[0] < 9, step, (0, x, dead))[1]

    args = jnp.ones(3), jnp.zeros(5), np.float64(2.0)
    assert whole(fun, *args)
    assert np.asarray(compiled(fun)(*args)) == pytest.approx(np.asarray(fun(*args)), rel=1e-14)


def test_keys_and_empty_arrays_may_be_arguments():
    call = compiled(lambda key, x, empty: x + jax.random.uniform(key, (3,)) + jnp.sum(empty))
    key = jax.random.key(1)
    for _ in range(2):
        found = call(key, jnp.ones(3), jnp.zeros(0))
        assert np.array_equal(found, 1 + jax.random.uniform(key, (3,)))
    rows = compiled(lambda x, empty: x + jnp.sum(empty))
    assert float(rows(1.0, jnp.zeros((0, 2)))) == 1.0


def test_what_a_program_hands_back_in_few_arrays_is_the_same_tree():
    def tree(x):
        return {
            "reals": (x, x[0], x[:, None] * x),
            "narrow": x.astype(jnp.float32),
            "wholes": [jnp.arange(5), jnp.int32(7), jnp.uint8(3)],
            "flags": (x > 1, jnp.bool_(True)),
            "none": None,
            "empty": jnp.zeros((0, 3)),
            "half": x.astype(jnp.bfloat16),
            "complex": lax.complex(x, x),
            "large": jnp.zeros((SMALL, 2)).at[3, 1].set(x[0]),
            "key": jax.random.key(1),
        }

    x = jnp.array([1.0, 2.0, 3.0])
    given = jax.jit(lambda x: packed(tree(x), None))(x)
    assert len(given.vectors) == 6  # float64, float32, int64, int32, uint8, bool
    assert len(given.whole) == 4
    found, expected = unpacked(given), tree(x)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        if not jax.dtypes.issubdtype(one.dtype, jax.dtypes.prng_key):
            assert np.array_equal(np.asarray(one), np.asarray(other))


def test_what_users_are_given_is_on_the_device_and_the_rest_comes_in_few_arrays():
    result = jgd.minimize(lambda x: jnp.sum(jnp.cosh(x)), jnp.ones(3))
    assert all(isinstance(leaf, jax.Array) for leaf in (result.x, result.value, result.grad))
    leaves = jax.tree.leaves(result.carry)
    assert sum(isinstance(leaf, jax.Array) for leaf in leaves) <= 5 < len(leaves) / 4
    again = jgd.minimize(lambda x: jnp.sum(jnp.cosh(x)), start=result)
    assert np.array_equal(again.x, result.x)


def test_a_function_that_prints_runs(capfd):
    def fun(x):
        jax.debug.print("evaluated")
        return jnp.sum((x - 1) ** 2)

    result = jgd.minimize(fun, jnp.zeros(3), jgd.gradient_descent(0.1), max_steps=3)
    jax.effects_barrier()
    assert result.steps == 3
    assert capfd.readouterr().out.count("evaluated") == result.work.values


def test_a_program_that_prints_is_no_kernel_though_what_it_prints_is_a_constant():
    def fun(x):
        jax.debug.print("here")
        return x + 1

    assert not is_small(jax.make_jaxpr(fun)(1.0).jaxpr)
