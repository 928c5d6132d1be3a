"""An objective that counts what is executed of it, and how often it is traced."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import jax.monitoring

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
        counted = self._counted()

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
        hessians, odd = divmod(seen["directions"] - seen["derivatives"], self.n - 1)
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
        return self._seen["directions"]

    def _note(self, name: str, *operands: Any) -> None:
        jax.debug.callback(lambda *_: self._seen.update([name]), *operands)

    def _counted(self) -> Callable[[Any], Any]:
        """x -> x, noticed at each pass forward, backward, and forward through the pass backward."""

        def first(x: Any) -> Any:
            """One number of x, so that under vmap every lane is noticed."""
            return jax.tree.leaves(x)[0].ravel()[0]

        @jax.custom_jvp
        def gradient(g: Any) -> Any:
            return g

        @gradient.defjvp
        def along(primals: tuple, tangents: tuple) -> tuple:
            self._note("derivatives")
            self._note("directions", tangents[0])
            return primals[0], tangents[0]

        @jax.custom_vjp
        def counted(x: Any) -> Any:
            self._note("forward", first(x))
            return x

        def forward(x: Any) -> tuple:
            self._note("forward", first(x))
            return x, None

        def backward(_: None, g: Any) -> tuple:
            self._note("backward")
            return (gradient(g),)

        counted.defvjp(forward, backward)
        return counted
