"""Whatever is typed into the files, `load` answers with a playbook or with a ConfigError that names a place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmsync.errors import ConfigError
from crmsync.model.rules import Playbook
from crmsync.playbook.load import load_files, shipped, shipped_paths
from crmsync.playbook.problems import Problems
from crmsync.playbook.schema import FILES
from crmsync.playbook.validate import validate
from crmsync.playbook.yamlfile import parse

TEXTS = {name: path.read_text("utf-8") for name, path in shipped_paths().items()}
# The lists are long and all alike; their first lines find the same faults in a tenth of the time.
TEXTS["mappings/lists.yaml"] = "titles: {c_level: [ceo], director: [vp], assistant: [intern]}\nfree_mail_domains:\n  - gmail.com\n"
SCRAPS = [
    "", " ", "\n", "\t", ":", "- ", "#", "'", '"', "{", "}", "[", "]", "&a ", "*a", "!x ", "!!binary ", "<<: ", "? ", "|\n", "---\n", "...\n", "%YAML 9.9\n",
    "null", "~", "true", "-1", "1e999", ".nan", "0x1F", "1_0", "007", "9" * 400, "2026-01-01", "é", "\u2028", "\x00", "\ud7ff", "(", "a" * 600,
    "{}", "[]", "[[]]", "{a: {b: {c: 1}}}", "all: []", "not: {}", "field: x", "hubspot", "salesforce: {Lead: {field: 1}}", "\\",
]  # fmt: skip
LINE = re.compile(r"(crmsync|mappings/[a-z]+)\.yaml:\d+:\d+: .+")


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, str]:
    """One file with one to three places overwritten."""
    name = draw(st.sampled_from(sorted(FILES)))
    text = TEXTS[name]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        gone = draw(st.sampled_from([0, 0, 1, 5, 40]))
        text = text[:at] + draw(st.one_of(st.sampled_from(SCRAPS), st.text(max_size=4))) + text[at + gone :]
    return name, text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutated")


def _load(folder: Path, name: str, text: str) -> Playbook:
    paths: dict[str, Path] = {}
    for other, original in TEXTS.items():
        paths[other] = folder / Path(other).name
        paths[other].write_bytes((text if other == name else original).encode("utf-8", "surrogatepass"))
    return load_files(paths, shipped() / "templates")


def _told(folder: Path, name: str, text: str) -> list[str]:
    """The lines of the ConfigError, none when it loads; any other exception goes through and fails the test."""
    try:
        assert _load(folder, name, text).fingerprint
    except ConfigError as error:
        return str(error).split("\n")
    return []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(change=mutated())
def test_load_gives_a_playbook_or_a_config_error(folder: Path, change: tuple[str, str]) -> None:
    assert [line for line in _told(folder, *change) if not LINE.fullmatch(line)] == []


def test_the_texts_that_are_mutated_load_unmutated(folder: Path) -> None:
    assert _told(folder, "crmsync.yaml", TEXTS["crmsync.yaml"]) == []


def _problems(name: str, text: str) -> list[str]:
    """What reading and validating one file alone says."""
    problems = Problems()
    file = parse(text, name, problems)
    model = None if file is None else validate(file, FILES[name], problems)
    assert (model is None) == bool(problems.found)
    return [str(problem) for problem in problems.found]


@pytest.mark.parametrize("scrap", SCRAPS)
def test_every_scrap_as_a_whole_file_and_as_any_value(scrap: str) -> None:
    for name in ("crmsync.yaml", "mappings/person.yaml", "mappings/playbook.yaml"):
        told = _problems(name, scrap)
        for key in FILES[name].model_fields:
            told += _problems(name, f"{key}: {scrap}")
        assert [line for line in told if not LINE.fullmatch(line)] == []
