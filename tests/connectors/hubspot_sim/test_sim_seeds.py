"""Seeded activities and companies: as they would have come to be, all of them visible at once."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from crmsync.testing.people import activities, companies, population

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
REP = {"email": "rep@us.co", "first_name": "Rae", "last_name": "Rep", "time_zone": "America/Los_Angeles"}
ANN = {"email": "ann@acme.co", "first_name": "Ann", "company": "Acme Ltd", "website": "https://www.acme.co", "owner_email": "rep@us.co"}
WHOM = {"email": "Ann@acme.co", "owner_email": "rep@us.co"}


def test_each_kind_of_activity_in_its_own_object(http):
    rows = [
        {**WHOM, "kind": "task", "subject": "Call", "body": "a < b\nc", "due": date(2026, 3, 10), "status": "waiting", "priority": "high"},
        {**WHOM, "kind": "task", "subject": "Done", "due": "2026-02-10", "status": "completed"},
        {**WHOM, "kind": "call", "subject": "Intro", "at": NOW, "duration_seconds": 90, "disposition": "busy", "direction": "inbound"},
        {**WHOM, "kind": "email", "subject": "Hi", "body": "Hello", "at": "2026-02-01T10:00:00+00:00", "direction": "inbound"},
        {
            **WHOM,
            "kind": "meeting",
            "subject": "Demo",
            "at": datetime(2026, 3, 5, 10, tzinfo=UTC),
            "location": "Oslo",
            "outcome": "scheduled",
        },
        {"email": "ann@acme.co", "kind": "note", "body": "Keen"},
    ]
    http.sim.seed(users=[REP], people=[ANN], activities=rows)
    owner = http("GET", "/crm/v3/owners").json()["results"][0]["id"]
    task, done = http.sim.all("tasks")
    assert (task["hs_timestamp"], task["hs_task_status"], task["hs_task_priority"]) == ("2026-03-10T16:00:00Z", "WAITING", "HIGH")
    assert (task["hs_task_body"], task["hubspot_owner_id"]) == ("<p>a &lt; b<br>c</p>", owner)
    assert (done["hs_task_is_completed"], done["hs_task_completion_date"]) == ("1", "2026-02-10T17:00:00Z")
    (call,) = http.sim.all("calls")
    assert (call["hs_call_duration"], call["hs_call_direction"]) == ("90000", "INBOUND")
    assert call["hs_call_disposition"] == "9d9162e7-6cf3-4944-bf63-4dff82258764"
    (mail,) = http.sim.all("emails")
    assert (mail["hs_email_direction"], mail["hs_email_text"], mail["hs_createdate"]) == ("INCOMING_EMAIL", "Hello", "2026-02-01T10:00:00Z")
    (meeting,) = http.sim.all("meetings")
    assert (meeting["hs_meeting_start_time"], meeting["hs_meeting_end_time"]) == ("2026-03-05T10:00:00Z", "2026-03-05T10:30:00Z")
    assert (meeting["hs_meeting_outcome"], meeting["hs_meeting_location"]) == ("SCHEDULED", "Oslo")
    (note,) = http.sim.all("notes")
    assert (note["hs_note_body"], "hubspot_owner_id" in note) == ("<p>Keen</p>", False)
    (ann,) = http.sim.all("contacts")
    assert (ann["num_notes"], ann["notes_last_contacted"]) == ("6", "2026-03-02T09:00:00Z")
    for plural, count in (("tasks", 2), ("calls", 1), ("emails", 1), ("meetings", 1), ("notes", 1)):
        assert len(http.sim.associated("contacts", ann["id"], plural)) == count
        assert http.search([], plural).json()["total"] == count


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**WHOM, "kind": "fax"}, "kind must be one of"),
        ({**WHOM, "kind": "call", "disposition": "hung up"}, "disposition must be one of"),
        ({"email": "nobody@acme.co", "kind": "note"}, "no contact"),
        ({**WHOM, "kind": "note", "colour": "red"}, "unknown key in activity: colour"),
    ],
)
def test_nonsense_is_refused_and_nothing_of_it_added(http, row, message):
    http.sim.seed(users=[REP], people=[ANN])
    with pytest.raises(ValueError, match=message):
        http.sim.seed(activities=[{**WHOM, "kind": "note", "body": "fine"}, row])
    assert http.sim.all("notes") == []


def test_people_join_seeded_companies_by_name_or_domain(http):
    rows = [{"name": "ACME LTD", "domain": "acme.co", "industry": "Technology", "employees": 40, "country": "Norway"}]
    rows.append({"name": "Other", "domain": "other.co", "industry": "Sorcery"})
    bo = {"email": "bo@other.co", "company": "Other Group", "website": "http://other.co/x"}
    http.sim.seed(people=[ANN, bo], companies=[*rows, rows[0]])
    acme, other = http.sim.all("companies")
    assert (acme["name"], acme["domain"], acme["numberofemployees"], acme["country"]) == ("ACME LTD", "acme.co", "40", "Norway")
    assert acme["industry"] == "INFORMATION_TECHNOLOGY_AND_SERVICES"
    assert "industry" not in other
    assert [c["associatedcompanyid"] for c in http.sim.all("contacts")] == [acme["id"], other["id"]]


def test_lifelike_activities_fit_the_portal(http):
    crowd = population(200, now=NOW)
    made, firms = activities(crowd.left, now=NOW, seed=3), companies(crowd.left)
    assert made == activities(crowd.left, now=NOW, seed=3)
    assert {row["kind"] for row in made} == {"task", "call", "email", "meeting", "note"}
    http.sim.seed(users=crowd.users, people=crowd.left, activities=made, companies=firms)
    held = sum(len(http.sim.all(plural)) for plural in ("tasks", "calls", "emails", "meetings", "notes"))
    assert held == len(made) > 100
    assert len(http.sim.all("companies")) == len(firms)
    assert all(row["hs_createdate"] <= "2026-03-02T09:00:00Z" for row in http.sim.all("tasks"))


def test_seeding_over_http(http):
    body = {"verb": "seed", "people": [ANN], "activities": [{"email": "ann@acme.co", "kind": "task", "due": "2026-03-09", "subject": "x"}]}
    assert http("POST", "/_sim/do", body).status_code == 200
    assert [task["hs_task_subject"] for task in http.sim.all("tasks")] == ["x"]
