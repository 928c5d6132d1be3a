"""How long JAX has spent tracing and compiling, by its own account."""

import time
from bisect import bisect_right
from operator import itemgetter

import jax.monitoring

_EVENTS = (
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
    "/jax/core/compile/backend_compile_duration",
)
KEPT = 10_000
"""So many spells of compiling are remembered."""

_intervals: list[tuple[float, float]] = []
"""When JAX was at it, disjoint and in order: an event that encloses earlier ones takes their place."""


def _listen(event: str, duration_secs: float, **_: object) -> None:
    if event not in _EVENTS:
        return
    end = time.perf_counter()
    start = end - duration_secs
    while _intervals and _intervals[-1][0] >= start:
        _intervals.pop()
    _intervals.append((start, end))
    if len(_intervals) > KEPT:
        del _intervals[: KEPT // 2]


jax.monitoring.register_event_duration_secs_listener(_listen)


def compile_seconds(since: float) -> float:
    """Seconds of tracing, lowering and compiling since a reading of `time.perf_counter`."""
    first = bisect_right(_intervals, since, key=itemgetter(1))
    return sum(end - max(start, since) for start, end in _intervals[first:])
