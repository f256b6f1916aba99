"""What an EmailMessage adds to the Task of an e-mail: one query for all of them, and nothing where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crmsync.errors import CredentialsError
from crmsync.model.record import Record
from crmsync_salesforce.mails import Mails
from crmsync_salesforce.sim import Simulator

FIELDS = ("Subject", "TaskSubtype", "EmailMessage.Incoming", "EmailMessage.TextBody", "EmailMessage.FromAddress")
Org = tuple[Any, Any]


@pytest.fixture
def org(connect: Callable[..., Any]) -> Iterator[Org]:
    with Simulator(email_messages=True) as sim:
        yield sim, connect(sim)


def emailed(sim: Any, n: int, *, incoming: bool = True, **more: Any) -> str:
    task = sim.create("Task", {"Subject": f"Email: {n}", "TaskSubtype": "Email", "Status": "Completed", "ActivityDate": "2026-05-01"})
    message = {"ActivityId": task, "Subject": str(n), "TextBody": f"Text {n}", "FromAddress": f"p{n}@example.com", "Incoming": incoming}
    sim.create("EmailMessage", {**message, "Status": "1", "MessageDate": "2026-05-01T08:00:00.000Z", **more})
    return str(task)


def pull(org: Org, cursor: Any = None) -> tuple[dict[str, Record], Any, int]:
    sim, connector = org
    before = sim.api_calls()
    pages = list(connector.pull("Task", FIELDS, cursor, sim.now()))
    return {r.ref.id: r for page in pages for r in page.records}, pages[-1].cursor, sim.api_calls() - before


def test_emails_of_a_page_are_read_with_one_query(org: Org) -> None:
    sim, connector = org
    plain = sim.create("Task", {"Subject": "Call back", "Status": "Not Started"})
    pull(org)
    ids = [emailed(sim, n, incoming=bool(n % 2)) for n in range(30)]
    seen, _, calls = pull(org)
    assert calls == 2, "one page, one query for thirty e-mails"
    first = seen[ids[1]].fields
    assert {name: first[name] for name in FIELDS[2:]} == {
        "EmailMessage.Incoming": "true", "EmailMessage.TextBody": "Text 1", "EmailMessage.FromAddress": "p1@example.com",
    }  # fmt: skip
    assert seen[ids[0]].fields["EmailMessage.Incoming"] == "false"
    assert seen[plain].fields["EmailMessage.Incoming"] is None
    # read again it is the same record; one that was changed is not
    again, _, _ = pull(org)
    assert {id: r.digest for id, r in again.items()} == {id: r.digest for id, r in seen.items()}
    (one,) = connector.fetch("Task", [ids[1]], FIELDS)
    assert (one.digest, one.fields["EmailMessage.TextBody"]) == (seen[ids[1]].digest, "Text 1")
    assert {r.ref.id for r in connector.find("Task", "Subject", ["Email: 3"], FIELDS)} == {ids[3]}
    # rows of a bulk job get the same, by columns
    columns: dict[str, Any] = {"Id": [plain, *ids[:3]], "TaskSubtype": ["Task", *["Email"] * 3], "IsDeleted": [False, False, False, True]}
    Mails(connector._client).add_columns("Task", FIELDS, columns)
    assert columns["EmailMessage.Incoming"] == [None, "false", "true", None]
    assert columns["EmailMessage.TextBody"] == [None, "Text 0", "Text 1", None]


def test_the_first_message_counts_and_deleted_tasks_are_not_asked_about(org: Org) -> None:
    sim, _ = org
    task = emailed(sim, 1)
    sim.create(
        "EmailMessage",
        {"ActivityId": task, "TextBody": "later", "Incoming": False, "Status": "1", "MessageDate": "2026-05-02T08:00:00.000Z"},
    )
    bare = sim.create("Task", {"Subject": "Logged", "TaskSubtype": "Email", "Status": "Completed"})
    seen, cursor, _ = pull(org)
    assert seen[task].fields["EmailMessage.TextBody"] == "Text 1"
    assert seen[bare].fields["EmailMessage.TextBody"] is None
    sim.delete("Task", task)
    sim.delete("Task", bare)
    gone, _, _ = pull(org, cursor)
    assert gone[task].state.value == "deleted"


def test_an_org_without_email_messages_is_asked_once(connect: Callable[..., Any], simulator: Any) -> None:
    connector = connect(simulator)
    task = simulator.create("Task", {"Subject": "x", "TaskSubtype": "Email", "Status": "Completed"})
    counted = []
    for _ in range(3):
        seen, _, calls = pull((simulator, connector))
        counted.append(calls)
        assert seen[task].fields["EmailMessage.Incoming"] is None
    assert counted[1:] == [1, 1]
    assert len([c for c in simulator.calls if c.path.endswith("/query/")]) == 3 + 1


def test_a_field_that_is_not_there_is_an_error_and_turns_no_message_off(org: Org) -> None:
    sim, connector = org
    task = emailed(sim, 1)
    with pytest.raises(CredentialsError, match="FromAdress"):
        connector.fetch("Task", [task], (*FIELDS, "EmailMessage.FromAdress"))
    (one,) = connector.fetch("Task", [task], FIELDS)
    assert one.fields["EmailMessage.Incoming"] == "true"
    # yes and no are told to be the texts as which they are read
    shown = connector.schema(("EmailMessage",))["EmailMessage"].fields
    assert (shown["Incoming"].type, shown["Incoming"].options) == ("picklist", ("true", "false"))
    assert connector.traits.beside == {"Task": ("EmailMessage",)}


def test_messages_that_cannot_be_tied_to_their_tasks_are_none(org: Org) -> None:
    sim, connector = org
    task = emailed(sim, 1)
    body = [{"errorCode": "INVALID_FIELD", "message": "No such column 'ActivityId' on entity 'EmailMessage'."}]
    sim.faults.add({"path": "EmailMessage", "times": 1, "do": "status", "status": 400, "body": body})
    for _ in range(2):
        (one,) = connector.fetch("Task", [task], FIELDS)
        assert one.fields["EmailMessage.Incoming"] is None


def test_nothing_is_asked_where_nothing_is_mapped(org: Org) -> None:
    sim, connector = org
    emailed(sim, 1)
    list(connector.pull("Task", ("Subject", "TaskSubtype"), None, sim.now()))
    before = sim.api_calls()
    list(connector.pull("Task", ("Subject", "TaskSubtype"), None, sim.now()))
    assert sim.api_calls() - before == 1


def test_what_came_in_is_read_without_the_bodies_that_were_sent(org: Org) -> None:
    sim, connector = org
    ids = [
        emailed(sim, 0, incoming=False),
        emailed(sim, 1),
        emailed(sim, 2, TextBody="1\n\n> " + "x" * 9_000),
        emailed(sim, 3, TextBody=None),
    ]
    wanted = ("Subject", "TaskSubtype", "EmailMessage.IncomingText")
    pull(org)
    before = sim.api_calls()
    seen = {r.ref.id: r.fields for page in connector.pull("Task", wanted, None, sim.now()) for r in page.records}
    assert sim.api_calls() - before == 2
    assert [seen[id]["EmailMessage.IncomingText"] for id in ids] == [None, "Text 1", "1\n\n> " + "x" * 3_995, None]
    assert "EmailMessage.TextBody" not in seen[ids[1]], "nobody asked for it"
    columns: dict[str, Any] = {"Id": ids[:2], "TaskSubtype": ["Email"] * 2, "IsDeleted": [False] * 2}
    Mails(connector._client).add_columns("Task", wanted, columns)
    assert columns["EmailMessage.IncomingText"] == [None, "Text 1"]
    made = connector.schema(["EmailMessage"])["EmailMessage"].fields["IncomingText"]
    assert (made.type, made.length, made.createable, made.updateable) == ("text", 4_000, False, False)
    sim.hide_field("EmailMessage", "TextBody")
    assert "IncomingText" not in connector.schema(["EmailMessage"])["EmailMessage"].fields
