"""The addresses of forms, their submissions, and the events of marketing e-mails."""

from __future__ import annotations

import base64

from .errors import ApiError, no_resource, plain, validation
from .marketing_log import EVENT_TYPES
from .wire import Call, Json, Reply, wrong_method


def list_forms(call: Call) -> Reply:
    """GET /marketing/v3/forms: paged, archived ones apart."""
    if call.method != "GET":
        raise wrong_method()
    if len(call.parts) == 2:
        form = call.portal.marketing.forms.get(call.parts[1])
        if form is None:
            raise plain(404, f"No form found with id {call.parts[1]}", "OBJECT_NOT_FOUND")
        return Reply(body=form)
    if len(call.parts) != 1:
        raise no_resource()
    limit = call.number("limit", 20, 500)
    rows = [form for _, form in sorted(call.portal.marketing.forms.items()) if form["archived"] == call.flag("archived")]
    begin = _place(call.one("after"))
    body: Json = {"results": rows[begin : begin + limit]}
    if len(rows) > begin + limit:
        after = _token(begin + limit)
        body["paging"] = {"next": {"after": after, "link": f"{call.base}/marketing/v3/forms?limit={limit}&after={after}"}}
    return Reply(body=body)


def list_submissions(call: Call) -> Reply:
    """GET /form-integrations/v1/submissions/forms/{id}: newest first, at most 50."""
    if call.method != "GET":
        raise wrong_method()
    if call.parts[:2] != ["submissions", "forms"] or len(call.parts) != 3:
        raise no_resource()
    rows = call.portal.marketing.submissions.get(call.parts[2])
    if rows is None:
        raise plain(404, f"No form found with guid '{call.parts[2]}'", "OBJECT_NOT_FOUND")
    limit, begin = call.number("limit", 20, 50), _place(call.one("after"))
    body: Json = {"results": rows[begin : begin + limit]}
    if len(rows) > begin + limit:
        body["paging"] = {"next": {"after": _token(begin + limit)}}
    return Reply(body=body)


def list_events(call: Call) -> Reply:
    """GET /email/public/v1/events: newest first, at most 1,000; `offset` is opaque and belongs to the same query."""
    if call.method != "GET":
        raise wrong_method()
    if call.parts != ["events"]:
        raise no_resource()
    limit = call.number("limit", 10, 1_000)
    type = call.one("eventType")
    if type is not None and type not in EVENT_TYPES:
        raise _unknown_type(type)
    begin, end = _ms(call, "startTimestamp", 0), _ms(call, "endTimestamp", 1 << 62)
    recipient = call.one("recipient")
    found = [
        e for e in call.portal.marketing.events
        if begin <= e["created"] <= end and type in (None, e["type"]) and recipient in (None, e["recipient"])
        and not (call.flag("excludeFilteredEvents") and e.get("filteredEvent"))
    ]  # fmt: skip
    place = _place(call.one("offset"))
    page = found[place : place + limit]
    more = len(found) > place + limit
    return Reply(body={"hasMore": more, "offset": _token(place + len(page)), "events": page})


def _unknown_type(type: str) -> ApiError:
    accepted = ", ".join(EVENT_TYPES)
    what = f'Cannot deserialize value of type `com.hubspot.email.events.EventType` from String "{type}"'
    return plain(400, f"Invalid input JSON on line -1, column -1: {what}: not one of the values accepted for Enum class: [{accepted}]")


def _ms(call: Call, name: str, default: int) -> int:
    text = call.one(name)
    if text is None:
        return default
    if not text.isdigit():
        raise validation(f"{name} must be a timestamp in milliseconds")
    return int(text)


def _token(place: int) -> str:
    return base64.urlsafe_b64encode(f"at {place}".encode()).decode()


def _place(token: str | None) -> int:
    """Raises ApiError 400 for what was never handed out."""
    if token is None:
        return 0
    try:
        word, _, number = base64.urlsafe_b64decode(token.encode()).decode().partition(" ")
        if word == "at":
            return int(number)
    except ValueError:
        pass
    raise validation(f"Invalid paging token: {token}")
