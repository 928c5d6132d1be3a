"""Many small problems at once: jgd against vmapped loops of its peers and a loop over SciPy.

    python -m experiments.benchmarks.many [--runs 4096] [--rounds 5] [--lanes 64] [--json FILE]

Two sets: Rosenbrock's function from starts uniform in [-2, 2]^2, and a mixed bag of eight functions of two
variables. All go on until max|gradient| <= 1e-6, or 10,000 steps; optimistix, which has no such test, has
atol = rtol = 1e-10, and the share of all ends that meet it is printed. SciPy makes 128 of the runs, and its
time is multiplied up. Medians over rounds, in turn, in one process, on a CPU device for each core.
Executed over needed is the number of steps that were executed, those of lanes that waited included, over
the sum of the steps of all runs.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optimistix
import scipy.optimize
from jax import lax

import jgd

GTOL, CAP, FEW = 1e-6, 10_000, 128


def rosenbrock(x: jax.Array) -> jax.Array:
    """Rosenbrock's function."""
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


BAG: tuple[Callable[[jax.Array], jax.Array], ...] = (
    rosenbrock,
    lambda x: (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2,
    lambda x: (
        (4 - 2.1 * x[0] ** 2 + x[0] ** 4 / 3) * x[0] ** 2 + x[0] * x[1] + 4 * (x[1] ** 2 - 1) * x[1] ** 2
    ),
    lambda x: 0.5 * (x[0] ** 2 + 100 * x[1] ** 2),
    lambda x: jnp.cosh(x[0]) + jnp.cosh(3 * x[1]),
    lambda x: jnp.sin(x[0] + x[1]) + (x[0] - x[1]) ** 2 - 1.5 * x[0] + 2.5 * x[1] + 0.1 * jnp.sum(x**2),
    lambda x: x[0] ** 4 + x[1] ** 4 + x[0] ** 2 - x[0] * x[1] + x[1] ** 2,
    lambda x: jnp.log1p(jnp.sum((x - 1) ** 2)) + 0.5 * jnp.sum(x**2),
)
"""Eight functions of two variables."""


def mixed(x: jax.Array, kind: jax.Array) -> jax.Array:
    """The function of this number."""
    return lax.switch(kind, BAG, x)


def only(x: jax.Array, kind: jax.Array) -> jax.Array:
    """Rosenbrock's, whatever the number."""
    return rosenbrock(x)


METHODS = {
    "newton": jgd.newton(),
    "lbfgs": jgd.lbfgs(),
    "adgd": jgd.gradient_descent(jgd.adgd()),
    "adam": jgd.adam(0.05),
}


def vmapped(fun: Callable, method: optax.GradientTransformationExtraArgs) -> Callable:
    """optax in a loop that goes on until the gradient is small, vmapped."""

    def solve(x0: jax.Array, kind: jax.Array) -> tuple[Any, Any]:
        def value(x: jax.Array) -> jax.Array:
            return fun(x, kind)

        evaluate = optax.value_and_grad_from_state(value)

        def going(carry: tuple) -> jax.Array:
            k, _, _, grad = carry
            return (jnp.max(jnp.abs(grad)) > GTOL) & (k < CAP)

        def step(carry: tuple) -> tuple:
            k, x, state, _ = carry
            f, grad = evaluate(x, state=state)
            updates, state = method.update(grad, state, x, value=f, grad=grad, value_fn=value)
            x = optax.apply_updates(x, updates)
            return k + 1, x, state, jax.grad(value)(x)

        start = (0, x0, method.init(x0), jax.grad(value)(x0))
        k, x, _, _ = lax.while_loop(going, step, start)
        return x, k

    return jax.jit(jax.vmap(solve))


def vmapped_adam(fun: Callable) -> Callable:
    """optax.adam in the plainest loop, vmapped."""
    method = optax.adam(0.05)

    def solve(x0: jax.Array, kind: jax.Array) -> tuple[Any, Any]:
        gradient = jax.grad(lambda x: fun(x, kind))

        def step(carry: tuple) -> tuple:
            k, x, state, grad = carry
            updates, state = method.update(grad, state, x)
            x = optax.apply_updates(x, updates)
            return k + 1, x, state, gradient(x)

        def going(carry: tuple) -> jax.Array:
            return (jnp.max(jnp.abs(carry[3])) > GTOL) & (carry[0] < CAP)

        k, x, _, _ = lax.while_loop(going, step, (0, x0, method.init(x0), gradient(x0)))
        return x, k

    return jax.jit(jax.vmap(solve))


def vmapped_optimistix(fun: Callable) -> Callable:
    """optimistix's L-BFGS, vmapped."""
    solver = optimistix.LBFGS(rtol=1e-10, atol=1e-10)

    def solve(x0: jax.Array, kind: jax.Array) -> tuple[Any, Any]:
        found = optimistix.minimise(fun, solver, x0, args=kind, max_steps=CAP, throw=False)
        return found.value, found.stats["num_steps"]

    return jax.jit(jax.vmap(solve))


def scipy_loop(fun: Callable, name: str) -> Callable:
    """SciPy with a jitted value and gradient (and Hessian), on a few of the starts."""
    both, hessian = jax.jit(jax.value_and_grad(fun)), jax.jit(jax.hessian(fun))

    def solve(x0s: np.ndarray, kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ends = []
        for x0, kind in zip(x0s[:FEW], kinds[:FEW], strict=True):
            more: dict[str, Any] = {"hess": lambda x, kind=kind: np.asarray(hessian(x, kind))}
            if name == "L-BFGS-B":
                more = {"options": {"gtol": GTOL, "ftol": 0.0, "maxiter": CAP}}

            def value(x: np.ndarray, kind: Any = kind) -> tuple[float, np.ndarray]:
                f, grad = both(x, kind)
                return float(f), np.asarray(grad)

            found = scipy.optimize.minimize(value, x0, jac=True, method=name, tol=GTOL, **more)
            ends.append((found.x, found.nit))
        return np.array([x for x, _ in ends]), np.array([k for _, k in ends])

    return solve


def contenders(fun: Callable, lanes: int) -> dict[str, Callable]:
    """What is compared, group by group: `(x0s, kinds) -> (x, steps)`."""

    def ours(method: Any, **options: Any) -> Callable:
        def solve(x0s: Any, kinds: Any) -> Any:
            options_ = {"gtol": GTOL, "max_steps": CAP, **options}
            return jgd.minimize_many(fun, x0s, method, args=(kinds,), args_axis=0, **options_)

        return solve

    found: dict[str, Callable] = {}
    for name, method in METHODS.items():
        found[f"{name}: jgd"] = ours(method)
        for rows in (16, 64):
            found[f"{name}: jgd, history of {rows}"] = ours(method, recorder=jgd.Recorder(rows))
        found[f"{name}: jgd, {lanes} lanes"] = ours(method, lanes=lanes)
        if name == "newton":
            found[f"{name}: SciPy trust-exact"] = scipy_loop(fun, "trust-exact")
        if name == "lbfgs":
            found[f"{name}: optax, vmapped"] = vmapped(fun, optax.lbfgs())
            found[f"{name}: optimistix, vmapped"] = vmapped_optimistix(fun)
            found[f"{name}: SciPy L-BFGS-B"] = scipy_loop(fun, "L-BFGS-B")
        if name == "adam":
            found[f"{name}: optax, vmapped"] = vmapped_adam(fun)
    return found


def measure(fun: Callable, x0s: np.ndarray, kinds: np.ndarray, rounds: int, lanes: int) -> dict[str, Any]:
    """Print the time of each, relative to jgd's with the same method, and how many steps were made for it."""
    runs, gradient = contenders(fun, lanes), jax.jit(jax.vmap(jax.grad(fun)))
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    told: dict[str, Any] = {}
    for name, call in runs.items():
        began = time.perf_counter()
        ends = jax.block_until_ready(call(x0s, kinds))
        first = time.perf_counter() - began
        x, steps = (ends.x, ends.steps) if isinstance(ends, jgd.Ends) else map(np.asarray, ends)
        norms = np.abs(gradient(x, kinds[: len(x)])).max(axis=1)
        told[name] = {"first": first, "steps": int(steps.sum()), "met": float(np.mean(norms <= GTOL))}
        made = ends.executed if isinstance(ends, jgd.Ends) else int(steps.max()) * len(steps)
        told[name]["ratio"] = made / max(1, int(steps.sum()))
    for _ in range(rounds):
        for name, call in runs.items():
            began = time.perf_counter()
            jax.block_until_ready(call(x0s, kinds))
            scale = len(x0s) / FEW if "SciPy" in name else 1.0
            seconds[name].append((time.perf_counter() - began) * scale)
    for name, times in seconds.items():
        base = seconds[f"{name.split(':')[0]}: jgd"]
        told[name] |= {
            "seconds": median(times),
            "relative": median(one / own for one, own in zip(times, base, strict=True)),
        }
        row = told[name]
        print(
            f"  {name:30} {len(x0s) / row['seconds']:12,.0f} runs/s  {row['relative']:8.2f} x jgd's time   "
            f"executed/needed {row['ratio']:5.2f}   met {row['met']:6.1%}   first call {row['first']:5.1f} s",
            flush=True,
        )
    return told


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lanes", type=int, default=64)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    starts = np.random.default_rng(0).uniform(-2, 2, (options.runs, 2))
    kinds = np.arange(options.runs, dtype=np.int32) % len(BAG)
    print(f"{jax.devices()[0].device_kind}, {len(jax.devices())} devices, {options.runs:,} runs, float64")
    told = {}
    for name, fun in {"Rosenbrock": only, "the mixed bag": mixed}.items():
        print(name)
        told[name] = measure(fun, starts, kinds, options.rounds, options.lanes)
    if options.json:
        options.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
