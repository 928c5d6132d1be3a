"""Mini-batches: jgd against optax loops that draw the same batches, in one process and in turn.

    python -m experiments.benchmarks.minibatch [--rows 100000] [--features 100] [--batch 64] [--steps 20000]

Logistic regression by plain gradient descent and by Adam. Compared are a `lax.scan` over optax updates, and a
Python loop over a jitted step, both of which draw the rows of a step as jgd does, by the key and its number.
That the iterates are equal is asserted first. Printed are the medians over rounds of steps per second.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

import jgd
from experiments.benchmarks.logistic import synthetic

METHODS: dict[str, tuple[Any, optax.GradientTransformation]] = {
    "gradient descent": (jgd.gradient_descent(0.1), optax.sgd(0.1)),
    "adam": (jgd.adam(1e-3), optax.adam(1e-3)),
}


def loss(w: Any, row: Any) -> jax.Array:
    """The loss of one row."""
    x, y = row
    return jax.nn.softplus(-y * jnp.vdot(x, w))


def peers(fit: Any, method: optax.GradientTransformation, steps: int) -> dict[str, Callable[[Any], Any]]:
    """optax in a scan, and in a Python loop."""
    batches, examples = fit.batches, fit.examples

    def step(carry: Any, k: Any, examples: Any) -> Any:
        w, state = carry
        drawn = batches.draw(k, examples)

        def value(w: Any) -> jax.Array:
            return jnp.sum(jax.vmap(loss, (None, 0))(w, drawn.rows) * drawn.weights) * drawn.scale

        grad = jax.grad(value)(w)
        updates, state = method.update(grad, state, w)
        return optax.apply_updates(w, updates), state

    @jax.jit
    def scan(w: Any, examples: Any) -> Any:
        def body(carry: Any, k: Any) -> tuple[Any, None]:
            return step(carry, k, examples), None

        return lax.scan(body, (w, method.init(w)), jnp.arange(steps, dtype=jnp.int32))[0][0]

    jitted = jax.jit(step)

    def loop(w: Any) -> Any:
        carry = (w, method.init(w))
        for k in range(steps):
            carry = jitted(carry, np.int32(k), examples)
        return carry[0]

    return {"optax in a scan": lambda w: scan(w, examples), "optax in a Python loop": loop}


def measure(X: np.ndarray, y: np.ndarray, batch: int, steps: int, rounds: int) -> None:
    """Print the steps per second of all, method by method."""
    fit = jgd.finite_sum(loss, (X, y), batch_size=batch, test_every=1_000_000)
    start = jnp.zeros(X.shape[1], X.dtype)
    for name, (method, transformation) in METHODS.items():

        def ours(w: Any, method: Any = method) -> Any:
            return jgd.minimize(fit, w, method, max_steps=steps, gtol=0.0, recorder=None).x

        runs = {"jgd": ours} | peers(fit, transformation, steps)
        ends = {run: np.asarray(call(start)) for run, call in runs.items()}
        gap = max(float(np.abs(end - ends["jgd"]).max()) for end in ends.values())
        assert gap <= 1e-12 if X.dtype == np.float64 else 1e-5, f"the iterates differ by {gap:.2g}"
        seconds: dict[str, list[float]] = {run: [] for run in runs}
        for _ in range(rounds):
            for run, call in runs.items():
                began = time.perf_counter()
                jax.block_until_ready(call(start))
                seconds[run].append(time.perf_counter() - began)
        print(f"{name}: x after {steps:,} steps differs by at most {gap:.1g}")
        for run, times in seconds.items():
            ratio = median(one / own for one, own in zip(times, seconds["jgd"], strict=True))
            print(f"  {run:24} {steps / median(times):12,.0f} steps/s, {ratio:6.2f} times jgd's time")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=100)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--float32", action="store_true")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    X, y = synthetic(options.rows, options.features, 100.0)
    if options.float32:
        X, y = X.astype(np.float32), y.astype(np.float32)
    print(f"{jax.devices()[0].device_kind}, {X.dtype}, {X.shape[0]:,} x {X.shape[1]}, batch {options.batch}")
    measure(X, y, options.batch, options.steps, options.rounds)


if __name__ == "__main__":
    main()
