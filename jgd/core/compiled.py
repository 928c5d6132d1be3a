"""Functions that are compiled when they are first called, in the way that takes the least time to compile."""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import jax

KEPT = 128  # programs of one function


@cache
def options() -> dict[str, Any]:
    """The compiler's options: on CPU, where this version of XLA has a choice, the emitter of fused loops.

    Its newer one takes more than twice as long to compile programs of many small kernels, such as these,
    which then run as fast. XLA has no way to ask which options it knows, so it is tried.
    """
    wanted = {"xla_cpu_use_fusion_emitters": False}
    if jax.default_backend() != "cpu":
        return {}
    try:
        jax.jit(lambda x: x, compiler_options=wanted).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:
        return {}
    return wanted


def compiled(fun: Callable, **how: Any) -> Callable:
    """`jax.jit(fun, **how)` with those options, made at the first call, when a backend is there.

    It forgets its programs when there are more than `KEPT`, so that a new objective at every call cannot
    fill the process: on CPU a program keeps some 150 memory maps, and Linux ends a process at 65,530.
    """
    traced = 0

    @wraps(fun)
    def counted(*args: Any, **given: Any) -> Any:
        nonlocal traced
        traced += 1
        return fun(*args, **given)

    @cache
    def made() -> Any:
        return jax.jit(counted, compiler_options=options(), **how)

    @wraps(fun)
    def call(*args: Any, **given: Any) -> Any:
        nonlocal traced
        if traced > KEPT:
            made().clear_cache()
            traced = 0
        return made()(*args, **given)

    return call
