"""What a person does on the pages by form: ordinary saves of a human user, with every rule of the org."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from crmsync_salesforce.sim import removal, saving
from crmsync_salesforce.sim.clock import parse_moment
from crmsync_salesforce.sim.errors import SalesforceError
from crmsync_salesforce.sim.org import Org, Saver
from crmsync_salesforce.sim.schema import ObjectType
from crmsync_salesforce.sim.store import Row

LARGEST = 1_000_000
BACK = re.compile(r"/(record/\w+/\w{15,18}|tasks(/\w{15,18})?|\?object=\w+)?")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
Fields = Mapping[str, str]


def refused(headers: Mapping[str, str]) -> str | None:
    """Why a form is not taken: it must come from these very pages, on a loopback address; None when it does."""
    host = headers.get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        name = None
    if name not in LOOPBACK:
        return "Forms are taken on a loopback address only."
    if headers.get("origin") != f"http://{host}":
        return "This form did not come from these pages."
    return None


def fields_of(body: bytes) -> dict[str, str]:
    """A form's fields. Raises ValueError when it is too long or no form."""
    if len(body) > LARGEST:
        raise ValueError("The form is too long.")
    return {name: values[-1] for name, values in parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=50).items()}


def back_of(fields: Fields) -> str:
    """Where a form leads back to: one of these pages, never another site."""
    back = fields.get("back", "/")
    return back if BACK.fullmatch(back) else "/"


class Forms:
    """Carries forms out. The caller holds the org's lock."""

    def __init__(self, org: Org, *, admin: str) -> None:
        self._org = org
        self._admin = admin
        self._verbs: dict[str, Callable[[ObjectType, Row, Fields], str | None]] = {
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
        """Do one thing to the record named by `object` and `id`; the address to go to. Raises SalesforceError or ValueError, nothing is
        changed then."""
        if verb not in self._verbs:
            raise ValueError("There is no such form.")
        kind = self._org.kind(fields.get("object", ""))
        row = saving.find(self._org, kind, fields.get("id", ""))
        return self._verbs[verb](kind, row, fields) or back_of(fields)

    def who(self, row: Row) -> str:
        """The record's owner acts when that is an active user, else the administrator."""
        owner = self._org.live_row("User", row.get("OwnerId"))
        return owner["Id"] if owner is not None and owner.get("IsActive") else self._admin

    def _saver(self, row: Row) -> Saver:
        return Saver(user=self.who(row), channel="ui")

    def _save(self, kind: ObjectType, row: Row, changes: Mapping[str, object]) -> None:
        saving.update(self._org, kind.name, row["Id"], changes, self._saver(row))

    def _add(self, person: Row, kind: ObjectType, fields: Mapping[str, object]) -> None:
        link = "WhoId" if kind.name in ("Lead", "Contact") else "WhatId"
        given = {name: value for name, value in fields.items() if value not in (None, "")}
        saving.create(self._org, "Task", {**given, link: person["Id"], "OwnerId": self.who(person)}, self._saver(person))

    def _today(self, row: Row) -> date:
        zone = (self._org.row("User", self.who(row)) or {}).get("TimeZoneSidKey") or "UTC"
        return self._org.clock.now().astimezone(ZoneInfo(zone)).date()

    def _complete(self, kind: ObjectType, row: Row, fields: Fields) -> None:
        self._save(kind, row, {"Status": sorted(self._org.closed_statuses)[0]})

    def _reschedule(self, kind: ObjectType, row: Row, fields: Fields) -> None:
        text = fields.get("due", "")
        if not text:
            raise ValueError("A day is needed to reschedule to.")
        if kind.name != "Event":
            self._save(kind, row, {"ActivityDate": text})
            return
        try:
            start: object = parse_moment(f"{datetime.fromisoformat(text).isoformat()}+00:00")
        except ValueError:
            start = text  # the org says itself what is wrong with it
        self._save(kind, row, {"StartDateTime": start, "DurationInMinutes": row["DurationInMinutes"]})

    def _call(self, kind: ObjectType, row: Row, fields: Fields) -> None:
        minutes = fields.get("minutes", "").strip()
        logged = {
            "Subject": fields.get("title", "").strip() or "Call",
            "Description": fields.get("body", "").strip(),
            "TaskSubtype": "Call",
            "CallType": fields.get("direction", "Outbound"),
            "CallDisposition": fields.get("disposition", ""),
            "CallDurationInSeconds": int(float(minutes) * 60) if minutes.replace(".", "", 1).isdecimal() else minutes,
        }
        self._add(row, kind, {**logged, "Status": "Completed", "ActivityDate": self._today(row)})

    def _note(self, kind: ObjectType, row: Row, fields: Fields) -> None:
        text = fields.get("body", "").strip()
        if not text:
            raise ValueError("A note needs some text.")
        subject = text.splitlines()[0][:80]
        self._add(row, kind, {"Subject": subject, "Description": text, "Status": "Completed", "ActivityDate": self._today(row)})

    def _task(self, kind: ObjectType, row: Row, fields: Fields) -> None:
        if not fields.get("subject", "").strip():
            raise ValueError("A task needs a subject.")
        self._add(row, kind, {"Subject": fields["subject"], "ActivityDate": fields.get("due", ""), "Priority": fields.get("priority", "")})

    def _change(self, kind: ObjectType, row: Row, fields: Fields) -> None:
        name = fields.get("field", "")
        found = kind.fields.get(name.lower())
        if found is not None and not found.updateable:
            message = f"Unable to create/update fields: {found.name}. Please check the security settings of this field."
            raise SalesforceError("INVALID_FIELD_FOR_INSERT_UPDATE", message, fields=[found.name])
        self._save(kind, row, {name: fields.get("value", "") or None})

    def _owner(self, kind: ObjectType, row: Row, fields: Fields) -> None:
        self._save(kind, row, {"OwnerId": fields.get("owner", "")})

    def _opt_out(self, kind: ObjectType, row: Row, fields: Fields) -> None:
        self._save(kind, row, {"HasOptedOutOfEmail": True})

    def _delete(self, kind: ObjectType, row: Row, fields: Fields) -> str:
        removal.delete(self._org, kind.name, row["Id"], self._saver(row))
        back = back_of(fields)
        return f"/?object={kind.name}" if back in ("/", f"/record/{kind.name}/{row['Id']}") else back
