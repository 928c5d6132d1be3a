"""Checkpoints: how long a save holds up the run, how long it takes, and how long it takes to read.

    python -m experiments.benchmarks.checkpoints [--sizes 2,10000,1000000] [--rounds 9]

The carries are those of L-BFGS on n parameters, 26 times as large as x. Printed are medians in milliseconds,
and what a save takes relative to `numpy.savez` of the same arrays and an fsync.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from jgd.checkpoint.fingerprint import fingerprint
from jgd.checkpoint.store import Store
from jgd.core import tree
from jgd.driver.solve import begin, run


def valley(x: jax.Array) -> jax.Array:
    """A curved valley."""
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def seconds(act: Any) -> float:
    """How long it takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def save_by_numpy(path: Path, carry: Any) -> None:
    """All leaves in one file, on the disk."""
    with path.open("wb") as file:
        np.savez(file, *map(np.asarray, jax.tree.leaves(carry)))
        file.flush()
        os.fsync(file.fileno())


def measure(n: int, rounds: int) -> dict[str, float]:
    """Medians in milliseconds for a carry of n parameters."""
    program = jgd.Program(jgd.Objective(valley), jgd.lbfgs(), jgd.stop.Stop((jgd.stop.Steps(10**6),)))
    x0 = -jnp.ones(n)
    carry = jax.block_until_ready(jax.jit(run)(program, jax.jit(begin)(program, x0), 12))
    found: dict[str, list[float]] = {"held up": [], "save": [], "numpy": [], "restore": []}
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "run") as store:
        told = {"run": fingerprint(program, x0)}
        for step in range(rounds + 1):
            began = time.perf_counter()
            store.save(step, carry, told)
            held_up = time.perf_counter() - began
            store.wait()
            found["save"].append(time.perf_counter() - began)
            found["held up"].append(held_up)
            path = Path(folder) / "carry.npz"
            found["numpy"].append(seconds(lambda path=path: save_by_numpy(path, carry)))
            found["restore"].append(seconds(lambda: store.restore(lambda facts: carry)))
    return {name: 1e3 * median(times[1:]) for name, times in found.items()} | {"MB": tree.nbytes(carry) / 1e6}


def main(given: list[str] | None = None) -> list[dict[str, float]]:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="2,10000,1000000")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(given)
    jax.config.update("jax_enable_x64", True)
    rows = []
    for n in map(int, options.sizes.split(",")):
        row = measure(n, options.rounds)
        rows.append(row)
        ratio = row["save"] / row["numpy"]
        print(
            f"n = {n:,}, {row['MB']:.3f} MB: held up {row['held up']:.1f} ms, saved after "
            f"{row['save']:.0f} ms, {ratio:.1f} times numpy.savez; restored in {row['restore']:.0f} ms"
        )
    return rows


if __name__ == "__main__":
    main()
