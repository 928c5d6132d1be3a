"""How long JAX has spent tracing and compiling, by its own account."""

import jax.monitoring

_EVENTS = (
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
    "/jax/core/compile/backend_compile_duration",
)
_total = 0.0


def _listen(event: str, duration_secs: float, **_: object) -> None:
    global _total
    if event in _EVENTS:
        _total += duration_secs


jax.monitoring.register_event_duration_secs_listener(_listen)


def compile_seconds() -> float:
    """Seconds of tracing, lowering and compiling since this module was imported."""
    return _total
