"""What it costs to see a run and to be able to stop it, and how soon Ctrl-C is answered.

Cost: the same run in one call, in chunks with a callback that does nothing, and with progress on a terminal,
in any order in each round; equal x is asserted, and medians over rounds are printed of the time relative to
one call, by the clock and (by the processor, which other programs disturb less). Latency: in a process of its
own, whose steps take about a millisecond, a Ctrl-C at a random moment; the seconds until `minimize` returns.

    python -m experiments.benchmarks.progress [--quick] [--json FILE]
"""

import argparse
import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jgd

RATE = 1e-9
"""So small that no run of these lengths ends before its last step."""

CASES = {"Rosenbrock, n = 2": (2, 200_000_000), "Rosenbrock, n = 1,000": (1_000, 2_000_000)}
"""Name -> the number of variables, and steps for some seconds."""


def rosenbrock(x: jax.Array) -> jax.Array:
    """The chained Rosenbrock function of n variables."""
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@contextlib.contextmanager
def terminal() -> Iterator[None]:
    """stderr is a terminal, read by a thread as a real one is by another program."""
    ours, theirs = pty.openpty()

    def drain() -> None:
        with contextlib.suppress(OSError):
            while os.read(ours, 4096):
                pass

    reader = threading.Thread(target=drain)
    reader.start()
    before = sys.stderr
    with os.fdopen(theirs, "w") as sys.stderr:
        try:
            yield
        finally:
            sys.stderr = before
    reader.join()
    os.close(ours)


WAYS: dict[str, dict[str, Any]] = {
    "one call": {},
    "callback": {"callback": lambda snapshot: None},
    "progress": {"progress": True},
}


def cost(n: int, steps: int, rounds: int) -> dict[str, Any]:
    """Way -> medians of the time relative to one call, by clock and processor; `seconds` of one call."""
    x0, method = np.resize([-1.2, 1.0], n), jgd.gradient_descent(RATE)
    times: dict[str, list[Any]] = {name: [] for name in WAYS}
    ends, order = {}, np.random.default_rng(0)
    with terminal():
        for of in (100, *[steps] * rounds):  # the first one compiles
            for name in order.permutation(list(WAYS)):
                began = _now()
                ends[name] = jgd.minimize(rosenbrock, x0, method, max_steps=of, **WAYS[name])
                times[name].append(_now() - began)
            for end in ends.values():
                assert end.steps == of
                assert (end.x == ends["one call"].x).all()
    seconds = {name: np.array(taken[1:]) for name, taken in times.items()}
    ratios = {name: taken / seconds["one call"] for name, taken in seconds.items()}
    found: dict[str, Any] = {name: np.median(ratio, axis=0).tolist() for name, ratio in ratios.items()}
    return found | {"seconds": np.median(seconds["one call"], axis=0).tolist()}


def _now() -> Any:
    return np.array([time.perf_counter(), time.process_time()])


def answer() -> None:
    """The process that is interrupted: it says when it is at it, and when it has ended."""
    rows = np.random.default_rng(0).standard_normal((2_000, 600))

    def loss(x: jax.Array, rows: jax.Array) -> jax.Array:
        return jnp.mean(jnp.log1p((rows @ x - 1) ** 2))

    told = []

    def tell(snapshot: jgd.Snapshot) -> None:
        if snapshot.run.seconds[1] > 2 and not told:
            told.append(print(f"{1 / snapshot.steps_per_second}", flush=True))

    result = jgd.minimize(
        loss,
        np.zeros(600),
        jgd.gradient_descent(RATE),
        args=(rows,),
        max_steps=10**9,
        progress=True,
        callback=tell,
    )
    print(result.status, flush=True)


def latency() -> tuple[float, float]:
    """Seconds from a Ctrl-C until the run has ended, and seconds of a step."""
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import jax; jax.config.update('jax_enable_x64', True)\n"
        "from experiments.benchmarks.progress import answer; answer()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        step = float(process.stdout.readline())
        time.sleep(np.random.default_rng().uniform(0, 0.5))
        began = time.perf_counter()
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "INTERRUPTED\n"
        taken = time.perf_counter() - began
    process.wait()
    return taken, step


def main() -> None:
    """Print both, and write them to a file if one is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="short runs, to see that it works")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    rounds, share = (2, 20) if given.quick else (15, 1)
    figures: dict[str, Any] = {}
    for name, (n, steps) in CASES.items():
        found = figures[name] = cost(n, steps // share, rounds)
        told = ", ".join("{} {:.3f} ({:.3f})".format(way, *found[way]) for way in WAYS if way != "one call")
        print(f"{name}: {told}; {found['seconds'][0]:.1f} s in one call", flush=True)
    answers = [latency() for _ in range(2 if given.quick else 20)]
    taken, steps = map(np.array, zip(*answers, strict=True))
    figures["latency"] = {"seconds": taken.tolist(), "step": float(np.median(steps))}
    print(
        f"Ctrl-C, {len(taken)} times: {np.median(taken):.3f} s in the median, {taken.max():.3f} s at most; "
        f"a step takes {1e3 * np.median(steps):.2f} ms"
    )
    if given.json is not None:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
