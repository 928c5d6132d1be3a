"""The minimizers that are compared, each as `make(fun, n, cap) -> (x0 -> (x, status, steps))`.

`cap` is None for a contender's own defaults, else the largest number of its steps, together with a
gradient tolerance of 1e-5 where it knows one. Peers that have no driver are run in the loop that their
documentation shows. What a contender does not compile itself is compiled here.
"""

from collections.abc import Callable
from typing import Any

import equinox
import jax
import jaxopt
import numpy as np
import optax
import optimistix
import scipy.optimize

import jgd

GTOL = 1e-5

Solve = Callable[[Any], tuple[Any, str, int]]


def of_jgd(method: Callable[[], Any] | None) -> Callable[..., Solve]:
    """jgd's front door; the answer is x, but the best point where a run was cut short or failed."""

    def make(fun: Callable, n: int, cap: int | None) -> Solve:
        given = {} if cap is None else {"gtol": GTOL, "max_steps": cap}

        def solve(x0: Any) -> tuple[Any, str, int]:
            result = jgd.minimize(fun, x0, None if method is None else method(), **given)
            settled = result.success or result.status == jgd.Status.PRECISION_LIMIT
            x = result.x if settled else result.best_x
            return x, result.status.name, result.steps

        return solve

    return make


def of_optimistix(solver: Callable[..., Any]) -> Callable[..., Solve]:
    """optimistix stops on changes of x and f; it has no gradient test."""

    def make(fun: Callable, n: int, cap: int | None) -> Solve:
        method = solver(rtol=1e-8, atol=1e-8)
        steps = 256 if cap is None else cap

        @equinox.filter_jit
        def compiled(x0: Any) -> Any:
            return optimistix.minimise(lambda x, _: fun(x), method, x0, max_steps=steps, throw=False)

        def solve(x0: Any) -> tuple[Any, str, int]:
            found = compiled(x0)
            said = "success" if bool(found.result == optimistix.RESULTS.successful) else "failed"
            return found.value, said, int(found.stats["num_steps"])

        return solve

    return make


def with_jaxopt(fun: Callable, n: int, cap: int | None) -> Solve:
    """jaxopt.LBFGS."""
    given = {} if cap is None else {"maxiter": cap, "tol": GTOL}
    method = jaxopt.LBFGS(fun, implicit_diff=False, **given)
    run = jax.jit(method.run)

    def solve(x0: Any) -> tuple[Any, str, int]:
        found = run(x0)
        return (
            found.params,
            "failed" if bool(found.state.failed_linesearch) else "ended",
            int(found.state.iter_num),
        )

    return solve


def optax_lbfgs(fun: Callable, steps: int) -> Callable[[Any, Any], tuple[Any, Any]]:
    """(x0, tol) -> (x, steps taken): optax.lbfgs in the loop of its documentation, until |grad| < tol."""
    method, value_and_grad = optax.lbfgs(), optax.value_and_grad_from_state(fun)

    @jax.jit
    def run(x0: Any, tol: Any) -> tuple[Any, Any]:
        def step(carry: tuple) -> tuple:
            x, state = carry
            value, grad = value_and_grad(x, state=state)
            updates, state = method.update(grad, state, x, value=value, grad=grad, value_fn=fun)
            return optax.apply_updates(x, updates), state

        def going(carry: tuple) -> Any:
            count, grad = (optax.tree.get(carry[1], name) for name in ("count", "grad"))
            return (count == 0) | ((count < steps) & (optax.tree.norm(grad) >= tol))

        x, state = jax.lax.while_loop(going, step, (x0, method.init(x0)))
        return x, optax.tree.get(state, "count")

    return run


def with_optax(fun: Callable, n: int, cap: int | None) -> Solve:
    """optax.lbfgs, with the steps and the tolerance of its documentation where there is no cap."""
    steps, tol = (100, 1e-3) if cap is None else (cap, GTOL)
    run = optax_lbfgs(fun, steps)

    def solve(x0: Any) -> tuple[Any, str, int]:
        x, count = run(x0, tol)
        return x, "ended", int(count)

    return solve


CAPS = {
    "BFGS": ("maxiter",),
    "L-BFGS-B": ("maxiter", "maxfun"),
    "trust-ncg": ("maxiter",),
    "trust-exact": ("maxiter",),
    "Newton-CG": ("maxiter",),
}
"""SciPy's method -> the options that bound its steps."""


def with_scipy(method: str) -> Callable[..., Solve]:
    """scipy.optimize.minimize with compiled value, gradient and curvature."""

    def make(fun: Callable, n: int, cap: int | None) -> Solve:
        value_and_grad = jax.jit(jax.value_and_grad(fun))
        hessian = jax.jit(jax.hessian(fun))
        product = jax.jit(lambda x, v: jax.jvp(jax.grad(fun), (x,), (v,))[1])
        curvature: dict[str, Any] = {}
        if method == "trust-exact":
            curvature = {"hess": lambda x: np.asarray(hessian(x))}
        elif method in ("trust-ncg", "Newton-CG"):
            curvature = {"hessp": lambda x, v: np.asarray(product(x, v))}
        options: dict[str, Any] = {} if cap is None else dict.fromkeys(CAPS[method], cap)
        if cap is not None:
            options |= {"xtol": 1e-14} if method == "Newton-CG" else {"gtol": GTOL}
            options |= {"ftol": 0.0} if method == "L-BFGS-B" else {}

        def both(x: Any) -> tuple[float, Any]:
            value, grad = value_and_grad(x)
            return float(value), np.asarray(grad, float)

        def solve(x0: Any) -> tuple[Any, str, int]:
            found = scipy.optimize.minimize(
                both, np.asarray(x0, float), jac=True, method=method, options=options, **curvature
            )
            return found.x, f"{found.status}: {found.message}"[:80], int(found.nit)

        return solve

    return make


PEERS: dict[str, Callable[..., Solve]] = {
    "optax L-BFGS": with_optax,
    "optimistix L-BFGS": of_optimistix(optimistix.LBFGS),
    "SciPy L-BFGS-B": with_scipy("L-BFGS-B"),
    "SciPy trust-ncg": with_scipy("trust-ncg"),
    "jaxopt L-BFGS": with_jaxopt,
    "optimistix BFGS": of_optimistix(optimistix.BFGS),
    "optimistix NCG": of_optimistix(optimistix.NonlinearCG),
    "SciPy BFGS": with_scipy("BFGS"),
    "SciPy Newton-CG": with_scipy("Newton-CG"),
    "SciPy trust-exact": with_scipy("trust-exact"),
}

METHODS: dict[str, Callable[[], Any] | None] = {
    "jgd": None,
    "jgd newton": jgd.newton,
    "jgd trust_region": jgd.trust_region,
    "jgd trust_region_cg": jgd.trust_region_cg,
    "jgd newton_cg": jgd.newton_cg,
    "jgd bfgs": jgd.bfgs,
    "jgd lbfgs": jgd.lbfgs,
    "jgd conjugate_gradient": jgd.conjugate_gradient,
    "jgd conjugate_gradient PR+": lambda: jgd.conjugate_gradient("polak-ribiere"),
    "jgd barzilai_borwein": lambda: jgd.gradient_descent(jgd.barzilai_borwein()),
    "jgd adgd": lambda: jgd.gradient_descent(jgd.adgd()),
}
"""jgd's default and each of its methods that need no rate."""

OURS = {name: of_jgd(method) for name, method in METHODS.items()}

CONTENDERS = OURS | PEERS
