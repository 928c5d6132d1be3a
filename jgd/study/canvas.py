"""Figures of Matplotlib: a new one, and their files."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def canvas(width: float, height: float) -> "Figure":
    """An empty figure, in inches. Raises ImportError without Matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('Figures need Matplotlib: pip install "jgd[plot]".') from error
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
