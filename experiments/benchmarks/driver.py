"""What the driver costs: gradient descent on Rosenbrock, jgd against a bare loop and its peers.

All run the same number of steps at the same rate, in one process, in turn, and return x and f(x); equal
iterates are asserted first. The bare loop tests the gradient's size and the number of steps at every
step; jgd adds its status, guards, best value and a history of 64 rows. Printed are medians over rounds
of the time relative to the bare loop of the same round, then the time to a first answer, then the
overhead of a second call.

    python -m experiments.benchmarks.driver [--quick] [--json FILE]
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox
import jax
import jax.numpy as jnp
import jaxopt
import numpy as np
import optax
import optimistix
from jax import lax

import jgd
from jgd.driver.stop import Divergence, Gradient, Stall, Steps, Stop, Target

RATE = 1e-6
"""So small that no run of these lengths ends before its last step."""

STEPS = {2: 1_000_000, 10: 300_000, 100: 50_000, 1_000: 16_000, 10_000: 6_000}


def rosenbrock(x: jax.Array) -> jax.Array:
    """The chained Rosenbrock function of n variables."""
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def start(n: int) -> jax.Array:
    """(-1.2, 1, -1.2, 1, ...)."""
    return jnp.asarray(np.resize([-1.2, 1.0], n))


def bare(fun: Callable) -> Callable:
    """A while loop and nothing else."""
    value_and_grad = jax.value_and_grad(fun)

    def solve(x: Any, rate: Any, steps: Any) -> Any:
        def going(carry: tuple) -> jax.Array:
            k, _, _, grad = carry
            return (jnp.max(jnp.abs(grad)) > 0) & (k < steps)

        def step(carry: tuple) -> tuple:
            k, x, _, grad = carry
            x = x - rate * grad
            return (k + 1, x, *value_and_grad(x))

        return lax.while_loop(going, step, (0, x, *value_and_grad(x)))[1:3]

    return jax.jit(solve)


def optax_loop(fun: Callable) -> Callable:
    """The same loop around optax.sgd."""
    value_and_grad = jax.value_and_grad(fun)

    def solve(x: Any, rate: Any, steps: Any) -> Any:
        method = optax.sgd(rate)

        def going(carry: tuple) -> jax.Array:
            k, _, _, _, grad = carry
            return (jnp.max(jnp.abs(grad)) > 0) & (k < steps)

        def step(carry: tuple) -> tuple:
            k, x, state, _, grad = carry
            updates, state = method.update(grad, state, x)
            x = optax.apply_updates(x, updates)
            return (k + 1, x, state, *value_and_grad(x))

        _, x, _, value, _ = lax.while_loop(going, step, (0, x, method.init(x), *value_and_grad(x)))
        return x, value

    return jax.jit(solve)


def with_jgd(fun: Callable) -> Callable:
    """jgd's functional core, everything on."""

    def solve(x: Any, rate: Any, steps: Any) -> Any:
        rules = Stop((Gradient(0.0), Target(-jnp.inf), Divergence(), Steps(steps)), (Stall(),))
        program = jgd.Program(jgd.Objective(fun), jgd.gradient_descent(rate), rules)
        point = jgd.solve(program, x).motion.point
        return point.x, point.value

    return jax.jit(solve)


def with_optimistix(fun: Callable) -> Callable:
    """optimistix.GradientDescent, whose first iteration only evaluates the start."""

    @equinox.filter_jit
    def solve(x: Any, rate: Any, steps: Any) -> Any:
        method = optimistix.GradientDescent(rate, rtol=0.0, atol=0.0)
        found = optimistix.minimise(lambda y, _: fun(y), method, x, max_steps=steps + 1, throw=False)
        return found.value, found.state.f_info.f

    return solve


def with_jaxopt(fun: Callable) -> Callable:
    """jaxopt.GradientDescent at a constant rate, which evaluates gradients only: f is added at the end."""

    def solve(x: Any, rate: Any, steps: Any) -> Any:
        method = jaxopt.GradientDescent(
            fun, stepsize=RATE, maxiter=int(steps), tol=0.0, acceleration=False, implicit_diff=False
        )
        found = method.run(x).params
        return found, fun(found)

    return jax.jit(solve, static_argnums=2)


CONTENDERS = {
    "bare loop": bare,
    "jgd": with_jgd,
    "optax loop": optax_loop,
    "optimistix": with_optimistix,
    "jaxopt": with_jaxopt,
}


def loops(sizes: dict[int, int], rounds: int) -> dict[int, dict[str, float]]:
    """Medians of the time relative to the bare loop, and the bare loop's nanoseconds a step."""
    solvers = {name: make(rosenbrock) for name, make in CONTENDERS.items()}
    found = {}
    for n, steps in sizes.items():
        x = start(n)
        answers = {name: solve(x, RATE, steps) for name, solve in solvers.items()}
        for name, answer in answers.items():
            np.testing.assert_allclose(answer[0], answers["bare loop"][0], rtol=1e-9, err_msg=name)
        times: dict[str, list[float]] = {name: [] for name in solvers}
        for _ in range(rounds):
            for name, solve in solvers.items():
                began = time.perf_counter()
                jax.block_until_ready(solve(x, RATE, steps))
                times[name].append(time.perf_counter() - began)
        base = np.array(times["bare loop"])
        found[n] = {name: float(np.median(np.array(taken) / base)) for name, taken in times.items()}
        found[n]["bare ns/step"] = float(np.median(base) / steps * 1e9)
        print(_line(f"n = {n:,}", found[n]), flush=True)
    return found


def first_answers(n: int, rounds: int) -> dict[str, float]:
    """Medians of the time to a first answer of 100 steps, relative to the bare loop, on fresh functions."""
    times: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    traces: dict[str, int] = {}
    for _ in range(rounds):
        for name, make in CONTENDERS.items():
            count = 0

            def fresh(x: jax.Array) -> jax.Array:
                nonlocal count
                count += 1
                return rosenbrock(x)

            began = time.perf_counter()
            jax.block_until_ready(make(fresh)(start(n), RATE, 100))
            times[name].append(time.perf_counter() - began)
            traces[name] = count
    base = np.array(times["bare loop"])
    found = {name: float(np.median(np.array(taken) / base)) for name, taken in times.items()}
    found["bare s"] = float(np.median(base))
    print(_line(f"first answer, n = {n:,}", found))
    print(_line("traces of the objective", traces))
    return found


def second_calls(rounds: int) -> dict[str, float]:
    """Median milliseconds that `minimize` takes beyond the bare loop, on a function it has seen."""

    def loss(x: jax.Array, target: jax.Array) -> jax.Array:
        return jnp.sum((x - target) ** 2)

    def call(x: jax.Array, rate: float, target: jax.Array) -> Any:
        return jgd.minimize(loss, x, jgd.gradient_descent(rate), args=(target,), gtol=0.0, max_steps=10)

    loop = bare(lambda x: jnp.sum(x**2))
    x, y = start(10), start(10) + 1
    cases = {
        "same": (x, 0.1, y),
        "other rate": (x, 0.2, y),
        "other start": (y, 0.1, y * 2),
        "other data": (x, 0.1, x * 3),
    }
    call(*cases["same"])
    loop(x, 0.1, 10)
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        began = time.perf_counter()
        jax.block_until_ready(loop(x, 0.1, 10))
        base = time.perf_counter() - began
        for name, given in cases.items():
            began = time.perf_counter()
            jax.block_until_ready(call(*given).x)
            found[name].append((time.perf_counter() - began - base) * 1e3)
    medians = {name: float(np.median(extra)) for name, extra in found.items()}
    print(_line("ms of overhead of a second call", medians))
    return medians


def _line(label: str, figures: dict[str, Any]) -> str:
    parts = [
        f"{name} {figure:.3f}" if isinstance(figure, float) else f"{name} {figure}"
        for name, figure in figures.items()
    ]
    return f"{label:32} " + " | ".join(parts)


def main() -> None:
    """Run all three and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a tenth of the steps, fewer rounds")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    sizes = {n: steps // 10 for n, steps in STEPS.items()} if options.quick else STEPS
    rounds = 5 if options.quick else 15
    device = f"{jax.devices()[0].device_kind}, {platform.machine()}"
    print(f"jax {jax.__version__}, {device}, float64, times relative to the bare loop")
    figures = {
        "loops": loops(sizes, rounds),
        "first answer": {n: first_answers(n, rounds // 3 + 1) for n in (2, 1_000)},
        "second call ms": second_calls(20 * rounds),
    }
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
