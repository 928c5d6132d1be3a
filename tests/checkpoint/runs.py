"""Runs that are saved after every chunk of steps, in a process of their own; it prints what they came to.

python -m tests.checkpoint.runs KIND FOLDER [--begun: say so once the first chunk is saved]
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from jgd.checkpoint.digest import digest_of_json
from jgd.checkpoint.fingerprint import check_same, fingerprint
from jgd.checkpoint.rows import Rows, read_rows
from jgd.checkpoint.store import Store
from jgd.core import tree
from jgd.driver import solve as driver
from jgd.driver.carry import Carry, Program
from jgd.driver.recorder import recorded
from jgd.driver.steps import names
from jgd.prepare import prepare
from jgd.rules import rules
from tests.sums.fits import START, WEIGHTS, X, Y, of_one, ridge


@dataclass(frozen=True)
class Run:
    """A run: its program, start and chunk of steps; `begin` and `go` are compiled, for lanes over them."""

    program: Program
    x0: Any
    chunk: int
    end: int
    lanes: Any = None

    def begin(self) -> Carry:
        return _begin(self.program, self.x0, self.lanes)

    def go(self, carry: Carry, limit: int) -> Carry:
        return _go(self.program, carry, limit, self.lanes)

    def facts(self) -> dict[str, Any]:
        return {"run": fingerprint(self.program, self.x0)}

    def expected(self, folder: Path) -> Any:
        """What a checkpoint of the run is like, once its facts are found to be those of the run."""

        def like(facts: dict[str, Any]) -> Carry:
            check_same(facts["run"], self.facts()["run"], folder)
            return jax.eval_shape(self.begin)

        return like


def of_lane(program: Program, rate: Any) -> Program:
    return Program(program.objective, jgd.gradient_descent(rate), program.stop, program.recorder)


@jax.jit
def _begin(program: Program, x0: Any, lanes: Any) -> Carry:
    if lanes is None:
        return driver.begin(program, x0)
    return jax.vmap(lambda rate: driver.begin(of_lane(program, rate), x0))(lanes)


@jax.jit
def _go(program: Program, carry: Carry, limit: Any, lanes: Any) -> Carry:
    if lanes is None:
        return driver.run(program, carry, limit)
    return jax.vmap(lambda rate, carry: driver.run(of_lane(program, rate), carry, limit))(lanes, carry)


def program_of(
    fun: Any, x0: Any, method: Any, args: tuple = (), recorder: Any = None, **given: Any
) -> tuple[Program, Any]:
    """The program that `minimize` would run, for 10^6 steps at most."""
    f, x, stages = prepare(fun, x0, method, args, False)
    numbers = {"gtol": 0.0, "grtol": None, "ftol": 0.0, "xtol": 0.0, "target": None} | given
    stop, _ = rules(
        tree.dtype(x), **numbers, max_steps=10**6, max_evaluations=None, stop=(), between=f.between
    )
    return Program(f, stages[0].method, stop, recorder), x


def valley(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def full() -> Run:
    program, x0 = program_of(valley, -jnp.ones(50), jgd.gradient_descent(1e-3), recorder=jgd.Recorder())
    return Run(program, x0, 1_000, 40_000)


def batches() -> Run:
    fit = jgd.finite_sum(of_one, (X, Y), batch_size=16, key=3, regularizer=ridge, weights=WEIGHTS)
    program, x0 = program_of(fit, START, jgd.adam(1e-3), recorder=jgd.Recorder(x=True))
    return Run(program, x0, 100, 4_000)


def lanes() -> Run:
    program, x0 = program_of(valley, -jnp.ones(10), jgd.gradient_descent(1e-3))
    return Run(program, x0, 200, 8_000, jnp.logspace(-4, -3, 64))


KINDS = {"full": full, "batches": batches, "lanes": lanes}


def bits(tree: Any) -> dict[str, str]:
    """Every leaf of a tree, by path, to the last bit."""
    found = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        key = jnp.issubdtype(getattr(leaf, "dtype", float), jax.dtypes.prng_key)
        array = np.asarray(jax.random.key_data(leaf) if key else leaf)
        found[jax.tree_util.keystr(path)] = f"{array.dtype} {array.shape} {array.tobytes().hex()}"
    return found


def told(run: Run, carry: Carry) -> str:
    return digest_of_json(bits(carry))


def whole(run: Run) -> Carry:
    """The end of a run that nothing interrupts or saves."""
    carry = run.begin()
    for limit in range(run.chunk, run.end + 1, run.chunk):
        carry = run.go(carry, limit)
    return carry


def saved(run: Run, folder: Path, end: int | None = None) -> tuple[Carry, tuple[str, ...]]:
    """The end of a run that is saved after every chunk, and goes on from what was saved; and the notes."""
    with Store(folder / "checkpoints") as store:
        found = store.restore(run.expected(folder))
        carry, at, notes = (run.begin(), 0, ()) if found is None else (found.tree, found.step, found.notes)
        history = None
        if run.program.recorder is not None:
            history = Rows(folder / "history.jsonl", -1 if found is None else at)
        facts = run.facts()
        for limit in range(at + run.chunk, (end or run.end) + 1, run.chunk):
            carry = run.go(carry, limit)
            if history is not None:
                history.append(recorded(carry.history, names(run.program, carry)))
            store.save(limit, carry, facts)
            if "--begun" in sys.argv and limit == at + run.chunk:
                store.wait()
                print("begun", at, flush=True)
    return carry, notes


def rows(folder: Path) -> dict[str, np.ndarray]:
    return read_rows(folder / "history.jsonl")


if __name__ == "__main__":
    os.environ["JAX_PLATFORMS"] = "cpu"
    jax.config.update("jax_enable_x64", True)
    made = KINDS[sys.argv[1]]()
    carry, notes = saved(made, Path(sys.argv[2]))
    print(json.dumps({"digest": told(made, carry), "notes": notes}), flush=True)
