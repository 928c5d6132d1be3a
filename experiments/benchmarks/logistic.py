"""Logistic regression: jgd against scikit-learn's solvers, optax and optimistix, to the same accuracy.

    python -m experiments.benchmarks.logistic [--quick] [--data "100,000 x 100"] [--json FILE]

Every contender is run at falling tolerances until its answer has (f - f*)/f* <= 1e-10, f* by Newton's method
to the end; at the first one that will do it is timed warm, in rounds that go through all contenders in turn,
and the median over the rounds is printed, relative to jgd's default. The ridge is 1, there is no intercept.
Beside it stands how long one value-and-gradient takes relative to a sum over X.
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from jgd.core.objective import Objective

ACCURACY = 1e-10
TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10, 1e-12)
LIMIT = 30.0
"""Seconds that one run may take; what takes longer is not timed again."""

Solve = Callable[[float], Any]


def synthetic(count: int, features: int, condition: float = 1e4) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian features whose second moments have that condition number, and labels of a noisy model."""
    rng = np.random.default_rng(0)
    scales = np.logspace(0, -np.log10(condition) / 2, features)
    X = rng.standard_normal((count, features)) * scales
    z = X @ (rng.standard_normal(features) / scales) / np.sqrt(features)
    return X, np.where(rng.random(count) < 1 / (1 + np.exp(-z)), 1.0, -1.0)


def breast_cancer() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's, standardized."""
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), np.where(y == 1, 1.0, -1.0)


def digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's, the zeros against the rest."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return X / 16, np.where(y == 0, 1.0, -1.0)


DATA: dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]] = {
    "breast cancer": breast_cancer,
    "digits, 0 or not": digits,
    "100,000 x 100": lambda: synthetic(100_000, 100),
    "20,000 x 1,000": lambda: synthetic(20_000, 1_000),
}


def of_jgd(X: np.ndarray, y: np.ndarray, method: Any) -> Solve:
    """jgd.minimize on jgd.models.logistic."""
    fit = jgd.models.logistic(X, y)
    return lambda tol: jgd.minimize(fit, method=method, gtol=tol, grtol=0.0, max_steps=100_000).x


def of_scikit_learn(X: np.ndarray, y: np.ndarray, solver: str) -> Solve:
    """scikit-learn's LogisticRegression; liblinear's loss has no intercept either."""
    from sklearn.linear_model import LogisticRegression

    def solve(tol: float) -> Any:
        model = LogisticRegression(C=1.0, fit_intercept=False, solver=solver, tol=tol, max_iter=100_000)
        return model.fit(X, y).coef_[0]

    return solve


def loss(X: np.ndarray, y: np.ndarray) -> Callable[[Any], jax.Array]:
    """The objective as a function of w, its data closed over."""
    features, labels = jnp.asarray(X), jnp.asarray(y)
    return lambda w: jnp.sum(jax.nn.softplus(-labels * (features @ w))) + jnp.vdot(w, w) / 2


def of_optax(X: np.ndarray, y: np.ndarray) -> Solve:
    """optax.lbfgs in the loop of its documentation."""
    from experiments.benchmarks.contenders import optax_lbfgs

    run = optax_lbfgs(loss(X, y), 100_000)
    return lambda tol: run(jnp.zeros(X.shape[1]), tol)[0]


def of_optimistix(X: np.ndarray, y: np.ndarray) -> Solve:
    """optimistix.LBFGS, whose tolerances are those of the step and the value."""
    import equinox
    import optimistix

    fun = loss(X, y)

    @equinox.filter_jit
    def run(tol: float) -> Any:
        method = optimistix.LBFGS(rtol=tol, atol=tol)
        start = jnp.zeros(X.shape[1])
        return optimistix.minimise(lambda w, _: fun(w), method, start, max_steps=100_000, throw=False).value

    return run


CONTENDERS: dict[str, Callable[..., Solve]] = {
    "jgd": lambda X, y: of_jgd(X, y, None),
    "jgd lbfgs": lambda X, y: of_jgd(X, y, jgd.lbfgs()),
    "scikit-learn newton-cholesky": lambda X, y: of_scikit_learn(X, y, "newton-cholesky"),
    "scikit-learn lbfgs": lambda X, y: of_scikit_learn(X, y, "lbfgs"),
    "scikit-learn newton-cg": lambda X, y: of_scikit_learn(X, y, "newton-cg"),
    "scikit-learn liblinear": lambda X, y: of_scikit_learn(X, y, "liblinear"),
    "optax L-BFGS": of_optax,
    "optimistix L-BFGS": of_optimistix,
}


def timed(solve: Solve, tol: float) -> tuple[float, np.ndarray]:
    """Seconds, and the answer."""
    began = time.perf_counter()
    w = jax.block_until_ready(solve(tol))
    return time.perf_counter() - began, np.asarray(w)


def measure(X: np.ndarray, y: np.ndarray, rounds: int, names: list[str]) -> dict[str, dict[str, Any]]:
    """For each contender the tolerance that will do and the median of its seconds."""

    def value(w: np.ndarray) -> float:
        return float(np.sum(np.logaddexp(0, -y * (X @ w))) + w @ w / 2)

    solves = {name: CONTENDERS[name](X, y) for name in names}
    exact = jgd.minimize(jgd.models.logistic(X, y), method=jgd.newton(), gtol=0.0, max_steps=50)
    best = value(np.asarray(exact.best_x))
    rows: dict[str, dict[str, Any]] = {}
    for name, solve in solves.items():
        for tol in TOLERANCES:
            first, w = timed(solve, tol)
            gap = (value(w) - best) / best
            print(f"{name}: tol {tol:g}, {first:.2f} s, gap {gap:.1e}", file=sys.stderr, flush=True)
            if gap <= ACCURACY:
                rows[name] = {"tol": tol, "first_s": first, "gap": gap, "seconds": []}
                break
            if first > LIMIT:
                break
    for _ in range(rounds):
        for name, row in rows.items():
            row["seconds"].append(timed(solves[name], row["tol"])[0])
    return {name: {**row, "seconds": median(row["seconds"])} for name, row in rows.items()}


def gradient(X: np.ndarray, y: np.ndarray, rounds: int) -> dict[str, float]:
    """The median of the seconds of a value-and-gradient over that of a sum over X: in blocks, and XLA's."""
    fit = jgd.models.logistic(X, y)
    f, w = fit.objective(fit.start), jnp.zeros(X.shape[1])
    examples: Any = fit.examples
    features, labels = examples.rows

    def plain(w: Any, features: Any, labels: Any) -> Any:
        return jnp.sum(jax.nn.softplus(-labels * (features @ w))) + jnp.vdot(w, w) / 2

    calls = {
        "sum": (jax.jit(jnp.sum), (features,)),
        "jgd": (jax.jit(Objective.evaluate), (f, w)),
        "XLA": (jax.jit(jax.value_and_grad(plain)), (w, features, labels)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, (call, args) in calls.items():
            began = time.perf_counter()
            jax.block_until_ready(call(*args))
            seconds[name].append(time.perf_counter() - began)
    middle = {name: median(values[1:]) for name, values in seconds.items()}
    return {name: middle[name] / middle["sum"] for name in ("jgd", "XLA")}


def main() -> None:
    """Measure and print."""
    jax.config.update("jax_enable_x64", True)
    warnings.filterwarnings("ignore", module="sklearn")
    parser = argparse.ArgumentParser(description="Logistic regression against peers.")
    parser.add_argument("--quick", action="store_true", help="the two small sets, three rounds")
    parser.add_argument("--data", choices=list(DATA), help="one of the sets")
    parser.add_argument("--contenders", default=",".join(CONTENDERS), help="names by commas, jgd first")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", help="a file for the figures")
    options = parser.parse_args()
    chosen = [options.data] if options.data else list(DATA)[:2] if options.quick else list(DATA)
    names = options.contenders.split(",")
    rounds, found = 3 if options.quick else options.rounds, {}
    for name in chosen:
        X, y = DATA[name]()
        reads = gradient(X, y, 5 * rounds)
        rows = measure(X, y, rounds, names)
        ours = rows["jgd"]["seconds"]
        print(f"{name}: value and gradient {reads['jgd']:.2f} sums over X, XLA's {reads['XLA']:.2f}")
        for contender in names:
            if contender not in rows:
                print(f"  {contender:30} did not get within {ACCURACY:g}")
                continue
            row = rows[contender]
            print(
                f"  {contender:30}{1e3 * row['seconds']:10.2f} ms {row['seconds'] / ours:8.2f}"
                f"  tol {row['tol']:g}, gap {row['gap']:.0e}"
            )
        found[name] = {"reads": reads, "rows": rows}
    if options.json:
        with open(options.json, "w") as out:
            json.dump(found, out, indent=1)


if __name__ == "__main__":
    main()
