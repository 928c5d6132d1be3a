"""Checkpoints of a run on eight devices, in a process of their own; it prints what came back.

python -m tests.checkpoint.spread FOLDER
"""

import json
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
    import jax
    import jax.numpy as jnp
    import numpy as np

    jax.config.update("jax_enable_x64", True)
    import jgd
    from jgd.checkpoint.store import ARRAYS, Store
    from jgd.driver.solve import begin
    from tests.checkpoint.runs import bits, end_of, program_of, until
    from tests.sums.fits import START, X, Y, of_one, ridge

    folder = Path(sys.argv[1])
    fit = jgd.parallel.shard(jgd.finite_sum(of_one, (X, Y), regularizer=ridge))
    given, options = (fit, START, jgd.lbfgs()), {"max_steps": 12, "recorder": jgd.Recorder()}
    expected = jgd.minimize(*given, **options)
    jgd.minimize(*given, **options, checkpoint=folder / "run", callback=until(6))
    end = jgd.minimize(*given, **options, checkpoint=folder / "run")

    program, x0 = program_of(*given, **options)
    begun = jax.jit(begin)(program, x0)
    with Store(folder / "run") as store:
        back = store.restore(lambda facts: begun).tree
    shardings = [leaf.sharding for leaf in jax.tree.leaves(back)]

    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("parts",))
    parts = jax.NamedSharding(mesh, jax.P("parts"))
    x = jax.device_put(jnp.arange(64.0), parts)
    tree = {"x": x, "k": jnp.int32(3), "y": jax.device_put(jnp.ones(3), jax.devices()[5])}
    with Store(folder / "parts") as store:
        store.save(1, tree, {})
        found = store.restore(lambda facts: tree).tree
        here = store.restore(lambda facts: jax.eval_shape(lambda: tree)).tree
        files = list((store.folder / "000000000001" / ARRAYS).glob("leaf*/[0-9]*"))
    print(
        json.dumps(
            {
                "same end": bits(end_of(end)) == bits(end_of(expected)),
                "same devices": shardings == [leaf.sharding for leaf in jax.tree.leaves(begun)],
                "devices": max(len(sharding.device_set) for sharding in shardings),
                "spread": found["x"].sharding == parts and bits(found) == bits(tree),
                "elsewhere": found["y"].devices() == {jax.devices()[5]},
                "on one": bits(here) == bits(tree),
                "files": len(files),
            }
        )
    )
