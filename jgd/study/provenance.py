"""Provenance: with what a result was computed, so that it can be computed again."""

import platform
import shlex
import sys
from importlib import metadata
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, cast

import jax

import jgd

PACKAGES = ("jax", "jaxlib", "optax", "numpy")


def provenance(dtype: str, seed: int | None = None) -> dict[str, Any]:
    """Versions, device, precision, seed and command, as plain values; no path of this machine.

    dtype: that of the run. seed: the one that was set, None for none.
    """
    device, config = jax.devices()[0], cast(Any, jax.config)
    return {
        "jgd": jgd.__version__,
        **{name: metadata.version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "device": " ".join(dict.fromkeys((device.platform, device.device_kind))),
        "dtype": dtype,
        "x64": bool(config.jax_enable_x64),
        "matmul_precision": str(config.jax_default_matmul_precision or "default"),
        "seed": seed,
        "command": _command(sys.argv),
    }


def _command(argv: list[str]) -> str:
    """The command line, absolute paths cut down to their last part."""
    program = _last_part(argv[0]) if argv else ""
    program = "jgd" if program == "__main__.py" else program
    return shlex.join([program, *(_without_folders(argument) for argument in argv[1:])])


def _without_folders(argument: str) -> str:
    """`--save=/home/me/out` as `--save=out`; an argument without an absolute path as it is."""
    name, equals, value = argument.partition("=")
    if equals and _absolute(value):
        return f"{name}={_last_part(value)}"
    return _last_part(argument) if _absolute(argument) else argument


def _absolute(text: str) -> bool:
    return PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()


def _last_part(text: str) -> str:
    return PureWindowsPath(text).name
