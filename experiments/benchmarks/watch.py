"""A function that tells what is evaluated of it, and what came out, while a compiled program runs."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import jax


def noticed(note: Callable[[str], None]) -> Callable[[Any], Any]:
    """x -> x, a tree of arrays, where `note` is called each time that a pass goes through it.

    It is given "forward", "backward", "derivatives" for a pass forward through the pass backward, and
    "products" for every direction in which that is made: n of them at once for a dense Hessian. Under vmap
    every lane is noticed.
    """

    def tell(name: str, *operands: Any) -> None:
        jax.debug.callback(lambda *_: note(name), *operands)

    def first(x: Any) -> jax.Array:
        return jax.tree.leaves(x)[0].ravel()[0]

    @jax.custom_jvp
    def gradient(g: Any) -> Any:
        return g

    @gradient.defjvp
    def along(primals: tuple, tangents: tuple) -> tuple:
        tell("derivatives")
        tell("products", tangents[0])
        return primals[0], tangents[0]

    @jax.custom_vjp
    def through(x: Any) -> Any:
        tell("forward", first(x))
        return x

    def forward(x: Any) -> tuple:
        tell("forward", first(x))
        return x, None

    def backward(_: None, g: Any) -> tuple:
        tell("backward")
        return (gradient(g),)

    through.defvjp(forward, backward)
    return through


class Watched:
    """`fun`, its evaluations counted as they are executed, and the best value after each of them noted.

    `values` are evaluations of the function, with or without the gradient, `products` those with the
    Hessian (a dense one has n). `improvements` is a list of (work so far, best value).
    """

    def __init__(self, fun: Callable) -> None:
        self.seen: Counter[str] = Counter()
        self.best = float("inf")
        self.improvements: list[tuple[int, float]] = []
        watched = noticed(self._note)

        def call(x: Any) -> Any:
            value = fun(watched(x))
            jax.debug.callback(self._note_value, value)
            return value

        self.fun = call

    @property
    def values(self) -> int:
        """Evaluations of the function that were made for its own sake or its gradient's."""
        return self.seen["forward"] - self.seen["derivatives"]

    @property
    def products(self) -> int:
        """Products with the Hessian."""
        return self.seen["products"]

    @property
    def work(self) -> int:
        """Evaluations and products together."""
        return self.values + self.products

    def _note_value(self, value: Any) -> None:
        if float(value) < self.best:
            self.best = float(value)
            self.improvements.append((self.work, self.best))

    def _note(self, name: str) -> None:
        self.seen[name] += 1


def thinned(improvements: list[tuple[int, float]], most: int = 60) -> list[tuple[int, float]]:
    """At most so many of them, the first and the last among them, evenly by their number."""
    if len(improvements) <= most:
        return improvements
    last = len(improvements) - 1
    return [improvements[round(i * last / (most - 1))] for i in range(most)]
