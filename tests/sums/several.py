"""Runs on several devices, in a process of their own; it prints what they came to.

python -m tests.sums.several devices
python -m tests.sums.several process RANK PORT METHOD,METHOD
"""

import json
import os
import sys
from typing import Any

METHODS = ("gradient_descent", "lbfgs", "newton_cg", "trust_region_cg", "newton")


def outcomes(fit: Any, names: tuple[str, ...] = METHODS) -> dict[str, Any]:
    """Of each method: the steps, and x at the first 20 of them."""
    import jgd
    from tests.sums.fits import START

    methods = {name: getattr(jgd, name) for name in names}
    found = {}
    for name, method in methods.items():
        made = method(0.5) if name == "gradient_descent" else method()
        result = jgd.minimize(fit, START, made, recorder=jgd.Recorder(x=True))
        found[name] = {"status": result.status.name, "steps": result.steps, "x": told(result)}
    return found


def told(result: Any) -> list[list[float]]:
    """x at the first 20 steps."""
    return result.history["x"][:21].tolist()


def fits() -> tuple[Any, Any]:
    """The sum over all rows and the one over mini-batches, on one device."""
    import jgd
    from tests.sums.fits import WEIGHTS, X, Y, of_one, ridge

    data = {"regularizer": ridge, "weights": WEIGHTS}
    return (
        jgd.finite_sum(of_one, (X, Y), **data),
        jgd.finite_sum(of_one, (X, Y), batch_size=16, key=3, **data),
    )


def batched(fit: Any) -> list[list[float]]:
    """x at the first 20 steps of gradient descent on mini-batches."""
    import jgd
    from tests.sums.fits import START

    given = {"max_steps": 30, "recorder": jgd.Recorder(x=True)}
    return told(jgd.minimize(fit, START, jgd.gradient_descent(0.3), **given))


def chunked(fit: Any) -> dict[str, Any]:
    """A run in chunks against the run in one call, and how much was compiled after the first chunk."""
    import jgd
    from tests.contract.counting import compilations
    from tests.sums.fits import START

    given = (fit, START, jgd.gradient_descent(0.3))
    whole, counts = jgd.minimize(*given, max_steps=200), []
    part = jgd.minimize(*given, max_steps=200, callback=lambda snapshot: counts.append(compilations()))
    stopped = jgd.minimize(*given, max_steps=200, callback=lambda snapshot: snapshot.step > 20)
    return {
        "same": bool((part.x == whole.x).all() and part.steps == whole.steps),
        "compiled": counts[-1] - counts[0],
        "chunks": len(counts),
        "stopped": (stopped.status.name, stopped.steps),
    }


def on_devices() -> dict[str, Any]:
    """What eight devices of one process come to."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    import jgd
    from jgd.core.objective import Objective
    from tests.sums.fits import START, X, Y, of_one, ridge

    full, small = fits()
    spread = jgd.parallel.shard(full)
    f = spread.objective(START)
    lowered = jax.jit(Objective.evaluate).lower(f, START)
    text = lowered.compile().as_text()
    named = jax.make_mesh((4, 2), ("data", "model"))
    arrays = jgd.parallel.shard((X[:96], Y[:96]), named, "data")
    placed = jax.device_put((X[:96], Y[:96]), jax.NamedSharding(named, jax.P("data")))
    whole = jgd.finite_sum(of_one, (X[:96], Y[:96]), regularizer=ridge)
    half = arrays[0], Y[:96]
    alike = [jgd.finite_sum(of_one, rows, regularizer=ridge) for rows in (arrays, placed, half)]
    start = jax.device_put(START, jax.devices()[3])
    free = jgd.parallel.shard(jgd.models.logistic(X, X[:, 0] > 0, ridge=0.0))
    starts = START + np.arange(3)[:, None] / 4
    many = [jgd.minimize_many(fit, starts, jgd.gradient_descent(0.3)) for fit in (full, spread)]
    crowded = f.args[-1].take(jnp.zeros(64, jnp.int32), jnp.arange(64) < 60)
    return {
        "devices": len(jax.devices()),
        "outcomes": outcomes(spread),
        "batched": batched(jgd.parallel.shard(small)),
        "chunked": chunked(spread),
        "rows": [np.asarray(leaf).tolist() for leaf in jgd.parallel.shard(small).batch(2)[0]],
        "reductions": (lowered.as_text().count("all_reduce"), text.count(" all-reduce(")),
        "other collectives": sum(text.count(f" {name}(") for name in ("all-gather", "all-to-all")),
        "hessian": float(jnp.abs(f.hessian(START) - full.objective(START).hessian(START)).max()),
        "arrays": [float(fit(START) - whole(START)) for fit in alike],
        "labels": len(alike[2].examples.rows[1].sharding.device_set),
        "spread": [fit.examples.layout.devices for fit in (spread, *alike)],
        "crowded": float(jax.jit(f.fun.added, static_argnums=0)(_value, (crowded,))),
        "many": [float(np.abs(many[1].x - many[0].x).max()), (many[1].steps - many[0].steps).tolist()],
        "elsewhere": jgd.minimize(spread, start, jgd.newton()).status.name,
        "notes": list(jgd.minimize(free, method=jgd.gradient_descent(0.5), max_steps=20_000).notes),
        "refused": [
            _refusal(lambda: jgd.parallel.shard((X, Y))),
            _refusal(lambda: jgd.parallel.shard(full, named, "rows")),
            _refusal(lambda: jgd.parallel.shard(spread)),
        ],
    }


def _value(fun: Any, args: tuple) -> Any:
    from tests.sums.fits import START

    return fun(START, *args)


def _refusal(make: Any) -> str:
    try:
        make()
    except ValueError as error:
        return str(error)
    return "taken"


def in_process(rank: int, port: str, names: tuple[str, ...]) -> dict[str, Any]:
    """What this one of two processes comes to, with data that all have and with rows of its own."""
    import jax
    import numpy as np

    import jgd
    from tests.sums.fits import START, X, Y, of_one, ridge

    jax.distributed.initialize(f"127.0.0.1:{port}", 2, rank)
    full, small = fits()
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("data",))
    placed = jax.NamedSharding(mesh, jax.P("data"))
    mine = slice(51 * rank, 51 * (rank + 1))
    rows = tuple(jax.make_array_from_process_local_data(placed, array[mine]) for array in (X, Y))
    return {
        "devices": len(jax.devices()),
        "outcomes": outcomes(jgd.parallel.shard(full), names),
        "batched": batched(jgd.parallel.shard(small)),
        "chunked": [chunked(jgd.parallel.shard(fit)) for fit in (full, small)],
        "own rows": float(jgd.minimize(jgd.finite_sum(of_one, rows, regularizer=ridge), START).value),
    }


if __name__ == "__main__":
    if sys.argv[1] == "devices":
        os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
    import jax

    jax.config.update("jax_enable_x64", True)
    if sys.argv[1] == "devices":
        print(json.dumps(on_devices()))
    else:
        print(json.dumps(in_process(int(sys.argv[2]), sys.argv[3], tuple(sys.argv[4].split(",")))))
