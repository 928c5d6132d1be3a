"""f + weight/2 |x|^2 for an objective of any kind: what a hint hands to `minimize`."""

from typing import Any

from jgd.core import tree
from jgd.core.examples import SumOf
from jgd.core.objective import Objective
from jgd.core.residuals import WithResiduals, residuals
from jgd.sums import FiniteSum


def regularized(f: Objective, weight: float, start: Any) -> dict[str, Any]:
    """The arguments of `minimize` that stand for it: fun of the same kind, with args of its own for a sum.

    A sum over examples has a further penalty, and least squares have further residuals sqrt(weight) x.
    """
    fun: Any = f.fun
    if isinstance(fun, SumOf):
        *own, examples = f.args
        return {
            "fun": FiniteSum(fun.loss, _penalized(fun.penalty, weight), examples, None, start, tuple(own)),
            "args": (),
        }
    if isinstance(fun, WithResiduals):
        return {"fun": residuals(lambda x, *args: (fun.fun(x, *args), tree.scale(weight**0.5, x)))}
    return {"fun": _penalized(fun, weight)}


def _penalized(fun: Any, weight: float) -> Any:
    """The function with weight/2 |x|^2 added to its value; None is a function that is 0."""

    def penalized(x: Any, *args: Any) -> Any:
        penalty = 0.5 * weight * tree.dot(x, x)
        if fun is None:
            return penalty
        out = fun(x, *args)
        if isinstance(out, tuple):
            return out[0] + penalty.astype(out[0].dtype), out[1]
        return out + penalty.astype(out.dtype)

    return penalized
