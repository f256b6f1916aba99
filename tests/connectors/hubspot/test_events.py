"""Form submissions and e-mail events: what is asked, how far back, what is no signal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors.hubspot.conftest import NOW, Request, Script
from connectors.hubspot.replies import Reply
from crmsync.connect.protocol import Cursor
from crmsync.errors import CredentialsError, UnreachableError
from crmsync.model.event import Event
from crmsync_hubspot.client import Client
from crmsync_hubspot.events import EMAILS, FIRST_EMAILS, FORMS, LIST_EVERY, OVERLAP, Events

MS = int(NOW.timestamp() * 1000)
HOUR = 3_600_000


def submission(at: int, **values: str) -> dict[str, Any]:
    return {"conversionId": f"c{at}", "submittedAt": at, "pageUrl": "", "values": [{"name": k, "value": v} for k, v in values.items()]}


class Portal:
    """Answers as the documented API does. forms: id -> (name, submissions newest first)."""

    def __init__(self, script: Script) -> None:
        self.forms: dict[str, tuple[str, list[dict[str, Any]]]] = {}
        self.events: list[dict[str, Any]] = []
        self.page = 50
        script.answer = self

    def __call__(self, request: Request) -> Reply:
        begin = int(request.query.get("after", request.query.get("offset", ["0"]))[0])
        if request.path == "/marketing/v3/forms":
            return Reply(status=200, json={"results": [{"id": id, "name": name} for id, (name, _) in self.forms.items()]})
        if request.path == "/email/public/v1/events":
            found = [e for e in self.events if e["created"] >= int(request.query["startTimestamp"][0])]
            end = begin + self.page
            return Reply(status=200, json={"events": found[begin:end], "hasMore": len(found) > end, "offset": str(end)})
        rows = self.forms[request.path.rpartition("/")[2]][1]
        paging = {"paging": {"next": {"after": str(begin + self.page)}}} if len(rows) > begin + self.page else {}
        return Reply(status=200, json={"results": rows[begin : begin + self.page], **paging})


@pytest.fixture
def portal(script: Script) -> Portal:
    return Portal(script)


def look(client: Client, stream: str, cursor: Cursor | None, *hints: str, later: float = 0) -> tuple[list[Event], Cursor]:
    """Events of one look and the cursor after it."""
    events: list[Event] = []
    after: Cursor | None = cursor
    for page in Events(client).events(stream, cursor, NOW + timedelta(seconds=later), hints):
        events += page.events
        after = page.cursor or after
    assert after is not None
    return events, after


def test_forms_are_looked_at_in_turn_and_by_name(client: Client, script: Script, portal: Portal) -> None:
    portal.forms = {id: (f"Form {id}", [submission(MS - HOUR, email=f"{id}@example.com")]) for id in ("a", "b", "c")}
    events, cursor = look(client, FORMS, None)
    assert (events, script.paths) == ([], ["/marketing/v3/forms"]), "the first look learns which forms there are"
    seen = []
    for _ in range(4):
        events, cursor = look(client, FORMS, cursor, later=15)
        seen += [event.email[0] for event in events]
    assert (seen, len(script.paths)) == (["a", "b", "c", "a"], 5), "then one call a look"
    script.requests.clear()
    events, cursor = look(client, FORMS, cursor, "Landing page: form C", later=30)
    assert [event.detail for event in events] == ["Form c", "Form b"], "what was just shown goes first"
    assert len(script.paths) == 2
    portal.forms["d"] = ("Webinar", [submission(MS, email="d@example.com")])
    events, cursor = look(client, FORMS, cursor, "Webinar", later=45)
    assert [event.detail for event in events] == ["Webinar"], "a form that is not known yet has them listed anew"
    script.requests.clear()
    look(client, FORMS, cursor, later=45 + LIST_EVERY / 1000)
    assert script.paths == ["/marketing/v3/forms"]


def test_submissions_are_read_until_they_are_known(client: Client, script: Script, portal: Portal) -> None:
    portal.forms = {"a": ("Contact us", [submission(MS - n * 60_000, email="ann@example.com", seats=str(n)) for n in range(120)])}
    _, cursor = look(client, FORMS, None)
    events, cursor = look(client, FORMS, cursor)
    assert (len(events), len(script.paths)) == (120, 1 + 3)
    assert (events[0].id, events[0].answers, events[0].detail) == (f"c{MS}", [("seats", "0")], "Contact us")
    script.requests.clear()
    events, cursor = look(client, FORMS, cursor)
    assert (len(events), len(script.paths)) == (OVERLAP // 60_000 + 1, 1), "the overlap is on the first page"
    ahead, behind = submission(MS + 48 * HOUR, email="ahead@example.com"), submission(MS + HOUR, email="bob@example.com")
    portal.forms = {"a": ("Contact us", [ahead])}
    _, cursor = look(client, FORMS, cursor)
    portal.forms = {"a": ("Contact us", [ahead, behind])}
    seen = {event.email for event in look(client, FORMS, cursor, later=60)[0]}
    assert "bob@example.com" in seen, "a clock that runs ahead hides nothing that follows"
    old = submission(MS - 40 * 24 * HOUR, email="old@example.com")
    portal.forms = {"b": ("Old", [old])}
    _, cursor = look(client, FORMS, None)
    assert look(client, FORMS, cursor)[0] == []


def test_a_submission_without_an_address_is_nobodys(client: Client, portal: Portal) -> None:
    rows: list[dict[str, Any]] = [
        submission(MS, name="x"), submission(MS, email="no address"), {"submittedAt": MS, "values": [{"name": "Email", "value": " a@b.c "}]},
        {"values": []}, {"submittedAt": MS, "pageUrl": "https://x.example", "values": None},
    ]  # fmt: skip
    portal.forms = {"a": ("Contact us", rows)}
    _, cursor = look(client, FORMS, None)
    events, _ = look(client, FORMS, cursor)
    assert [(e.email, e.id) for e in events] == [("a@b.c", f"a/{MS}/a@b.c")]


def mail(type: str, at: int, **more: Any) -> dict[str, Any]:
    return {"id": f"{type}{at}", "created": at, "type": type, "recipient": "ann@example.com", **more}


def test_only_acts_of_persons_are_events(client: Client, portal: Portal) -> None:
    portal.events = [
        mail("OPEN", MS), mail("CLICK", MS, url="https://x.example/a"), mail("REPLY", MS), mail("SENT", MS), mail("DELIVERED", MS),
        mail("STATUSCHANGE", MS, portalSubscriptionStatus="UNSUBSCRIBED"), mail("STATUSCHANGE", MS, subscriptions=[{"id": 1}]),
        mail("BOUNCE", MS, status="5.1.1", category="UNKNOWN_USER"), mail("BOUNCE", MS, status="4.2.2"), mail("OPEN", MS, recipient=""),
    ]  # fmt: skip
    events, _ = look(client, EMAILS, None)
    assert [(e.kind, e.detail) for e in events] == [
        ("email_open", ""), ("email_click", "https://x.example/a"), ("email_reply", ""), ("email_unsubscribe", ""), ("email_bounce", "UNKNOWN_USER"),
    ]  # fmt: skip


def test_events_are_one_call_and_a_lost_page_is_read_again(client: Client, script: Script, portal: Portal) -> None:
    portal.events = [mail("OPEN", MS - n * 60_000) for n in range(90)]
    pages = Events(client).events(EMAILS, None, NOW, ())
    assert next(pages).cursor is None, "newest first: what is older could still be lost"
    events, cursor = look(client, EMAILS, None)
    assert (len(events), cursor) == (90, {"mark": MS})
    assert script.requests[0].query["startTimestamp"] == [str(MS - FIRST_EMAILS // timedelta(milliseconds=1) - OVERLAP)]
    assert script.requests[0].query["excludeFilteredEvents"] == ["true"]
    script.requests.clear()
    events, cursor = look(client, EMAILS, cursor, later=15)
    assert (len(events), len(script.paths)) == (OVERLAP // 60_000 + 1, 1)
    portal.events.insert(0, mail("OPEN", MS + 2 * HOUR))
    assert look(client, EMAILS, cursor)[1] == {"mark": MS}, "a moment ahead of us does not hide what happens until then"


def test_a_missing_scope_and_a_refusal(client: Client, script: Script) -> None:
    script.then(Reply(status=403, json={"category": "MISSING_SCOPES", "errors": [{"context": {"requiredGranularScopes": ["forms"]}}]}))
    with pytest.raises(CredentialsError, match="forms"):
        look(client, FORMS, None)
    script.then(Reply(status=400, json={"status": "error", "message": "no"}))
    with pytest.raises(UnreachableError, match="events of marketing e-mails"):
        look(client, EMAILS, None)
    script.then(Reply(status=404, json={"status": "error"}))
    assert look(client, FORMS, {"known": {"a": ["Gone", 0]}, "listed": MS, "place": 0})[0] == []
