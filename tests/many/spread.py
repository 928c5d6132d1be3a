"""Many runs on several devices, in a process of their own; it prints what they came to.

python -m tests.many.spread DEVICES
"""

import json
import sys
from typing import Any

RUNS = 101


def main(devices: int) -> None:
    """Make the runs, one after another and in lanes."""
    import jax

    jax.config.update("jax_num_cpu_devices", devices)
    jax.config.update("jax_enable_x64", True)
    import numpy as np

    import jgd
    from tests.contract.squares import rosenbrock

    known = rosenbrock()
    starts = np.random.default_rng(0).uniform(-2, 2, (RUNS, 2))
    found: dict[str, Any] = {"devices": len(jax.devices())}
    for lanes in (1, 4):
        ends = jgd.minimize_many(known.fun, starts, jgd.newton(), args=known.args, lanes=lanes)
        found[str(lanes)] = {
            "x": ends.x.tolist(),
            "status": ends.status.tolist(),
            "steps": ends.steps.tolist(),
            "executed": ends.executed,
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]))
