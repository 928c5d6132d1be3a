"""The front door: `minimize` and `segments`, which check, wrap, choose defaults, run, and tell."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from jgd.beginning import begun
from jgd.checkpoint.keeper import EVERY
from jgd.chunks import Watcher, asks, heard, limit_of, watched
from jgd.core import check
from jgd.driver.carry import GRID
from jgd.driver.recorder import Recorder
from jgd.progress import Progress, line
from jgd.result import Result
from jgd.rules import MAX_STEPS
from jgd.run import Run
from jgd.saving import Saving
from jgd.snapshot import Snapshot


def minimize(
    fun: Callable,
    x0: Any = None,
    method: Any = None,
    *,
    args: tuple = (),
    gtol: float | None = None,
    grtol: float | None = None,
    ftol: float = 0.0,
    xtol: float = 0.0,
    target: float | None = None,
    max_steps: int = MAX_STEPS,
    max_evaluations: int | None = None,
    stop: Any = (),
    recorder: Recorder | None = GRID,
    has_aux: bool = False,
    bounds: Any = None,
    x_scale: Any = None,
    start: Result | None = None,
    callback: Callable[[Snapshot], Any] | None = None,
    progress: bool = False,
    time_limit: float | None = None,
    checkpoint: Any = None,
    every: float = EVERY,
) -> Result:
    """Minimize `fun(x, *args)` over x, starting at `x0`.

    Args:
      fun: a pure JAX function of a pytree of floats that returns a scalar (or `(scalar, aux)` with
        `has_aux`), or a `jgd.finite_sum`. Hand over the same function object again and the compiled program
        is reused, also with other data, another rate or another start.
      x0: the start, a pytree of float arrays; its dtypes are those of the run.
      method: `jgd.gradient_descent(...)` and its like, any optax transformation, or None: the exact
        `trust_region` up to 32 parameters, for `jgd.residuals` first `levenberg_marquardt`, and above 32
        `trust_region_cg`; `newton` up to 2,000 for `jgd.models`; where it fails `lbfgs` goes on (`notes`). On
        mini-batches `adam`.
      args: further arguments of `fun`; data belongs here and not in a closure.
      gtol: CONVERGED is max|grad| <= gtol + grtol * (the same at x0); by default 1e-8 in float64, 1e-4 in
        float32, 1e-2 in 16 bits.
      grtol: see gtol; by default 1e-12, 1e-6 and 1e-2, and 0 if only gtol is given.
      ftol: STALLED when at 8 checks in a row the value changes by less than ftol * max(|f|, 1); 0 is never.
      xtol: STALLED when at 8 checks in a row no entry of x changes by more than xtol * max|x|; with 0, when
        x stays the same to the last bit, or moves by its last bits alone, to no lower value or gradient.
      target: TARGET_REACHED when the value is at most this.
      max_steps: the budget of steps.
      max_evaluations: the budget of evaluations of `fun`; None for none.
      stop: further rules: a function of a `jgd.Point` that returns a boolean, a rule of `jgd.stop`, or a
        tuple of them.
      recorder: how much history to keep; None for none.
      has_aux: whether `fun` returns `(value, aux)`; the Result has the aux of its x.
      bounds: `(lower, upper)`, each None, a number, or a tree like x of arrays that broadcast to its leaves,
        infinite where there is no bound. x0 and every x are moved inside, the gradient test is made of
        x - project(x - gradient), and `active` in the Result says where x is held.
      x_scale: the size that x typically has, a number or a tree like x of arrays that broadcast to its
        leaves, rounded to powers of two: the method moves in x / x_scale, where one step length suits all
        entries. It is a diagonal preconditioner: descent follows x_scale^2 times the gradient. None for 1.
        Or what `jgd.standardize` returns, x = T z: the method moves in z, and descent follows T T^T times the
        gradient. Within bounds T must be diagonal, and is rounded too.
      start: an earlier Result to go on from, in place of x0, its method if none is named. With the same
        function object, data and kind of method the run goes on as if it had never stopped, max_steps
        counted from its beginning; with others it starts anew at that Result's x. The summary says which.
      callback: called with a `jgd.Snapshot` about four times a second and at the end; it returns True to
        stop, None or False to go on. An exception of its own comes out, the snapshot as `error.snapshot`.
      progress: whether to show step, value, distance to the tolerance and pace on stderr: in a line that
        changes (with rich, on a terminal or in a notebook), else in a line every few seconds.
      time_limit: the budget of seconds by the clock, compiling and callback included; `math.inf` for none.
      checkpoint: a folder to save the run in, made if need be. The same call again, in this process or
        another, goes on from there to the bit, also after a kill; a run that had ended ends at once, or goes
        on if its rules have other numbers now. Function, data, start, method, dtypes and versions must be the
        same. The recorded rows are in its `history.jsonl` as they come. `pip install "jgd[checkpoint]"`.
      every: the seconds between two checkpoints; there is one at the end, too.

    With `callback`, `progress`, `time_limit` or `checkpoint` the run is made in chunks of about a quarter of
    a second, and Ctrl-C or SIGTERM (in the main thread) end it as INTERRUPTED at the end of a chunk, a second
    one at once.
    Without them it is one compiled call.

    Returns:
      A `Result`; how a run ended is said there and never raised.

    Raises:
      TypeError, ValueError: for bad input, before anything is compiled, naming the argument.

    >>> import jax.numpy as jnp, jgd
    >>> result = jgd.minimize(lambda x: jnp.sum((x - 1.0) ** 2), jnp.zeros(3))
    >>> result.status.name, result.steps
    ('CONVERGED', 1)
    """
    run = begun(
        fun,
        x0,
        method,
        args=args,
        gtol=gtol,
        grtol=grtol,
        ftol=ftol,
        xtol=xtol,
        target=target,
        max_steps=max_steps,
        max_evaluations=max_evaluations,
        stop=stop,
        recorder=recorder,
        has_aux=has_aux,
        bounds=bounds,
        x_scale=x_scale,
        start=start,
    )
    limit = limit_of(time_limit)
    if callback is not None and not callable(callback):
        raise TypeError(
            f"callback must be a function of a jgd.Snapshot or None, got {type(callback).__name__}."
        )
    check.flag("progress", progress)
    check.scalar("every", every, least=0)
    if callback is None and not progress and time_limit is None and checkpoint is None:
        return run.whole().result()
    with ExitStack() as opened:
        watchers = [] if callback is None else [asks(callback)]
        watchers += [opened.enter_context(Progress(line))] if progress else []
        run, saving = _saving(run, checkpoint, every, opened)
        return watched(run, limit, watchers + saving)


def segments(
    fun: Callable,
    x0: Any = None,
    method: Any = None,
    *,
    time_limit: float | None = None,
    checkpoint: Any = None,
    every: float = EVERY,
    **options: Any,
) -> Iterator[Snapshot]:
    """The run of `minimize` in chunks of about a quarter of a second, for a loop of your own.

    Args:
      fun: that of `minimize`.
      x0: that of `minimize`.
      method: that of `minimize`.
      time_limit: that of `minimize`; the loop's own time counts.
      checkpoint: that of `minimize`.
      every: that of `minimize`.
      options: those of `minimize` but for `callback` and `progress`, in whose place is the loop.

    Returns:
      An iterator over a `jgd.Snapshot` after each chunk, the last one at the end of the run. Leave the loop
      to stop; `snapshot.result` is the Result at any time. Ctrl-C or SIGTERM in a chunk end the run as
      INTERRUPTED; in the loop's body they do what they always do.

    Raises:
      TypeError, ValueError: for bad input, when it is called.

    >>> import jax.numpy as jnp, jgd
    >>> for snapshot in jgd.segments(lambda x: jnp.sum(jnp.cosh(x)), jnp.ones(3), jgd.newton()):
    ...     pass
    >>> snapshot.status.name, snapshot.step == snapshot.result.steps
    ('CONVERGED', True)
    """
    for name in {"callback", "progress"} & options.keys():
        raise TypeError(f"{name} is an argument of jgd.minimize: here the loop over the snapshots is yours.")
    run, opened = begun(fun, x0, method, **options), ExitStack()
    limit = limit_of(time_limit)
    check.scalar("every", every, least=0)
    run, saving = _saving(run, checkpoint, every, opened)
    return heard(run, limit, saving, opened)


def _saving(run: Run, folder: Any, every: float, opened: ExitStack) -> tuple[Run, list[Watcher]]:
    """The run where its checkpoints in the folder left it, and what saves it from there on."""
    if folder is None:
        return run, []
    saving = opened.enter_context(Saving(run, folder, float(every)))
    return saving.run, [saving]
