"""Runs that are saved after every chunk, in a process of their own; it prints what they came to.

python -m tests.checkpoint.runs KIND FOLDER [--begun: say so once the first chunk is saved]
"""

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from jgd import chunks
from jgd.beginning import begun
from jgd.checkpoint.digest import digest_of_json
from jgd.checkpoint.store import Store
from jgd.driver.carry import Program
from tests.sums.fits import START, WEIGHTS, X, Y, of_one, ridge


def valley(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def full(**saved: Any) -> jgd.Result:
    method = jgd.gradient_descent(1e-5)
    return jgd.minimize(valley, -jnp.ones(50), method, gtol=0.0, max_steps=3_000_000, **saved)


def batches(**saved: Any) -> jgd.Result:
    fit = jgd.finite_sum(of_one, (X, Y), batch_size=16, key=3, regularizer=ridge, weights=WEIGHTS)
    recorder = jgd.Recorder(x=True)
    return jgd.minimize(fit, START, jgd.adam(1e-5), gtol=0.0, max_steps=200_000, recorder=recorder, **saved)


def lanes(**saved: Any) -> jgd.Ends:
    rates = jnp.logspace(-4, -3, 1_000)
    starts = -jnp.ones((1_000, 10))
    return jgd.minimize_many(
        valley, starts, jgd.gradient_descent(rates), gtol=0.0, recorder=jgd.Recorder(8), **saved
    )


KINDS = {"full": full, "batches": batches, "lanes": lanes}


def program_of(fun: Any, x0: Any, method: Any, args: tuple = (), **options: Any) -> tuple[Program, Any]:
    """The program that `minimize` would run, and its start."""
    run = begun(fun, x0, method, args=args, **options)
    return run.program, run.x0


def bits(tree: Any) -> dict[str, str]:
    """Every leaf of a tree, by path, to the last bit."""
    found = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        key = jnp.issubdtype(getattr(leaf, "dtype", float), jax.dtypes.prng_key)
        array = np.asarray(jax.random.key_data(leaf) if key else leaf)
        found[jax.tree_util.keystr(path)] = f"{array.dtype} {array.shape} {array.tobytes().hex()}"
    return found


def end_of(found: jgd.Result | jgd.Ends) -> Any:
    """All that a run, or many, came to; where the block began that saw the best point depends on the chunks."""
    if isinstance(found, jgd.Ends):
        return [part.end for part in found.parts]
    carry = dataclasses.replace(found.carry, best_origin=None)
    return carry, found.best_x, found.best_value, found.best_step, found.history


def told(found: jgd.Result | jgd.Ends) -> str:
    return digest_of_json(bits(end_of(found)))


def until(step: int) -> Any:
    """A callback that stops a run there."""
    return lambda snapshot: snapshot.step >= step


def _say_when_begun(folder: Path) -> None:
    """Print, once the first chunk is saved, whether there was one before."""
    before, save = any(folder.glob("*/facts.json")), Store.save
    said = []

    def saved(self: Store, *args: Any) -> None:
        save(self, *args)
        if not said:
            self.wait()
            said.append(print("begun", "again" if before else "anew", flush=True))

    Store.save = saved


if __name__ == "__main__":
    os.environ["JAX_PLATFORMS"] = "cpu"
    jax.config.update("jax_enable_x64", True)
    chunks.SECONDS = 0.02
    kind, folder = sys.argv[1], Path(sys.argv[2])
    if "--begun" in sys.argv:
        _say_when_begun(folder)
    found = KINDS[kind](checkpoint=folder, every=0.0)
    notes = found.origin if isinstance(found, jgd.Result) else ()
    print(json.dumps({"digest": told(found), "notes": notes}), flush=True)
