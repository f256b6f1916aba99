"""Rings by purity: import contracts, no clock and no chance in decisions, one place that loads code by name, no product names inside."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from house.looking import CONNECTORS, CORE, ROOT, Source, docstrings, name_of, planted, sources

PURE = (CORE / "decide", CORE / "model")
NAMELESS = tuple(CORE / part for part in ("model", "decide", "engine", "store", "insight"))
DOCUMENTED = tuple(CORE / part for part in ("model", "connect", "decide", "engine", "store"))
LOADER = "src/crmsync/connect/discovery.py"
PRODUCTS = re.compile("salesforce|hubspot", re.IGNORECASE)


def test_the_import_contracts_are_kept() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " kept, 0 broken" in done.stdout


def clocks(source: Source) -> Iterator[str]:
    """Ways to learn the time or throw dice. Import-linter forbids the modules; this forbids what `datetime` offers."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in ("now", "utcnow", "today"):
            if name_of(node) == "subject.now":  # the moment that a Subject is given
                continue
            yield f"{source.name}:{node.lineno}: {name_of(node)}"
        elif isinstance(node, ast.Call) and name_of(node.func).endswith("astimezone") and not node.args:
            yield f"{source.name}:{node.lineno}: astimezone() without a zone reads the machine's"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            for name in names:
                if name.split(".")[0] in ("time", "random", "secrets", "uuid"):
                    yield f"{source.name}:{node.lineno}: import {name}"


@pytest.mark.parametrize(
    "text",
    ["from datetime import datetime\nx = datetime.now()", "import datetime as d\nx = d.datetime.utcnow", "from datetime import date\ndate.today()",
     "from time import time", "import random", "x.astimezone()"],
)  # fmt: skip
def test_a_clock_in_a_decision_is_seen(text: str) -> None:
    assert list(clocks(planted(text)))


def test_decisions_know_no_clock_and_no_chance() -> None:
    assert [found for source in sources(*PURE) for found in clocks(source)] == []


def loaders(source: Source) -> Iterator[str]:
    """Ways to load code by name."""
    for node in ast.walk(source.tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        by_module = any(name.split(".")[0] in ("importlib", "pkgutil", "runpy") for name in names)
        if by_module or (isinstance(node, ast.Call) and name_of(node.func) in ("__import__", "exec", "eval")):
            yield f"{source.name}:{node.lineno}"


@pytest.mark.parametrize("text", ["import importlib.util", "from importlib import import_module", "__import__('x')", "eval('1')"])
def test_loading_by_name_is_seen(text: str) -> None:
    assert list(loaders(planted(text)))


def test_only_discovery_loads_code_by_name() -> None:
    found = [line for source in sources(CORE, CONNECTORS) for line in loaders(source)]
    assert {line.split(":")[0] for line in found} == {LOADER}


def product_names(source: Source) -> Iterator[str]:
    """CRM names in identifiers and in strings that are not docstrings: the engine knows sides, not products."""
    docs = docstrings(source.tree)
    for node in ast.walk(source.tree):
        words: list[str] = []
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            words.append(node.value)
        for field in ("id", "attr", "arg", "name", "module", "asname"):
            if isinstance(value := getattr(node, field, None), str):
                words.append(value)
        for word in words:
            if PRODUCTS.search(word):
                yield f"{source.name}:{getattr(node, 'lineno', '?')}: {word[:80]}"


@pytest.mark.parametrize("text", ["x = 'HubSpot'", "def salesforce_id(): ...", "f(hubspot=1)", "f'{x} in Salesforce'", "y.hubspot"])
def test_a_product_name_is_seen(text: str) -> None:
    assert list(product_names(planted(text)))
    assert not list(product_names(planted('"""As in Salesforce."""\n# hubspot\nx = 1')))


def test_the_inside_names_no_product() -> None:
    assert [found for source in sources(*NAMELESS) for found in product_names(source)] == []


def shared(source: Source, package: str) -> Iterator[str]:
    """What a simulator imports from the product or its connector, and a connector from its simulator. The import contract names some modules only."""
    simulator = "sim" in source.path.parts
    for node in ast.walk(source.tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            inside = f"{package}.sim" if simulator and node.level == 1 else package
            names = [".".join(filter(None, (inside, node.module, alias.name))) for alias in node.names]
        for name in names:
            ours, of_sim = name.split(".")[0].startswith("crmsync"), f"{name}.".startswith(f"{package}.sim.")
            if ours and of_sim != simulator and (simulator or of_sim):
                yield f"{source.name}:{node.lineno}: {name}"


@pytest.mark.parametrize(
    "text",
    [
        "import crmsync.errors",
        "from crmsync_x import wire",
        "from crmsync_x.links import y",
        "from .. import wire",
        "from ..links import y",
    ],
)
def test_code_shared_with_a_simulator_is_seen(text: str) -> None:
    assert list(shared(Source(Path("crmsync_x/sim/planted.py"), text), "crmsync_x"))
    assert not list(shared(Source(Path("crmsync_x/planted.py"), text), "crmsync_x"))


@pytest.mark.parametrize(
    "text", ["import crmsync_x.sim.wire", "from crmsync_x.sim import wire", "from .sim.wire import y", "from . import sim"]
)
def test_a_simulator_in_a_connector_is_seen(text: str) -> None:
    assert list(shared(Source(Path("crmsync_x/planted.py"), text), "crmsync_x"))


def test_a_connector_and_its_simulator_share_no_code() -> None:
    packages = [folder for folder in sorted(CONNECTORS.glob("crmsync_*")) if (folder / "sim").is_dir()]
    assert len(packages) == 2
    assert [line for folder in packages for source in sources(folder) for line in shared(source, folder.name)] == []


def undocumented(source: Source) -> Iterator[str]:
    """Public modules, classes, functions and methods without a docstring. A property or a short override may speak for itself."""
    if ast.get_docstring(source.tree) is None and source.path.name != "__init__.py":
        yield f"{source.name}: the module"
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_") and ast.get_docstring(node) is None:
            yield f"{source.name}:{node.lineno}: {node.name}"
        if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
            continue
        for part in node.body:
            if not isinstance(part, ast.FunctionDef) or part.name.startswith("_") or ast.get_docstring(part) is not None:
                continue
            lines = (part.end_lineno or part.lineno) - part.lineno
            if lines > 3:
                yield f"{source.name}:{part.lineno}: {node.name}.{part.name}"


def test_a_missing_docstring_is_seen() -> None:
    text = '"""M."""\nclass A:\n    """A."""\n    def run(self):\n        a = 1\n        b = 2\n        c = 3\n        return a + b + c\ndef f(): ...\n'
    assert [line.split(": ")[1] for line in undocumented(planted(text))] == ["A.run", "f"]


STORE_FACE = {"__init__.py", "store.py", "database.py", "migrate.py"}
"""The other files of store/ hold the SQL behind the methods of `Store`, which describe it."""


def test_what_is_public_is_described() -> None:
    found = [s for s in sources(*DOCUMENTED) if s.path.parent.name != "store" or s.path.name in STORE_FACE]
    found = [s for s in found if "migrations" not in s.path.parts]
    assert len(found) > 35
    assert [line for source in found for line in undocumented(source)] == []


def imported(source: Source) -> Iterator[str]:
    """Top-level names of what a file imports from outside."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").split(".")[0]


def _plain(name: str) -> str:
    return re.split(r"[\[<>=~! ;]", name)[0].lower().replace("_", "-")


def undeclared(names: set[str], declared: set[str], packages: dict[str, list[str]]) -> list[str]:
    """Imported names that no declared dependency provides."""
    ours = {"crmsync", "crmsync_salesforce", "crmsync_hubspot"}
    outside = {n for n in names if n and n not in sys.stdlib_module_names and n not in ours and n != "__future__"}
    return sorted(n for n in outside if not {_plain(p) for p in packages.get(n, [n])} & declared)


def test_every_import_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {_plain(d) for d in project["dependencies"]}
    packages = {name: list(found) for name, found in importlib.metadata.packages_distributions().items()}
    names = {name for source in sources(CORE, CONNECTORS) for name in imported(source)}
    assert undeclared(names, declared, packages) == []
    assert undeclared(names, declared - {"sortedcontainers"}, packages) == ["sortedcontainers"]
