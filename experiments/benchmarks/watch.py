"""A function that tells what is evaluated of it, and what came out, while a compiled program runs."""

from collections.abc import Callable
from typing import Any

import jax


class Watched:
    """`fun`, its evaluations counted as they are executed, and the best value after each of them noted.

    `values` are evaluations of the function, with or without the gradient, `products` those with the
    Hessian (a dense one has n). `improvements` is a list of (work so far, best value).
    """

    def __init__(self, fun: Callable) -> None:
        self.forward = self.derivatives = self.products = 0
        self.best = float("inf")
        self.improvements: list[tuple[int, float]] = []
        watched = self._watched()

        def call(x: Any) -> Any:
            value = fun(watched(x))
            jax.debug.callback(self._note_value, value)
            return value

        self.fun = call

    @property
    def values(self) -> int:
        """Evaluations of the function that were made for its own sake or its gradient's."""
        return self.forward - self.derivatives

    @property
    def work(self) -> int:
        """Evaluations and products together."""
        return self.values + self.products

    def _note_value(self, value: Any) -> None:
        if float(value) < self.best:
            self.best = float(value)
            self.improvements.append((self.work, self.best))

    def _add(self, name: str, *operands: Any) -> None:
        def note(*_: Any) -> None:
            setattr(self, name, getattr(self, name) + 1)

        jax.debug.callback(note, *operands)

    def _watched(self) -> Callable[[Any], Any]:
        """x -> x, a vector, noticed at each pass forward, backward, and forward through the pass backward."""

        @jax.custom_jvp
        def gradient(g: Any) -> Any:
            return g

        @gradient.defjvp
        def along(primals: tuple, tangents: tuple) -> tuple:
            self._add("derivatives")
            self._add("products", tangents[0])
            return primals[0], tangents[0]

        @jax.custom_vjp
        def watched(x: Any) -> Any:
            self._add("forward", x[0])
            return x

        def forward(x: Any) -> tuple:
            self._add("forward", x[0])
            return x, None

        def backward(_: None, g: Any) -> tuple:
            return (gradient(g),)

        watched.defvjp(forward, backward)
        return watched


def thinned(improvements: list[tuple[int, float]], most: int = 200) -> list[tuple[int, float]]:
    """At most so many of them, the first and the last among them, evenly by their number."""
    if len(improvements) <= most:
        return improvements
    last = len(improvements) - 1
    return [improvements[round(i * last / (most - 1))] for i in range(most)]
