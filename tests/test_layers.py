"""Who may import whom."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "jgd"
BELOW = {
    "core": set(),
    "linalg": {"core"},
    "geometry": {"core", "linalg"},
    "directions": {"core", "linalg"},
    "searches": {"core", "linalg"},
    "methods": {"core", "linalg", "directions", "searches"},
    "driver": {"core"},
    "problems": {"core"},
    "checkpoint": {"core", "driver"},
    "front": {"core", "linalg", "directions", "searches", "methods", "driver", "checkpoint"},
    "data": set(),
    "models": {"core", "front"},
    "study": {"core", "geometry", "directions", "searches", "methods", "driver", "problems", "front"},
    "cli": {"core", "methods", "driver", "problems", "front", "study"},
}
FILES = [path for path in sorted(ROOT.rglob("*.py")) if path != ROOT / "__init__.py"]


def layer(parts: tuple[str, ...]) -> str:
    return parts[0] if len(parts) > 1 or (ROOT / parts[0]).is_dir() else "front"


def imports(path: Path) -> set[str]:
    """The layers that a file imports, inside functions and for type checkers too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = tuple(name.split("."))
            if parts[0] == "jgd" and len(parts) > 1:
                found.add(layer(parts[1:-1] or parts[1:]))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_from_the_layers_below(path: Path) -> None:
    own = layer(path.relative_to(ROOT).with_suffix("").parts)
    assert imports(path) - {own} <= BELOW[own]


def test_no_module_bears_the_name_of_a_public_function() -> None:
    import jgd

    modules = {path.stem for path in ROOT.iterdir()}
    functions = {name for name in jgd.__all__ if callable(getattr(jgd, name))}
    assert not modules & functions


def test_the_driver_names_no_method() -> None:
    words = ("newton", "adam", "optax", "descent", "armijo", "isinstance(program.method")
    for path in (ROOT / "driver").glob("*.py"):
        text = path.read_text().lower().replace("gradient descent", "")
        assert not [word for word in words if word in text and word != "optax"], path.name
        assert "import optax" not in text
