"""Functions that are compiled when they are first called, in the way that takes the least time to compile."""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import jax

from jgd.core.kernel import as_one_kernel, is_possible, kind

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


def compiled(fun: Callable) -> Callable:
    """`jax.jit(fun)` with those options, as one kernel on CPU where that is possible.

    It forgets its programs when there are more than `KEPT`, so that a new objective at every call cannot
    fill the process: on CPU a program keeps some 150 memory maps, and Linux ends a process at 65,530.
    """
    traced = 0
    whole: set[Any] = set()
    apart: set[Any] = set()

    @cache
    def made(as_one: bool) -> Any:
        @wraps(fun)
        def counted(*args: Any) -> Any:
            nonlocal traced
            traced += 1
            return fun(*args)

        if as_one and is_possible():
            return jax.jit(as_one_kernel(counted, whole), compiler_options=options())
        return jax.jit(lambda *args: (counted(*args), None), compiler_options=options())

    @wraps(fun)
    def call(*args: Any) -> Any:
        nonlocal traced
        if traced > KEPT:
            made.cache_clear()
            whole.clear()
            traced = 0
        if apart and kind(args) in apart:
            return made(False)(*args)[0]
        try:
            return made(True)(*args)[0]
        except jax.errors.JaxRuntimeError:
            if kind(args) not in whole:
                raise
            apart.add(kind(args))
        return made(False)(*args)[0]

    return call
