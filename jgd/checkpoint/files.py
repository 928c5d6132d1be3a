"""Files that are there whole or not at all."""

from pathlib import Path
from typing import Any


def write_at_once(path: Path, data: Any) -> None:
    """Write bytes or text to a file in one step: the one before is there until the new one is."""
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.write_bytes(data.encode() if isinstance(data, str) else data)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
