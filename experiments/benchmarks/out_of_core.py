"""Data larger than memory should be: logistic regression on a memory-mapped file, what it takes and how fast.

    python -m experiments.benchmarks.out_of_core FILE.npy [--gigabytes 10] [--method lbfgs]

FILE is written first if it is not there: float64 rows of 100 features, labels of a noisy model. Printed are
the run's verdict, the most anonymous memory (what is not a file's pages), sampled by a thread from the moment
the data are there, and the time of an evaluation beside that of reading the file once in the same blocks.
"""

import argparse
import threading
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

import jgd
from jgd.core.objective import Objective

FEATURES = 100
CHUNK = 100_000


def write(path: Path, rows: int) -> None:
    """The file, chunk by chunk."""
    rng = np.random.default_rng(0)
    X = np.lib.format.open_memmap(path, "w+", np.float64, (rows, FEATURES))
    for start in range(0, rows, CHUNK):
        stop = min(start + CHUNK, rows)
        X[start:stop] = rng.standard_normal((stop - start, FEATURES))
    X.flush()


def labels(X: np.ndarray) -> np.ndarray:
    """Of a noisy model of the rows."""
    rng = np.random.default_rng(1)
    w = rng.standard_normal(FEATURES) / np.sqrt(FEATURES)
    z = np.concatenate([X[i : i + CHUNK] @ w for i in range(0, len(X), CHUNK)])
    return np.where(rng.random(len(X)) < 1 / (1 + np.exp(-z)), 1.0, -1.0)


def anonymous() -> int:
    """The bytes of this process's memory that are no file's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


class Watch(threading.Thread):
    """Samples the memory every 20 ms; `most` is the largest."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self.ended = 0, threading.Event()

    def run(self) -> None:
        """Until `ended`."""
        while not self.ended.wait(0.02):
            self.most = max(self.most, anonymous())


def loss(w: jax.Array, rows: tuple[jax.Array, jax.Array]) -> jax.Array:
    """The losses of many rows."""
    X, y = rows
    return jax.nn.softplus(-y * (X @ w))


def main() -> None:
    """Write, run, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--gigabytes", type=float, default=10.0)
    parser.add_argument("--method", default="lbfgs")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    rows = int(options.gigabytes * 1e9 / (8 * FEATURES))
    if not options.file.exists():
        write(options.file, rows)
    X = jgd.data.stream(options.file)
    y = labels(np.load(options.file, mmap_mode="r"))
    before, watch = anonymous(), Watch()
    watch.start()
    fit = jgd.finite_sum(loss, (X, y), regularizer=lambda w: 1e-3 * w @ w)
    began = time.perf_counter()
    result = jgd.minimize(fit, np.zeros(FEATURES), getattr(jgd, options.method)(), gtol=1e-6)
    took = time.perf_counter() - began
    watch.ended.set()
    print(result)
    evaluate, f = jax.jit(Objective.evaluate), fit.objective(result.x)
    jax.block_until_ready(evaluate(f, result.x))
    began = time.perf_counter()
    jax.block_until_ready(evaluate(f, result.x))
    evaluation = time.perf_counter() - began
    examples: Any = fit.examples
    size = examples.reader.size
    began = time.perf_counter()
    for start in range(0, X.shape[0], size):
        X.read(start, min(start + size, X.shape[0]))
    reading = time.perf_counter() - began
    print(
        f"{X.shape[0]:,} rows, {X.shape[0] * FEATURES * 8 / 1e9:.1f} GB, in blocks of {size:,}: {took:.1f} s"
    )
    print(
        f"anonymous memory {watch.most / 1e9:.2f} GB at most, {before / 1e9:.2f} GB before (labels and JAX)"
    )
    print(f"one evaluation {evaluation:.2f} s, reading alone {reading:.2f} s")


if __name__ == "__main__":
    main()
