"""HubSpot's JSON <-> the model; pure. Every property value is a string or null on the wire (contracts 5.2); types come from the schema."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Any

import orjson

from crmsync.connect.protocol import LazyRecords
from crmsync.model.record import FieldSchema, FieldVersion, LazyFields, ObjectSchema, Record, RecordState, Ref, User, Value
from crmsync_hubspot import incoming

SIDE = "hubspot"
CONTACTS = "contacts"
MERGEABLE = frozenset({CONTACTS, "companies", "deals"})
OPT_OUT = "hs_email_optout"
REMINDERS = "hs_task_reminders"
MERGED_IDS = "hs_merged_object_ids"
COMPANY_ID = "associatedcompanyid"
"""The primary company of a contact (contracts 5.7): its only association that a property tells."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXISTING = re.compile(r"Existing ID:\s*(\d+)", re.IGNORECASE)
_EMBEDDED = re.compile(r'\\?"name\\?"\s*:\s*\\?"(\w+)\\?"')
_INTEGER = re.compile(r"[+-]?\d{1,18}")


def stamp_property(object: str) -> str:
    """The property that says when a record was last modified (contracts 5.5)."""
    return "lastmodifieddate" if object == CONTACTS else "hs_lastmodifieddate"


# --- values in -----------------------------------------------------------------------------------------------------------------


def moment(text: str) -> datetime:
    """ISO text or epoch milliseconds as text -> aware UTC datetime. Raises: ValueError."""
    if text[-1:] == "Z":
        return datetime.fromisoformat(text)
    if text.lstrip("-").isdigit():
        return _EPOCH + timedelta(milliseconds=int(text))
    parsed = datetime.fromisoformat(text)
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def millis(at: datetime) -> int:
    """Epoch milliseconds of a moment, floored."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def iso(at: datetime) -> str:
    """A moment as canonical text: "YYYY-MM-DDTHH:MM:SS.mmmZ"."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _datetime_in(text: str) -> Value:
    if len(text) == 24 and text[19] == "." and text[23] == "Z":
        return text
    if len(text) == 20 and text[19] == "Z" and text[10] == "T":
        return text[:19] + ".000Z"  # HubSpot drops the milliseconds when they are zero
    try:
        return iso(moment(text))
    except (ValueError, OverflowError):
        return text


def _date_in(text: str) -> Value:
    if len(text) == 10 and text[4] == "-" and text[7] == "-":
        return text
    try:
        return moment(text).date().isoformat()
    except (ValueError, OverflowError):
        return text


def _number_in(text: str) -> Value:
    if _INTEGER.fullmatch(text):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _bool_in(text: str) -> Value:
    return True if text == "true" else False if text == "false" else text


Decode = Callable[[str], Value]
_DECODE: dict[str, Decode] = {"datetime": _datetime_in, "date": _date_in, "number": _number_in, "bool": _bool_in}


class Decoder:
    """Turns the JSON of one object type into records, knowing its property types. Made once per read, used for every row."""

    __slots__ = ("_incoming", "_object", "_plain", "_shows_stamp", "_stamp", "_typed", "names")

    def __init__(self, object: str, names: Iterable[str], schema: ObjectSchema) -> None:
        wanted = dict.fromkeys(names)
        self._incoming = object == incoming.EMAILS and incoming.FIELD in wanted
        self.names = tuple(n for n in wanted if not (self._incoming and n == incoming.FIELD))
        self._object = object
        self._stamp = stamp_property(object)
        # associations move nothing but the stamp, and no reading of these objects tells them (F08)
        self._shows_stamp = self._stamp in self.names or object != CONTACTS
        kinds = {n: schema.fields[n].type for n in self.names if n in schema.fields}
        self._typed = tuple((n, _DECODE[kind]) for n, kind in kinds.items() if kind in _DECODE)
        self._plain = tuple(n for n in self.names if kinds.get(n) not in _DECODE)

    def requested(self) -> list[str]:
        """The properties to ask for: ours and those that a record's own facts are read from."""
        always = [self._stamp, *([MERGED_IDS] if self._object in MERGEABLE else []), *([COMPANY_ID] if self._object == CONTACTS else [])]
        return list(dict.fromkeys((*self.names, *(incoming.NEEDS if self._incoming else ()), *always)))

    def fields(self, properties: Mapping[str, str | None]) -> dict[str, Value]:
        """Decoded values by name; "" and null are None; a property that the answer does not carry is absent."""
        out: dict[str, Value]
        try:
            out = {n: properties[n] or None for n in self._plain}
        except KeyError:  # search and batch/read name every property they were asked for; answers to writes do not
            out = {n: properties[n] or None for n in self._plain if n in properties}
        for name, decode in self._typed:
            if text := properties.get(name):
                out[name] = decode(text)
            elif name in properties:
                out[name] = None
        if self._incoming:
            out[incoming.FIELD] = incoming.read(properties)
        return out

    def page(self, rows: Sequence[dict[str, Any]]) -> tuple[LazyRecords[dict[str, Any]], list[tuple[str, str]]]:
        """The rows of one answer as `Page.records` and `Page.digests`; the rows are used up."""
        digests, digest = [], self._digest
        for row in rows:
            tells = not (row.get("archived") or row["properties"].get(MERGED_IDS))
            digests.append((str(row["id"]), digest(row) if tells else ""))
        return LazyRecords(rows, self.record), digests

    def _digest(self, row: dict[str, Any]) -> str:
        properties = row["properties"]
        if not self._shows_stamp:
            # Out of the digest: a stamp alone is no change. The row keeps it where it stands as well.
            row["updatedAt"] = properties.pop(self._stamp, None) or row.get("updatedAt")
        return blake2b(orjson.dumps(properties), digest_size=12).hexdigest()

    def record(self, row: dict[str, Any]) -> Record:
        """One row of a search, list or batch answer; the row is used up. Raises: KeyError, ValueError when it is no record."""
        properties = row["properties"]
        merged = properties.get(MERGED_IDS)
        modified = properties.get(self._stamp) or row.get("updatedAt") or row["createdAt"]
        created = row.get("createdAt")
        archived = row.get("archived", False)
        return Record(
            ref=Ref(side=SIDE, object=self._object, id=str(row["id"])),
            fields=LazyFields(partial(self.fields, properties)),
            digest=self._digest(row),
            modified_at=moment(row.get("archivedAt") or modified) if archived else moment(modified),
            created_at=moment(created) if created else None,
            state=RecordState.DELETED if archived else RecordState.LIVE,
            former_ids=tuple(merged.split(";")) if merged else (),
            links=employer(properties.get(COMPANY_ID)) if COMPANY_ID in properties else None,
        )


def employer(value: str | None) -> tuple[Ref, ...]:
    """The primary company that a contact's property names; numbers may come with decimals."""
    id = (value or "").partition(".")[0]
    return (Ref(side=SIDE, object="companies", id=id),) if id.isdigit() else ()


def moved(record: Record, asked: str) -> Record:
    """What stands for an id that was merged into `record`."""
    return Record(
        ref=Ref(side=SIDE, object=record.ref.object, id=asked),
        fields=record.fields,
        modified_at=record.modified_at,
        created_at=record.created_at,
        state=RecordState.MERGED,
        survivor=record.ref,
    )


def gone(object: str, row: Mapping[str, Any]) -> Record:
    """A row of the archived listing."""
    at = row.get("archivedAt") or row.get("updatedAt") or row["createdAt"]
    created = row.get("createdAt")
    return Record(
        ref=Ref(side=SIDE, object=object, id=str(row["id"])),
        fields={},
        modified_at=moment(at),
        created_at=moment(created) if created else None,
        state=RecordState.DELETED,
    )


def purged(object: str, id: str, noticed: datetime | None) -> Record:
    """What stands for an id of which HubSpot keeps nothing at all. noticed: HubSpot's clock when it said so."""
    return Record(ref=Ref(side=SIDE, object=object, id=id), fields={}, modified_at=noticed or datetime.now(UTC), state=RecordState.PURGED)


def versions(row: Mapping[str, Any], names: Sequence[str], schema: ObjectSchema) -> list[FieldVersion]:
    """The history of one row, newest first per property. source: HubSpot's sourceType, with the source's id where given."""
    found: list[FieldVersion] = []
    history = row.get("propertiesWithHistory") or {}
    for name in names:
        kind = schema.fields[name].type if name in schema.fields else "text"
        decode = _DECODE.get(kind)
        entries = []
        for entry in history.get(name) or ():
            text = entry.get("value") or ""
            value: Value = (decode(text) if decode else text) if text else None
            who = ":".join(p for p in (entry.get("sourceType"), entry.get("sourceId")) if p)
            entries.append(FieldVersion(id=str(row["id"]), field=name, value=value, at=moment(entry["timestamp"]), source=who))
        found += sorted(entries, key=lambda v: v.at, reverse=True)
    return found


# --- values out ----------------------------------------------------------------------------------------------------------------


def encode(value: Value) -> str:
    """A canonical value as HubSpot takes it: "" clears, bools are words, numbers are plain."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


def sent(name: str, value: Value) -> str:
    """As `encode`, for properties that want a form of their own: a task's reminders are milliseconds in a text (contracts 5.8)."""
    text = encode(value)
    if name == REMINDERS and text:
        try:
            return str(millis(moment(text)))
        except ValueError:
            return text
    return text


def as_html(text: str) -> str:
    """Plain text for an HTML body: escaped, line breaks kept."""
    return html.escape(text).replace("\r\n", "\n").replace("\n", "<br>")


# --- complaints ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What HubSpot complains of. code: the most telling word (PROPERTY_DOESNT_EXIST, CONFLICT …). fields: properties it names.

    ids: record ids it names. traces: the objectWriteTraceIds it names. secondly: the search limit; daily: the day's limit.
    """

    status: int
    category: str = ""
    code: str = ""
    message: str = ""
    fields: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()
    existing_id: str | None = None
    scopes: tuple[str, ...] = ()
    secondly: bool = False
    daily: bool = False


def _listed(context: Any, name: str) -> list[str]:
    value = context.get(name) if isinstance(context, dict) else None
    if isinstance(value, list):
        return [str(v) for v in value]
    return [str(value)] if isinstance(value, str | int) else []


def trouble(status: int, body: Any) -> Trouble:
    """The complaint in an error body, or in one entry of a 207's `errors`. Never raises: every field of it is optional."""
    if not isinstance(body, dict):
        return Trouble(status=status, code=f"HTTP_{status}", message=f"HubSpot answered {status}")
    message = str(body.get("message") or "")
    context = body.get("context") or {}
    details = [e for e in body.get("errors") or () if isinstance(e, dict)]
    names = [n for e in details for n in _listed(e.get("context"), "propertyName")] + _listed(context, "propertyName")
    names += _EMBEDDED.findall(message)
    codes = [str(e["code"]) for e in details if e.get("code")]
    category = str(body.get("category") or body.get("errorType") or "")
    sub = str(body.get("subCategory") or "")
    existing = _listed(context, "existingId") or [i for e in details for i in _listed(e.get("context"), "existingId")]
    if not existing and (found := _EXISTING.search(message)):
        existing = [found.group(1)]
    scopes = _listed(context, "requiredGranularScopes") or _listed(context, "requiredScopes")
    scopes += [s for e in details for s in _listed(e.get("context"), "requiredGranularScopes")]
    said = message.lower()
    return Trouble(
        status=status,
        category=category,
        code=(codes[0] if codes else "") or sub or category or f"HTTP_{status}",
        message=("; ".join(dict.fromkeys(str(e["message"]) for e in details if e.get("message"))) or message)[:500],
        fields=tuple(dict.fromkeys(names)),
        ids=tuple(_listed(context, "ids") or _listed(context, "id")),
        traces=tuple(_listed(context, "objectWriteTraceId")),
        existing_id=existing[0] if existing else None,
        scopes=tuple(dict.fromkeys(scopes)),
        secondly="secondly limit" in said and "ten_secondly" not in said,
        daily=body.get("policyName") == "DAILY" or "daily limit" in said,
    )


# --- users and schemas ------------------------------------------------------------------------------------------------------------


def user(row: Mapping[str, Any], *, archived: bool) -> User:
    """One owner. Its id is what hubspot_owner_id holds (not the userId)."""
    name = " ".join(p for p in (row.get("firstName"), row.get("lastName")) if p)
    email = row.get("email") or None
    return User(
        side=SIDE,
        id=str(row["id"]),
        email=email,
        name=name or email or str(row["id"]),
        active=not (archived or row.get("archived", False)),
        kind="queue" if row.get("type") == "QUEUE" else "person",
    )


_TYPES = {"number": "number", "bool": "bool", "date": "date", "datetime": "datetime", "string": "text", "phone_number": "phone"}
_TEXT_LIMIT = 65_536
_REQUIRED = {
    **dict.fromkeys(("tasks", "calls", "meetings", "notes"), ("hs_timestamp",)),
    "emails": ("hs_timestamp", "hs_email_direction"),
}
"""Contracts 5.8; the definitions themselves do not tell."""


def _kind(p: Mapping[str, Any], values: Sequence[str]) -> str:
    kind, widget = p.get("type"), p.get("fieldType")
    if kind == "enumeration":
        if p.get("referencedObjectType") == "OWNER":
            return "reference"
        if widget == "booleancheckbox" and {v.lower() for v in values} == {"true", "false"}:
            return "bool"
        return "multi" if widget == "checkbox" else "picklist"
    if kind == "string" and widget == "phonenumber":
        return "phone"
    if kind == "string" and p.get("name") in {"email", "work_email"}:
        return "email"
    if p.get("name") == REMINDERS:
        return "datetime"  # a text of milliseconds in HubSpot's own schema
    return _TYPES.get(str(kind), "other")


def field_schema(object: str, p: Mapping[str, Any]) -> FieldSchema:
    """One property definition (contracts 5.9). The opt-out is read-only as a property but can be written through preferences."""
    values = tuple(str(o["value"]) for o in p.get("options") or ())
    kind = _kind(p, values)
    fixed = bool((p.get("modificationMetadata") or {}).get("readOnlyValue")) or bool(p.get("calculated"))
    name = str(p["name"])
    writable = not fixed or (object == CONTACTS and name == OPT_OUT)
    return FieldSchema(
        name=name,
        label=str(p.get("label") or name),
        type=kind,
        length=_TEXT_LIMIT if kind in {"text", "email", "phone", "url"} else None,
        options=values if kind in {"picklist", "multi"} else (),
        restricted=kind in {"picklist", "multi"} and bool(values),
        required=name in _REQUIRED.get(object, ()),
        createable=writable,
        updateable=writable,
        unique=bool(p.get("hasUniqueValue")) or (object == CONTACTS and name == "email"),
        computed=p.get("fieldType") == "calculation_read_time",
    )


def object_schema(object: str, definitions: Iterable[Mapping[str, Any]]) -> ObjectSchema:
    """The schema of one object from its property definitions."""
    fields = {str(p["name"]): field_schema(object, p) for p in definitions if not p.get("archived")}
    return incoming.shown(ObjectSchema(object=object, label=object.capitalize(), fields=fields))
