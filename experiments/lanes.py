"""Many runs at once: `jax.vmap` over the functional core, without history."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

import jgd
from jgd.core.types import Method
from jgd.driver.stop import Divergence, Gradient, Stall, Steps, Stop, Target


@jgd.record
class Ends:
    """How each run ended, along a first axis; `grad_norm` is the largest entry of the gradient."""

    steps: jax.Array
    status: jax.Array
    x: Any
    value: jax.Array
    grad_norm: jax.Array


def rules(gtol: float = 1e-8, max_steps: int = 100_000, target: float = -jnp.inf) -> Stop:
    """When to stop: the gradient test, the target, divergence, the budget; a run that stands still stalls."""
    return Stop((Gradient(gtol), Target(target), Divergence(), Steps(max_steps)), (Stall(),))


@partial(jax.jit, static_argnames="run")
def ends(run: Callable[[Any], tuple[jgd.Objective, Method, Any]], lanes: Any, stop: Stop) -> Ends:
    """Run `run(lane) -> (objective, method, x0)` for every lane, all of them until the last one is done."""

    def end(lane: Any) -> Ends:
        objective, method, x0 = run(lane)
        carry = jgd.solve(jgd.Program(objective, method, stop, recorder=None), x0)
        point = carry.motion.point
        return Ends(carry.motion.k, carry.status, point.x, point.value, carry.grad_norm)

    return jax.vmap(end)(lanes)
