"""sObject rows: one record at a time by id or external id, with conditional requests."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from crmsync_salesforce.sim import removal, saving
from crmsync_salesforce.sim.clock import parse_moment
from crmsync_salesforce.sim.errors import SalesforceError, no_such_column, not_found
from crmsync_salesforce.sim.fields import Field
from crmsync_salesforce.sim.http import Call, Reply, segment
from crmsync_salesforce.sim.ids import normalise_id
from crmsync_salesforce.sim.org import Org, Saver
from crmsync_salesforce.sim.schema import ObjectType
from crmsync_salesforce.sim.store import Row
from crmsync_salesforce.sim.values import coerce


def saver_of(call: Call, channel: str = "rest") -> Saver:
    """Who saves, with the switches of the call's headers."""
    assign = call.headers.get("sforce-auto-assign", "TRUE").strip().upper() != "FALSE"
    allow = (call.header_option("sforce-duplicate-rule-header", "allowSave") or "").lower() == "true"
    return Saver(user=call.user, channel=channel, assign=assign, allow_duplicates=allow)


def check_writable(kind: ObjectType) -> None:
    """Refuse saves on read-only objects."""
    if not kind.writable:
        raise SalesforceError("INVALID_TYPE_FOR_OPERATION", f"entity type {kind.name} is not supported for this operation", fields=[])


def created(record_id: str, call: Call, kind: ObjectType, **more: Any) -> Reply:
    """201 with the new id."""
    location = f"/services/data/{call.version}/sobjects/{kind.name}/{record_id}"
    return Reply(status=201, body={"id": record_id, "success": True, "errors": [], **more}, headers={"Location": location})


class Rows:
    """Handlers of sobjects/X, sobjects/X/{id} and sobjects/X/Field/Value."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def insert(self, call: Call, name: str) -> Reply:
        """POST sobjects/X."""
        kind = self._org.kind(name)
        check_writable(kind)
        return created(saving.create(self._org, kind.name, call.object(), saver_of(call)), call, kind)

    def read(self, call: Call, name: str, record_id: str) -> Reply:
        """GET sobjects/X/{id}; a deleted record answers NOT_FOUND. [R:grouparoo]"""
        kind = self._org.kind(name)
        full = normalise_id(segment(record_id))
        row = None if full is None else self._org.live_row(kind.name, full)
        if row is None:
            raise not_found()
        return self._shown(call, kind, row)

    def change(self, call: Call, name: str, record_id: str) -> Reply:
        """PATCH sobjects/X/{id}: 204."""
        kind = self._org.kind(name)
        check_writable(kind)
        row = saving.find(self._org, kind, segment(record_id))
        refused = self._precondition(call, kind, row)
        if refused is not None:
            return refused
        saving.update(self._org, kind.name, row["Id"], call.object(), saver_of(call))
        return Reply(status=204)

    def remove(self, call: Call, name: str, record_id: str) -> Reply:
        """DELETE sobjects/X/{id}: 204."""
        removal.delete(self._org, name, segment(record_id), saver_of(call))
        return Reply(status=204)

    # ---- by external id ---------------------------------------------------------------------------------------
    def upsert(self, call: Call, name: str, key: str, value: str) -> Reply:
        """PATCH sobjects/X/Field/Value: 201, 200, or 300 with the addresses of all matches."""
        kind = self._org.kind(name)
        check_writable(kind)
        body = call.object()
        if key.lower() == "id":
            row = saving.find(self._org, kind, segment(value))
            saving.update(self._org, kind.name, row["Id"], body, saver_of(call))
            return Reply(status=200, body={"id": row["Id"], "success": True, "errors": [], "created": False})
        field, matches = self._matches(call, kind, key, segment(value))
        if any(entry.lower() == field.name.lower() for entry in body):
            message = f"The {field.name} field should not be specified in the sobject data."
            raise SalesforceError("INVALID_FIELD", message, fields=[field.name])
        if len(matches) > 1:
            return self._ambiguous(call, kind, matches)
        if matches:
            saving.update(self._org, kind.name, matches[0], body, saver_of(call))
            return Reply(status=200, body={"id": matches[0], "success": True, "errors": [], "created": False})
        if call.flag("updateOnly"):
            raise not_found()
        record_id = saving.create(self._org, kind.name, {field.name: segment(value), **body}, saver_of(call))
        return created(record_id, call, kind, created=True)

    def read_by_key(self, call: Call, name: str, key: str, value: str) -> Reply:
        """GET sobjects/X/Field/Value."""
        kind = self._org.kind(name)
        _, matches = self._matches(call, kind, key, segment(value))
        if len(matches) > 1:
            return self._ambiguous(call, kind, matches)
        if not matches:
            raise not_found()
        return self._shown(call, kind, self._org.tables[kind.name].rows[matches[0]])

    def remove_by_key(self, call: Call, name: str, key: str, value: str) -> Reply:
        """DELETE sobjects/X/Field/Value."""
        kind = self._org.kind(name)
        _, matches = self._matches(call, kind, key, segment(value))
        if len(matches) > 1:
            return self._ambiguous(call, kind, matches)
        if not matches:
            raise not_found()
        removal.delete(self._org, kind.name, matches[0], saver_of(call))
        return Reply(status=204)

    def _matches(self, call: Call, kind: ObjectType, key: str, value: str) -> tuple[Field, list[str]]:
        field = external_key(self._org, call.user, kind, key)
        wanted = coerce(field, value)
        return field, live_matches(self._org, kind, field, wanted)

    @staticmethod
    def _ambiguous(call: Call, kind: ObjectType, matches: list[str]) -> Reply:
        return Reply(status=300, body=[f"/services/data/{call.version}/sobjects/{kind.name}/{match}" for match in matches])

    # ---- reading ----------------------------------------------------------------------------------------------
    def _shown(self, call: Call, kind: ObjectType, row: Row) -> Reply:
        refused = self._precondition(call, kind, row)
        if refused is not None:
            return refused
        headers = {"Last-Modified": format_datetime(_moment(row), usegmt=True)}
        if kind.name == "Account":
            headers["ETag"] = etag(row)
        asked = call.query.get("fields")
        names = None if asked is None else [name.strip() for name in asked.split(",") if name.strip()]
        return Reply(body=record(self._org, call, kind, row, names), headers=headers)

    def _precondition(self, call: Call, kind: ObjectType, row: Row) -> Reply | None:
        moment = _moment(row)
        unmodified = _http_date(call.headers.get("if-unmodified-since"))
        if unmodified is not None and moment > unmodified:
            return _precondition_failed()
        modified = _http_date(call.headers.get("if-modified-since"))
        if call.method == "GET" and modified is not None and moment <= modified:
            return Reply(status=304, headers={"Last-Modified": format_datetime(moment, usegmt=True)})
        if kind.name == "Account":
            wanted, unwanted = call.headers.get("if-match"), call.headers.get("if-none-match")
            if wanted is not None and etag(row) not in wanted:
                return _precondition_failed()
            if call.method == "GET" and unwanted is not None and etag(row) in unwanted:
                return Reply(status=304, headers={"ETag": etag(row)})
        return None


def external_key(org: Org, user: str, kind: ObjectType, key: str) -> Field:
    """The external-id or id-lookup field of that name. Raises 404 NOT_FOUND in the vendor's words. [R:restforce]"""
    field = org.view(kind, user).get(key.lower())
    if field is None or not (field.external_id or field.id_lookup):
        message = f"Provided external ID field does not exist or is not accessible: {key}"
        raise SalesforceError("NOT_FOUND", message, status=404)
    return field


def live_matches(org: Org, kind: ObjectType, field: Field, value: Any) -> list[str]:
    """Ids of the live rows with that value, oldest id first."""
    if value is None:
        return []
    return sorted(found for found in org.tables[kind.name].find(field.name, value) if org.live_row(kind.name, found))


def record(org: Org, call: Call, kind: ObjectType, row: Row, names: list[str] | None) -> dict[str, Any]:
    """A record as the row endpoints print it; all visible fields when none are named."""
    view = org.view(kind, call.user)
    url = f"/services/data/{call.version}/sobjects/{kind.name}/{row['Id']}"
    shown: dict[str, Any] = {"attributes": {"type": kind.name, "url": url}}
    if names is None:
        shown.update(org.whole(kind, row, view))
        return shown
    for name in names:
        field = view.get(name.lower())
        if field is None:
            raise no_such_column(name, kind.name)
        shown[field.name] = org.value(kind, row, field)
    shown.setdefault("Id", row["Id"])
    return shown


def etag(row: Row) -> str:
    """The entity tag of a row."""
    return f'"{zlib.crc32((row["Id"] + row["SystemModstamp"]).encode()):08x}"'


def _moment(row: Row) -> datetime:
    return parse_moment(row["SystemModstamp"])


def _http_date(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _precondition_failed() -> Reply:
    message = "The precondition in the request header could not be met"
    return Reply(status=412, body=[{"errorCode": "PRECONDITION_FAILED", "message": message}])
