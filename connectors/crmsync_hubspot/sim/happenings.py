"""Neutral live events, as HubSpot would show them: analytics properties written by the system, with history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from . import engagements
from .clock import to_ms
from .marketing_log import LISTED, marketing_event
from .portal import Actor, Portal
from .seeding import person_properties
from .store import Record, Source
from .values import iso

KINDS = frozenset(
    {
        "form_submitted",
        "page_view",
        "email_open",
        "email_click",
        "email_delivered",
        "email_reply",
        "email_bounce",
        "unsubscribe",
        "new_person",
        "task_completed",
        *engagements.KINDS,
    }
)
_FORM = Actor("HubSpot form", Source("FORM", "", "FORM"), False)
_ANALYTICS = Actor("HubSpot analytics", Source("ANALYTICS", "", "ANALYTICS"), False)
_EMAIL = Actor("HubSpot email", Source("EMAIL", "", "EMAIL"), False)
_MAIL = {"email_open": "open", "email_click": "click", "email_reply": "reply"}
_MAIL_COUNT = {"email_open": "hs_email_open", "email_click": "hs_email_click", "email_reply": "hs_email_replied"}


def happen(portal: Portal, event: Mapping[str, Any]) -> bool:
    """Lets an event happen; False when HubSpot would not see it (unknown person, nothing to complete). ValueError on nonsense.

    The property stamps carry the event's `at`; the modification itself happens now, as with late-arriving events.
    """
    kind = event.get("type")
    if kind not in KINDS:
        raise ValueError(f"unknown event type {kind}")
    now = portal.settle()
    at = _moment(event.get("at"), now)
    table = portal.tables["contacts"]
    person = dict(event.get("person") or {})
    email = str(event.get("email") or person.get("email") or "").strip().lower()
    found = table.emails.get(email) if email else None
    record = table.records[found] if found is not None else None
    if kind == "new_person" or (kind == "form_submitted" and record is None and email):
        if record is not None:
            return False
        record = _create(portal, {**person, "email": email}, now)
        if kind == "new_person":
            return True
    if record is None:
        return False
    name = str(event.get("name") or "")
    if kind == "task_completed":
        return _complete(portal, record, name, now)
    if kind in engagements.KINDS:
        start = {"start": _moment(event["start"], now)} if event.get("start") else {}
        return bool(engagements.log(portal, record, {**event, **start}, at, now))
    _list(portal, kind, record, name, at, event)
    changes, actor = _changes(kind, record, name, at)
    return portal.write(table, record, {k: v for k, v in changes.items() if k in portal.schema.of("contacts")}, actor, now)


def _list(portal: Portal, kind: str, record: Record, name: str, at: int, event: Mapping[str, Any]) -> None:
    """The same event in the vendor's own lists. form: the form's name where the contact shows "page title: form name"; answers: what the person
    entered beside the address; page: where."""
    log, email = portal.marketing, str(record.doc.props.get("email", ""))
    shown = at + portal.options.event_skew_ms
    if kind == "form_submitted":
        answers = [("email", email), *((str(k), str(v)) for k, v in dict(event.get("answers") or {}).items())]
        log.submit(
            log.form(str(event.get("form") or name or "Form"), at), answers, shown, str(event.get("page") or "https://corp.example/contact")
        )
    elif kind in LISTED:
        type, more = marketing_event(kind, name, event)
        log.mail(portal.options.portal_id, type, email, shown, name if kind in _MAIL else "", **more)


def _moment(given: Any, now: int) -> int:
    if given is None:
        return now
    moment = datetime.fromisoformat(given) if isinstance(given, str) else given
    if not isinstance(moment, datetime):
        raise ValueError("at must be a time")
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _create(portal: Portal, person: Mapping[str, Any], now: int) -> Record:
    created = _moment(person.get("created_at"), now)
    return portal.create(portal.tables["contacts"], person_properties(portal, person), _FORM, now, created=min(created, now))


def _changes(kind: str, record: Record, name: str, at: int) -> tuple[dict[str, str], Actor]:
    props = record.doc.props
    when = iso(at)

    def counted(prop: str) -> str:
        return str(int(props.get(prop, "0")) + 1)

    if kind == "form_submitted":
        changes = {
            "recent_conversion_event_name": name or "Form",
            "recent_conversion_date": when,
            "num_conversion_events": counted("num_conversion_events"),
        }
        if "first_conversion_date" not in props:
            changes |= {"first_conversion_event_name": name or "Form", "first_conversion_date": when}
        forms = {v.value for v in record.versions("recent_conversion_event_name")} | {name or "Form"}
        changes["num_unique_conversion_events"] = str(len(forms - {""}))
        return changes, _FORM
    if kind == "page_view":
        url = name or "/"
        changes = {
            "hs_analytics_last_url": url,
            "hs_analytics_last_timestamp": when,
            "hs_analytics_last_visit_timestamp": when,
            "hs_analytics_num_page_views": counted("hs_analytics_num_page_views"),
        }
        if "hs_analytics_first_timestamp" not in props:
            changes |= {
                "hs_analytics_first_url": url,
                "hs_analytics_first_timestamp": when,
                "hs_analytics_first_visit_timestamp": when,
                "hs_analytics_num_visits": "1",
            }
        return changes, _ANALYTICS
    if kind in _MAIL:
        word = _MAIL[kind]
        changes = {f"hs_email_last_{word}_date": when, _MAIL_COUNT[kind]: counted(_MAIL_COUNT[kind])}
        if f"hs_email_first_{word}_date" not in props:
            changes[f"hs_email_first_{word}_date"] = when
        if name:
            changes["hs_email_last_email_name"] = name
        return changes, _EMAIL
    if kind == "email_delivered":
        return {"hs_email_delivered": counted("hs_email_delivered"), "hs_email_last_send_date": when}, _EMAIL
    if kind == "email_bounce":
        return {"hs_email_hard_bounce_reason_enum": name or "UNKNOWN_USER"}, _EMAIL
    return {"hs_email_optout": "true"}, _EMAIL


def _complete(portal: Portal, person: Record, name: str, now: int) -> bool:
    """Completes the person's open task of that subject, or without one the task due first, as its owner."""
    table = portal.tables["tasks"]
    linked = portal.associations.of("contacts", person.doc.id, "tasks")
    found = [r for r in map(table.live, linked) if r is not None and r.doc.props.get("hs_task_status") != "COMPLETED"]
    if name:
        found = [r for r in found if r.doc.props.get("hs_task_subject") == name]
    if not found:
        return False
    task = min(found, key=lambda r: (r.doc.props.get("hs_timestamp", ""), r.doc.id))
    owner = portal.owner_of(task)
    return portal.write(table, task, {"hs_task_status": "COMPLETED"}, portal.actor(owner.email if owner else None), now)
