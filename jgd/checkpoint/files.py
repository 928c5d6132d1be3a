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


def set_aside(path: Path) -> Path:
    """Rename a damaged file or folder to one that is not there yet, and tell which."""
    taken = (path.with_name(f"damaged-{path.name}" + (f"-{i}" if i else "")) for i in range(10_000))
    aside = next(one for one in taken if not one.exists())
    return path.rename(aside)
