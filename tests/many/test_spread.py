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
from tests.many.spread import RUNS

ROOT = Path(__file__).parents[2]
COLLECTIVES = ("all-reduce", "all-gather", "all-to-all", "collective-permute", "reduce-scatter", "psum")


@pytest.mark.parametrize("devices", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_on_several_devices_the_runs_are_those_on_one(devices, tmp_path):
    command = [sys.executable, "-m", "tests.many.spread", str(devices)]
    written = f"--xla_dump_to={tmp_path} --xla_dump_hlo_as_text"
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": written},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["devices"] == devices
    texts = [path.read_text() for path in tmp_path.glob("*after_optimizations.txt")]
    programs = [text for text in texts if f"num_partitions={devices}" in text]
    assert len(programs) == 2
    assert not [word for word in COLLECTIVES for text in programs if word in text]
    known, starts = rosenbrock(), np.random.default_rng(0).uniform(-2, 2, (RUNS, 2))
    for lanes in (1, 4):
        here = jgd.minimize_many(known.fun, starts, jgd.newton(), args=known.args, lanes=lanes)
        there = found[str(lanes)]
        assert there["status"] == here.status.tolist()
        assert there["steps"] == here.steps.tolist()
        assert np.array(there["x"]) == pytest.approx(here.x, abs=1e-10)
        steps = here.steps.sum()
        assert steps <= there["executed"] <= steps + (lanes - 1) * devices * here.steps.max()
