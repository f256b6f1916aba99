"""What HubSpot lists beside its records: submissions of forms with their answers, and events of marketing e-mails.

Cursors. forms: `known`, form id -> [name, newest submission read (epoch ms)]; `listed`, when the forms were last listed; `place`, whose turn is
next. emails: `mark`, the newest event read (epoch ms).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from crmsync.connect.protocol import Cursor, EventPage
from crmsync.errors import UnreachableError
from crmsync.model.event import Event
from crmsync_hubspot import wire
from crmsync_hubspot.auth import SIDE
from crmsync_hubspot.client import Answer, Client

FORMS, EMAILS = "forms", "marketing_emails"
SUBMISSION = "form_submission"
KINDS: Mapping[str, str] = {
    SUBMISSION: FORMS,
    "email_open": EMAILS, "email_click": EMAILS, "email_reply": EMAILS, "email_unsubscribe": EMAILS, "email_bounce": EMAILS,
}  # fmt: skip
"""Kind of event -> the stream that lists it."""
FIRST_FORMS, FIRST_EMAILS = timedelta(days=30), timedelta(days=1)
"""How far back the first look goes: older events are known from the contacts' properties, without answers."""
OVERLAP = 600_000
"""Milliseconds read again: HubSpot does not say how late an event may appear."""
LIST_EVERY = 900_000
_EMAIL_PAGE, _SUBMISSION_PAGE, _FORM_PAGE = 1_000, 50, 100
_MAIL = {"OPEN": "email_open", "CLICK": "email_click", "REPLY": "email_reply"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Events:
    """The streams of one connected account."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def events(self, stream: str, cursor: Cursor | None, now: datetime, hints: Sequence[str]) -> Iterator[EventPage]:
        """See crmsync.connect.protocol.TellsEvents. forms: one call, for the list of forms or the next form in turn, and one for each form whose
        name is in a hint (a contact shows "page title: form name"); more where a form has more than 50 new submissions. marketing_emails: one
        call per 1,000 events of any kind."""
        return self._forms(dict(cursor or {}), wire.millis(now), hints) if stream == FORMS else self._emails(cursor or {}, wire.millis(now))

    # --- forms ---------------------------------------------------------------------------------------------------------------

    def _forms(self, at: dict[str, Any], now: int, hints: Sequence[str]) -> Iterator[EventPage]:
        known: dict[str, list[Any]] = {id: list(row) for id, row in (at.get("known") or {}).items()}
        listed, place = at.get("listed"), int(at.get("place") or 0)
        turn: list[str] = []
        named = _named(known, hints)
        if listed is None or not 0 <= now - listed < LIST_EVERY or (hints and not named):
            known, listed = self._list(known, now), now
            named = _named(known, hints)
        elif known:
            order = sorted(known)
            turn = [order[place % len(order)]]
            place = (place + 1) % len(order)
        yield EventPage(events=(), cursor={"known": known, "listed": listed, "place": place})
        for id in dict.fromkeys((*named, *turn)):
            name, mark = known[id]
            events = self._submissions(id, str(name), int(mark) - OVERLAP)
            newest = max((wire.millis(e.at) for e in events), default=int(mark))
            # A clock that runs ahead would hide what happens until then.
            known = {**known, id: [name, max(int(mark), min(newest, now))]}
            yield EventPage(events=events, cursor={"known": known, "listed": listed, "place": place})

    def _list(self, known: Mapping[str, list[Any]], now: int) -> dict[str, list[Any]]:
        """Every form with what is known of it."""
        begin = now - FIRST_FORMS // timedelta(milliseconds=1)
        found: dict[str, list[Any]] = {}
        after: str | None = None
        while True:
            body = _body(self._client.get("marketing-forms", "", {"limit": _FORM_PAGE, "after": after, "formTypes": "all"}), "its forms")
            for row in body.get("results") or ():
                id = str(row["id"])
                found[id] = [str(row.get("name") or id), known[id][1] if id in known else begin]
            after = _next(body, after)
            if after is None:
                return found

    def _submissions(self, form: str, name: str, since: int) -> list[Event]:
        """Those from `since` on. HubSpot lists the newest first and cannot be asked for a moment."""
        found: list[Event] = []
        after: str | None = None
        while True:
            answer = self._client.get("form-submissions", form, {"limit": _SUBMISSION_PAGE, "after": after})
            if answer.status == 404:
                return found  # deleted since the forms were listed
            body = _body(answer, "submissions of a form")
            rows = [row for row in body.get("results") or () if isinstance(row.get("submittedAt"), int)]
            found += [event for row in rows if row["submittedAt"] >= since and (event := _submission(form, name, row)) is not None]
            after = _next(body, after)
            if after is None or any(row["submittedAt"] < since for row in rows):
                return found

    # --- marketing e-mails --------------------------------------------------------------------------------------------------------

    def _emails(self, at: Cursor, now: int) -> Iterator[EventPage]:
        """Newest first, so the cursor moves only when all of it was read."""
        first = now - FIRST_EMAILS // timedelta(milliseconds=1)
        mark = int(at.get("mark") or first)
        newest, offset = mark, None
        while True:
            query = {"limit": _EMAIL_PAGE, "startTimestamp": max(0, mark - OVERLAP), "excludeFilteredEvents": True, "offset": offset}
            body = _body(self._client.get("email-events", "", query), "events of marketing e-mails")
            rows = [row for row in body.get("events") or () if isinstance(row.get("created"), int)]
            newest = max(newest, *(row["created"] for row in rows)) if rows else newest
            more = body.get("offset") if body.get("hasMore") else None
            done = not more or more == offset
            events = [event for row in rows if (event := _email(row)) is not None]
            yield EventPage(events=events, cursor={"mark": min(newest, now)} if done else None)  # as above
            if done:
                return
            offset = more


def _named(known: Mapping[str, list[Any]], hints: Sequence[str]) -> list[str]:
    """Forms whose name is in one of the hints."""
    told = [hint.lower() for hint in hints]
    return sorted(id for id, (name, _) in known.items() if name.strip() and any(str(name).strip().lower() in hint for hint in told))


def _submission(form: str, name: str, row: Mapping[str, Any]) -> Event | None:
    """None for one without an address: nobody knows whose it is."""
    values = [(str(v.get("name") or ""), str(v.get("value") or "")) for v in row.get("values") or () if isinstance(v, dict)]
    email = next((value.strip() for field, value in values if field.lower() == "email" and "@" in value), "")
    if not email:
        return None
    id = str(row.get("conversionId") or f"{form}/{row['submittedAt']}/{email.lower()}")
    answers = [(field, value) for field, value in values if field.lower() != "email"]
    page = str(row.get("pageUrl") or "")
    return Event(
        id=id,
        kind=SUBMISSION,
        at=_moment(row["submittedAt"]),
        email=email,
        detail=name,
        answers=[*answers, *([("page", page)] if page else [])],
    )


def _email(row: Mapping[str, Any]) -> Event | None:
    """None for what is no act of a person (SENT, DELIVERED …), for bounces that may pass, and for opting out of less than everything."""
    type, email = str(row.get("type") or ""), str(row.get("recipient") or "")
    kind, detail = _MAIL.get(type), str(row.get("url") or "") if type == "CLICK" else ""
    if type == "STATUSCHANGE" and row.get("portalSubscriptionStatus") == "UNSUBSCRIBED":
        kind = "email_unsubscribe"
    elif type == "BOUNCE" and not str(row.get("status") or "5").startswith("4"):
        kind, detail = "email_bounce", str(row.get("category") or "")
    if kind is None or not email or not row.get("id"):
        return None
    return Event(id=f"{row['id']}/{row['created']}", kind=kind, at=_moment(row["created"]), email=email, detail=detail)


def _moment(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def _body(answer: Answer, what: str) -> Mapping[str, Any]:
    if answer.status != 200 or not isinstance(answer.json, dict):
        said = wire.trouble(answer.status, answer.json)
        raise UnreachableError(f"HubSpot refused to list {what} ({said.code}); tried again later", side=SIDE)
    return answer.json


def _next(body: Mapping[str, Any], before: str | None) -> str | None:
    after = ((body.get("paging") or {}).get("next") or {}).get("after")
    return None if after is None or str(after) == before else str(after)
