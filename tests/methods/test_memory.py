"""Memory: what a compiled run takes is what the method's docstring says, in copies of x."""

import re

import jax
import jax.numpy as jnp
import pytest

import jgd
from jgd.driver.solve import solve

N = 100_000
VERSIONS = 2.1
"""Another version of XLA may need two copies more."""


def rosenbrock(x):
    return jnp.sum((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2)


METHODS = {
    "gradient_descent": (jgd.gradient_descent, jgd.gradient_descent(1e-4)),
    "heavy_ball": (jgd.heavy_ball, jgd.heavy_ball(1e-4)),
    "nesterov": (jgd.nesterov, jgd.nesterov(1e-4)),
    "svrg": (jgd.svrg, jgd.svrg(1e-4)),
    "adam": (jgd.adam, jgd.adam()),
    "adgd": (jgd.adgd, jgd.gradient_descent(jgd.adgd())),
    "barzilai_borwein": (jgd.barzilai_borwein, jgd.gradient_descent(jgd.barzilai_borwein())),
    "conjugate_gradient": (jgd.conjugate_gradient, jgd.conjugate_gradient()),
    "lbfgs-10": (jgd.lbfgs, jgd.lbfgs()),
    "lbfgs-3": (jgd.lbfgs, jgd.lbfgs(3)),
    "newton_cg": (jgd.newton_cg, jgd.newton_cg()),
    "trust_region_cg": (jgd.trust_region_cg, jgd.trust_region_cg()),
}


def said(factory, method) -> int:
    """The number of the docstring; `memory` in it is that of the method."""
    (text,) = re.findall(r"A\s+run\s+takes\s+([\w +]+?)\s+copies\s+of\s+x", factory.__doc__)
    words = text.split()
    if words[1:2] == ["memory"]:
        return int(words[0]) * method.direction.memory + int(words[3])
    return int(words[0])


def copies(method, fun=rosenbrock) -> float:
    """The memory of a compiled run: what it is given, what it returns and what it needs meanwhile."""
    x = jnp.zeros(N)
    program = jgd.minimize(fun, x, method, max_steps=0).program
    taken = jax.jit(solve).lower(program, x, 10).compile().memory_analysis()
    size = taken.temp_size_in_bytes + taken.output_size_in_bytes + taken.argument_size_in_bytes
    return size / x.nbytes


@pytest.mark.parametrize(("factory", "method"), METHODS.values(), ids=METHODS)
def test_a_run_takes_the_copies_of_x_that_its_docstring_says(factory, method):
    assert copies(method) == pytest.approx(said(factory, method), abs=VERSIONS)


@pytest.mark.parametrize("method", [jgd.gradient_descent(), jgd.gradient_descent(1e-4, momentum=0.5)])
def test_with_a_search_or_momentum_gradient_descent_takes_three_more(method):
    assert "8 copies of x, 11 with momentum or with a search" in " ".join(
        jgd.gradient_descent.__doc__.split()
    )
    assert copies(method) == pytest.approx(11, abs=VERSIONS)
