"""The mappings that ship: they load, lint and say what process.md and mapping-defaults.md want."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from crmsync.decide.condition import OPS, holds, lists_of
from crmsync.decide.signals import signals_from
from crmsync.model.fields import MQL_TYPES, STAGES
from crmsync.model.link import Snapshot
from crmsync.model.record import Ref
from crmsync.model.rules import FieldType, Playbook
from crmsync.playbook import load, shipped, write_defaults
from crmsync.playbook.build import duration
from crmsync.playbook.lint import lint
from crmsync.playbook.load import load_files, shipped_paths, shipped_templates
from crmsync.playbook.problems import Problems
from crmsync.playbook.schema import FILES
from crmsync.playbook.schema_hours import HoursFile
from crmsync.playbook.schema_when import OPERATORS
from crmsync.playbook.yamlfile import parse


@pytest.fixture(scope="module")
def playbook() -> Playbook:
    return load_files(shipped_paths())


def test_what_ships_loads_and_lints_clean(playbook: Playbook) -> None:
    assert lint(playbook) == []
    assert {path.name for path in shipped().glob("*.yaml")} == {Path(name).name for name in FILES}


def test_written_defaults_load_to_the_same_playbook(defaults: Path, playbook: Playbook) -> None:
    assert load(defaults).fingerprint == playbook.fingerprint
    assert {n: f.fingerprint for n, f in load(defaults).person.fields.items()} == {
        n: f.fingerprint for n, f in playbook.person.fields.items()
    }


def test_a_text_is_composed_once_and_read_anew_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    composed: list[str] = []
    compose = YAML.compose

    def counted(self: YAML, text: str) -> Any:
        composed.append(text)
        return compose(self, text)

    monkeypatch.setattr(YAML, "compose", counted)
    text = f"one: [1, two]\n# {monkeypatch!r}\n"
    problems = Problems()
    first, second = parse(text, "a.yaml", problems), parse(text, "b.yaml", problems)
    assert composed == [text]
    assert problems.found == []
    assert first is not None
    assert second is not None
    assert first.data == second.data == {"one": [1, "two"]}
    assert first.data is not second.data
    assert (first.name, second.name) == ("a.yaml", "b.yaml")
    twice = f"{text}one: 2\n"
    assert parse(twice, "a.yaml", problems) is parse(twice, "b.yaml", problems) is None
    assert [problem.file for problem in problems.found] == ["a.yaml", "b.yaml"], "what is wrong is said for each file"


def test_defaults_are_written_once_and_never_over_anything(tmp_path: Path) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "person.yaml").write_text("mine", "utf-8")
    written = {str(path.relative_to(tmp_path)) for path in write_defaults(tmp_path)}
    schemas = {f"mappings/.schema/{Path(n).stem}.schema.json" for n in FILES}
    assert written == (set(FILES) | schemas | set(shipped_templates())) - {"mappings/person.yaml"}
    assert len(shipped_templates()) >= 4
    assert (tmp_path / "mappings" / "person.yaml").read_text("utf-8") == "mine"
    assert write_defaults(tmp_path) == []


def test_every_written_file_points_editors_to_its_schema(defaults: Path) -> None:
    for name in FILES:
        first = (defaults / name).read_text("utf-8").split("\n", 1)[0]
        target = first.removeprefix("# yaml-language-server: $schema=")
        assert ((defaults / name).parent / target).is_file(), first


def test_the_mapping_says_what_the_table_says(playbook: Playbook) -> None:
    fields = playbook.person.fields
    assert list(fields)[:19] == [
        "email", "first_name", "last_name", "phone", "mobile", "title", "company", "website", "street", "city", "state", "postal_code",
        "country", "industry", "lead_source", "email_opt_out", "owner", "employees", "company_size",
    ]  # fmt: skip
    assert {n: f.conflict for n, f in fields.items() if f.conflict != "latest"} == {
        "company": "salesforce", "industry": "fill", "lead_source": "fill", "email_opt_out": "true_wins",
    }  # fmt: skip
    place = fields["company"].places
    assert place["salesforce", "Lead"].field == "Company"
    assert not place["salesforce", "Lead"].read_only
    assert place["salesforce", "Contact"].field == "Account.Name"
    assert place["salesforce", "Contact"].read_only
    assert ("salesforce", "Contact") not in fields["website"].places
    assert fields["owner"].type is FieldType.OWNER
    assert fields["lead_source"].to == {"salesforce"}
    assert fields["lead_source"].places["hubspot", "contacts"].at_creation
    assert fields["lead_source"].values["hubspot"]["PAID_SEARCH"] == "Web"
    assert fields["employees"].to == fields["company_size"].to == frozenset()
    assert all(f.where.startswith("mappings/person.yaml:") for f in fields.values())
    assert playbook.person.objects == {"hubspot": ("contacts",), "salesforce": ("Contact", "Lead")}
    assert playbook.person.create_as == {"hubspot": "contacts", "salesforce": "Lead"}


def test_where_says_the_line_of_the_field(defaults: Path) -> None:
    field = load(defaults).person.fields["lead_source"]
    file, line = field.where.split(":")
    assert (defaults / file).read_text("utf-8").split("\n")[int(line) - 1] == "  lead_source:"


def test_everything_the_engine_needs_is_read(playbook: Playbook) -> None:
    reads = playbook.person.reads["hubspot", "contacts"]
    for signal in playbook.signals:
        theirs = playbook.person.reads[signal.side, signal.object]
        assert signal.field in theirs
        assert signal.time_field is None or signal.time_field in theirs
    assert {"lifecyclestage", "hs_lead_status", "hs_additional_emails"} <= set(reads)
    assert set(playbook.person.reads["salesforce", "Lead"]) == {"Status", "EmailBouncedReason", "EmailBouncedDate"}


def test_stages_are_written_and_read_in_each_crms_words(playbook: Playbook) -> None:
    person = playbook.person
    assert set(person.statuses) == set(STAGES)
    assert person.statuses["mql"]["hubspot", "contacts", "lifecyclestage"] == "marketingqualifiedlead"
    assert person.statuses["sql"]["salesforce", "Lead", "Status"] == "Working - Contacted"
    read = person.stage_from["hubspot", "contacts", "lifecyclestage"]
    assert read["marketingqualifiedlead"] == "mql"
    assert read["lead"] == "lead"
    assert ("hubspot", "contacts", "hs_lead_status") not in person.stage_from


@pytest.mark.parametrize(
    ("facts", "points"),
    [
        ({"title": "CEO"}, 30),
        ({"title": "C.E.O. & Founder"}, 30),
        ({"title": "Director of Sales"}, 25),
        ({"title": "Vice President"}, 25),
        ({"title": "Chief Executive Director"}, 30),
        ({"title": "Assistant to the CEO"}, 0),
        ({"title": "Product Owner"}, 0),
        ({"employees": 200}, 15),
        ({"employees": 1000}, 15),
        ({"employees": 1001}, 0),
        ({"company_size": "500-1000"}, 15),
        ({"company_size": "500-1000", "employees": 20}, 0),
        ({"email": "a@gmail.com"}, -15),
        ({"email": "a@mailinator.com"}, -15),
        ({"email": "a@acme.example"}, 0),
    ],
)
def test_fit_rules_hold_for_whom_they_mean(playbook: Playbook, facts: dict[str, str | int], points: float) -> None:
    lists = lists_of(playbook)
    held = [rule for rule in playbook.score.fit if holds(rule.when, facts, lists)]
    grouped = max((r.points for r in held if r.group == "seniority"), default=0)
    assert grouped + sum(r.points for r in held if r.group is None) == points


@pytest.mark.parametrize(
    ("field", "detail", "type"),
    [
        ("recent_conversion_event_name", "Demo Request: Book now", "demo_request"),
        ("recent_conversion_event_name", "website_demo_form", "demo_request"),
        ("recent_conversion_event_name", "Free security assessment", "demo_request"),
        ("recent_conversion_event_name", "The future of democracy", "form_submitted"),
        ("recent_conversion_event_name", "Pricing inquiry", "pricing_inquiry"),
        ("recent_conversion_event_name", "eBook: ten mistakes", "content_download"),
        ("recent_conversion_event_name", "Webinar spring", "webinar_attended"),
        ("recent_conversion_event_name", "Newsletter footer", "newsletter_signup"),
        ("recent_conversion_event_name", "Unsubscribe me", "form_submitted"),
        ("hs_analytics_last_url", "https://acme.example/pricing", "pricing_page_view"),
        ("hs_analytics_last_url", "https://acme.example/en/pricing/?utm=x", "pricing_page_view"),
        ("hs_analytics_last_url", "https://acme.example/?next=/pricing", "page_view"),
        ("hs_analytics_last_url", "https://acme.example/careers", "careers_page_view"),
        ("hs_analytics_last_url", "https://acme.example/products/robot", "product_page_view"),
        ("hs_analytics_last_url", "https://acme.example/", "page_view"),
    ],
)
def test_patterns_name_the_signals(playbook: Playbook, field: str, detail: str, type: str) -> None:
    signal = next(s for s in playbook.signals if s.field == field)
    at = datetime(2026, 1, 31, tzinfo=UTC)
    extra = {field: detail, str(signal.time_field): "2026-01-30T10:00:00.000Z"}
    shown = Snapshot(ref=Ref(side="hubspot", object="contacts", id="1"), fields={}, extra=extra, modified_at=at)
    assert [s.type for s in signals_from(shown, None, playbook.signals)] == [type]


def test_the_process_keeps_to_its_sizes(playbook: Playbook) -> None:
    assert 5 <= len(playbook.score.fit) <= 7
    assert 5 <= len(playbook.score.behavior) <= 7
    assert (playbook.score.mql_at, playbook.score.sql_at) == (50, 100)
    assert {rule.type for rule in playbook.types} == set(MQL_TYPES)
    by_type = {rule.type: rule for rule in reversed(playbook.types)}
    assert (by_type["direct_request"].respond_minutes, by_type["direct_request"].working_time) == (10, True)
    assert by_type["content_download"].respond_minutes == 24 * 60
    assert (by_type["browser"].respond_minutes, by_type["browser"].working_time) == (7 * 24 * 60, False)
    assert playbook.hours.days == (0, 1, 2, 3, 4)
    assert (playbook.hours.start, playbook.hours.end) == (540, 1020)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10 minutes", (10, False)),
        ("4 working hours", (240, True)),
        ("1 working day", (480, True)),
        ("1 working week", (2400, True)),
        ("1 day", (1440, False)),
        ("2 weeks", (20160, False)),
        ("1.5 hours", (90, False)),
    ],
)
def test_durations(text: str, expected: tuple[int, bool]) -> None:
    assert duration(text, HoursFile()) == expected


def test_every_operator_of_conditions_can_be_written() -> None:
    assert set(OPERATORS.values()) == OPS


def test_a_fingerprint_follows_the_meaning_alone(home: Path) -> None:
    person = home / "mappings" / "person.yaml"
    before = load(home)
    text = person.read_text("utf-8")
    person.write_text(text.replace("\nfields:\n", "\n# a comment\n\nfields:\n").replace("conflict: salesforce", "conflict: ask"), "utf-8")
    moved = load(home)
    assert {n: f.fingerprint for n, f in moved.person.fields.items()} == {n: f.fingerprint for n, f in before.person.fields.items()}
    assert moved.fingerprint != before.fingerprint
    assert moved.person.fields["company"].where != before.person.fields["company"].where
    person.write_text(
        text.replace("hubspot: jobtitle", "hubspot: position").replace("Other: [OTHER_CAMPAIGNS", "Else: [OTHER_CAMPAIGNS"), "utf-8"
    )
    changed = load(home)
    assert {n for n, f in changed.person.fields.items() if f.fingerprint != before.person.fields[n].fingerprint} == {"title", "lead_source"}


def test_start_from_is_utc(home: Path) -> None:
    file = home / "crmsync.yaml"
    text = file.read_text("utf-8")
    for written, hour in (("2026-01-31T09:00:00Z", 9), ("2026-01-31 09:00", 9), ("2026-01-31T09:00:00+02:00", 7), ("2026-01-31", 0)):
        file.write_text(text.replace("start_from:\n", f"start_from: {written}\n"), "utf-8")
        assert load(home).start_from == datetime(2026, 1, 31, hour, tzinfo=UTC)
