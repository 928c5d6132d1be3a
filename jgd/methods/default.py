"""Which method is taken where none is named, and which one goes on where it fails."""

from functools import cache
from typing import Any, NamedTuple

from jgd.core.words import plural
from jgd.methods.curved_recipes import lbfgs, levenberg_marquardt, newton, trust_region, trust_region_cg

DENSE = 32
"""Up to so many parameters the first method is the exact trust region."""

STRUCTURED = 2000
"""Up to so many parameters a dense Hessian that is not made of products is worth its factorization."""

NEWTON = 100
"""Up to so many parameters Newton's method with a dense Hessian is advised and compared."""


class Stage(NamedTuple):
    """A method, how many steps it has before the next one goes on if not all, and why it was chosen."""

    method: Any
    steps: int | None
    why: str


@cache
def stages(parameters: int, squares: bool = False, structured: bool = False) -> tuple[Stage, ...]:
    """The methods for a number of parameters, in their order; those that follow have all steps that are left.

    `squares` says that the objective is one of `jgd.residuals`, `structured` that it has a dense Hessian
    which is not made of products.
    """
    size = plural(parameters, "parameter")
    last = Stage(lbfgs(), None, "it learns curvature from gradients alone")
    if structured and parameters <= STRUCTURED:
        return Stage(newton(), 200, f"chosen for {size} of a model that knows its Hessian"), last
    if parameters > DENSE:
        why = f"chosen for {size}: no dense Hessian above {DENSE}"
        return Stage(trust_region_cg(most=parameters), 1_000, why), last
    if not squares:
        return Stage(
            trust_region(), 2_500, f"chosen for {size}: a dense Hessian is cheap up to {DENSE}"
        ), last
    first = Stage(levenberg_marquardt(), 100, f"chosen for {size} of a sum of squares")
    return first, Stage(trust_region(), None, "it knows the residuals' own curvature"), last
