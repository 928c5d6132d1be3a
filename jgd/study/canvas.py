"""Figures of Matplotlib: a new one, and their files."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@contextmanager
def matplotlib_needed() -> Iterator[None]:
    """What fails to be imported here fails in words that say how to install it."""
    try:
        yield
    except ImportError as error:
        raise ImportError('Figures need Matplotlib: pip install "jgd[plot]".') from error


def canvas(width: float, height: float) -> "Figure":
    """An empty figure, in inches. Raises ImportError without Matplotlib."""
    with matplotlib_needed():
        from matplotlib.figure import Figure
    return Figure(figsize=(width, height), layout="constrained")


def write(figures: Mapping[str, "Figure"], prefix: str | Path, provenance: Mapping[str, Any]) -> list[Path]:
    """Write each figure as PREFIX-name.png with its provenance as metadata; the paths."""
    metadata = {"Software": "jgd", "Description": json.dumps(dict(provenance))}
    Path(prefix).parent.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in figures.items():
        paths.append(Path(f"{prefix}-{name}.png"))
        figure.savefig(paths[-1], dpi=144, metadata=metadata)
    return paths
