"""Weak scaling on simulated devices: the same number of rows on each, on the cores that there are.

    python -m experiments.benchmarks.scaling [--rows 20000] [--features 200]

Simulated devices share the machine's cores, so that time grows with their number: what the figures show is
the overhead beyond the work, and the number of all-reduces, not the speed of real devices.
"""

import argparse
import os
import subprocess
import sys
import time
from statistics import median

DEVICES = (1, 2, 4, 8)


def measure(rows: int, features: int) -> None:
    """In a process with its devices: a value and gradient, and a run of L-BFGS."""
    import jax
    import numpy as np

    import jgd
    from jgd.core.objective import Objective

    jax.config.update("jax_enable_x64", True)
    devices = len(jax.devices())
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows * devices, features))
    y = X @ rng.standard_normal(features) + rng.standard_normal(len(X)) > 0
    fit = jgd.parallel.shard(jgd.models.logistic(X, y))
    f = fit.objective(fit.start)
    program = jax.jit(Objective.evaluate).lower(f, fit.start).compile()
    seconds = []
    for _ in range(21):
        began = time.perf_counter()
        jax.block_until_ready(program(f, fit.start))
        seconds.append(time.perf_counter() - began)
    jgd.minimize(fit, method=jgd.lbfgs())
    result = jgd.minimize(fit, method=jgd.lbfgs())
    reductions = (program.as_text() or "").count(" all-reduce(")
    each = median(seconds[1:]) / devices
    print(f"{devices} {each:.6f} {reductions} {result.steps} {result.status.name} {result.run_seconds:.4f}")


def main() -> None:
    """Measure in processes of their own, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000, help="on each device")
    parser.add_argument("--features", type=int, default=200)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        measure(options.rows, options.features)
        return
    print("simulated devices on shared cores: weak scaling of the overhead, not of speed")
    print("devices  ms a device's rows  relative  all-reduces  L-BFGS")
    first = None
    for devices in DEVICES:
        flags = f"--xla_force_host_platform_device_count={devices}"
        command = [sys.executable, "-m", "experiments.benchmarks.scaling", "--here"]
        command += ["--rows", str(options.rows), "--features", str(options.features)]
        made = subprocess.run(
            command,
            env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
            capture_output=True,
            text=True,
            check=True,
        )
        count, each, reductions, steps, status, seconds = made.stdout.split()
        first = first or float(each)
        print(
            f"{count:>7}  {1e3 * float(each):18.2f}  {float(each) / first:8.2f}  {reductions:>11}  "
            f"{status} in {steps} steps, {seconds} s"
        )


if __name__ == "__main__":
    main()
