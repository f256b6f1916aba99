"""Properties HubSpot computes: constants, values read off the record, and what a write drags along."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from .objecttypes import ObjectType
from .store import Doc
from .values import iso, parse_datetime

_READ: Final[dict[str, Callable[[Doc], str | None]]] = {
    "hs_object_id": lambda doc: str(doc.id),
    "hs_object_source": lambda doc: doc.source.type,
    "hs_object_source_id": lambda doc: doc.source.id or None,
    "hs_object_source_label": lambda doc: doc.source.label or doc.source.type,
}
_CONTACT: Final[dict[str, Callable[[Doc], str | None]]] = {
    "createdate": lambda doc: iso(doc.created),
    "lastmodifieddate": lambda doc: iso(doc.modified),
    "hs_all_contact_vids": lambda doc: ";".join([str(doc.id), *filter(None, doc.props.get("hs_merged_object_ids", "").split(";"))]),
    "hs_email_domain": lambda doc: doc.props["email"].rpartition("@")[2] if "email" in doc.props else None,
    "hs_is_contact": lambda doc: "true",
    "hs_is_unworked": lambda doc: "false" if "notes_last_contacted" in doc.props else "true",
    "hs_pipeline": lambda doc: "contacts-lifecycle-pipeline",
    "num_notes": lambda doc: doc.props.get("num_notes", "0"),
    "num_conversion_events": lambda doc: doc.props.get("num_conversion_events", "0"),
    "num_unique_conversion_events": lambda doc: doc.props.get("num_unique_conversion_events", "0"),
}
_COMPANY: Final[dict[str, Callable[[Doc], str | None]]] = {
    "createdate": lambda doc: iso(doc.created),
    "hs_lastmodifieddate": lambda doc: iso(doc.modified),
    "hs_pipeline": lambda doc: "companies-lifecycle-pipeline",
}
_DEAL: Final[dict[str, Callable[[Doc], str | None]]] = {
    "createdate": lambda doc: doc.props.get("createdate") or iso(doc.created),
    "hs_createdate": lambda doc: iso(doc.created),
    "hs_lastmodifieddate": lambda doc: iso(doc.modified),
}
_ENGAGEMENT: Final[dict[str, Callable[[Doc], str | None]]] = {
    "hs_createdate": lambda doc: iso(doc.created),
    "hs_lastmodifieddate": lambda doc: iso(doc.modified),
}
_TASK: Final[dict[str, Callable[[Doc], str | None]]] = {
    # "0"/"1", not true/false: the vendor's guide
    "hs_task_is_completed": lambda doc: "1" if doc.props.get("hs_task_status") == "COMPLETED" else "0",
}


def _addressed(doc: Doc, end: str, part: str) -> str | None:
    """One part of an e-mail's from, to, cc or bcc, read off its hs_email_headers; several are joined by ";"."""
    text = doc.props.get("hs_email_headers")
    if text is None:
        return None
    try:
        headers: Any = json.loads(text)
    except ValueError:
        return None
    found = headers.get(end) if isinstance(headers, dict) else None
    people = found if isinstance(found, list) else [found]
    return ";".join(str(p[part]) for p in people if isinstance(p, dict) and p.get(part)) or None


def _reader_of(end: str, part: str) -> Callable[[Doc], str | None]:
    return lambda doc: _addressed(doc, end, part)


_EMAIL: Final[dict[str, Callable[[Doc], str | None]]] = {
    f"hs_email_{end}_{part.lower()}": _reader_of(end, part)
    for end in ("from", "to", "cc", "bcc")
    for part in ("email", "firstName", "lastName")
}


def readers(kind: ObjectType) -> dict[str, Callable[[Doc], str | None]]:
    """The computed-on-read properties of a type: name -> function of a state giving text or None."""
    own = {"contacts": _CONTACT, "companies": _COMPANY, "deals": _DEAL}.get(kind.plural, _ENGAGEMENT)
    return {**_READ, **own, **{"tasks": _TASK, "emails": _EMAIL}.get(kind.plural, {})}


def is_overdue(doc: Doc, now: int) -> str:
    """hs_task_is_overdue at `now` (epoch ms): an open task whose due time has passed."""
    due = parse_datetime(doc.props.get("hs_timestamp", ""))
    return "true" if due is not None and due < now and doc.props.get("hs_task_status") != "COMPLETED" else "false"


def consequences(kind: ObjectType, old: dict[str, str], changes: dict[str, str], at: int) -> dict[str, str]:
    """System properties that a write of `changes` over `old` sets too ("" clears); `at` in epoch ms."""
    extra: dict[str, str] = {}
    if changes.get("hubspot_owner_id") and changes["hubspot_owner_id"] != old.get("hubspot_owner_id"):
        extra["hubspot_owner_assigneddate"] = iso(at)
    if kind.plural == "contacts":
        stage, before = changes.get("lifecyclestage"), old.get("lifecyclestage")
        if stage is not None and stage != before:
            if stage:
                # raw milliseconds, unlike every other datetime: recorded
                extra[f"hs_lifecyclestage_{stage}_date"] = str(at)
                extra[f"hs_v2_date_entered_{stage}"] = iso(at)
            if before:
                extra[f"hs_v2_date_exited_{before}"] = iso(at)
        for name, target in (("phone", "hs_calculated_phone_number"), ("mobilephone", "hs_calculated_mobile_number")):
            value = changes.get(name)
            if value is not None:
                digits = "".join(c for c in value if c.isdigit())
                extra[target] = f"+{digits}" if value.startswith("+") and len(digits) > 7 else ""
    if kind.plural == "tasks" and "hs_task_status" in changes and changes["hs_task_status"] != old.get("hs_task_status"):
        extra["hs_task_completion_date"] = iso(at) if changes["hs_task_status"] == "COMPLETED" else ""
    return extra
