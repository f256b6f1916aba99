"""activities.yaml and companies.yaml: what ships says what the table of defaults says, mistakes are told where they stand, homes without them load."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from crmsync.decide.owners import Owners
from crmsync.decide.translate import lenses_of
from crmsync.model.rules import FieldType, Playbook, TwinMap
from crmsync.playbook import load
from crmsync.playbook.lint import lint
from crmsync.playbook.load import load_files, shipped_paths

ACTIVITIES, COMPANIES = "mappings/activities.yaml", "mappings/companies.yaml"
OUTCOME = "    outcome:\n      type: picklist\n      hubspot: hs_meeting_outcome\n      direction: none\n"
LOCATION = "    location: {type: text, hubspot: hs_meeting_location, salesforce: Location, on_too_long: cut}\n"
START = "    start:    {type: datetime, hubspot: hs_meeting_start_time, salesforce: StartDateTime, required: true}\n"
MEETING = "\nmeeting:\n  on: true\n  direction: both\n  body: full\n  objects: {hubspot: meetings, salesforce: Event}\n  filter: {history_days: 365}\n"

# file, old text, new text with «the wrong place» marked, message (None: only the place is looked at)
CASES = {
    "unknown kind": (ACTIVITIES, "\nmeeting:\n", "\n«meetings»:\n", "meetings: unknown key; use one of due_time, task, call, email, meeting, note, campaign_member (did you mean meeting?)"),
    "unknown key": (ACTIVITIES, MEETING, MEETING.replace("direction", "«directoin»"), "directoin: unknown key; use one of on, objects, when, fields, direction, body, filter, fixed, signals (did you mean direction?)"),
    "unknown direction": (ACTIVITIES, MEETING, MEETING.replace("both", "«to_hubspt»"), 'direction: unknown direction "to_hubspt"; use one of both, to_hubspot, to_salesforce, none (did you mean to_hubspot?)'),
    "a call to come": (ACTIVITIES, "{type: call_connected, when", "{type: call_connected, planned: «true», when", "planned: a call without a field end cannot be still to come; remove planned"),
    "unknown CRM": (ACTIVITIES, MEETING, MEETING.replace("{hubspot: meetings, ", "{hubspot: meetings, «zoho»: Events, "), 'zoho: unknown CRM "zoho"; use one of hubspot, salesforce'),
    "no policy": (ACTIVITIES, MEETING, MEETING.replace("full", "«half»"), "body: not a policy for bodies; write full, none, or a number of characters from 100 to 100000"),
    "too short a body": (ACTIVITIES, MEETING, MEETING.replace("full", "«99»"), "body: not a policy for bodies; write full, none, or a number of characters from 100 to 100000"),
    "no switch": (ACTIVITIES, MEETING, MEETING.replace("true", "«maybe»"), 'on: "maybe" is not true or false; write true or false'),
    "broken expression": (ACTIVITIES, MEETING, MEETING.replace("history_days: 365", "skip_subject: «'('»"), None),
    "no number of days": (ACTIVITIES, MEETING, MEETING.replace("365", "«0»"), 'history_days: "0" is out of range; it must be more than 0'),
    "an owner on both lists": (ACTIVITIES, MEETING, MEETING.replace("history_days: 365", "owners: [A@x.example], not_owners: «»[a@x.example]"), 'not_owners: "a@x.example" stands under owners, too; remove it from one of them'),
    "unknown filter": (ACTIVITIES, MEETING, MEETING.replace("history_days", "«history»"), "history: unknown key; use one of owners, not_owners, skip_subject, history_days (did you mean history_days?)"),
    "no clock": (ACTIVITIES, 'due_time: "09:00"', 'due_time: «"9 am"»', 'due_time: "9 am" cannot be used here; write a time like "09:00"'),
    "no time of a day": (ACTIVITIES, 'due_time: "09:00"', 'due_time: «"24:00"»', "due_time: 24:00 is no time of a day; write 23:59 at most"),
    "unknown type": (ACTIVITIES, LOCATION, LOCATION.replace("type: text", "type: «txet»"), None),
    "a type that the engine needs": (ACTIVITIES, START, START.replace("type: datetime", "type: «date»"), "type: the field start must be of this type; write datetime"),
    "unknown side of a field": (ACTIVITIES, LOCATION, LOCATION.replace("hubspot:", "«hubspt»:"), None),
    "unknown key of a place": (ACTIVITIES, LOCATION, LOCATION.replace("hs_meeting_location", "{field: x, «htlm»: true}"), "htlm: unknown key; use one of field, read_only, at_creation, html, per (did you mean html?)"),
    "html on a number": (ACTIVITIES, "    duration:  {type: number, hubspot: {field: hs_call_duration, per: 1000}", "    duration:  {type: number, hubspot: {field: hs_call_duration, html: «true»}", "html: html is for texts, this field is of type number; remove it or change the type"),
    "per on a text": (ACTIVITIES, LOCATION, LOCATION.replace("hs_meeting_location", "{field: x, per: «60»}"), "per: per is for numbers, this field is of type text; remove it or change the type"),
    "per nothing": (ACTIVITIES, "per: 1000", "per: «0»", 'per: "0" is out of range; it must be more than 0'),
    "most of a moment": (ACTIVITIES, START, START.replace("required: true", "most: «500»"), "most: most is for texts, this field is of type datetime; remove it"),
    "most of nothing": (ACTIVITIES, LOCATION, LOCATION.replace("on_too_long: cut", "most: «5»"), 'most: "5" is out of range; it must be at least 100'),
    "nothing listed": (ACTIVITIES, LOCATION, LOCATION.replace("on_too_long: cut", "listed_only: «true»"), "listed_only: nothing is listed; add values, or remove listed_only"),
    "unknown rule": (ACTIVITIES, LOCATION, LOCATION.replace("on_too_long: cut", "conflict: «lastest»"), 'conflict: unknown rule "lastest"; use one of latest, hubspot, salesforce, fill, ask, true_wins (did you mean latest?)'),
    "true_wins on a text": (ACTIVITIES, LOCATION, LOCATION.replace("on_too_long: cut", "conflict: «true_wins»"), "conflict: true_wins is for type bool; use another rule"),
    "direction of a field": (ACTIVITIES, OUTCOME, OUTCOME.replace("none", "«to_both»"), None),
    "values on a number": (ACTIVITIES, LOCATION, LOCATION + "    x: {type: number, hubspot: x, «values»: {hubspot: {one: '1'}}}\n", "values: values are for type picklist, this field is of type number; change the type or remove values"),
    "values of a strange CRM": (ACTIVITIES, "        hubspot: {scheduled: SCHEDULED,", "        «zoho»: {scheduled: SCHEDULED,", 'zoho: unknown CRM "zoho"; use one of hubspot, salesforce'),
    "value under two names": (ACTIVITIES, "no_show: NO_SHOW", "no_show: «SCHEDULED»", 'no_show: "SCHEDULED" already stands for scheduled; keep one'),
    "a field nowhere": (ACTIVITIES, LOCATION, LOCATION + "    «room»: {type: text}\n", "room: no CRM has this field; add its native name under hubspot or salesforce"),
    "one native field twice": (ACTIVITIES, LOCATION, LOCATION + "    room: {type: text, salesforce: «Location»}\n", "salesforce: Location is already mapped as location; map it once, or write read_only: true"),
    "unknown word in a template": (ACTIVITIES, '"{start}"', '«"{strat}"»', 'hs_timestamp: unknown field "strat"; use one of subject, body, start, end, location, outcome, owner, first_line (did you mean start?)'),
    "a list as a fixed value": (ACTIVITIES, '"{start}"', "«»[a]", "hs_timestamp: not a value for a field; write a text, a number, true or false"),
    "unknown field of a signal": (ACTIVITIES, "when: {disposition: connected}", "when: {«dispositon»: connected}", None),
    "fixed in a strange CRM": (ACTIVITIES, '    hubspot: {hs_timestamp: "{start}"}', '    «zoho»: {hs_timestamp: "{start}"}', 'zoho: unknown CRM "zoho"; use one of hubspot, salesforce'),
    "when in a strange CRM": (ACTIVITIES, "when: {salesforce: {TaskSubtype: Call}}", "when: {«zoho»: {TaskSubtype: Call}}", 'zoho: unknown CRM "zoho"; use one of hubspot, salesforce'),
    "unknown field to match by": (COMPANIES, "match: [domain, name]", "match: [domain, «nmae»]", None),
    "create without two_way": (COMPANIES, "  create: false", "  create: «true»", "create: nothing is created without two_way; write two_way: true or remove create"),
    "a direction for companies": (COMPANIES, "  create: false", "  «direction»: both", "direction: unknown key; use one of on, objects, when, fields, two_way, create, match"),
    "no objects": (COMPANIES, "  objects: {hubspot: deals, salesforce: Opportunity}\n", "", None),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_mistake_is_told_where_it_stands(case: str, home: Path, errors_of: Callable[[str, str, str], list[str]]) -> None:
    file, old, marked, message = CASES[case]
    new = marked.replace("«", "").replace("»", "")
    told = errors_of(file, old, new)
    assert len(told) == 1, told
    assert told[0].startswith(f"{file}:")
    assert ";" in told[0], "an error tells the fix"
    if "«" in marked:
        text = (home / file).read_text("utf-8")
        before = text[: text.index(new) + marked.index("«")]
        spot = f"{file}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: "
        assert told[0].startswith(spot), (told[0], spot)
        assert message is None or told[0] == spot + message


@pytest.fixture(scope="module")
def playbook() -> Playbook:
    return load_files(shipped_paths())


def test_every_kind_that_ships(playbook: Playbook) -> None:
    assert list(playbook.twins) == ["company", "deal", "task", "call", "email", "meeting", "note", "campaign_member"]
    assert playbook.due_time == "09:00"
    for kind, twin in playbook.twins.items():
        assert twin.kind == kind
        kept_in_step = twin.activity and kind != "campaign_member"  # that one is only read, for signals
        assert set(twin.create_as) == ({"hubspot", "salesforce"} if kept_in_step else set())
        assert all(field.conflict == "latest" and field.fingerprint for field in twin.fields.values())
        assert all(field.to <= {"hubspot", "salesforce"} if twin.activity else not field.to for field in twin.fields.values())
        assert all(field.where.startswith(ACTIVITIES if twin.activity else COMPANIES) for field in twin.fields.values())
        assert twin.filter.history_days == (365 if twin.activity else None)
    assert {kind for kind, twin in playbook.twins.items() if twin.logged} == {"call", "email", "note", "campaign_member"}
    assert playbook.twins["company"].match == ("domain", "name")
    assert "body" not in playbook.twins["email"].fields
    assert playbook.twins["note"].when == {"salesforce": {"TaskSubtype": ()}}
    assert {k: [s.type for s in t.signals] for k, t in playbook.twins.items() if t.signals} == {
        "call": ["call_connected"], "email": ["email_reply"], "meeting": ["meeting_booked", "meeting_held", "meeting_held"],
        "campaign_member": ["webinar_attended", "event_attended", "content_download"],
    }  # fmt: skip


@pytest.mark.parametrize(("kind", "side", "native", "house"), [
    ("task", "hubspot", {"hs_task_status": "WAITING", "hs_task_priority": "NONE", "hs_task_body": "<p>a</p>"}, {"status": "waiting", "priority": "normal", "body": "a"}),
    ("task", "salesforce", {"Status": "Waiting on someone else", "Priority": "High", "ActivityDate": "2026-03-08"}, {"status": "waiting", "priority": "high", "due": "2026-03-08"}),
    ("task", "salesforce", {"Status": "On ice"}, {}),
    ("call", "hubspot", {"hs_call_duration": "61000", "hs_call_disposition": "9d9162e7-6cf3-4944-bf63-4dff82258764"}, {"duration": 61, "disposition": "busy"}),
    ("call", "salesforce", {"CallType": "Inbound", "CallDurationInSeconds": 61, "CallDisposition": "Busy"}, {"direction": "inbound", "duration": 61, "disposition": "busy"}),
    ("email", "hubspot", {"hs_email_direction": "INCOMING_EMAIL", "hs_email_text": "x"}, {"direction": "inbound"}),
    ("meeting", "hubspot", {"hs_meeting_outcome": "NO_SHOW"}, {"outcome": "no_show"}),
])  # fmt: skip
def test_what_ships_reads_each_crms_words(playbook: Playbook, kind: str, side: str, native: dict[str, str], house: dict[str, str]) -> None:
    twin = playbook.twins[kind]
    lens = lenses_of(twin, [side])[side, twin.objects[side][0]]
    assert lens.to_house(native, Owners()) == house
    for name, value in house.items():
        assert lens.to_house({lens.by_name[name].place.field: lens.to_native(name, value, Owners())}, Owners()) == {name: value}


def _changed(home: Path, file: str, old: str, new: str) -> dict[str, TwinMap]:
    text = (home / file).read_text("utf-8")
    assert text.count(old) == 1
    (home / file).write_text(text.replace(old, new), "utf-8")
    return dict(load(home).twins)


def test_switches_directions_and_bodies(home: Path) -> None:
    twins = _changed(home, ACTIVITIES, MEETING, MEETING.replace("both", "to_salesforce").replace("full", "500"))
    meeting = twins["meeting"]
    assert meeting.create_as == {"salesforce": "Event"}
    assert {side for field in meeting.fields.values() for side in field.to} == {"salesforce"}
    assert meeting.fields["body"].most == 500
    assert meeting.fields["body"].type is FieldType.RICH_TEXT
    twins = _changed(home, ACTIVITIES, "\nmeeting:\n  on: true\n  direction: to_salesforce", "\nmeeting:\n  on: false\n  direction: none")
    assert "meeting" not in twins
    twins = _changed(home, ACTIVITIES, "\nmeeting:\n  on: false", "\nmeeting:\n  on: true")
    assert not twins["meeting"].create_as
    assert not any(field.to for field in twins["meeting"].fields.values())


def test_companies_two_way(home: Path) -> None:
    company = _changed(home, COMPANIES, "  two_way: false\n  create: false", "  two_way: true\n  create: true")["company"]
    assert company.create_as == {"hubspot": "companies", "salesforce": "Account"}
    assert company.fields["name"].to == {"hubspot", "salesforce"}
    assert company.fields["domain"].to == company.fields["industry"].to == frozenset()


def test_a_filter_is_taken_over(home: Path) -> None:
    new = "filter: {owners: [' Ann@Acme.example'], not_owners: [bob@acme.example], skip_subject: '^internal', history_days: }"
    rule = _changed(home, ACTIVITIES, MEETING, MEETING.replace("filter: {history_days: 365}", new))["meeting"].filter
    assert (rule.owners, rule.not_owners) == ({"ann@acme.example"}, {"bob@acme.example"})
    assert (rule.skip_subject, rule.history_days) == ("^internal", None)


def test_a_home_of_an_earlier_version_loads_with_everything_off(home: Path, playbook: Playbook) -> None:
    for name in (ACTIVITIES, "mappings/followup.yaml", "mappings/alerts.yaml"):
        (home / name).unlink()
    found = load(home)
    assert list(found.twins) == ["company", "deal"]
    assert [(f.level, f.subject) for f in lint(found)] == [("info", ACTIVITIES), ("info", "mappings/followup.yaml")]
    (home / COMPANIES).unlink()
    found = load(home)
    assert found.twins == {}
    assert [(f.level, f.subject) for f in lint(found)] == [
        ("info", ACTIVITIES),
        ("info", COMPANIES),
        ("info", "mappings/followup.yaml"),
    ]
    assert all("crmsync init" in f.fix for f in lint(found))
    assert found.fingerprint != playbook.fingerprint
    assert {n: f.fingerprint for n, f in found.person.fields.items()} == {n: f.fingerprint for n, f in playbook.person.fields.items()}


def test_a_signal_of_an_activity_is_known_to_the_rules(home: Path) -> None:
    signals = home / "mappings" / "signals.yaml"
    text = signals.read_text("utf-8")
    signals.write_text(text.replace(", meeting_held]", "]"), "utf-8")
    rules = home / "mappings" / "playbook.yaml"
    rules.write_text(rules.read_text("utf-8").replace("express: [", "express: [meeting_held, "), "utf-8")
    assert "meeting_held" in load(home).score.express


def _merged(base: Any, more: Any) -> Any:
    return {
        **base,
        **{
            key: _merged(base[key], part) if isinstance(base.get(key), dict) and isinstance(part, dict) else part
            for key, part in more.items()
        },
    }


@pytest.mark.parametrize("page", ["map-an-activity.md", "filter-activities.md"])
def test_what_the_how_tos_show_can_be_written(page: str, home: Path) -> None:
    shown = re.findall(r"```yaml\n(.*?)```", (Path(__file__).parents[2] / "docs" / "how-to" / page).read_text("utf-8"), re.DOTALL)
    assert shown
    yaml = YAML(typ="safe", pure=True)
    ships = yaml.load((home / ACTIVITIES).read_text("utf-8"))
    for block in shown:
        written = io.StringIO()
        yaml.dump(_merged(ships, yaml.load(block)), written)
        (home / ACTIVITIES).write_text(written.getvalue(), "utf-8")
        found = load(home)
        for kind, said in yaml.load(block).items():
            assert (kind in found.twins) == said.get("on", True)
            assert set(said.get("fields", {})) <= set(found.twins[kind].fields if kind in found.twins else ())
