"""Many runs on several devices, in a process of their own; it prints what they came to.

python -m tests.many.spread DEVICES
"""

import json
import sys
from typing import Any

COLLECTIVES = ("all-reduce", "all-gather", "all-to-all", "collective-permute", "reduce-scatter", "psum")


def main(devices: int) -> None:
    """Make the runs, with one after another and in lanes, and look for collectives in the compiled text."""
    import jax

    jax.config.update("jax_num_cpu_devices", devices)
    jax.config.update("jax_enable_x64", True)
    import numpy as np

    import jgd
    import jgd.batch as module
    from tests.contract.squares import rosenbrock

    known, given = rosenbrock(), []
    solved = module._solved

    def noted(piece: Any) -> Any:
        given.append(piece)
        return solved(piece)

    module._solved = noted
    starts = np.random.default_rng(0).uniform(-2, 2, (101, 2))
    found: dict[str, Any] = {"devices": len(jax.devices()), "collectives": []}
    for lanes in (1, 4):
        ends = jgd.minimize_many(known.fun, starts, jgd.newton(), args=known.args, lanes=lanes)
        found[str(lanes)] = {
            "x": ends.x.tolist(),
            "status": ends.status.tolist(),
            "steps": ends.steps.tolist(),
        }
        program = module._on_every_device(lambda piece: (module._solve(piece), None))
        text = jax.jit(program).lower(given[-1]).compile().as_text()
        found["collectives"] += [word for word in COLLECTIVES if word in text]
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]))
