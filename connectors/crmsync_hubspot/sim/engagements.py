"""Live events on a contact's timeline: an e-mail that came in, a call that a rep logged, a meeting that was booked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import actions
from .portal import Actor, Portal
from .seeding_activities import DISPOSITIONS, chosen, html_of
from .store import Record, Source
from .values import iso

KINDS = frozenset({"email_received", "call_logged", "meeting_booked"})
_BOOKING = Actor("HubSpot meetings", Source("MEETINGS", "", "MEETINGS"), False)
_HALF_HOUR = 1_800_000


def log(portal: Portal, person: Record, event: Mapping[str, Any], at: int, now: int) -> str:
    """Puts the activity there as its rep (`by`: an e-mail address, else the contact's owner); its id. name: the subject; text: what stands in it;
    outcome: a call's, as a neutral word; start: when a meeting begins (epoch ms, default an hour after `at`). ValueError for nonsense."""
    owner = portal.owner_of(person)
    rep = str(event.get("by") or (owner.email if owner is not None and not owner.archived else "")) or None
    name, text = str(event.get("name") or ""), str(event.get("text") or "")
    plural, fields = _fields(str(event["type"]), name, text, event, at)
    by = portal.owners.find(rep) if rep else None
    if by is not None:
        fields["hubspot_owner_id"] = str(by.id)
    made = actions.create(portal, plural, {**fields, "associations": {"contacts": [str(person.doc.id)]}}, rep)
    if plural == "meetings" and "engagements_last_meeting_booked" in portal.schema.of("contacts"):
        portal.write(portal.tables["contacts"], person, {"engagements_last_meeting_booked": iso(at)}, _BOOKING, now)
    return made


def _fields(kind: str, name: str, text: str, event: Mapping[str, Any], at: int) -> tuple[str, dict[str, Any]]:
    if kind == "email_received":
        mail = {"hs_email_direction": "INCOMING_EMAIL", "hs_email_subject": name or "Re: your message"}
        return "emails", {"hs_timestamp": iso(at), **mail, "hs_email_text": text, "hs_email_html": html_of(text) if text else ""}
    if kind == "call_logged":
        call = {"hs_call_title": name or "Call", "hs_call_direction": "OUTBOUND", "hs_call_status": "COMPLETED"}
        outcome = chosen(DISPOSITIONS, event, "outcome")
        return "calls", {"hs_timestamp": iso(at), **call, "hs_call_body": text, **({"hs_call_disposition": outcome} if outcome else {})}
    start = int(event.get("start") or at + 2 * _HALF_HOUR)
    times = {"hs_timestamp": iso(start), "hs_meeting_start_time": iso(start), "hs_meeting_end_time": iso(start + _HALF_HOUR)}
    return "meetings", {**times, "hs_meeting_title": name or "Meeting", "hs_meeting_body": text, "hs_meeting_outcome": "SCHEDULED"}
