"""A sweep of 1,000 learning rates: `jgd.sweep` against Python loops over optax, in one process and in turn.

    python -m experiments.benchmarks.sweep [--quick] [--json FILE]

Gradient descent and Adam on Rosenbrock's function of 2 and of 100 variables and on logistic regression, from
one start, to a gradient tolerance or the budget of steps. The contenders make the same runs:

- a loop over jitted runs, each of its own rate, so that each compiles; timed on `SOME` of the rates, scaled;
- a loop over one jitted run, which takes the rate as an argument, its end read after each run;
- a loop over one jitted step, as optax is mostly used; timed on a few of the rates, scaled.

A run is a `lax.while_loop` with a gradient test. That the runs that converge take the same steps is asserted
first. Printed are times relative to jgd's, medians of interleaved rounds: of the first sweep of a new
function, compiling included (of the loops, too), and of another sweep of a known one.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

import jgd
from experiments.benchmarks.driver import rosenbrock, start
from jgd.core.words import plural
from jgd.problems import get

GTOL = 1e-6
SOME, FEW = 20, 4
"""How many of the rates the loop that recompiles, and the loop over steps, are timed on."""

ALIKE = 0.97
"""So large a part of the runs takes the same steps, to 1 %: the others are chaotic in the last bits."""

FACTORIES = {
    "gradient descent": (jgd.gradient_descent, optax.sgd),
    "Adam": (jgd.adam, optax.adam),
}


def logistic(w: Any, X: Any, y: Any) -> jax.Array:
    """Mean logistic loss with a ridge, for labels of -1 and 1."""
    return jnp.mean(jax.nn.softplus(-y * (X @ w))) + 1e-3 * jnp.sum(w**2)


def problems() -> dict[str, tuple[Callable, Any, tuple, int]]:
    """Name -> function, start, data, budget of steps."""
    data = get("breast-cancer").args
    X, y = jnp.asarray(data[0]), jnp.asarray(data[1])
    return {
        "rosenbrock, n = 2, 100 steps": (rosenbrock, start(2), (), 100),
        "rosenbrock, n = 2, 10,000 steps": (rosenbrock, start(2), (), 10_000),
        "rosenbrock, n = 100, 1,000 steps": (rosenbrock, start(100), (), 1_000),
        "logistic, 569 x 30, 100 steps": (logistic, jnp.zeros(X.shape[1]), (X, y), 100),
    }


def fresh(fun: Callable) -> Callable:
    """The same function, unknown to all caches."""
    return lambda x, *args: fun(x, *args)


def run_of(fun: Callable, factory: Callable, steps: int) -> Callable:
    """x0, rate, data -> x, steps: optax in a while loop with a gradient test."""
    value_and_grad = jax.value_and_grad(fun)

    def run(x: Any, rate: Any, *args: Any) -> Any:
        method = factory(rate)

        def going(carry: tuple) -> jax.Array:
            k, _, _, grad = carry
            return (jnp.max(jnp.abs(grad)) > GTOL) & (k < steps)

        def step(carry: tuple) -> tuple:
            k, x, state, grad = carry
            updates, state = method.update(grad, state, x)
            x = optax.apply_updates(x, updates)
            return k + 1, x, state, value_and_grad(x, *args)[1]

        k, x, _, _ = lax.while_loop(going, step, (0, x, method.init(x), value_and_grad(x, *args)[1]))
        return x, k

    return run


def recompiling(fun: Callable, factory: Callable, steps: int) -> Callable:
    """A loop over runs that are compiled anew for each rate."""

    def sweep(x: Any, rates: np.ndarray, args: tuple) -> list[int]:
        run = run_of(fun, factory, steps)
        return [int(jax.jit(lambda x, *args, r=r: run(x, r, *args))(x, *args)[1]) for r in rates.tolist()]

    return sweep


def one_program(fun: Callable, factory: Callable, steps: int) -> Callable:
    """A loop over one jitted run."""
    run = jax.jit(run_of(fun, factory, steps))

    def sweep(x: Any, rates: np.ndarray, args: tuple) -> list[int]:
        return [int(run(x, rate, *args)[1]) for rate in rates.tolist()]

    return sweep


def one_step(fun: Callable, factory: Callable, steps: int) -> Callable:
    """A loop over one jitted step, which reads the gradient's size after each."""

    @jax.jit
    def step(x: Any, state: Any, rate: Any, *args: Any) -> Any:
        grad = jax.grad(fun)(x, *args)
        updates, state = factory(rate).update(grad, state, x)
        return optax.apply_updates(x, updates), state, jnp.max(jnp.abs(grad))

    def sweep(x0: Any, rates: np.ndarray, args: tuple) -> list[int]:
        ended = []
        for rate in rates.tolist():
            x, state, k = x0, factory(rate).init(x0), 0
            while True:
                x, state, size = step(x, state, rate, *args)
                if not float(size) > GTOL or k == steps:
                    break
                k += 1
            ended.append(k)
        return ended

    return sweep


def ours(fun: Callable, factory: Callable, steps: int) -> Callable:
    """`jgd.sweep`."""

    def sweep(x: Any, rates: np.ndarray, args: tuple) -> np.ndarray:
        found = jgd.sweep(fun, x, factory, learning_rate=rates, args=args, gtol=GTOL, max_steps=steps)
        return np.where(found.ends.success, found.steps, -1)

    return sweep


def seconds(call: Callable[[], Any]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def measured(problem: tuple, factories: tuple, count: int, rounds: int) -> dict[str, float]:
    """Medians of the times relative to jgd's, of first sweeps and of further ones, and jgd's seconds."""
    fun, x, args, steps = problem
    mine, theirs = factories
    rates = np.geomspace(1e-5, 10.0, count)
    some, few = rates[:: max(1, count // SOME)], rates[:: max(1, count // FEW)]
    contenders = {
        "recompiling": (recompiling, theirs, some),
        "one program": (one_program, theirs, rates),
        "one step": (one_step, theirs, few),
    }
    known = {name: make(fun, factory, steps) for name, (make, factory, _) in contenders.items()}
    jgds = ours(fun, mine, steps)
    reached, loop = jgds(x, rates, args), np.array(known["one program"](x, rates, args))
    met = (reached >= 0) & (loop < steps)
    alike = np.isclose(loop, reached, rtol=0.01, atol=1) | ~met
    assert alike.mean() >= ALIKE, f"only {alike.mean():.1%} of the runs take the same steps"
    known["one step"](x, few[:1], args)

    first: dict[str, list[float]] = {name: [] for name in ("jgd", "recompiling", "one program")}
    again: dict[str, list[float]] = {name: [] for name in ("jgd", "one program", "one step")}
    for _ in range(rounds):
        first["jgd"].append(seconds(lambda: ours(fresh(fun), mine, steps)(x, rates, args)))
        for name in ("recompiling", "one program"):
            make, factory, own = contenders[name]
            taken = seconds(lambda: make(fresh(fun), factory, steps)(x, own, args))  # noqa: B023
            first[name].append(taken * count / len(own))
        again["jgd"].append(seconds(lambda: jgds(x, rates, args)))
        for name in ("one program", "one step"):
            own = contenders[name][2]
            again[name].append(seconds(lambda: known[name](x, own, args)) * count / len(own))  # noqa: B023
    found = {"jgd first s": float(np.median(first["jgd"])), "jgd again s": float(np.median(again["jgd"]))}
    for told, times in (("first", first), ("again", again)):
        for name in list(times)[1:]:
            found[f"{name}, {told}"] = float(np.median(np.array(times[name]) / times["jgd"]))
    return found


def main() -> dict[str, dict[str, float]]:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="40 rates, one round, one problem")
    parser.add_argument("--rates", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    count, rounds = (40, 1) if given.quick else (given.rates, given.rounds)
    chosen = dict(list(problems().items())[: 1 if given.quick else None])
    table = {}
    print(f"{count:,} rates; times of the loops relative to jgd's, medians of {plural(rounds, 'round')}")
    for name, problem in chosen.items():
        for method, factories in FACTORIES.items():
            found = table[f"{name}, {method}"] = measured(problem, factories, count, rounds)
            own = f"jgd {found['jgd first s']:.2f} s first, {found['jgd again s']:.3f} s again"
            print(f"{name}, {method}: {own}")
            print(
                "  " + ", ".join(f"{k} {v:.1f}" for k, v in found.items() if not k.endswith(" s")), flush=True
            )
    if given.json:
        given.json.write_text(json.dumps(table, indent=1) + "\n")
    return table


if __name__ == "__main__":
    main()
