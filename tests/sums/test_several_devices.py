"""Rows on several devices, or with several processes: the same runs as on one."""

import json
import os
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import jgd
from tests.sums.fits import START, WEIGHTS, X, Y, of_one, oracle, ridge
from tests.sums.several import METHODS, batched, fits, outcomes

ROOT = Path(__file__).parents[2]
EXACT = ("gradient_descent", "newton")


def started(*arguments: str) -> subprocess.Popen:
    """A process of its own that makes those runs."""
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    command = [sys.executable, "-m", "tests.sums.several", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=environment | {"JAX_PLATFORMS": "cpu"}, **pipes)


def told(process: subprocess.Popen) -> dict:
    """What it printed last."""
    out, error = process.communicate(timeout=240)
    assert process.returncode == 0, error
    return json.loads(out.splitlines()[-1])


@cache
def alone() -> tuple[dict, list]:
    """What one device comes to."""
    full, small = fits()
    return outcomes(full), batched(small)


def check_equal(found: dict, names: tuple[str, ...] = METHODS) -> None:
    """The same iterates to rounding over 20 steps, and as many steps."""
    expected, steps = alone()
    assert set(found["outcomes"]) == set(names)
    for name, there in found["outcomes"].items():
        here = expected[name]
        assert there["status"] == here["status"] == "CONVERGED", name
        allowed = 1 if name in EXACT else max(1, 0.05 * here["steps"])
        assert abs(there["steps"] - here["steps"]) <= allowed, name
        length = min(len(there["x"]), len(here["x"]))
        assert there["x"][:length] == pytest.approx(np.array(here["x"][:length]), abs=1e-10), name
    assert np.array(found["batched"]) == pytest.approx(np.array(steps), abs=1e-10)


def check_chunked(found: dict, compiled: int) -> None:
    """A run in chunks is the one in one call, and all chunks are one program."""
    assert found["same"]
    assert found["chunks"] >= 3
    assert found["compiled"] <= compiled
    status, steps = found["stopped"]
    assert (status, 20 < steps <= 200) == ("STOPPED_BY_CALLBACK", True)


def test_eight_devices_make_the_runs_of_one_with_one_reduction_a_gradient():
    found = told(started("devices"))
    assert found["devices"] == 8
    check_equal(found)
    check_chunked(found["chunked"], compiled=0)
    assert found["reductions"] == [1, 1], "asked for, and compiled"
    assert found["other collectives"] == 0
    assert found["hessian"] < 1e-13
    assert found["spread"] == [8, 4, 4, 4]
    assert found["arrays"] == pytest.approx([0.0] * 3, abs=1e-14)
    rows, _ = fits()[1].batch(2)
    assert [np.asarray(leaf).tolist() for leaf in rows] == found["rows"]
    value = oracle(START, X[:1], Y[:1], 103 * WEIGHTS[:1], 1 / WEIGHTS.sum())[0]
    assert found["crowded"] == pytest.approx(value, rel=1e-12), "all rows of a batch on one device"
    assert found["labels"] == 8, "that came from the host"
    assert found["elsewhere"] == "CONVERGED", "from an x0 on one of the devices"
    assert found["many"] == [pytest.approx(0, abs=1e-12), [0, 0, 0]]
    assert found["notes"][0].startswith("From step ")
    indivisible, axis, twice = found["refused"]
    assert "103 examples do not divide among 8 devices" in indivisible
    assert "axis must be of the mesh's ('data', 'model'), got 'rows'" in axis
    assert "on several devices" in twice


@pytest.mark.parametrize(
    "names",
    [("gradient_descent", "lbfgs"), pytest.param(METHODS, marks=pytest.mark.slow)],
    ids=["two", "all"],
)
def test_two_processes_make_the_runs_of_one(names):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    processes = [started("process", str(rank), port, ",".join(names)) for rank in range(2)]
    value = jgd.minimize(jgd.finite_sum(of_one, (X[:102], Y[:102]), regularizer=ridge), START).value
    for process in processes:
        found = told(process)
        assert found["devices"] == 2
        check_equal(found, names)
        for chunks in found["chunked"]:
            check_chunked(chunks, compiled=1)  # what the processes agree by
        assert found["own rows"] == pytest.approx(float(value), rel=1e-12)
