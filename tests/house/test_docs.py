"""The docs are true: what can be named has its place, links lead somewhere, generated pages are up to date, facts have their tests."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic import BaseModel

import crmsync
from crmsync.cli.main import app
from crmsync.errors import CrmsyncError
from crmsync.insight.drift import Drift
from crmsync.service.forget import Forgot
from crmsync.service.plan import Plan
from crmsync.service.replay import Replay
from crmsync.service.settings import Web
from crmsync.service.sync import SyncResult
from crmsync.service.verify import KNOWN as VERIFY
from crmsync_hubspot.settings import Settings as HubSpotSettings
from crmsync_salesforce.settings import Settings as SalesforceSettings
from house.looking import CONNECTORS, CORE, DOCS, ROOT, Source, name_of, planted, sources

KINDS = ("tutorial", "how-to", "reference", "explanation")


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def headings(text: str) -> set[str]:
    return {line.lstrip("#").strip() for line in text.splitlines() if line.startswith("#")}


def rows(text: str) -> set[str]:
    """First cells of all table rows, without backticks."""
    return {line.split("|")[1].strip().strip("`") for line in text.splitlines() if line.startswith("| ")}


def all_pages() -> list[Path]:
    found = [*sorted(DOCS.rglob("*.md")), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"))]
    assert len(found) > 20
    return found


# --- generated ----------------------------------------------------------------------------------------------------------------


def test_generated_pages_are_up_to_date(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(DOCS / "generate.py"), str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert {"commands.md", "merge-table.md", "mapping.md", "playbook.md"} <= {path.name for path in made}
    stale = [str(path) for path in made if not (DOCS / path).exists() or (DOCS / path).read_bytes() != (tmp_path / path).read_bytes()]
    assert stale == [], "run `make docs`"


def test_the_merge_table_has_every_shape_and_rule() -> None:
    import merge_table

    table = page("reference/merge-table.md")
    assert set(merge_table.SHAPES) <= rows(table)
    made = runpy.run_path(str(DOCS / "generate.py"), run_name="looking")
    assert made["_cell"](merge_table.ASKED) == "*ask*"
    assert made["_cell"]((merge_table.KEEP, None)) == "→ *empty*"


# --- everything named has its place --------------------------------------------------------------------------------------------


def commands(command: Any, path: str = "crmsync") -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if not inner:
        yield path
        return
    for name, one in inner.items():
        yield from commands(one, f"{path} {name}")


def test_every_command_has_a_heading() -> None:
    told = headings(page("reference/commands.md"))
    known = set(commands(typer.main.get_command(app)))
    assert len(known) > 15
    assert known - told == set()
    assert {h for h in told if h.startswith("crmsync ")} - known == set(), "a command is described that is not there"


def settings() -> set[str]:
    models: dict[str, type[BaseModel]] = {"SALESFORCE": SalesforceSettings, "HUBSPOT": HubSpotSettings, "WEB": Web}
    return {f"CRMSYNC_{part}__{name.upper()}" for part, model in models.items() for name in model.model_fields} | {
        "CRMSYNC_HOME",
        "CRMSYNC_DATABASE_URL",
        "CRMSYNC_VERIFY__TOKEN_FILE",
        *(f"CRMSYNC_VERIFY__{name.upper()}" for name in VERIFY),
    }


def test_every_setting_has_a_row() -> None:
    told = {row for row in rows(page("reference/settings.md")) if row.startswith("CRMSYNC_")}
    assert told == settings()


def test_defaults_of_settings_are_true() -> None:
    text = page("reference/settings.md")
    for prefix, model in (("SALESFORCE", SalesforceSettings), ("HUBSPOT", HubSpotSettings), ("WEB", Web)):
        for name, field in model.model_fields.items():
            if isinstance(field.default, int | float | str) and name != "base_url":
                told = re.search(rf"^\| `CRMSYNC_{prefix}__{name.upper()}` \| `([^`]*)` \|", text, re.MULTILINE)
                assert told is not None, name
                assert told[1] == (
                    f"{field.default:g}" if isinstance(field.default, int | float) and name != "port" else str(field.default)
                )


def named(found: Iterable[Source]) -> dict[str, set[str]]:
    """Constants of modules that are texts: name -> values."""
    made: dict[str, set[str]] = {}
    for source in found:
        for node in source.tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                for target in node.targets:
                    made.setdefault(name_of(target), set()).add(node.value.value)
    return made


def causes(source: Source, constants: Mapping[str, set[str]]) -> Iterator[str]:
    """Constant causes of problems and halts in one file, written out or by the name of a module's constant."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call):
            continue
        called = name_of(node.func).split(".")[-1]
        given = [k.value for k in node.keywords if k.arg == "cause"] if called in ("Problem", "Halt") else []
        if called == "_problem" and node.args:
            given.append(node.args[0])
        for value in given:
            parts = value.values if isinstance(value, ast.BoolOp) else [value]
            yield from (part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))
            yield from (text for part in parts if isinstance(part, ast.Name) for text in constants.get(part.id, ()))
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Name) and t.id in ("DECISION_CAUSES", "cause") for t in targets) and node.value is not None:
                yield from (n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant) and isinstance(n.value, str))


def test_a_cause_is_seen() -> None:
    text = "Problem(cause='one')\nself._problem('two', 1)\nHalt(cause=x or 'three')\nDECISION_CAUSES = frozenset({'four'})\nFIVE = 'five'\nProblem(cause=FIVE)"
    assert set(causes(planted(text), named([planted(text)]))) == {"one", "two", "three", "four", "five"}


def test_every_cause_has_a_heading() -> None:
    told = headings(page("reference/problems.md"))
    found = sources(CORE / "engine", CORE / "decide")
    known = {cause for source in found for cause in causes(source, named(found))}
    assert {
        "duplicate",
        "silent_no_op",
        "max_creates",
        "emptied",
        "rejected",
        "no_access",
        "ambiguous_company",
        "erased_elsewhere",
    } <= known
    assert known - told == set()


def test_every_problem_names_a_fix() -> None:
    text = page("reference/problems.md").split("## Halts")[0]
    for part in text.split("\n### ")[1:]:
        assert "**Fix:**" in part, part.splitlines()[0]


def _errors(kind: type[CrmsyncError]) -> Iterator[type[CrmsyncError]]:
    yield kind
    for inner in kind.__subclasses__():
        yield from _errors(inner)


def test_every_exit_code_has_a_row() -> None:
    told = rows(page("reference/exit-codes-and-json.md"))
    assert {str(error.exit_code) for error in _errors(CrmsyncError)} | {"0"} <= told


@pytest.mark.parametrize(
    ("heading", "shape"),
    [("sync --json", SyncResult().json()), ("plan --json", Plan().json()), ("drift --json", Drift().json()), ("forget --json", Forgot(outcome="").json()),
     ("replay --json", Replay(folder="", now=datetime.now(UTC)).json())],
)  # fmt: skip
def test_every_json_key_has_a_row(heading: str, shape: dict[str, Any]) -> None:
    assert rows(section(heading)) - {"key", "---"} == set(shape)


def section(heading: str) -> str:
    return page("reference/exit-codes-and-json.md").split(f"## {heading}\n")[1].split("\n## ")[0]


def literal_keys(file: str, function: str) -> set[str]:
    """Keys of the dict that a function returns, by its source."""
    tree = ast.parse((CORE / file).read_text("utf-8"))
    found = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == function)
    returned = [n.value for n in ast.walk(found) if isinstance(n, ast.Return) and isinstance(n.value, ast.Dict)]
    return {key.value for key in returned[0].keys if isinstance(key, ast.Constant)}


@pytest.mark.parametrize(
    ("heading", "file", "function"),
    [
        ("explain --json", "service/explain.py", "explain"),
        ("status --json", "service/status.py", "json"),
        ("undo --json", "service/undo.py", "undo"),
        ("preview --json", "service/preview.py", "preview_template"),
        ("report sla --json", "service/report_table.py", "as_json"),
        ("simulate --json", "service/simulate_page.py", "as_json"),
        ("numbers of a group", "service/report_table.py", "measure_json"),
    ],
)
def test_every_key_of_a_shape_has_a_row(heading: str, file: str, function: str) -> None:
    keys = literal_keys(file, function)
    assert len(keys) > 10
    assert {key for row in rows(section(heading)) for key in row.split("`, `")} - {"key", "---"} == keys


def test_every_metric_has_a_row() -> None:
    text = (CORE / "web" / "metrics.py").read_text("utf-8")
    known = set(re.findall(r'"(crmsync_[a-z_]+)"', text))
    assert len(known) > 12
    assert {row for row in rows(page("how-to/run-as-a-service.md")) if row.startswith("crmsync_")} == known


def test_every_address_of_the_daemon_is_told() -> None:
    known = set(re.findall(r'Route\("([^"]+)"', (CORE / "web" / "app.py").read_text("utf-8")))
    told = {row.partition(" ")[2] for row in rows(page("how-to/run-as-a-service.md")) if row.startswith(("GET ", "POST "))}
    assert told == known


# --- links, commands, versions --------------------------------------------------------------------------------------------------

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchors(text: str) -> set[str]:
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(text)}


def broken(path: Path, text: str) -> Iterator[str]:
    """Links into the project that lead nowhere."""
    for target in LINK.findall(text):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists():
            yield f"{path.name}: {target}"
        elif anchor and anchor not in anchors(file.read_text("utf-8")):
            yield f"{path.name}: {target} (no such heading)"


def test_a_broken_link_is_seen() -> None:
    readme = ROOT / "README.md"
    assert list(broken(readme, "[x](docs/none.md) [y](docs/glossary.md#nothing)")) != []
    assert list(broken(readme, "[y](docs/glossary.md#glossary)")) == []


def test_every_link_leads_somewhere() -> None:
    assert [found for path in all_pages() for found in broken(path, path.read_text("utf-8"))] == []


def test_the_docs_are_of_four_kinds_and_all_are_linked() -> None:
    assert {path.name for path in DOCS.iterdir() if path.is_dir()} == set(KINDS)
    readme = (ROOT / "README.md").read_text("utf-8")
    lost = [path.name for path in DOCS.rglob("*.md") if path.relative_to(ROOT).as_posix() not in readme]
    assert lost == []


def unknown_commands(text: str) -> list[str]:
    """`crmsync x` in code spans and blocks where x is no command."""
    known = {name.split()[1] for name in commands(typer.main.get_command(app))}
    code = [*re.findall(r"`([^`\n]+)`", text), *re.findall(r"^\s*\$ (.*)$", text, re.MULTILINE)]
    used = [word for line in code for word in re.findall(r"(?<![\w./~-])crmsync ([a-z][a-z-]*)", line)]
    return [word for word in used if word not in known]


def test_only_real_commands_are_written_about() -> None:
    assert unknown_commands("`crmsync fly`") == ["fly"]
    assert {path.name: found for path in all_pages() if (found := unknown_commands(path.read_text("utf-8")))} == {}


def chained(text: str) -> list[str]:
    """Commands of crmsync in code blocks, one by one, whatever they are chained with."""
    return [
        part.strip().removeprefix("crmsync ")
        for line in re.findall(r"^\s*\$ (.*)$", text, re.MULTILINE)
        for part in line.split("#")[0].split("&&")
    ]


@pytest.mark.parametrize("name", ["README.md", "docs/how-to/rehearse-on-your-data.md", "docs/tutorial/first-sync.md"])
def test_fields_are_created_before_they_are_looked_for(name: str) -> None:
    """In a CRM that was never provisioned `check --live` ends with exit code 2: nothing chained behind it would run."""
    told = chained((ROOT / name).read_text("utf-8"))
    assert told.index("provision") < told.index("check --live") < told.index("plan")


def test_only_real_make_targets_are_written_about() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    used = {word for path in all_pages() for word in re.findall(r"(?:`|\$ )make ([a-z]+)", path.read_text("utf-8"))}
    assert {"demo", "test", "lint", "bench", "docs", "help"} <= targets
    assert used - targets == set()


def test_the_changelog_has_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert project["version"] == crmsync.__version__
    assert re.search(rf"^## \[{re.escape(project['version'])}\] - \d{{4}}-\d\d-\d\d$", text, re.MULTILINE)
    assert "## [Unreleased]" in text


# --- facts ------------------------------------------------------------------------------------------------------------------------


def known_tests(folder: Path) -> dict[str, set[str]]:
    """Module name without `test_` -> names of its tests without `test_`."""
    return {
        path.stem.removeprefix("test_"): {
            node.name.removeprefix("test_") for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)
        }
        for path in sorted(folder.rglob("test_*.py"))
    }


def references(text: str) -> Iterator[str]:
    """What the last column of tables that end in "test" names, one by one."""
    inside = False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[-1] in ("test", "tests"):
            inside = True
        elif inside and not set(line) <= set("|-: "):
            yield from (part.strip().strip("`") for part in re.split(r"[;,]", cells[-1]) if part.strip())


def lost_facts(text: str, tests: dict[str, set[str]]) -> list[str]:
    """References that no test answers to. "same" means the line above; an ellipsis or a star stands for any ending."""
    everything = set().union(*tests.values())
    lost = []
    for reference in references(text):
        if reference == "same":
            continue
        module, _, name = reference.rpartition("::")
        found = [names for stem, names in tests.items() if stem.removeprefix("sim_") == module.removeprefix("test_").removeprefix("sim_")]
        among = found[0] if found else (set() if module else everything)
        wanted = name.removeprefix("test_")
        stem = wanted.rstrip("…*")
        hits = [one for one in among if (one.startswith(stem) if stem != wanted else one == wanted)]
        if not hits:
            lost.append(reference)
    return lost


def test_a_lost_fact_is_seen() -> None:
    text = "| fact | source | test |\n|---|---|---|\n| a | R | rows::here |\n| b | R | same; gone |\n| c | R | he… |\n| d | R | nowhere::here |\n"
    assert lost_facts(text, {"sim_rows": {"here"}}) == ["gone", "nowhere::here"]


@pytest.mark.parametrize("crm", ["hubspot", "salesforce"])
def test_every_fact_has_its_test(crm: str) -> None:
    text = (CONNECTORS / f"crmsync_{crm}" / "FACTS.md").read_text("utf-8")
    tests = known_tests(ROOT / "tests" / "connectors" / f"{crm}_sim") | known_tests(ROOT / "tests" / "connectors" / crm)
    assert len(list(references(text))) > 30
    assert lost_facts(text, tests) == []
