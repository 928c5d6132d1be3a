"""What machines have measured: figures of each in a file, so that one can be put beside another."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from jgd.study.provenance import provenance


@dataclass(frozen=True)
class Machine:
    """A device by name, whether it is an accelerator, with what it was measured, and the rows measured."""

    name: str
    accelerator: bool
    origin: dict[str, Any]
    rows: list[dict[str, Any]]

    @property
    def stem(self) -> str:
        """The name of its file, without suffix."""
        return "-".join("".join(c if c.isalnum() else " " for c in self.name.lower()).split())

    def of(self, what: str) -> list[dict[str, Any]]:
        """Its rows of that kind, in the order of their sizes."""
        return sorted((row for row in self.rows if row["of"] == what), key=lambda row: row["size"])


def here(rows: list[dict[str, Any]]) -> Machine:
    """The default device of this process, a CPU by the cores that the process may use."""
    device = jax.devices()[0]
    if device.platform != "cpu":
        return Machine(device.device_kind, True, provenance("float64"), rows)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = f"CPU, {cores} core{'s' * (cores != 1)}"
    return Machine(name, False, provenance("float64"), rows)


def others(folder: Path, but: Machine) -> list[Machine]:
    """The machines kept in a folder, but this one."""
    found = (
        Machine(**json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json"))
    )
    return [machine for machine in found if machine.name != but.name]
