"""A process that is killed at a random moment, again and again, comes to the end it would have come to."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import jgd
from jgd.checkpoint.rows import read_rows
from tests.checkpoint.runs import KINDS, told

pytest.importorskip("orbax.checkpoint")
ROOT = Path(__file__).parents[2]
MOST_SECONDS = 1.0


def outcome(kind: str, folder: Path, cache: Path, seconds: float | None) -> tuple[str, dict | None]:
    """What a process says when its first chunk is saved, and what it ends with; None if it is killed before.

    It makes the run, or goes on with what the folder has, and is killed that long after its first chunk.
    """
    command = [sys.executable, "-m", "tests.checkpoint.runs", kind, str(folder), "--begun"]
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) as process:
        begun = process.stdout.readline()
        if seconds is not None:
            time.sleep(seconds)
            process.kill()
        out, error = process.communicate(timeout=240)
    assert process.returncode in (0, -signal.SIGKILL), error
    assert not error, "it has nothing else to say"
    *_, last = (begun + out).splitlines()
    return begun, json.loads(last) if last.startswith("{") else None


@pytest.mark.parametrize(
    ("kind", "kills"),
    [("full", 2), *(pytest.param(kind, 50, marks=pytest.mark.slow) for kind in KINDS)],
)
def test_a_run_that_is_killed_comes_to_the_same_end_to_the_bit(kind, kills, tmp_path):
    whole, moment = KINDS[kind](), random.Random(0)
    expected = told(whole)
    made = done = half = resumed = 0
    while made < kills or not done:
        folder = tmp_path / f"run{done}"
        seconds = moment.uniform(0, MOST_SECONDS) if made < kills else None
        begun, found = outcome(kind, folder, tmp_path / "cache", seconds)
        resumed += begun == "begun again\n"
        if found is None:
            made += 1
            continue
        assert found["digest"] == expected
        half += any("half-written" in note for note in found["notes"])
        if kind != "lanes":
            check_rows(folder, whole)
        done += 1
    print(f"{kind}: {made} kills, {resumed} times gone on, {done} runs to the end, {half} half-written")
    assert resumed


def check_rows(folder: Path, whole: jgd.Result) -> None:
    """All rows that the history in memory keeps are in the file, and nothing twice; the last point is none."""
    steps = read_rows(folder / "history.jsonl")["step"]
    assert (np.diff(steps) > 0).all()
    assert set(whole.history["step"][:-1]) <= set(steps)
