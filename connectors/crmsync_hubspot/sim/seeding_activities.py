"""Filling a portal with activities and companies from neutral rows, fast enough for 100,000."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from .activity import defaults
from .clock import to_ms
from .portal import Portal
from .store import Doc, Record, Source
from .values import as_text, iso

IMPORTED = Source("IMPORT", "1", "IMPORT")
ACTIVITY_KEYS = frozenset(
    {
        "email", "kind", "subject", "body", "due", "at", "end", "status", "priority", "owner_email", "duration_seconds", "disposition",
        "direction", "outcome", "location", "created_at",
    }
)  # fmt: skip
COMPANY_KEYS = frozenset({"name", "domain", "industry", "employees", "country"})
PLURALS = {"task": "tasks", "call": "calls", "email": "emails", "meeting": "meetings", "note": "notes"}
TITLES = {"task": "hs_task_subject", "call": "hs_call_title", "email": "hs_email_subject", "meeting": "hs_meeting_title"}
BODIES = {"task": "hs_task_body", "call": "hs_call_body", "email": "hs_email_html", "meeting": "hs_meeting_body", "note": "hs_note_body"}
STATUSES = {
    "not_started": "NOT_STARTED", "in_progress": "IN_PROGRESS", "completed": "COMPLETED", "waiting": "WAITING", "deferred": "DEFERRED",
}  # fmt: skip
PRIORITIES = {"low": "LOW", "normal": "MEDIUM", "high": "HIGH"}
DIRECTIONS = {"inbound": "INBOUND", "outbound": "OUTBOUND"}
MAIL_DIRECTIONS = {"inbound": "INCOMING_EMAIL", "outbound": "EMAIL"}
OUTCOMES = {word: word.upper() for word in ("scheduled", "completed", "rescheduled", "no_show", "canceled")}
DISPOSITIONS = {
    "busy": "9d9162e7-6cf3-4944-bf63-4dff82258764",
    "connected": "f240bbac-87c9-4f6e-bf70-924b57d47db7",
    "left_live_message": "a4c4c377-d246-4b32-a13b-75a56a4cd0ff",
    "left_voicemail": "b2cf5968-551e-4856-9783-52b3da59a7d0",
    "no_answer": "73a0d17f-1163-4015-bdd5-ec830791da20",
    "wrong_number": "17b47fee-58de-441e-a44c-c6300d46f273",
}
INDUSTRIES = {
    "technology": "INFORMATION_TECHNOLOGY_AND_SERVICES", "manufacturing": "MACHINERY", "healthcare": "HOSPITAL_HEALTH_CARE",
    "education": "EDUCATION_MANAGEMENT", "finance": "FINANCIAL_SERVICES", "consulting": "MANAGEMENT_CONSULTING", "energy": "OIL_ENERGY",
    "transportation": "TRANSPORTATION_TRUCKING_RAILROAD",
}  # fmt: skip
_MORNING = time(9)


def chosen(table: Mapping[str, str], row: Mapping[str, Any], key: str) -> str | None:
    """The portal's value of a neutral word, None when the row has none; ValueError for an unknown word."""
    word = row.get(key)
    if word is None:
        return None
    if word not in table:
        raise ValueError(f"{key} must be one of {', '.join(table)}, not {word}")
    return table[str(word)]


def moment_of(given: Any, zone: str) -> int:
    """Epoch ms of an aware time, of ISO text, or of a day: then nine in the morning in that time zone."""
    if isinstance(given, str):
        given = date.fromisoformat(given) if len(given) == 10 else datetime.fromisoformat(given)
    if not isinstance(given, datetime):
        given = datetime.combine(given, _MORNING, ZoneInfo(zone))
    return to_ms(given if given.tzinfo else given.replace(tzinfo=UTC))


def html_of(text: str) -> str:
    """Plain text as the rich-text properties hold it."""
    return "<p>" + html.escape(text, quote=False).replace("\n", "<br>") + "</p>"


def industry_option(options: Mapping[str, str], text: str) -> str | None:
    """The industry option of a free word, by its label or a usual name of it; None without one."""
    wanted = text.casefold()
    found = next((value for value, label in options.items() if label.casefold() == wanted), None)
    return found or (INDUSTRIES[wanted] if INDUSTRIES.get(wanted) in options else None)


def known(row: Mapping[str, Any], keys: frozenset[str], what: str) -> None:
    """ValueError naming the keys that nobody knows."""
    unknown = sorted(set(row) - keys)
    if unknown:
        raise ValueError(f"unknown key in {what}: {', '.join(unknown)}")


def seed_companies(portal: Portal, rows: Iterable[Mapping[str, Any]], now: int) -> None:
    """Companies that are not there yet, by domain; visible to search at once."""
    table = portal.tables["companies"]
    taken = {r.doc.props.get("domain") for r in table.all_live()}
    options = portal.schema.of("companies")["industry"].options
    made: list[Record] = []
    for row in rows:
        known(row, COMPANY_KEYS, "company")
        domain = str(row.get("domain") or "").lower()
        if domain and domain in taken:
            continue
        taken.add(domain)
        props = {"name": str(row["name"]), "lifecyclestage": portal.options.default_lifecycle_stage}
        if domain:
            props |= {"domain": domain, "website": f"https://www.{domain}"}
        industry = industry_option(options, str(row.get("industry") or ""))
        more = {"industry": industry, "numberofemployees": row.get("employees"), "country": row.get("country")}
        props |= {name: as_text(value) for name, value in more.items() if value}
        made.append(Record(Doc(table.new_id(), now, now, props, IMPORTED)))
    table.index.fill(table.add_many(made))


def seed_activities(portal: Portal, rows: Iterable[Mapping[str, Any]], now: int) -> None:
    """Activities of contacts as history: visible to search at once, counted on the contacts, no echo afterwards.

    ValueError for an unknown key, word or person; nothing is added then.
    """
    contacts = portal.tables["contacts"]
    owners = {o.email: o for o in portal.owners.by_id.values()}
    bases = {kind: defaults(portal.tables[plural].kind, portal.options) for kind, plural in PLURALS.items()}
    made: dict[str, list[Record]] = {plural: [] for plural in PLURALS.values()}
    links: dict[str, list[tuple[int, int]]] = {plural: [] for plural in PLURALS.values()}
    sums: dict[int, list[int]] = {}
    for row in rows:
        if not ACTIVITY_KEYS.issuperset(row):
            known(row, ACTIVITY_KEYS, "activity")
        kind = str(row["kind"])
        plural = chosen(PLURALS, row, "kind") or ""
        contact = contacts.emails.get(str(row["email"]).strip().lower())
        if contact is None:
            raise ValueError(f"an activity of {row['email']}, who is no contact")
        owner = owners.get(str(row.get("owner_email") or "").lower())
        zone = owner.time_zone if owner is not None and owner.time_zone else portal.options.time_zone
        at = moment_of(row.get("at") or row.get("due") or datetime.fromtimestamp(now / 1000, UTC), zone)
        props = {**bases[kind], **_properties(row, kind, at, zone)}
        if owner is not None:
            props["hubspot_owner_id"] = str(owner.id)
        born = moment_of(row["created_at"], zone) if row.get("created_at") else min(at, now)
        table = portal.tables[plural]
        record = Record(Doc(table.new_id(), born, born, props, IMPORTED))
        made[plural].append(record)
        links[plural].append((record.doc.id, contact))
        total = sums.setdefault(contact, [0, 0, 0])
        total[0] += 1
        if at <= now and not (kind == "task" and props["hs_task_status"] != "COMPLETED"):
            total[1] = max(total[1], at)
            total[2] = max(total[2], at) if kind in ("call", "email", "meeting") else total[2]
    for plural, records in made.items():
        table = portal.tables[plural]
        table.index.fill(table.add_many(records))
        portal.associations.link_new(plural, "contacts", links[plural])
    for contact, (count, last, contacted) in sums.items():
        props = contacts.records[contact].doc.props
        props["num_notes"] = str(int(props.get("num_notes", "0")) + count)
        for name, value in (("notes_last_updated", last), ("notes_last_contacted", contacted)):
            if value and iso(value) > props.get(name, ""):
                props[name] = iso(value)


def _properties(row: Mapping[str, Any], kind: str, at: int, zone: str) -> dict[str, str]:
    props: dict[str, str | None] = {"hs_timestamp": iso(at)}
    subject, body = str(row.get("subject") or ""), str(row.get("body") or "")
    if kind in TITLES:
        props[TITLES[kind]] = subject
    elif subject:
        body = f"{subject}\n{body}".strip()
    if body:
        props[BODIES[kind]] = html_of(body)
    if kind == "task":
        props["hs_task_status"] = chosen(STATUSES, row, "status") or "NOT_STARTED"
        props["hs_task_priority"] = chosen(PRIORITIES, row, "priority") or "NONE"
        if props["hs_task_status"] == "COMPLETED":
            props["hs_task_completion_date"] = iso(at)
    elif kind == "call":
        seconds = row.get("duration_seconds")
        props["hs_call_duration"] = None if seconds is None else str(int(float(seconds) * 1000))
        props["hs_call_disposition"] = chosen(DISPOSITIONS, row, "disposition")
        props["hs_call_direction"] = chosen(DIRECTIONS, row, "direction") or "OUTBOUND"
        props["hs_call_status"] = "COMPLETED"
    elif kind == "email":
        props["hs_email_direction"] = chosen(MAIL_DIRECTIONS, row, "direction") or "EMAIL"
        props["hs_email_status"] = "SENT"
        props["hs_email_text"] = body
    elif kind == "meeting":
        end = moment_of(row["end"], zone) if row.get("end") else at + int(float(row.get("duration_seconds") or 1800) * 1000)
        props["hs_meeting_start_time"], props["hs_meeting_end_time"] = iso(at), iso(end)
        props["hs_meeting_outcome"] = chosen(OUTCOMES, row, "outcome")
        props["hs_meeting_location"] = as_text(row.get("location"))
    return {name: value for name, value in props.items() if value}
