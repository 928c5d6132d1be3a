"""Reference optima of logistic regression: every method against values found elsewhere, to 1e-9.

    python -m experiments.benchmarks.optima [FOLDER]

The sum of log(1 + exp(-y x.w)) + ridge/2 |w|^2 without an intercept, in float64. FOLDER may hold `mushrooms`
and `a9a` in LIBSVM's format (of its page of data sets; any of the endings .libsvm, .svm, .txt or none); what
is not there is said. They are taken as sparse rows; breast cancer is standardized.
"""

import argparse
from pathlib import Path
from typing import Any

import jax
import numpy as np

import jgd
from experiments.benchmarks.logistic import breast_cancer

OPTIMA = {
    ("breast_cancer", 1.0): 37.8777655571,
    ("breast_cancer", 0.01): 20.2046256730,
    ("mushrooms", 1.0): 117.6831764266,
    ("mushrooms", 0.01): 4.2171546906,
    ("a9a", 1.0): 10529.5625846379,
}
"""(data, ridge) -> the value at the minimum, by a damped Newton method in NumPy."""

METHODS: dict[str, Any] = {
    "default": lambda: None,
    "newton": jgd.newton,
    "newton_raphson": jgd.newton_raphson,
    "trust_region": jgd.trust_region,
    "trust_region_cg": jgd.trust_region_cg,
    "lbfgs": jgd.lbfgs,
    "gradient_descent, Barzilai-Borwein": lambda: jgd.gradient_descent(jgd.barzilai_borwein()),
}

ACCURACY = 1e-9


def data(name: str, folder: Path | None) -> Any:
    """(X, y), or None where there is no such file."""
    if name == "breast_cancer":
        return breast_cancer()
    endings = ("", ".libsvm", ".svm", ".txt")
    found = [
        folder / f"{name}{ending}" for ending in endings if folder and (folder / f"{name}{ending}").exists()
    ]
    if not found:
        return None
    from sklearn.datasets import load_svmlight_file

    return load_svmlight_file(str(found[0]))


def main() -> None:
    """Run all, and print the relative errors."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    failed = 0
    for (name, ridge), optimum in OPTIMA.items():
        table = data(name, options.folder)
        if table is None:
            print(f"{name}, ridge {ridge:g}: not there, name a folder that has it")
            continue
        fit = jgd.models.logistic(*table, ridge=ridge)
        print(f"{name}, ridge {ridge:g}, {table[0].shape[0]:,} x {table[0].shape[1]}: {optimum}")
        runs = {label: jgd.minimize(fit, method=make(), max_steps=100_000) for label, make in METHODS.items()}
        for label, result in runs.items():
            error = abs(float(result.value) - optimum) / optimum
            failed += not error <= ACCURACY
            print(
                f"  {label:36} {error:8.1e}  {result.status.name}, {result.steps:,} steps, "
                f"{result.run_seconds:.2f} s"
            )
        condition = jgd.curvature(fit, np.asarray(runs["newton"].x)).condition
        print(f"  condition number there: {condition:.4g}")
    raise SystemExit(f"{failed} above {ACCURACY:g}" if failed else 0)


if __name__ == "__main__":
    main()
