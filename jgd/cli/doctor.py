"""`jgd doctor`: versions, devices and precision, as jgd sees them."""

import json
import os
from importlib import metadata
from typing import Any

import click

from jgd.cli.options import MACHINE, prepare_machine, with_options

EXTRAS = {"matplotlib": "plot", "scikit-learn": "data", "pyarrow": "data", "matfree": "curvature"}
"""Packages that are not needed for everything, and the extra that brings them."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_options(*MACHINE)
def doctor(as_json: bool, x64: bool, device: str | None) -> None:
    """Show versions, devices and precision: what to send along with a question."""
    prepare_machine(x64, device)
    found = _found()
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    width = max(map(len, found))
    for name, value in found.items():
        click.echo(f"{name.ljust(width)}  {', '.join(value) if isinstance(value, list) else value}")


def _found() -> dict[str, Any]:
    import jax
    import jax.numpy as jnp

    from jgd.study.provenance import provenance

    told = provenance(str(jnp.zeros(()).dtype))
    precision = told["matmul_precision"]
    if precision == "default" and jax.default_backend() == "gpu":
        precision += " (float32 products may be made in TF32, to three digits)"
    hint = "" if told["x64"] else " (float64 with --x64, or jax.config.update('jax_enable_x64', True))"
    return {
        **{name: told[name] for name in ("jgd", "jax", "jaxlib", "optax", "numpy", "python")},
        **{package: _version(package, extra) for package, extra in EXTRAS.items()},
        "platform": told["platform"],
        "devices": [f"{device} ({device.device_kind})" for device in jax.devices()],
        **_cores(),
        "default dtype": told["dtype"] + hint,
        "matmul precision": precision,
    }


def _cores() -> dict[str, str]:
    """On CPU how many cores many runs keep busy, and how to have them all."""
    import jax

    if jax.default_backend() != "cpu":
        return {}
    cores, devices = os.cpu_count() or 1, len(jax.local_devices())
    advice = (
        f" (jax.config.update('jax_num_cpu_devices', {cores}) before JAX is first used: one for each core)"
    )
    return {"many runs": f"{devices} of {cores} cores{advice if devices < cores else ''}"}


def _version(package: str, extra: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return f'missing: pip install "jgd[{extra}]"'
