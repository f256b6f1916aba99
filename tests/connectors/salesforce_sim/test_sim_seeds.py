"""Seeded activities and companies, as tasks, events and accounts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from crmsync.testing.people import activities, companies, population

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)
REP = {"email": "rep@us.example", "first_name": "Rae", "last_name": "Rep", "time_zone": "Pacific/Auckland"}
ANN = {"email": "ann@acme.example", "last_name": "Ng", "company": "Acme Ltd", "website": "https://www.acme.example", "kind": "contact"}
WHOM = {"email": "Ann@acme.example", "owner_email": "rep@us.example"}


def test_each_kind_of_activity_as_task_or_event(client: Any) -> None:
    rows: list[dict[str, Any]] = [
        {**WHOM, "kind": "task", "subject": "Call", "body": "a < b", "due": date(2026, 5, 10), "status": "waiting", "priority": "high"},
        {**WHOM, "kind": "task", "subject": "Late", "due": datetime(2026, 5, 9, 20, tzinfo=UTC)},
        {**WHOM, "kind": "call", "subject": "Intro", "at": NOW, "duration_seconds": 90, "disposition": "busy", "direction": "inbound"},
        {**WHOM, "kind": "email", "subject": "Hi", "body": "Hello", "at": "2026-05-01T10:00:00+00:00"},
        {
            **WHOM,
            "kind": "meeting",
            "subject": "Demo",
            "at": "2026-05-05T10:00:00+00:00",
            "location": "Oslo",
            "end": "2026-05-05T11:00:00+00:00",
        },
        {"email": "ann@acme.example", "kind": "note", "body": "Keen"},
    ]
    client.sim.seed(users=[REP], people=[ANN], activities=rows)
    tasks = {row["Subject"]: row for row in client.sim.all("Task")}
    assert (tasks["Call"]["ActivityDate"], tasks["Call"]["Status"]) == ("2026-05-10", "Waiting on someone else")
    assert (tasks["Call"]["Priority"], tasks["Call"]["TaskSubtype"], tasks["Call"]["Description"]) == ("High", "Task", "a < b")
    assert (tasks["Late"]["ActivityDate"], tasks["Late"]["IsClosed"]) == ("2026-05-10", False)
    intro = tasks["Intro"]
    assert (intro["TaskSubtype"], intro["CallType"], intro["CallDisposition"], intro["CallDurationInSeconds"]) == (
        "Call",
        "Inbound",
        "Busy",
        90,
    )
    assert (intro["IsClosed"], intro["CompletedDateTime"]) == (True, "2026-05-04T09:00:00.000+0000")
    assert (tasks["Hi"]["TaskSubtype"], tasks["Hi"]["CreatedDate"]) == ("Email", "2026-05-01T10:00:00.000+0000")
    assert (tasks["Note"]["Status"], tasks["Note"]["Description"]) == ("Completed", "Keen")
    (event,) = client.sim.all("Event")
    assert (event["DurationInMinutes"], event["Location"], event["ActivityDate"]) == (60, "Oslo", "2026-05-05")
    contact = client.sim.all("Contact")[0]
    assert {row["WhoId"] for row in [*tasks.values(), event]} == {contact["Id"]}
    assert {row["AccountId"] for row in tasks.values()} == {contact["AccountId"]}
    assert len(client.ids("SELECT Id FROM Task ORDER BY SystemModstamp, Id")) == 5


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**WHOM, "kind": "fax"}, "kind must be one of"),
        ({**WHOM, "kind": "task", "status": "Open"}, "status must be one of"),
        ({"email": "nobody@acme.example", "kind": "note"}, "neither contact nor lead"),
        ({**WHOM, "kind": "note", "colour": "red"}, "unknown key in activity: colour"),
    ],
)
def test_nonsense_is_refused_and_nothing_of_it_added(client: Any, row: dict[str, Any], message: str) -> None:
    client.sim.seed(users=[REP], people=[ANN])
    with pytest.raises(ValueError, match=message):
        client.sim.seed(activities=[{**WHOM, "kind": "note", "body": "fine"}, row])
    assert client.sim.all("Task") == []


def test_contacts_join_seeded_accounts_by_name_or_domain(client: Any) -> None:
    rows = [{"name": "ACME LTD", "domain": "acme.example", "industry": "Technology", "employees": 40, "country": "Norway"}]
    rows.append({"name": "Other", "domain": "other.example"})
    bo = {"email": "bo@other.example", "last_name": "Bo", "company": "Other Group", "website": "http://other.example/x", "kind": "contact"}
    client.sim.seed(people=[ANN, bo], companies=[*rows, rows[0]])
    acme, other = client.sim.all("Account")
    assert (acme["Name"], acme["Website"], acme["NumberOfEmployees"]) == ("ACME LTD", "https://www.acme.example", 40)
    assert (acme["Industry"], acme["BillingCountry"]) == ("Technology", "Norway")
    assert [row["AccountId"] for row in client.sim.all("Contact")] == [acme["Id"], other["Id"]]


def test_lifelike_activities_fit_the_org(client: Any) -> None:
    crowd = population(200, now=NOW)
    made, firms = activities(crowd.left, now=NOW), companies(crowd.left)
    client.sim.seed(users=crowd.users, people=crowd.left, activities=made, companies=firms)
    assert len(client.sim.all("Task")) + len(client.sim.all("Event")) == len(made) > 100
    assert len(client.sim.all("Account")) == len(firms)
    client.sim.options.change("shared_activities", True)
    assert len(client.ids("SELECT Id FROM TaskRelation WHERE IsWhat = false")) == len(client.sim.all("Task"))


def test_seeding_over_http(client: Any) -> None:
    activity = {"email": "ann@acme.example", "kind": "task", "due": "2026-05-09", "subject": "x"}
    answer = client.control("POST", "/do", json={"verb": "seed", "people": [ANN], "activities": [activity]})
    assert answer.status_code == 200
    assert [row["Subject"] for row in client.sim.all("Task")] == ["x"]
