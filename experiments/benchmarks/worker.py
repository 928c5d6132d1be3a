"""The worker of the benchmark: a process that makes runs, each under a time limit."""

import gc
import multiprocessing
import time
import traceback
from pathlib import Path
from typing import Any

CAP = 100_000
"""Steps allowed in the raised setting."""

WATCH = 2.0
"""The watched run may take so many times the limit; without it the whole run's time and work stand for it."""


def work(connection: Any, wide: bool, problem: str) -> None:
    """The worker: load the collection of a problem, then make the runs that it is told of.

    Python collects what earlier runs have left, which may take seconds, between runs only.
    """
    import jax

    jax.config.update("jax_enable_x64", wide)
    from experiments.benchmarks.collection import named

    named(problem)
    gc.disable()
    connection.send("ready")
    while True:
        task = connection.recv()
        gc.collect()
        for part in ("first", "watched"):
            try:
                connection.send(globals()[f"_{part}"](task))
            except Exception as error:
                connection.send({"error": f"{type(error).__name__}: {error}"[:300], "where": _where(error)})


def _where(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def _made(task: dict[str, Any], watch: bool) -> tuple[Any, Any, Any]:
    """The compiled run, its start, and the watched function if it is watched."""
    from experiments.benchmarks.collection import named, objective
    from experiments.benchmarks.contenders import CONTENDERS
    from experiments.benchmarks.watch import Watched

    fun, x0 = objective(named(task["problem"]))
    seen = Watched(fun) if watch else None
    cap = None if task["setting"] == "own" else CAP
    solve = CONTENDERS[task["contender"]](fun if seen is None else seen.fun, x0.size, cap)
    return solve, x0 * task["scale"], seen


def _first(task: dict[str, Any]) -> dict[str, Any]:
    """A first call and a warm one, and what they found by our own evaluation."""
    import jax
    import numpy as np

    from experiments.benchmarks.collection import named, objective

    solve, x0, _ = _made(task, watch=False)
    began = time.perf_counter()
    x, said, steps = solve(x0)
    x = jax.block_until_ready(x)
    first = time.perf_counter() - began
    warm = []
    while len(warm) < 3 and sum(warm) < 1.0:
        began = time.perf_counter()
        jax.block_until_ready(solve(x0)[0])
        warm.append(time.perf_counter() - began)
    evaluate = jax.jit(jax.value_and_grad(objective(named(task["problem"]))[0]))
    (start, start_grad), (value, grad) = evaluate(x0), evaluate(jax.numpy.asarray(x, x0.dtype))
    return {
        "said": said,
        "steps": steps,
        "first_s": first,
        "warm_s": min(warm),
        "f0": float(start),
        "g0": float(np.max(np.abs(start_grad))),
        "f": float(value),
        "g": float(np.max(np.abs(grad))),
    }


def _watched(task: dict[str, Any]) -> dict[str, Any]:
    """The same again under a watch."""
    import jax

    from experiments.benchmarks.watch import thinned

    if task["setting"] == "quick":
        return {}
    solve, x0, seen = _made(task, watch=True)
    solve(x0)
    jax.effects_barrier()
    return {
        "values": seen.values,
        "products": seen.products,
        "work": seen.work,
        "improvements": thinned(seen.improvements),
    }


class Worker:
    """A process that makes runs, replaced when one of them takes too long."""

    def __init__(self, wide: bool) -> None:
        self.wide, self.process = wide, None

    def _started(self, problem: str) -> Any:
        if self.process is None or not self.process.is_alive():
            context = multiprocessing.get_context("spawn")
            self.connection, theirs = context.Pipe()
            self.process = context.Process(target=work, args=(theirs, self.wide, problem), daemon=True)
            self.process.start()
            theirs.close()
            self.connection.recv()
        return self.connection

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None

    def run(self, task: dict[str, Any], limit: float) -> dict[str, Any]:
        """The outcome of one task; a part that takes too long or dies ends the worker."""
        connection, outcome = self._started(task["problem"]), {}
        connection.send(task)
        for allowed in (2 * limit + 2, WATCH * limit):
            if not connection.poll(allowed):
                self.close()
                return outcome or {"error": "time-out"}
            try:
                part = connection.recv()
            except (EOFError, ConnectionResetError):
                self.close()
                return outcome or {"error": "the worker died"}
            outcome = outcome | part if "error" not in part or not outcome else outcome
        if outcome.get("first_s", 0.0) > limit:
            outcome = {**outcome, "error": "time-out"}
        return outcome
