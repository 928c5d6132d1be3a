"""Ctrl-C and SIGTERM end a run at the end of a chunk, and everything is as it was afterwards."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import jgd
from jgd import Status
from jgd.interrupts import TOGETHER, Interrupts
from tests.driver.functions import rosenbrock

ROOT = Path(__file__).parents[2]
GIVEN = rosenbrock, np.array([-1.2, 1.0]), jgd.gradient_descent(1e-9)
ENDLESS = {"max_steps": 2 * 10**9}


@pytest.fixture(autouse=True)
def handlers():
    """Python's own, which a test run in the background does not have, and what is there at the end."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_with_what_it_has_come_to(number):
    seen = []

    def tell(snapshot):
        seen.append(snapshot)
        if len(seen) == 9:  # the next chunk takes a quarter of a second
            threading.Timer(0.05, os.kill, (os.getpid(), number)).start()

    result = jgd.minimize(*GIVEN, **ENDLESS, callback=tell)
    assert result.status == seen[-1].status == Status.INTERRUPTED
    assert len(seen) == 10
    assert result.status.usable
    assert result.best_value == result.value < seen[0].value
    assert result.steps == seen[-1].step == result.history["step"][-1]
    more = jgd.minimize(rosenbrock, start=result, max_steps=result.steps + 10)
    assert (more.status, more.steps) == (Status.MAX_STEPS, result.steps + 10)


def test_a_second_ctrl_c_is_an_interrupt_at_once_and_has_the_run_with_it():
    def tell(snapshot):
        if snapshot.step > 10:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)  # as `timeout` sends it, to a process and to its group
            time.sleep(TOGETHER)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("the second one comes first")

    with pytest.raises(KeyboardInterrupt) as raised:
        jgd.minimize(*GIVEN, **ENDLESS, callback=tell)
    assert raised.value.snapshot.step == raised.value.snapshot.result.steps > 10


def test_an_error_in_a_callback_puts_the_handlers_back():
    with pytest.raises(ZeroDivisionError):
        jgd.minimize(*GIVEN, **ENDLESS, callback=lambda snapshot: 1 / 0)


def test_in_a_loop_over_segments_ctrl_c_is_the_users_between_chunks():
    loop = jgd.segments(*GIVEN, **ENDLESS)
    next(loop)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert next(loop).status == Status.RUNNING
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    *_, last = loop
    assert last.status == last.result.status == Status.INTERRUPTED


def test_a_signal_that_the_process_ignores_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        assert not interrupts.heard
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_a_second_signal_does_what_it_did_before():
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append("mine"))
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert (interrupts.heard, told) == (True, [])
        time.sleep(TOGETHER)
        signal.raise_signal(signal.SIGTERM)
        assert told == ["mine"]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_in_another_thread_a_run_hears_nothing_and_changes_nothing():
    handler = signal.getsignal(signal.SIGINT)
    seen = []

    def tell(snapshot):
        seen.append(signal.getsignal(signal.SIGINT))
        return len(seen) == 3

    thread = threading.Thread(
        target=lambda: seen.append(jgd.minimize(*GIVEN, **ENDLESS, callback=tell).status)
    )
    thread.start()
    thread.join()
    assert seen == [handler] * 3 + [Status.STOPPED_BY_CALLBACK]


PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
import jax, jax.numpy as jnp
import jgd

def loss(x):  # some seconds for a value and gradient
    def layer(y, _):
        return jnp.tanh(y @ y.T / 300), None
    return jnp.sum(x**2) + jnp.sum(jax.lax.scan(layer, jnp.outer(x, x), None, length=1000)[0])

def tell(snapshot):
    print("step", snapshot.step, flush=True)

try:
    jgd.minimize(loss, jnp.linspace(0.0, 1.0, 300), jgd.gradient_descent(1e-3), callback=tell)
except KeyboardInterrupt as error:
    print("interrupted at", error.snapshot.step, flush=True)
    import os
    os._exit(9)
"""


@pytest.mark.slow
def test_a_second_ctrl_c_does_not_wait_for_a_step_that_takes_long():
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "step 1\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted at 1\n"
        assert time.monotonic() - began < 2
    assert process.wait() == 9
