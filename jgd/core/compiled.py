"""Functions that are compiled when they are first called, in the way that takes the least time to compile."""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import jax

from jgd.core.kernel import as_one_kernel, is_possible, kind

KEPT = 128  # programs of one function


GRAPHED = ("FUSION", "CUBLAS", "CUBLASLT", "CUSTOM_CALL", "DYNAMIC_SLICE_FUSION", "WHILE", "CONDITIONAL")

WANTED = {
    "cpu": {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 2},
    "gpu": {
        "xla_gpu_enable_command_buffer": ",".join(GRAPHED),
        "xla_gpu_graph_min_graph_size": 1,
    },
}
"""What is asked of the compiler, by the kind of device.

On CPU what takes less time to compile, up to a half where kernels are many and small, and runs as fast: the
older emitter of fused loops in place of the newer, and LLVM's level 2 in place of 3. On GPU that loops and
branches are part of a graph that the device goes through by itself: otherwise each step of a loop waits for
the host to read its predicate.
"""


@cache
def options() -> dict[str, Any]:
    """The compiler's options: those of `WANTED` that this version of XLA knows, which only a try can tell."""
    return dict(filter(_is_known, WANTED.get(jax.default_backend(), {}).items()))


def _is_known(option: tuple[str, Any]) -> bool:
    try:
        jax.jit(lambda x: x, compiler_options=dict([option])).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True


def compiled(fun: Callable, around: Callable[[Callable], Callable] = lambda program: program) -> Callable:
    """`jax.jit(fun)` with those options, as one kernel on CPU where that is possible.

    `around(program)` is what is compiled: the program as it is, or on several devices at once. It forgets its
    programs when there are more than `KEPT`, so that a new objective at every call cannot fill the process:
    on CPU a program keeps some 150 memory maps, and Linux ends a process at 65,530.
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

        def in_parts(*args: Any) -> tuple[Any, None]:
            return counted(*args), None

        program = as_one_kernel(counted, whole) if as_one and is_possible() else in_parts

        def call(*args: Any) -> Any:
            known = len(whole)
            out = around(program)(*args)
            if len(whole) > known:
                whole.add(kind(args))
            return out

        return jax.jit(call, compiler_options=options())

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
