"""The memory that logistic regression takes beyond its data.

    python -m experiments.benchmarks.memory [--rows 200000] [--features 100]

Each run is made in a process of its own, which first makes a small one, so that what JAX takes is there
before. Printed is the most resident memory during the run over that before it, the data being there already,
as a share of the data's size: as an array of JAX's, and of NumPy's, which is handed to JAX by one copy.
"""

import argparse
import gc
import subprocess
import sys
from pathlib import Path

METHODS = ("default", "lbfgs", "newton", "trust_region_cg")


def resident(name: str) -> float:
    """VmRSS or VmHWM of this process, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith(name))


def measure(rows: int, features: int, kind: str, name: str) -> None:
    """One run, in this process."""
    import jax
    import jax.numpy as jnp

    import jgd
    from experiments.benchmarks.logistic import synthetic

    jax.config.update("jax_enable_x64", True)

    def run(X: object, y: object) -> object:
        method = None if name == "default" else getattr(jgd, name)()
        return jgd.minimize(jgd.models.logistic(X, y), method=method, max_steps=30)

    run(*synthetic(1000, features))
    X, y = synthetic(rows, features)
    size = X.nbytes / 1e6
    data = jnp.array(X) if kind == "JAX" else X
    del X
    gc.collect()
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    run(data, y)
    print(f"{kind:6} {name:16} data {size:.0f} MB, and {resident('VmHWM') - before:.0f} MB", end=" ")
    print(f"({(resident('VmHWM') - before) / size:.0%})")


def main() -> None:
    """Measure in processes of their own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--features", type=int, default=100)
    parser.add_argument("--here", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        measure(options.rows, options.features, *options.here)
        return
    shape = ["--rows", str(options.rows), "--features", str(options.features)]
    for kind in ("JAX", "NumPy"):
        for name in METHODS:
            command = [sys.executable, "-m", "experiments.benchmarks.memory", *shape, "--here", kind, name]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
