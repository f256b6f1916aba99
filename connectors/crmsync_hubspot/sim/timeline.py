"""A record's timeline as a person reads it: what is ahead, and what happened, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

from .clock import from_ms
from .objecttypes import OBJECT_TYPES
from .portal import Portal
from .store import Record
from .values import parse_datetime

SHOWN = 80
TITLES = {
    "tasks": "hs_task_subject", "calls": "hs_call_title", "emails": "hs_email_subject", "meetings": "hs_meeting_title", "notes": "",
}  # fmt: skip
BODIES = {
    "tasks": "hs_task_body",
    "calls": "hs_call_body",
    "emails": "hs_email_text",
    "meetings": "hs_meeting_body",
    "notes": "hs_note_body",
}
DETAILS = {
    "tasks": ("hs_task_status", "hs_task_priority"),
    "calls": ("hs_call_direction", "hs_call_disposition"),
    "emails": ("hs_email_direction",),
    "meetings": ("hs_meeting_outcome", "hs_meeting_location"),
    "notes": (),
}
_BREAKS = frozenset({"p", "br", "div", "li", "tr"})


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def plain(text: str) -> str:
    """Rich text without its mark-up, lines kept."""
    reader = _Text()
    reader.feed(text)
    reader.close()
    return "\n".join(line for line in (part.strip() for part in "".join(reader.parts).split("\n")) if line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One activity on a timeline. `day`: its day in the owner's zone; `when`: its time, UTC, as shown."""

    kind: str
    id: str
    title: str
    body: str
    when: str
    day: str
    start: str
    at: int
    owner: str
    details: tuple[str, ...]
    open: bool
    overdue: bool


def entry_of(portal: Portal, plural: str, record: Record) -> Entry:
    """One activity as it is shown."""
    props, now = record.doc.props, portal.clock.ms()
    owner = portal.owner_of(record)
    stamp = props.get("hs_meeting_start_time") or props.get("hs_timestamp", "")
    at = parse_datetime(stamp)
    at = record.doc.created if at is None else at
    zone = ZoneInfo(owner.time_zone if owner and owner.time_zone else portal.options.time_zone)
    schema = portal.schema.of(plural)
    details = [schema[name].options.get(props[name], props[name]) for name in DETAILS[plural] if props.get(name) not in (None, "NONE")]
    if plural == "calls" and props.get("hs_call_duration"):
        seconds = int(float(props["hs_call_duration"]) / 1000)
        details.append(f"{seconds // 60} min {seconds % 60} s")
    is_open = plural == "tasks" and props.get("hs_task_status") != "COMPLETED"
    moment = from_ms(at)
    return Entry(
        kind=plural,
        id=str(record.doc.id),
        title=props.get(TITLES[plural], "") or ("" if plural == "notes" else "(no subject)"),
        body=plain(props.get(BODIES[plural], "")),
        when=moment.strftime("%Y-%m-%d %H:%M"),
        day=moment.astimezone(zone).strftime("%Y-%m-%d"),
        start=moment.strftime("%Y-%m-%dT%H:%M"),
        at=at,
        owner=owner.name if owner else "",
        details=tuple(details),
        open=is_open,
        overdue=is_open and at < now,
    )


def timeline(portal: Portal, plural: str, record_id: int) -> tuple[list[Entry], list[Entry]]:
    """(ahead, past) of a contact, company or deal; a company's contacts' activities count as its own."""
    parties = [(plural, record_id)]
    if plural == "companies":
        parties += [("contacts", other) for other in portal.associations.of("companies", record_id, "contacts")][:SHOWN]
    seen: set[tuple[str, int]] = set()
    for own, own_id in parties:
        seen |= {(other, i) for other, i, _ in portal.associations.neighbours(own, own_id) if OBJECT_TYPES[other].engagement}
    live = [(other, record) for other, i in seen if (record := portal.tables[other].live(i)) is not None]
    entries = [entry_of(portal, other, record) for other, record in live]
    now = portal.clock.ms()
    ahead = sorted((e for e in entries if e.open or (e.kind == "meetings" and e.at > now)), key=lambda e: (e.at, e.id))
    waiting = {(e.kind, e.id) for e in ahead}
    past = sorted((e for e in entries if (e.kind, e.id) not in waiting), key=lambda e: (-e.at, e.id))
    return ahead[:SHOWN], past[:SHOWN]
