"""Words and sizes: nothing unfinished, no registry host, no path of a machine, no file that grew too large, no test that asserts nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from house.looking import CONNECTORS, CORE, ROOT, Source, files, planted, sources

LONGEST = 400
EXPLAINED: dict[str, str] = {}
"""Files of src and connectors that may be longer, each with the reason."""


def _any(*words: str) -> re.Pattern[str]:
    """Spelt with a gap, so that this file does not hold what it looks for."""
    return re.compile("|".join(word.replace(" ", "") if "_" not in word else word.replace(" ", "").replace("_", " ") for word in words))


UNFINISHED = _any(
    r"\bTO DO\b", r"\bFIX ME\b", r"\bXX X\b", r"(?i:\bfor_n ow\b)", r"(?i:not_?imple mented)", r"(?i:\bdum my\b)", r"(?i:hard-?co ded)"
)
FOREIGN = _any(r"py pi\.org", r"python hosted\.org", r"registry\.npm js", r"deb\.deb ian\.org", r"/wo rk/", r"/ro ot/", r"/ho me/[a-z]")
HALF_OPEN = {".py", ".md", ".yaml", ".toml", ".html", ".mako"}


TASK_TYPE = re.compile(r'"TO' r'DO"|TO' r"DO=To-do|\bother: TO" r"DO\}$", re.MULTILINE)
"""HubSpot's own word for the type of a plain task, and what it is mapped to."""


def lines_with(pattern: re.Pattern[str], path: Path, text: str) -> Iterator[str]:
    if not pattern.search(TASK_TYPE.sub("", text)):
        return  # nearly every file
    for number, line in enumerate(text.splitlines(), 1):
        if pattern.search(TASK_TYPE.sub("", line)):
            yield f"{path}:{number}: {line.strip()[:100]}"


@pytest.mark.parametrize(
    "line", ["# TO" + "DO later", "raise Not" + "ImplementedError", "good enough for " + "now", "XX" + "X", "a dum" + "my"]
)
def test_an_unfinished_word_is_seen(line: str) -> None:
    assert list(lines_with(UNFINISHED, Path("x"), line))


@pytest.mark.parametrize("line", ["https://py" + "pi.org/simple", "/wo" + "rk/main", "cd /ro" + "ot/x", "/ho" + "me/ann/x"])
def test_a_foreign_place_is_seen(line: str) -> None:
    assert list(lines_with(FOREIGN, Path("x"), line))


def test_nothing_is_marked_unfinished() -> None:
    looked = [
        p
        for p in files()
        if p.suffix in HALF_OPEN and p.relative_to(ROOT).parts[0] in ("src", "connectors", "docs", "mappings", "README.md")
    ]
    assert len(looked) > 100
    assert [found for path in looked for found in lines_with(UNFINISHED, path.relative_to(ROOT), path.read_text("utf-8"))] == []


def test_no_registry_and_no_machine_is_named() -> None:
    looked = list(files())
    assert {ROOT / "constraints.txt", ROOT / "Makefile", ROOT / ".ci" / "run"} <= set(looked)
    assert [found for path in looked for found in lines_with(FOREIGN, path.relative_to(ROOT), path.read_text("utf-8", "replace"))] == []


def too_long(found: list[Source], *, longest: int = LONGEST) -> list[str]:
    return [f"{s.name}: {len(s.text.splitlines())} lines" for s in found if len(s.text.splitlines()) > longest and s.name not in EXPLAINED]


def test_a_long_file_is_seen() -> None:
    assert too_long([planted("x = 1\n" * (LONGEST + 1))])
    assert not too_long([planted("x = 1\n" * LONGEST)])


def test_no_file_outgrew_its_noun() -> None:
    found = sources(CORE, CONNECTORS)
    assert too_long(found) == []
    assert set(EXPLAINED) <= {s.name for s in found}


CHECKS = ("assert", "raises", "warns", "check", "expect")


def toothless(source: Source) -> Iterator[str]:
    """Test functions that neither assert, nor expect an error, nor call something that says it checks."""
    functions = {
        node: [inner for inner in ast.walk(node) if isinstance(inner, ast.Assert | ast.Call)]
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef)
    }
    asserting = {node.name for node, found in functions.items() if any(isinstance(inner, ast.Assert) for inner in found)}
    for node, found in functions.items():
        if not node.name.startswith("test_"):
            continue
        asserts = [inner for inner in found if isinstance(inner, ast.Assert)]
        called = {_last(inner.func) for inner in found if isinstance(inner, ast.Call)}
        trivial = any(isinstance(inner.test, ast.Constant) for inner in asserts)
        checks = called & (asserting | {"same_shape"}) or any(word in name for name in called for word in CHECKS)
        if trivial or not (asserts or checks):
            yield f"{source.name}:{node.lineno}: {node.name}"


def _last(func: ast.expr) -> str:
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""


@pytest.mark.parametrize("text", ["def test_x():\n    f()", "def test_x():\n    assert 1", "def test_x():\n    ..."])
def test_a_test_without_teeth_is_seen(text: str) -> None:
    assert list(toothless(planted(text)))


def test_every_test_asserts_something() -> None:
    assert [found for source in sources(ROOT / "tests") for found in toothless(source)] == []
