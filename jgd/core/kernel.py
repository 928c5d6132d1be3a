"""Small programs as one kernel: on CPU, XLA otherwise starts every fused loop of a step on its own.

Starting a kernel takes longer than a small one runs. XLA can compile a call as a whole, and does so with the
small loops that it finds; here it is told to, for programs of small arrays that hold nothing but operations
that can be part of such a kernel.
"""

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental.xla_metadata import set_xla_metadata
from jax.extend.core import jaxpr_as_fun

TRIED = (0, 10)
"""Older versions of JAX end the process where a program cannot be one kernel, rather than say so."""

COMPUTED = 2048
"""The most entries of an array that is computed entry by entry: XLA shares out larger ones to threads."""

READ = 32768
"""The most entries of an array that is read in a product or moved as a whole."""

HELD = 2**18
"""The most entries of an array of which parts are taken or replaced."""

EQUATIONS = 4096
"""The most operations: a kernel is one function, and its time to compile grows faster than its length."""

_BY_ENTRY = """
abs acos acosh add add_any and argmax argmin asin asinh atan atan2 atanh bitcast_convert_type cbrt ceil clamp
clz convert_element_type copy cos cosh cumsum div eq erf erf_inv erfc exp exp2 expm1 floor ge gt integer_pow
is_finite le log log1p logistic lt max min mul ne neg nextafter not or pow reduce_and reduce_max reduce_min
reduce_or reduce_precision reduce_prod reduce_sum rem round rsqrt select_n shift_left shift_right_arithmetic
shift_right_logical sign sin sinh sqrt square stop_gradient sub tan tanh xor
"""

_MOVED = """
concatenate dot_general expand_dims iota pad reshape rev slice split squeeze stack transpose
"""

_HELD = """
broadcast_in_dim dynamic_slice dynamic_update_slice gather
"""

_NESTED = """
checkpoint closed_call cond core_call custom_jvp_call custom_vjp_call jit pjit platform_index remat remat2
scan while
"""

MOST = {
    **dict.fromkeys(_BY_ENTRY.split(), COMPUTED),
    **dict.fromkeys(_MOVED.split(), READ),
    **dict.fromkeys(_HELD.split(), HELD),
}
"""The operations that can be part of a kernel, and the most entries of their arrays."""

NESTED = frozenset(_NESTED.split())
"""What holds further operations."""


def is_possible() -> bool:
    """Whether this machine and this version of JAX can make one kernel of a program."""
    return jax.default_backend() == "cpu" and jax.__version_info__ >= TRIED


def as_one_kernel(fun: Callable, whole: set[Any]) -> Callable:
    """args -> (fun(*args), a number of no meaning), to be traced by `jax.jit`.

    It is one kernel where the program is small; then `whole` has its kind. The number depends on all
    arguments: XLA ends the process over an argument that a kernel does not use.
    """

    def call(*args: Any) -> tuple[Any, jax.Array | None]:
        closed, shape = jax.make_jaxpr(fun, return_shape=True)(*args)
        program, leaves = jaxpr_as_fun(closed), jax.tree.leaves(args)
        structure = jax.tree.structure(shape)
        if not (is_small(closed.jaxpr) and all(map(_is_number, leaves))):
            return jax.tree.unflatten(structure, program(*leaves)), None
        whole.add(kind(args))
        with set_xla_metadata(inlineable="false", xla_cpu_small_call="true"):
            out, used = jax.jit(lambda *leaves: (program(*leaves), _first_entries(leaves)))(*leaves)
        return jax.tree.unflatten(structure, out), used

    return call


def _is_number(leaf: Any) -> bool:
    dtype = leaf.dtype if hasattr(leaf, "dtype") else jnp.result_type(leaf)
    return jnp.size(leaf) > 0 and getattr(dtype, "kind", "V") in "fiub"


def _first_entries(leaves: tuple) -> jax.Array:
    """The sum of the first entries of all leaves."""
    return sum((jnp.ravel(leaf)[0].astype(jnp.float32) for leaf in leaves), jnp.zeros((), jnp.float32))


def kind(args: tuple) -> Any:
    """What tells programs of one function apart: structure, shapes and dtypes of its arguments."""
    leaves, structure = jax.tree.flatten(args)
    return structure, tuple((jnp.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)


def is_small(jaxpr: Any) -> bool:
    """Whether the program, with all that it calls, can be one kernel and gains by it."""
    counted = enumerate(_equations(jaxpr), start=1)
    return all(count <= EQUATIONS and _fits(equation) for count, equation in counted)


def _equations(jaxpr: Any) -> Iterator[Any]:
    """All equations of a program and of those inside it."""
    for equation in jaxpr.eqns:
        yield equation
        for parameter in equation.params.values():
            for inner in parameter if isinstance(parameter, tuple | list) else (parameter,):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    yield from _equations(inner)


def _fits(equation: Any) -> bool:
    name = equation.primitive.name
    if name in NESTED:
        return True
    avals = [variable.aval for variable in (*equation.invars, *equation.outvars)]
    if any(not hasattr(aval, "dtype") or getattr(aval.dtype, "kind", "V") in "cV" for aval in avals):
        return False
    if name == "dot_general" and not _is_by_vector(equation):
        return False
    largest = max((prod(aval.shape) for aval in avals), default=0)
    return name in MOST and largest <= MOST[name]


def _is_by_vector(equation: Any) -> bool:
    """Whether it is a product with a vector; of two matrices it may be one of a library."""
    (_, (batch, _)) = equation.params["dimension_numbers"]
    shape = equation.outvars[0].aval.shape
    return not batch and sum(length > 1 for length in shape) <= 1
