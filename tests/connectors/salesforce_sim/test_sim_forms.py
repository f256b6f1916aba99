"""The pages a rep works on: task list, a person's activities, and forms that save as a human user."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

REP = {"email": "rep@us.example", "first_name": "Rae", "last_name": "Rep", "time_zone": "Europe/Berlin"}
EVIL = '"><img src=x onerror=alert(1)>'


@pytest.fixture
def lead(client: Any) -> str:
    who = {"email": "ann@acme.example", "owner_email": "rep@us.example"}
    activities = [
        {
            **who,
            "kind": "call",
            "subject": "Intro",
            "at": datetime(2026, 4, 3, 8, tzinfo=UTC),
            "disposition": "busy",
            "duration_seconds": 65,
        },
        {**who, "kind": "task", "subject": "Late one", "due": "2026-05-01", "body": EVIL},
        {**who, "kind": "task", "subject": "Next one", "due": "2026-05-09", "priority": "high"},
        {**who, "kind": "meeting", "subject": "Demo", "at": datetime(2026, 5, 6, 10, tzinfo=UTC), "duration_seconds": 2700},
        {**who, "kind": "email", "subject": "Offer", "at": datetime(2026, 4, 20, 8, tzinfo=UTC)},
    ]
    person = {"email": "ann@acme.example", "first_name": "Ann", "last_name": "Ng", "company": "Acme", "owner_email": "rep@us.example"}
    client.sim.seed(users=[REP], people=[person], activities=activities)
    return str(client.sim.all("Lead")[0]["Id"])


def page(client: Any, path: str) -> str:
    answer = requests.get(client.sim.url + path, timeout=10)
    assert answer.status_code == 200
    return answer.text


def post(client: Any, verb: str, headers: dict[str, str] | None = None, **fields: str) -> requests.Response:
    own = {"Origin": client.sim.url} if headers is None else headers
    return requests.post(f"{client.sim.url}/act/{verb}", data=fields, headers=own, allow_redirects=False, timeout=10)


def on(client: Any, verb: str, name: str, record: str, **fields: str) -> requests.Response:
    return post(client, verb, object=name, id=record, back=f"/record/{name}/{record}", **fields)


def task_of(client: Any, subject: str) -> dict[str, Any]:
    found: dict[str, Any] = next(task for task in client.sim.all("Task") if task["Subject"] == subject)
    return found


def test_a_reps_task_list(client: Any, lead: str) -> None:
    rep = client.sim.get("Lead", lead)["OwnerId"]
    text = page(client, f"/tasks/{rep}")
    assert text == page(client, "/tasks")
    order = [text.index(mark) for mark in ("Late one", "Next one", "2 completed", "Offer", "Intro")]
    assert order == sorted(order)
    assert "<h1>Tasks of Rae Rep</h1>" in text
    assert "2 open" in text
    assert text.count('title="overdue"') == 1
    assert f'<a href="/record/Lead/{lead}">Ann Ng</a>' in text
    assert requests.get(f"{client.sim.url}/tasks/{lead}", timeout=10).status_code == 404


def test_a_persons_activities(client: Any, lead: str) -> None:
    text = page(client, f"/record/Lead/{lead}")
    order = [text.index(mark) for mark in ("Late one", "Demo", "Next one", "Activity history", "Offer", "Intro")]
    assert order == sorted(order)
    assert "due 2026-05-01 – overdue" in text
    assert "1 min 5 s" in text
    assert "You act as Rae Rep." in text
    assert "<img" not in text
    assert "<script" not in text


def test_completing_and_rescheduling_by_form(client: Any, lead: str) -> None:
    rep = client.sim.get("Lead", lead)["OwnerId"]
    late, ahead = task_of(client, "Late one")["Id"], task_of(client, "Next one")["Id"]
    done = post(client, "complete", object="Task", id=late, back=f"/tasks/{rep}")
    assert (done.status_code, done.headers["Location"]) == (303, f"/tasks/{rep}")
    assert client.read("Task", late)["IsClosed"] is True
    newest = client.sim.writes[0]
    assert (newest.user, newest.object, newest.id, newest.changes["Status"]) == (rep, "Task", late, ("Not Started", "Completed"))
    assert on(client, "reschedule", "Task", ahead, due="2026-06-01").status_code == 303
    assert client.read("Task", ahead)["ActivityDate"] == "2026-06-01"
    event = client.sim.all("Event")[0]["Id"]
    assert on(client, "reschedule", "Event", event, due="2026-05-07T11:30").status_code == 303
    moved = client.read("Event", event)
    assert (moved["StartDateTime"], moved["EndDateTime"]) == ("2026-05-07T11:30:00.000+0000", "2026-05-07T12:15:00.000+0000")


def test_logging_calls_notes_and_tasks_by_form(client: Any, lead: str) -> None:
    assert on(client, "call", "Lead", lead, title="Hello", minutes="2.5", disposition="Connected", direction="Inbound").status_code == 303
    call = task_of(client, "Hello")
    assert (call["TaskSubtype"], call["CallDurationInSeconds"], call["CallType"], call["IsClosed"]) == ("Call", 150, "Inbound", True)
    assert (call["WhoId"], call["ActivityDate"]) == (lead, "2026-05-04")
    assert on(client, "note", "Lead", lead, body="First line\nmore").status_code == 303
    assert (task_of(client, "First line")["Description"], task_of(client, "First line")["Status"]) == ("First line\nmore", "Completed")
    assert on(client, "task", "Lead", lead, subject="New", due="2026-05-12", priority="High").status_code == 303
    task = task_of(client, "New")
    assert (task["ActivityDate"], task["Priority"], task["OwnerId"]) == ("2026-05-12", "High", client.sim.get("Lead", lead)["OwnerId"])
    account = client.make("Account", Name="Acme")
    assert on(client, "task", "Account", account, subject="For the account").status_code == 303
    assert task_of(client, "For the account")["WhatId"] == account


def test_changing_owner_value_consent_and_deleting(client: Any, lead: str) -> None:
    rep = client.sim.get("Lead", lead)["OwnerId"]
    assert on(client, "change", "Lead", lead, field="Title", value="CFO").status_code == 303
    assert on(client, "optout", "Lead", lead).status_code == 303
    assert on(client, "owner", "Lead", lead, owner=client.sim.admin_user).status_code == 303
    shown = client.read("Lead", lead)
    assert (shown["Title"], shown["HasOptedOutOfEmail"], shown["OwnerId"]) == ("CFO", True, client.sim.admin_user)
    assert shown["LastModifiedById"] == rep
    assert "Opt out of e-mail" not in page(client, f"/record/Lead/{lead}")
    gone = on(client, "delete", "Lead", lead)
    assert (gone.status_code, gone.headers["Location"]) == (303, "/?object=Lead")
    assert client.sim.get("Lead", lead)["IsDeleted"] is True
    assert "Work with it" not in page(client, f"/record/Lead/{lead}")


@pytest.mark.parametrize(
    ("verb", "fields", "said"),
    [
        ("change", {"field": "Email", "value": "no address"}, "INVALID_EMAIL_ADDRESS: Email: invalid email address: no address"),
        ("change", {"field": "LastName", "value": ""}, "REQUIRED_FIELD_MISSING"),
        ("change", {"field": "IsConverted", "value": "true"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("change", {"field": EVIL, "value": "x"}, "INVALID_FIELD: No such column"),
        ("owner", {"owner": "12"}, "MALFORMED_ID"),
        ("call", {"minutes": "long"}, "JSON_PARSER_ERROR"),
        ("call", {"direction": "Sideways"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("task", {"subject": "x", "due": "soon"}, "JSON_PARSER_ERROR"),
        ("note", {"body": "  "}, "A note needs some text."),
        ("nonsense", {}, "There is no such form."),
    ],
)
def test_a_bad_value_shows_the_orgs_own_words_and_changes_nothing(
    client: Any, lead: str, verb: str, fields: dict[str, str], said: str
) -> None:
    before = {name: client.sim.all(name) for name in ("Lead", "Task")}
    written = list(client.sim.writes)
    answer = on(client, verb, "Lead", lead, **fields)
    assert answer.status_code == 422
    alert = re.search(r'role="alert">(.*?)</p>', answer.text, re.DOTALL)
    assert alert is not None
    assert said in html.unescape(alert[1])
    assert "<img" not in answer.text
    assert before == {name: client.sim.all(name) for name in before}
    assert list(client.sim.writes) == written


def test_an_inactive_owner_does_not_act_any_more(client: Any, lead: str) -> None:
    client.sim.edit("User", client.sim.get("Lead", lead)["OwnerId"], {"IsActive": False})
    assert on(client, "change", "Lead", lead, field="Title", value="CFO").status_code == 303
    assert client.read("Lead", lead)["LastModifiedById"] == client.sim.admin_user


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://evil.example", "Host": "evil.example"}]
)
def test_forms_of_other_sites_are_refused(client: Any, lead: str, headers: dict[str, str]) -> None:
    assert post(client, "delete", headers, object="Lead", id=lead).status_code == 403
    assert client.sim.get("Lead", lead)["IsDeleted"] is False


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/record/Lead/1\r\nX: y", "/_sim/options"])
def test_a_form_leads_back_to_these_pages_only(client: Any, lead: str, back: str) -> None:
    answer = post(client, "complete", object="Task", id=task_of(client, "Late one")["Id"], back=back)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "X" not in answer.headers


def test_forms_are_no_api_calls(client: Any, lead: str) -> None:
    client.sim.reset_calls()
    on(client, "note", "Lead", lead, body="x")
    assert client.sim.api_calls() == 0
    answer = requests.get(f"{client.sim.url}/tasks", timeout=10)
    assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
