"""Every method compiles for every kind of machine: nothing in the loop belongs to one of them."""

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.prepare import as_method
from tests.catalogue import METHODS, method, problem

PLATFORMS = ("cpu", "cuda", "tpu")


@pytest.mark.parametrize("name", METHODS)
def test_a_whole_run_is_lowered_for_cpu_gpu_and_tpu(name):
    known = problem("bowl")
    x0, args = jnp.asarray(known.x0, jnp.float32), tuple(map(jnp.asarray, known.args))
    rules = jgd.stop.Stop((jgd.stop.Gradient(1e-4), jgd.stop.Steps(100)))
    program = jgd.Program(jgd.Objective(known.fun, args), as_method(method(name, "bowl")), rules)
    lowered = jax.export.export(jax.jit(lambda x: jgd.solve(program, x).motion.point.x), platforms=PLATFORMS)(
        x0
    )
    assert lowered.platforms == PLATFORMS
    assert lowered.out_avals[0].dtype == np.float32
    assert "stablehlo.while" in lowered.mlir_module()
