"""Native JSON to and from model values; Salesforce's statuses to outcomes. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any

import orjson

from crmsync.connect.protocol import LazyRecords
from crmsync.model.change import Action, Outcome, OutcomeKind, Write
from crmsync.model.record import LazyFields, Record, RecordState, Ref, Value
from crmsync_salesforce import belong

SIDE = "salesforce"

SYSTEM_FIELDS = ("Id", "SystemModstamp", "CreatedDate", "LastModifiedById", "IsDeleted")
MERGEABLE = frozenset({"Account", "Contact", "Lead"})
CONVERSION_FIELDS = ("IsConverted", "ConvertedContactId")

# --- values ------------------------------------------------------------------------------------------------------------------


def value(native: Any) -> Value:
    """One native JSON value as a canonical one: "" is empty, integral floats are ints, datetimes are "…T07:25:37.000Z" (UTC)."""
    kind = type(native)
    if kind is str:
        # "2026-05-01T07:25:37.000+0000" is how REST writes every datetime
        if len(native) == 28 and native[10] == "T" and native[23:] == "+0000":
            return native[:23] + "Z"  # type: ignore[no-any-return]
        return native or None
    if kind is float:
        return whole(native)
    if native is None or kind is int or kind is bool:
        return native  # type: ignore[no-any-return]
    # compound values (addresses, locations) have plain twins that can be mapped; shown whole they are JSON text
    return orjson.dumps(native).decode()


def whole(native: float) -> int | float:
    """A number without a fraction as an int, as far as a float tells such numbers apart."""
    return int(native) if native.is_integer() and abs(native) < 2**53 else native


def moment(native: str) -> datetime:
    """A native datetime as aware UTC."""
    if native[-5:] == "+0000":
        return _moment(native)
    found = datetime.fromisoformat(native)
    return found if found.tzinfo is UTC else found.astimezone(UTC)


@lru_cache(maxsize=64)  # one second holds many records
def _moment(native: str) -> datetime:
    return datetime.fromisoformat(native).replace(tzinfo=UTC)


def stamp(at: datetime) -> str:
    """A datetime as SOQL and cursors write it: "2026-05-01T07:25:37Z" (UTC, whole seconds)."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def system_fields(object: str) -> tuple[str, ...]:
    """What every read of `object` asks for besides the mapped fields."""
    extra: tuple[str, ...] = ("MasterRecordId",) if object in MERGEABLE else ()
    return SYSTEM_FIELDS + extra + (CONVERSION_FIELDS if object == "Lead" else ()) + belong.COLUMNS.get(object, ())


def _walk(row: Mapping[str, Any], path: Sequence[str]) -> Any:
    current: Any = row
    for part in path:
        if not isinstance(current, Mapping):
            return None
        current = current.get(part)
    return current


_Row = tuple[Mapping[str, Any], str]
"""A native row and its digest."""


def _digest(values: Sequence[Any]) -> str:
    return blake2b(orjson.dumps(values), digest_size=12).hexdigest()


class Decoder:
    """Turns the rows of one object's queries into records. fields: native names, parent paths stay flat ("Account.Name").

    me: our own user id, for `by_us`. Losers of a merge on the same page are the winner's former_ids. shared: the org has Shared Activities, so an
    activity does not tell all of its people.

    A record's digest is that of its id, its fields and whom it belongs to, in this order, as REST shows them, whole numbers as such: the same
    however it was read. Stamps are no part of it unless they are fields; they move without anything having changed.
    """

    def __init__(self, object: str, fields: Sequence[str], *, me: str | None, shared: bool = False) -> None:
        self._object = object
        self._plain = tuple(dict.fromkeys(f for f in fields if "." not in f))
        self._nested = tuple((f, tuple(f.split("."))) for f in dict.fromkeys(fields) if "." in f)
        self._told = tuple(dict.fromkeys(("Id", *self._plain, *belong.COLUMNS.get(object, ()))))
        self._mine = me[:15] if me else None
        self._belongs = belong.reader(object, shared=shared)

    def records(self, rows: Sequence[dict[str, Any]]) -> tuple[Record, ...]:
        """All of the rows as records."""
        return tuple(self.page(rows)[0])

    def page(self, rows: Sequence[dict[str, Any]]) -> tuple[LazyRecords[_Row], list[tuple[str, str]]]:
        """The rows of a REST answer as `Page.records` and `Page.digests`."""
        names, nested = self._told, self._nested
        items: list[_Row] = []
        told: list[tuple[str, str]] = []
        former: dict[str, tuple[str, ...]] = {}
        for row in rows:
            values = [whole(v) if v.__class__ is float else v for v in map(row.get, names)]
            for _, path in nested:
                v = _walk(row, path)
                values.append(whole(v) if v.__class__ is float else v)
            digest = _digest(values)
            items.append((row, digest))
            id: str = row["Id"]
            told.append((id, "" if row.get("IsDeleted") or row.get("IsConverted") else digest))
            if master := row.get("MasterRecordId"):
                former[master] = (*former.get(master, ()), id)
        if former:
            told = [(id, "" if id in former else digest) for id, digest in told]
        return LazyRecords(items, partial(self._paged, former)), told

    def sheet(self, columns: Mapping[str, Sequence[Any]]) -> tuple[LazyRecords[int], list[tuple[str, str]]]:
        """Rows of a bulk job, from `crmsync_salesforce.cells`, as `Page.records` and `Page.digests`; no row is made of one that nobody looks at."""
        ids = columns["Id"]
        none = (None,) * len(ids)
        parents = tuple(name for name, _ in self._nested)
        named, fields = (*self._told, *parents), (*self._plain, *parents)
        digests = list(map(_digest, zip(*(columns.get(name, none) for name in named), strict=True)))
        masters = columns.get("MasterRecordId", none)
        former: dict[str, tuple[str, ...]] = {}
        if any(masters):
            for id, master in zip(ids, masters, strict=True):
                if master:
                    former[master] = (*former.get(master, ()), id)
        gone = (columns.get("IsDeleted", none), columns.get("IsConverted", none))
        told = list(zip(ids, digests, strict=True))
        if former or any(map(any, gone)):
            left = {id for id, *marks in zip(ids, *gone, strict=True) if any(marks)} | former.keys()
            told = [(id, "" if id in left else digest) for id, digest in told]

        def made(place: int) -> Record:
            row = {name: column[place] for name, column in columns.items()}
            return self._record(former, row, digests[place], partial(_values, row, fields))

        return LazyRecords(range(len(ids)), made), told

    def _paged(self, former: Mapping[str, tuple[str, ...]], item: _Row) -> Record:
        row, digest = item
        return self._record(former, row, digest, partial(self._shown, row))

    def _record(
        self, former: Mapping[str, tuple[str, ...]], row: Mapping[str, Any], digest: str, fields: Callable[[], dict[str, Value]]
    ) -> Record:
        state, survivor = standing(self._object, row)
        created, by = row.get("CreatedDate"), row.get("LastModifiedById")
        return Record(
            ref=Ref(side=SIDE, object=self._object, id=row["Id"]),
            fields=LazyFields(fields),
            digest=digest,
            modified_at=moment(row["SystemModstamp"]),
            created_at=moment(created) if created else None,
            state=state,
            survivor=survivor,
            former_ids=former.get(row["Id"], ()),
            by_us=None if self._mine is None or by is None else by[:15] == self._mine,
            links=self._belongs(row) if self._belongs is not None else None,
        )

    def _shown(self, row: Mapping[str, Any]) -> dict[str, Value]:
        found = _values(row, self._plain)
        for name, path in self._nested:
            found[name] = value(_walk(row, path))
        return found


def _values(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Value]:
    # most values are texts that stay as they are; only the others are worth a call
    return {
        n: v if v is None or (v.__class__ is str and v and len(v) != 28) else value(v)
        for n, v in zip(names, map(row.get, names), strict=True)
    }


def standing(object: str, row: Mapping[str, Any]) -> tuple[RecordState, Ref | None]:
    """State of a row and where it went: merged rows are deleted with a MasterRecordId, converted leads name their contact."""
    if row.get("IsDeleted"):
        master = row.get("MasterRecordId")
        return (RecordState.MERGED, Ref(side=SIDE, object=object, id=master)) if master else (RecordState.DELETED, None)
    if row.get("IsConverted"):
        contact = row.get("ConvertedContactId")
        return RecordState.CONVERTED, Ref(side=SIDE, object="Contact", id=contact) if contact else None
    return RecordState.LIVE, None


# --- errors ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiError:
    """One error in whatever envelope it came. existing_id: the record that a duplicate rule or unique field names."""

    code: str
    message: str
    fields: tuple[str, ...] = ()
    existing_id: str | None = None


_EXISTING = re.compile(r"record with id: ?(\w{15,18})")
_NAMED = (
    re.compile(r"No such column '([\w.]+)'"),
    re.compile(r"Required fields are missing: \[([\w, ]+)\]"),
    re.compile(r"Unable to create/update fields: ([\w, ]+)"),
    re.compile(r"bad value for restricted picklist field: (\w+)"),
    re.compile(r"duplicate value found: (\w+) duplicates"),
    re.compile(r"[Ff]ield name not found : (\w+)"),
    re.compile(r"Failed to deserialize field at \w+ \d+.*:(\w+) --$"),
)

_GONE = frozenset({"ENTITY_IS_DELETED", "CANNOT_UPDATE_CONVERTED_LEAD", "NOT_FOUND"})
_RETRY = frozenset(
    {
        "UNABLE_TO_LOCK_ROW", "REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "PROCESSING_HALTED", "STORAGE_LIMIT_EXCEEDED",
    }
)  # fmt: skip
TARGET_CODES = frozenset({"INVALID_CROSS_REFERENCE_KEY", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"})
"""Codes that speak of the target record or of a record that a field refers to: only a look at the target tells which."""

LOCKED = "UNABLE_TO_LOCK_ROW"


def _fields_of(message: str, given: Any) -> tuple[str, ...]:
    if isinstance(given, list) and given:
        return tuple(str(f) for f in given)
    for pattern in _NAMED:
        found = pattern.search(message)
        if found:
            return tuple(part.strip() for part in found[1].split(",") if part.strip())
    return ()


def _match(error: Mapping[str, Any]) -> str | None:
    """Id of the first record a duplicate rule matched; the key is misspelt by most versions."""
    result = error.get("duplicateResut") or error.get("duplicateResult")
    if not isinstance(result, Mapping):
        return None
    for matches in result.get("matchResults") or ():
        for match in (matches or {}).get("matchRecords") or ():
            id = ((match or {}).get("record") or {}).get("Id")
            if isinstance(id, str) and id:
                return id
    return None


def api_error(native: Any) -> ApiError:
    """One error object: `errorCode` (single records), `statusCode` (collections) or `error` (OAuth)."""
    if not isinstance(native, Mapping):
        return ApiError(code="UNKNOWN", message=str(native)[:500])
    code = str(native.get("errorCode") or native.get("statusCode") or native.get("error") or "UNKNOWN")
    message = str(native.get("message") or native.get("error_description") or "")[:1000]
    found = _EXISTING.search(message) if code == "DUPLICATE_VALUE" else None
    return ApiError(
        code=code,
        message=message,
        fields=_fields_of(message, native.get("fields")),
        existing_id=_match(native) or (found[1] if found else None),
    )


def api_errors(body: bytes) -> tuple[ApiError, ...]:
    """The errors in a refused request's body, whatever its shape; empty when it is no JSON."""
    try:
        native = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ()
    if isinstance(native, Mapping) and isinstance(native.get("errors"), list) and native["errors"]:
        native = native["errors"]
    return tuple(api_error(e) for e in (native if isinstance(native, list) else [native]))


def outcome_kind(error: ApiError, action: Action) -> OutcomeKind:
    """What one record's refusal means. Only a create can find that its record exists already."""
    if error.code in {"DUPLICATES_DETECTED", "DUPLICATE_VALUE"}:
        # a unique field that no record is named for is a plain refusal
        named = error.code == "DUPLICATES_DETECTED" or error.existing_id
        return OutcomeKind.EXISTS if action is Action.CREATE and named else OutcomeKind.REJECTED
    if error.code in _GONE:
        return OutcomeKind.GONE
    return OutcomeKind.RETRY if error.code in _RETRY else OutcomeKind.REJECTED


def outcome(write: Write, *, id: str | None, errors: Sequence[ApiError]) -> Outcome:
    """The outcome of one record of a collection, upsert or job. errors empty: done."""
    id = id or write.id
    if not errors:
        return Outcome(write_id=write.write_id, kind=OutcomeKind.DONE, id=id)
    worst = errors[0]
    names = tuple(dict.fromkeys(name for e in errors for name in e.fields))
    return Outcome(
        write_id=write.write_id,
        kind=outcome_kind(worst, write.action),
        id=id,
        existing_id=worst.existing_id,
        cause=worst.code,
        message="; ".join(e.message for e in errors),
        fields=names,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One item of a collection's answer: the id it names, and its errors (empty: accepted)."""

    id: str | None
    errors: tuple[ApiError, ...] = field(default=())


def results(native: Any, expected: int) -> list[Result] | None:
    """A collection's answer in input order; None when it is not one result per record sent."""
    if not isinstance(native, list) or len(native) != expected or not all(isinstance(item, Mapping) for item in native):
        return None
    found = []
    for item in native:
        errors = tuple(api_error(e) for e in item.get("errors") or ())
        if not item.get("success") and not errors:
            errors = (ApiError(code="UNKNOWN", message="refused without a reason"),)
        found.append(Result(id=item.get("id"), errors=() if item.get("success") else errors))
    return found


# --- CSV of bulk jobs --------------------------------------------------------------------------------------------------------

CLEARED = "#N/A"


def csv_cell(given: Value) -> str:
    """A canonical value as a cell of an ingest job; None clears."""
    if given is None:
        return CLEARED
    if isinstance(given, bool):
        return "true" if given else "false"
    return str(given)


def bulk_error(cell: str) -> ApiError:
    """The error cell of a failed row: `CODE:message:Field, Field --`."""
    code, _, rest = cell.partition(":")
    message, _, names = rest.rpartition(":")
    names = names.removesuffix("--").strip()
    fields = tuple(n.strip() for n in names.split(",") if n.strip())
    if not message:
        message, fields = rest, ()
    return api_error({"statusCode": code or "UNKNOWN", "message": message, "fields": list(fields)})
