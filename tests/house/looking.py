"""What the house tests look at: the project's own files, parsed once."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "src" / "crmsync"
CONNECTORS = ROOT / "connectors"
DOCS = ROOT / "docs"
SKIPPED = {".git", ".venv", ".hypothesis", "__pycache__", "build", "dist", "out"}


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix() if self.path.is_relative_to(ROOT) else self.path.name

    @property
    def tree(self) -> ast.Module:
        return _parse(self.text)


@cache
def _parse(text: str) -> ast.Module:
    return ast.parse(text)


def sources(*folders: Path) -> list[Source]:
    """Every Python file below these folders."""
    found = [Source(path, path.read_text("utf-8")) for folder in folders for path in sorted(folder.rglob("*.py"))]
    assert found, f"no Python files below {folders}"
    return found


def planted(text: str) -> Source:
    """A file that stands nowhere: what a finder must find in."""
    return Source(Path("planted.py"), text)


def files() -> Iterator[Path]:
    """Every file of the project that is text and not made by a tool."""
    found = []
    for folder, below, names in os.walk(ROOT):
        below[:] = [
            name for name in below if not _of_a_tool(name)
        ]  # never entered: a virtual environment has more files than we have lines
        found += [Path(folder, name) for name in names if not _of_a_tool(name)]
    yield from (path for path in sorted(found) if path.is_file() and path.suffix not in (".pyc", ".db", ".png"))


def _of_a_tool(name: str) -> bool:
    return name in SKIPPED or (name.startswith(".") and name.endswith("_cache"))


def docstrings(tree: ast.Module) -> set[int]:
    """ids of the constant nodes that are docstrings (of modules, classes, functions, and strings below an assignment)."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def name_of(node: ast.expr) -> str:
    """A dotted chain of names as text, empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = name_of(node.value)
        return f"{left}.{node.attr}" if left else node.attr
    return ""
