"""A run that goes on from its checkpoints ends as the one that was never interrupted, to the bit."""

import dataclasses
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.checkpoint.rows import read_rows
from tests.catalogue import METHODS, method, problem
from tests.checkpoint.runs import KINDS, Run, bits, program_of, saved, valley, whole
from tests.sums.fits import START, X, Y, of_one, ridge

pytest.importorskip("orbax.checkpoint")
ROOT = Path(__file__).parents[2]
FAST = ("lbfgs", "optax.adamw")


def check_continues(run: Run, folder, cut: int) -> jax.Array:
    """Interrupted after `cut` steps, it ends as the whole run does."""
    expected = whole(run)
    middle, _ = saved(run, folder, end=cut)
    assert bits(middle) != bits(expected)
    end, notes = saved(run, folder)
    assert notes == ()
    assert bits(end) == bits(expected)
    return end


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in METHODS]
)
def test_every_method_goes_on_to_the_bit(name, tmp_path):
    known = problem("rosenbrock")
    made = method(name, "rosenbrock")
    program, x0 = program_of(known.fun, known.x0, made, args=known.args, recorder=jgd.Recorder(x=True))
    check_continues(Run(program, x0, 3, 12), tmp_path, 6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["batches", "lanes"])
def test_mini_batches_and_lanes_go_on_to_the_bit(kind, tmp_path):
    run = dataclasses.replace(KINDS[kind](), chunk=100, end=400)
    check_continues(run, tmp_path, 200)


@pytest.mark.slow
def test_without_replacement_an_epoch_that_was_begun_is_brought_to_its_end(tmp_path):
    """Batches of 16 of 103: the cut is in the midst of an epoch, of streamed data."""
    np.save(tmp_path / "X.npy", X)
    rows = jgd.data.stream(tmp_path / "X.npy"), Y
    fit = jgd.finite_sum(of_one, rows, batch_size=16, key=3, regularizer=ridge, block_size=20)
    program, x0 = program_of(fit, START, jgd.svrg(0.1), recorder=jgd.Recorder(x=True))
    check_continues(Run(program, x0, 5, 20), tmp_path, 10)


def test_history_on_disk_is_that_of_the_whole_run(tmp_path):
    program, x0 = program_of(valley, -jnp.ones(4), jgd.adam(1e-2), recorder=jgd.Recorder(rows=4, x=True))
    run = Run(program, x0, 3, 21)
    for name, ends in {"whole": [21], "pieces": [9, 15, 21]}.items():
        for end in ends:
            saved(run, tmp_path / name, end)
    one, other = (read_rows(tmp_path / name / "history.jsonl") for name in ("whole", "pieces"))
    assert bits(one) == bits(other)
    assert one["step"].tolist() == [0, 1, 2, 3, 4, 6, 8, 12, 16]


def test_a_run_of_another_method_does_not_go_on(tmp_path):
    make = partial(program_of, valley, -jnp.ones(4))
    for rate in (1e-3, 2e-3):
        program, x0 = make(jgd.gradient_descent(rate))
        if rate == 1e-3:
            saved(Run(program, x0, 3, 6), tmp_path)
    with pytest.raises(ValueError, match=r"of another run: method\.search\.rate was 0\.001 and is 0\.002"):
        saved(Run(program, x0, 3, 9), tmp_path)


def test_another_tolerance_does(tmp_path):
    method = jgd.gradient_descent(1e-3)
    for gtol, end in ((0.0, 6), (1e9, 9)):
        program, x0 = program_of(valley, -jnp.ones(4), method, gtol=gtol)
        carry, _ = saved(Run(program, x0, 3, end), tmp_path)
    assert (int(carry.motion.k), jgd.Status(int(carry.status)).name) == (6, "CONVERGED")


@pytest.mark.slow
def test_what_is_on_eight_devices_comes_back_there(tmp_path):
    command = [sys.executable, "-m", "tests.checkpoint.spread", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    ran = subprocess.run(
        command, cwd=ROOT, env=environment | {"JAX_PLATFORMS": "cpu"}, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout) == {
        "same end": True,
        "same devices": True,
        "devices": 8,
        "spread": True,
        "elsewhere": True,
        "on one": True,
        "files": 8,
    }
