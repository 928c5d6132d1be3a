"""The fingerprint of a run: what must be the same for it to go on to the bit, in words and digests."""

import re
from collections.abc import Iterator
from typing import Any

import jax
import jax.extend
import numpy as np

import jgd
from jgd.checkpoint.digest import contents, digest_of_json, is_key, shaped
from jgd.core.minibatch import Batches
from jgd.core.objective import Objective
from jgd.core.streamed import Streamed, raise_fault
from jgd.driver.carry import Program
from jgd.driver.stop import Stop

WHERE = ("jgd", "JAX", "platform", "precision", "devices")
"""What a run is made with and on."""

MOST_SHOWN = 3
"""So many differences are named."""


def fingerprint(program: Program, x: Any) -> dict[str, str]:
    """What a run of `program` from an x of these shapes is, by name: words, numbers and digests.

    Versions and platform; shapes and dtypes of x; what the objective computes (its jaxpr, and the arrays that
    it is closed over), its further arguments and data, bounds and mini-batches; structure, numbers and jaxpr
    of the method; the recorder; the kinds of the rules, whose numbers may differ: budgets and tolerances. Of
    arrays of more than 64 MiB 65,536 entries are looked at, of a stream its first and its last block.

    Raises RuntimeError where streamed data cannot be read.
    """
    f, method = program.objective, program.method
    told = {
        "jgd": jgd.__version__,
        "JAX": jax.__version__,
        "platform": jax.default_backend(),
        "precision": "64 bits" if jax.config.read("jax_enable_x64") else "32 bits",
    }
    told["devices"] = str(max([1, *(len(leaf.devices()) for leaf in jax.tree.leaves(f.args))]))
    told |= {f"x{path}": shaped(np.shape(leaf), leaf.dtype) for path, leaf in _leaves(x)}
    told |= {f"args{path}": contents(leaf) for path, leaf in _leaves(tuple(map(_read, f.args)))}
    told |= {f"bounds{path}": contents(leaf) for path, leaf in _leaves(f.box)}
    told |= {"batches": "none"} if f.batches is None else _batches(f.batches)
    told["objective"] = f"{_named(f.fun)} of digest {_code(_evaluated, f, x)}"
    told["method"] = _structure(method)
    told |= {f"method{path}": _number(leaf) for path, leaf in _leaves(method)}
    told["code of the method"] = f"digest {_code(_stepped, f, method, x)}"
    told["rules"] = _rules(program.stop)
    told["recorder"] = _structure(program.recorder)
    return told | {f"recorder{path}": _number(leaf) for path, leaf in _leaves(program.recorder)}


def check_same(was: dict[str, str], now: dict[str, str], folder: Any) -> None:
    """Raise ValueError, naming what differs, where a run is not the one whose fingerprint was saved."""
    names = [name for name in was | now if was.get(name) != now.get(name)]
    if not names:
        return
    # with these the code differs too, and that is not the user's doing
    names = [name for name in names if name in WHERE] or names
    if "objective" in names:
        names = [name for name in names if name != "code of the method"]
    pairs = [f"{name} was {was.get(name, 'not there')} and is {now.get(name, 'not there')}" for name in names]
    more = f"; and {len(pairs) - MOST_SHOWN} more" if len(pairs) > MOST_SHOWN else ""
    raise ValueError(
        f"checkpoint: {folder} is of another run: {'; '.join(pairs[:MOST_SHOWN])}{more}. Give the run what "
        "it had, or name another folder to begin anew."
    )


def _evaluated(f: Objective, x: Any) -> Any:
    return f.at(np.int32(0)).evaluate(x)


def _stepped(f: Objective, method: Any, x: Any) -> Any:
    f = f.at(np.int32(0))
    point = f.evaluate(x)
    return method.step(f, point, method.init(f, point))


def _code(of: Any, *args: Any) -> str:
    """The digest of what a function computes: its jaxpr, and the arrays that it is closed over."""
    made = jax.make_jaxpr(of)(*args)
    return digest_of_json([_without_addresses(str(made)), *map(contents, _constants(made))])


def _constants(part: Any) -> Iterator[Any]:
    """The arrays of a jaxpr and of those within it."""
    if isinstance(part, jax.extend.core.ClosedJaxpr):
        yield from part.consts
        part = part.jaxpr
    if isinstance(part, jax.extend.core.Jaxpr):
        part = [equation.params for equation in part.eqns]
    if isinstance(part, dict):
        part = list(part.values())
    if isinstance(part, list | tuple):
        for one in part:
            yield from _constants(one)


def _leaves(tree: Any) -> list[tuple[str, Any]]:
    found = jax.tree_util.tree_leaves_with_path(tree)
    return [(jax.tree_util.keystr(path), leaf) for path, leaf in found]


def _read(arg: Any) -> Any:
    """An argument of the objective; of rows that stay in their file the first and the last block."""
    if not isinstance(arg, Streamed):
        return arg
    reader = arg.reader
    reader.fault()  # of an earlier time
    blocks = [reader.block(i)[0] for i in (0, (reader.count - 1) // reader.size)]
    raise_fault(reader.fault())
    return {"weights": arg.weights, "scale": arg.scale, "rows": np.int64(reader.count), "ends": blocks}


def _batches(batches: Batches) -> dict[str, str]:
    """How mini-batches are drawn."""
    drawn = {name: str(getattr(batches, name)) for name in ("size", "replacement", "test_every")}
    drawn["key"] = contents(batches.key)
    return {f"batches.{name}": value for name, value in drawn.items()}


def _rules(stop: Stop) -> str:
    """The names of the rules, and a digest of all that is no number in them."""
    names = ", ".join(type(rule).__name__ for rule in (*stop.tests, *stop.checks))
    return f"{names} of digest {digest_of_json(_structure(stop))}"


def _structure(record: Any) -> str:
    """A record in words, its numbers left out."""
    return _without_addresses(repr(jax.tree.map(lambda _: _Number(), record)))


class _Number:
    def __repr__(self) -> str:
        return "…"


def _number(leaf: Any) -> str:
    """A number to its last digit; of an array shape and digest."""
    return contents(leaf) if np.size(leaf) > 1 or is_key(leaf) else repr(np.asarray(leaf).item())


def _named(fun: Any) -> str:
    """What a function calls itself."""
    return _without_addresses(getattr(fun, "__qualname__", None) or repr(fun))


def _without_addresses(text: str) -> str:
    """The text without what differs from process to process."""
    return re.sub(r" at 0x[0-9a-f]+", "", text)
