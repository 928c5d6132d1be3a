"""The things that go round the circle: points, steps, what a step reports, and the method that takes it."""

from typing import TYPE_CHECKING, Any, Protocol

import jax

from jgd.core.record import record
from jgd.core.status import Status

if TYPE_CHECKING:
    from jgd.core.objective import Objective

Scalar = Any


@record
class Point:
    """A position and what the objective says there: `value == f(x)` and `grad == grad f(x)`, always.

    `x` and `grad` are pytrees of the same structure, `value` a scalar, `aux` what the objective
    returned beside its value (None if nothing).
    """

    x: Any
    value: jax.Array
    grad: Any
    aux: Any = None


@record
class Info:
    """What the reader of a run wants to know of one step; the same columns for every method.

    `rate` is the step's length in units of its direction, `accepted` whether the step was taken.
    `values`, `grads`, `hvps` and `hessians` count what the method evaluated itself (the driver adds
    its own evaluation), `rejected` how many of those evaluations were trials thrown away; under mini-batches
    they count batches, and an evaluation of all examples is as many as an epoch has. `status` is
    RUNNING, or why the method can go no further. A column that is a Python number or one of the
    method's own hyper-parameters costs nothing in the loop.
    """

    rate: Scalar = float("nan")
    accepted: Scalar = True
    values: Scalar = 0
    grads: Scalar = 0
    hvps: Scalar = 0
    hessians: Scalar = 0
    rejected: Scalar = 0
    status: Scalar = int(Status.RUNNING)


@record
class Step:
    """A proposal: where `to` go (an x, or a Point it evaluated already), its next state, its Info."""

    to: Any
    state: Any
    info: Info


class Method(Protocol):
    """How to move: never loops over steps, never stops a run, never evaluates for the record."""

    def init(self, f: "Objective", point: Point) -> Any:
        """The state before the first step."""
        ...

    def step(self, f: "Objective", point: Point, state: Any) -> Step:
        """The next proposal; the returned state has the structure and dtypes of the given one."""
        ...


def is_method(thing: Any) -> bool:
    """Whether it is one, and not the class of one."""
    return not isinstance(thing, type) and hasattr(thing, "init") and hasattr(thing, "step")


class Direction(Protocol):
    """Which way to go from a point.

    A direction that builds on earlier steps says so by `remembers = True` in its class: where a search
    fails along it, it is started afresh.
    """

    def init(self, f: "Objective", point: Point) -> Any:
        """The state before the first step."""
        ...

    def __call__(self, f: "Objective", p: Point, s: Any) -> tuple[Any, Any, Info]:
        """The direction d (a pytree like x), the next state, and what finding d took."""
        ...


class Search(Protocol):
    """How far to go along a direction.

    A search that may find no step says so by `may_fail = True` in its class.
    """

    def init(self, f: "Objective", point: Point) -> Any:
        """The state before the first step."""
        ...

    def __call__(self, f: "Objective", p: Point, d: Any, s: Any) -> Step:
        """The step along d."""
        ...


def is_search(thing: Any) -> bool:
    """Whether it is one, and not the function that makes one."""
    return hasattr(thing, "init") and callable(thing)


class Gauge(Protocol):
    """What a recorder measures of a run beside what every history has."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""
        ...

    def init(self, f: "Objective", point: Point) -> Any:
        """The memory before the first step."""
        ...

    def follow(self, old: Point, new: Point, memory: Any) -> Any:
        """The memory after a step; made at every step, so it should be cheap."""
        ...

    def read(
        self, f: "Objective", old: Point, new: Point, rate: Any, memory: Any
    ) -> tuple[tuple[Any, ...], Any]:
        """The columns of a recorded step and the memory after it; at the start old is new."""
        ...


def reported(part: Any, state: Any) -> dict[str, jax.Array]:
    """The columns that a method, a direction or a search adds to the history by its `report(state)`.

    `report` is optional; it returns real scalars by the names of their columns.
    """
    report = getattr(part, "report", None)
    return {} if report is None else report(state)
