"""An objective that counts what is executed of it, and how often it is traced."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import jax.monitoring

from experiments.benchmarks.watch import noticed

_compilations = 0


def _listen(event: str, _: float, **__: Any) -> None:
    global _compilations
    _compilations += event == "/jax/core/compile/backend_compile_duration"


jax.monitoring.register_event_duration_secs_listener(_listen)


def compilations() -> int:
    """How many programs JAX has compiled."""
    return _compilations


class Counting:
    """`fun`, counted while it runs.

    `values`, `grads`, `hvps` and `hessians` are what was executed since `reset`; `traces` is how often
    Python ran through `fun` since the beginning. A product with the Hessian is told from a gradient by
    being differentiated forward, a whole Hessian by being so along all n directions at once.
    """

    def __init__(self, fun: Callable, n: int) -> None:
        self.traces, self.n = 0, n
        self._seen: Counter[str] = Counter()
        counted = noticed(self._note)

        def traced(x: Any, *args: Any) -> Any:
            self.traces += 1
            return fun(counted(x), *args)

        self.fun = traced

    def reset(self) -> None:
        jax.effects_barrier()
        self._seen.clear()

    def counts(self) -> dict[str, int]:
        """What was executed: every derivative of the gradient runs a value and a gradient too."""
        jax.effects_barrier()
        seen = self._seen
        hessians, odd = divmod(seen["products"] - seen["derivatives"], self.n - 1)
        assert odd == 0
        return {
            "values": seen["forward"] - seen["derivatives"],
            "grads": seen["backward"] - seen["derivatives"],
            "hvps": seen["derivatives"] - hessians,
            "hessians": hessians,
        }

    def products(self) -> int:
        """Products with the Hessian that were executed, those of a dense one and of a linearization too."""
        jax.effects_barrier()
        return self._seen["products"]

    def _note(self, name: str) -> None:
        self._seen[name] += 1
