"""Many runs on several devices are those on one, and the devices have nothing to say to each other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import jgd
from tests.contract.squares import rosenbrock

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("devices", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_on_several_devices_the_runs_are_those_on_one(devices):
    command = [sys.executable, "-m", "tests.many.spread", str(devices)]
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["devices"] == devices
    assert found["collectives"] == []
    known, starts = rosenbrock(), np.random.default_rng(0).uniform(-2, 2, (101, 2))
    for lanes in (1, 4):
        here = jgd.minimize_many(known.fun, starts, jgd.newton(), args=known.args, lanes=lanes)
        there = found[str(lanes)]
        assert there["status"] == here.status.tolist()
        assert there["steps"] == here.steps.tolist()
        assert np.array(there["x"]) == pytest.approx(here.x, abs=1e-10)
