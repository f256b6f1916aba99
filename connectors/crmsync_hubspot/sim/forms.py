"""What a person does on the pages by form: each is one of the screens' own actions, attributed to a human user."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from . import actions
from .clock import from_ms, to_ms
from .portal import Actor, Portal
from .seeding_activities import html_of
from .store import Record, Table
from .values import iso, parse_datetime

LARGEST = 1_000_000
_BACK = re.compile(r"/(records/[a-z]+/\d+|\?object=[a-z]+)?")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
Fields = Mapping[str, str]


def refused(headers: Mapping[str, str]) -> str | None:
    """Why a form is not taken: it must come from these very pages, on a loopback address; None when it does."""
    host = headers.get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        name = None
    if name not in _LOOPBACK:
        return "Forms are taken on a loopback address only."
    if headers.get("origin") != f"http://{host}":
        return "This form did not come from these pages."
    return None


def fields_of(body: bytes) -> dict[str, str]:
    """A form's fields; ValueError when it is too long or no form."""
    if len(body) > LARGEST:
        raise ValueError("The form is too long.")
    return {name: values[-1] for name, values in parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=50).items()}


def back_of(fields: Fields) -> str:
    """Where a form leads back to: one of these pages, never another site."""
    back = fields.get("back", "/")
    return back if _BACK.fullmatch(back) else "/"


class Forms:
    """Carries forms out. The caller holds the portal's lock."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self._verbs: dict[str, Callable[[Table, Record, Fields], str | None]] = {
            "complete": self._complete,
            "reschedule": self._reschedule,
            "call": self._call,
            "note": self._note,
            "task": self._task,
            "change": self._change,
            "owner": self._owner,
            "optout": self._opt_out,
            "delete": self._delete,
        }

    def run(self, verb: str, fields: Fields) -> str:
        """Does one thing to the record named by `object` and `id`; the address to go to. ValueError in HubSpot's own words, nothing is
        changed then."""
        if verb not in self._verbs:
            raise ValueError("There is no such form.")
        table = actions.table_of(self.portal, fields.get("object", ""))
        record = actions.record_of(table, fields.get("id", ""))
        return self._verbs[verb](table, record, fields) or back_of(fields)

    def _who(self, record: Record) -> str | None:
        """The record's owner acts, or the portal's own user."""
        owner = self.portal.owner_of(record)
        return owner.email if owner is not None and not owner.archived else None

    def _edit(self, table: Table, record: Record, changes: Mapping[str, str]) -> None:
        actions.edit(self.portal, table.kind.plural, str(record.doc.id), changes, self._who(record))

    def _add(self, kind: str, person: Record, table: Table, props: Mapping[str, str]) -> None:
        owner = person.doc.props.get("hubspot_owner_id")
        links = {table.kind.plural: [str(person.doc.id)]}
        given = {name: value for name, value in props.items() if value} | ({"hubspot_owner_id": owner} if owner else {})
        actions.create(self.portal, kind, {**given, "associations": links}, self._who(person))

    def _zone(self, record: Record) -> ZoneInfo:
        owner = self.portal.owner_of(record)
        return ZoneInfo(owner.time_zone if owner is not None and owner.time_zone else self.portal.options.time_zone)

    def _due(self, record: Record, text: str, at: time) -> str:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            return text  # HubSpot says itself what is wrong with it
        return iso(to_ms(datetime.combine(day, at, self._zone(record))))

    def _complete(self, table: Table, record: Record, fields: Fields) -> None:
        self._edit(table, record, {"hs_task_status": "COMPLETED"})

    def _reschedule(self, table: Table, record: Record, fields: Fields) -> None:
        text = fields.get("due", "")
        if not text:
            raise ValueError("A day is needed to reschedule to.")
        props = record.doc.props
        if table.kind.plural == "meetings":
            start, end = (parse_datetime(props.get(f"hs_meeting_{word}_time", "")) for word in ("start", "end"))
            wanted = parse_datetime(text)
            length = timedelta(milliseconds=end - start) if start is not None and end is not None else timedelta(minutes=30)
            last = text if wanted is None else iso(to_ms(from_ms(wanted) + length))
            self._edit(table, record, {"hs_timestamp": text, "hs_meeting_start_time": text, "hs_meeting_end_time": last})
            return
        before = parse_datetime(props.get("hs_timestamp", ""))
        at = time(9) if before is None else from_ms(before).astimezone(self._zone(record)).time()
        self._edit(table, record, {"hs_timestamp": self._due(record, text, at)})

    def _call(self, table: Table, record: Record, fields: Fields) -> None:
        minutes = fields.get("minutes", "").strip()
        length = str(int(float(minutes) * 60_000)) if minutes.replace(".", "", 1).isdecimal() else minutes
        props = {
            "hs_timestamp": iso(self.portal.clock.ms()),
            "hs_call_title": fields.get("title", "").strip() or "Call",
            "hs_call_body": html_of(fields["body"].strip()) if fields.get("body", "").strip() else "",
            "hs_call_duration": length,
            "hs_call_disposition": fields.get("disposition", ""),
            "hs_call_direction": fields.get("direction", "OUTBOUND"),
            "hs_call_status": "COMPLETED",
        }
        self._add("calls", record, table, props)

    def _note(self, table: Table, record: Record, fields: Fields) -> None:
        text = fields.get("body", "").strip()
        if not text:
            raise ValueError("A note needs some text.")
        self._add("notes", record, table, {"hs_timestamp": iso(self.portal.clock.ms()), "hs_note_body": html_of(text)})

    def _task(self, table: Table, record: Record, fields: Fields) -> None:
        subject, due = fields.get("subject", "").strip(), fields.get("due", "")
        if not subject or not due:
            raise ValueError("A task needs a subject and a day.")
        props = {
            "hs_task_subject": subject,
            "hs_timestamp": self._due(record, due, time(9)),
            "hs_task_priority": fields.get("priority", ""),
        }
        self._add("tasks", record, table, props)

    def _change(self, table: Table, record: Record, fields: Fields) -> None:
        self._edit(table, record, {fields.get("property", ""): fields.get("value", "")})

    def _owner(self, table: Table, record: Record, fields: Fields) -> None:
        self._edit(table, record, {"hubspot_owner_id": fields.get("owner", "")})

    def _opt_out(self, table: Table, record: Record, fields: Fields) -> None:
        if table.kind.plural != "contacts":
            raise ValueError("Only contacts receive e-mail.")
        actor: Actor = self.portal.actor(self._who(record))
        self.portal.write(table, record, {"hs_email_optout": "true"}, actor, self.portal.settle())

    def _delete(self, table: Table, record: Record, fields: Fields) -> str:
        actions.delete(self.portal, table.kind.plural, str(record.doc.id), self._who(record))
        back = back_of(fields)
        gone = f"/records/{table.kind.plural}/{record.doc.id}"
        return f"/?object={table.kind.plural}" if back in ("/", gone) else back


def today(portal: Portal) -> str:
    """The day that date fields offer."""
    return portal.clock.now().astimezone(UTC).strftime("%Y-%m-%d")
