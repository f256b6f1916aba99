"""The files of mappings/templates: what is read, what is wrong and where, and that those which ship are sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crmsync.decide.template import EXTRA, render
from crmsync.decide.template_source import FILTERS
from crmsync.errors import ConfigError
from crmsync.model.followup import Cadence, Step, Template
from crmsync.model.rules import PersonMap, Playbook
from crmsync.playbook import load
from crmsync.playbook.fingerprint import of_playbook
from crmsync.playbook.lint import lint
from crmsync.playbook.lint_templates import lint_templates, text_problems
from crmsync.playbook.load import load_files, shipped_paths, shipped_templates
from crmsync.playbook.problems import Problems
from crmsync.playbook.templates import MAX_BYTES, naming_errors, read_templates, with_needs
from crmsync.playbook.yamlfile import YamlFile, parse

C4 = {"demo_request", "content_download", "webinar_attendee", "reengagement"}
FULL = {
    "first_name": "Anna", "last_name": "Ek", "company": "Acme", "title": "CTO", "email": "anna@acme.example", "industry": "Retail",
    "owner_name": "Rita Reed", "owner_first_name": "Rita", "trigger": "Demo form", "answers": "Need: speed\nWhen: May",
}  # fmt: skip


@pytest.fixture(scope="module")
def playbook() -> Playbook:
    return load_files(shipped_paths())


def put(folder: Path, **files: str | bytes) -> Path:
    """Files named `demo__de` for demo.de.txt."""
    for name, content in files.items():
        path = folder / f"{name.replace('__', '.')}.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def said(folder: Path) -> tuple[dict[str, Template], list[str]]:
    problems = Problems()
    found = read_templates(folder, problems)
    return found, [str(problem).removeprefix("mappings/templates/") for problem in problems.found]


def book(**texts: str) -> Playbook:
    """A playbook with these bodies, without subjects of interest."""
    templates = {
        name: Template(name=name, variants={"": ("Subject", body)}, where=f"mappings/templates/{name}.txt") for name, body in texts.items()
    }
    return Playbook(person=PersonMap(objects={}, create_as={}, fields={}), templates=templates)


def wrong(**texts: str) -> list[str]:
    return [str(problem).removeprefix("mappings/templates/") for problem in text_problems(book(**texts))]


def test_a_file_is_subject_empty_line_body(tmp_path: Path) -> None:
    put(
        tmp_path,
        demo="Subject:  For {{ company }}\n\nHello\n\n  you\n\n",
        demo__de="\ufeffsubject: Für\r\n\r\nHallo\r\nSie\r\n",
        demo__pt_BR="Subject: P\n \nOlá",
    )
    (tmp_path / "README.md").write_text("not a template", "utf-8")
    found, problems = said(tmp_path)
    assert problems == []
    assert dict(found["demo"].variants) == {"": ("For {{ company }}", "Hello\n\n  you"), "de": ("Für", "Hallo\nSie"), "pt-br": ("P", "Olá")}
    assert found["demo"].where == "mappings/templates/demo.txt"
    assert read_templates(tmp_path / "none", Problems()) == {}


BAD = {
    "no subject": ({"a": "Hello\n\nyou"}, "a.txt:1:1: the subject is missing"),
    "an empty subject": ({"a": "Subject: \n\nyou"}, "a.txt:1:1: the subject is missing"),
    "an empty file": ({"a": ""}, "a.txt:1:1: the subject is missing"),
    "no empty line": ({"a": "Subject: x\nyou\n"}, "a.txt:2:1: the second line is not empty"),
    "no body": ({"a": "Subject: x\n\n \n"}, "a.txt:3:1: there is no text"),
    "not UTF-8": ({"a": b"Subject: x\n\nM\xfcller\n"}, "a.txt:3:1: the file is not UTF-8"),
    "too large": ({"a": b"Subject: x\n\n" + b"x" * MAX_BYTES}, "a.txt:1:1: the file is larger than"),
    "a name that is none": ({"My letter": "Subject: x\n\ny"}, "My letter.txt:1:1: not the name of a template"),
    "a locale that is none": ({"a": "Subject: x\n\ny", "a__german": "Subject: x\n\ny"}, "a.german.txt:1:1: not the name of a template"),
    "a locale without a base": ({"a__de": "Subject: x\n\ny"}, "a.de.txt:1:1: a.txt is missing"),
    "a locale twice": (
        {"a": "Subject: x\n\ny", "a__de-at": "Subject: x\n\ny", "a__de_at": "Subject: x\n\ny"},
        "a.de_at.txt:1:1: there is another file for a in de-at",
    ),
}


@pytest.mark.parametrize(("files", "message"), BAD.values(), ids=BAD.keys())
def test_what_is_wrong_with_a_file_is_told_with_its_place(tmp_path: Path, files: dict[str, str | bytes], message: str) -> None:
    (problem,) = said(put(tmp_path, **files))[1]
    assert problem.startswith(message)
    assert "; " in problem


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    assert said(tmp_path)[1][0].startswith("a.txt:1:1: the file cannot be read")


def test_mistakes_in_a_text_are_told_with_their_line() -> None:
    assert wrong(a="fine {{ owner_name }}") == []
    (problem,) = wrong(a="one\n{{ ownr_name }}")
    assert problem.startswith('a.txt:4:1: "ownr_name" is no merge field; use one of ')
    assert problem.endswith("(did you mean owner_name?)")
    assert [p.split(":")[1] for p in wrong(a="{{ trigger.x }}\n{{ topic() }}")] == ["3", "4"]
    assert wrong(a="x\n\n{% if trigger %}")[0].startswith("a.txt:")
    (subject,) = text_problems(replace(book(), templates={"a": Template(name="a", variants={"": ("S", "x"), "de": ("{{ loop }}", "x")})}))
    assert (subject.file, subject.line) == ("mappings/templates/a.de.txt", 1)
    (needs,) = text_problems(replace(book(), templates=with_needs(book(a="x").templates, {"a": ["owner_nam"]})))
    assert (needs.file, "owner_name" in needs.message) == ("mappings/followup.yaml", True)


HOLES = {
    "a name in an if": "Hello {% if topic %}{{ topic }}{% endif %},\nyou",
    "brackets": "You ({% if topic %}{{ topic }}{% endif %}) wrote",
    "two blanks": "You {% if topic %}{{ topic }}{% endif %} wrote",
    "quotes": 'About "{{ topic if topic else trigger }}{% if source %}{{ source }}{% endif %}" and "{% if topic %}x{% endif %}"',
    "the end of a sentence": "You wrote about {% if topic %}{{ topic }}{% endif %}.",
}


@pytest.mark.parametrize("source", HOLES.values(), ids=HOLES.keys())
def test_a_hole_is_seen_before_anybody_reads_it(source: str) -> None:
    found = wrong(a=source)
    assert any(problem.startswith("a.txt:3:1: without topic the text has a hole") for problem in found), found


def test_a_text_that_is_whole_without_its_fields_is_not_blamed() -> None:
    assert wrong(a="Hello{% if topic %} {{ topic }}{% endif %},\nA  list , odd as it is : {{ source }}") == []


def test_steps_that_name_what_is_not_there() -> None:
    problems = Problems()
    text = "cadences:\n  - name: x\n    steps:\n      - {day: 1, channel: call, template: demo_reqest}\ntemplates:\n  other: {needs: []}\n"
    file = parse(text, "mappings/followup.yaml", problems)
    assert isinstance(file, YamlFile)
    naming_errors(file, book(demo_request="x").templates, problems)
    first, second = (str(problem) for problem in problems.found)
    assert first.startswith(
        'mappings/followup.yaml:4:43: there is no template "demo_reqest"; use one of demo_request (did you mean demo_request?)'
    )
    assert second.startswith('mappings/followup.yaml:6:3: there is no template "other"')
    for odd in ("cadences: 7", "cadences: [3, {steps: {a: b}}, {steps: [1]}]\ntemplates: [1]", ""):
        other = parse(odd, "f", Problems())
        assert other is not None
        naming_errors(other, {}, problems)
    assert len(problems.found) == 2
    naming_errors(file, {}, problems)
    assert "`crmsync init` writes those that ship" in str(problems.found[-1])


def test_a_template_that_no_step_names_is_told() -> None:
    made = replace(
        book(used="x", unused="x", waits="x"), cadences=(Cadence(name="c", steps=(Step(day=1, channel="call", template="used"),)),)
    )
    ((where, message, fix),) = lint_templates(made, {"waits"})
    assert (where, message) == ("mappings/templates/unused.txt", "no step of a cadence names the template unused")
    assert fix


def test_a_changed_text_is_another_playbook() -> None:
    one, two = of_playbook(book(a="x")), of_playbook(book(a="y"))
    assert one.fingerprint != two.fingerprint
    moved = replace(book(a="x"), templates={"a": replace(book(a="x").templates["a"], where="elsewhere")})
    assert of_playbook(moved).fingerprint == one.fingerprint


# --- what ships -----------------------------------------------------------------------------------------------------------------


def variants(playbook: Playbook) -> Iterator[tuple[str, str, Template]]:
    for name, template in playbook.templates.items():
        for locale in template.variants:
            yield name, locale, template


def test_c4_the_four_ship_in_english_and_german_and_are_sound(playbook: Playbook) -> None:
    assert set(playbook.templates) >= C4
    for name in C4:
        assert set(playbook.templates[name].variants) >= {"", "de"}
    assert "fr" in playbook.templates["demo_request"].variants
    assert text_problems(playbook) == []
    assert list(lint_templates(playbook, {Path(name).stem.split(".")[0] for name in shipped_templates()})) == []


def test_c4_no_shipped_text_prints_a_hole(playbook: Playbook) -> None:
    """With everything known, without each field, and with nothing known but who writes."""
    seen = 0
    for name, locale, template in variants(playbook):
        for without in (None, *FULL, "all"):
            fields = {f: v for f, v in FULL.items() if f != without} if without != "all" else {"owner_name": "Rita Reed"}
            made = render(template, locale, fields)
            assert made.locale == locale
            if without == "owner_name" and made.blocked:
                assert made.blocked_by == ("owner_name",)
                continue
            assert not made.blocked, (name, locale, without, made)
            assert not any(hole in f"{made.subject}\n{made.body}" for hole in (" ,", " .", "()", "{{", "{%", "None", "\n\n\n")), (
                name,
                locale,
                without,
            )
            seen += 1
    assert seen > 200


def test_c4_the_break_up_offers_one_digit(playbook: Playbook) -> None:
    template = playbook.templates["reengagement"]
    for locale in template.variants:
        lines = render(template, locale, FULL).body.split("\n")
        assert [line[0] for line in lines if line[:1].isdigit()] == ["1", "2", "3"], locale


def test_every_step_that_ships_names_a_text(playbook: Playbook) -> None:
    named = {step.template for cadence in playbook.cadences for step in cadence.steps if step.template}
    assert named <= set(playbook.templates)
    assert "reengagement" in named


def test_a_home_has_them_and_can_do_without(home: Path) -> None:
    assert {path.name for path in (home / "mappings" / "templates").iterdir()} == {Path(name).name for name in shipped_templates()}
    whole = load(home)
    assert set(whole.templates) >= C4
    assert whole.fingerprint == load(home).fingerprint
    changed = home / "mappings" / "templates" / "reengagement.de.txt"
    changed.write_text(changed.read_text("utf-8").replace("nicht lästig", "keine Last"), "utf-8")
    assert load(home).fingerprint != whole.fingerprint
    changed.write_text("Kein Betreff", "utf-8")
    with pytest.raises(ConfigError, match=r"mappings/templates/reengagement\.de\.txt:1:1: the subject is missing"):
        load(home)
    for path in (home / "mappings" / "templates").iterdir():
        path.unlink()
    (home / "mappings" / "templates").rmdir()
    (home / "mappings" / "followup.yaml").unlink()
    assert load(home).templates == {}


def test_the_reference_tells_every_merge_field_and_every_text() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "templates.md").read_text("utf-8")
    rows = [line for line in page.split("## Merge fields")[1].split("## What ships")[0].splitlines() if line.startswith("| `")]
    assert rows == [f"| `{name}` | {told} |" for name, told in EXTRA.items()]
    assert all(f"`{Path(name).stem.split('.')[0]}`" in page.split("## What ships")[1] for name in shipped_templates())
    assert all(f"`{name}`" in page for name in FILTERS)


def test_check_warns_of_a_text_that_no_step_names(home: Path) -> None:
    assert [f for f in lint(load(home)) if "template" in f.message] == []
    put(home / "mappings" / "templates", forgotten="Subject: x\n\ny")
    (found,) = [f for f in lint(load(home)) if "template" in f.message]
    assert (found.level, found.subject) == ("warning", "mappings/templates/forgotten.txt")
