"""sObject Collections: up to 200 records a call, answered in order and always in band."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

from crmsync_salesforce.sim import removal, saving
from crmsync_salesforce.sim.errors import SalesforceError, malformed_id
from crmsync_salesforce.sim.http import Call, Reply
from crmsync_salesforce.sim.ids import normalise_id
from crmsync_salesforce.sim.org import Org, Saver
from crmsync_salesforce.sim.rows import check_writable, external_key, live_matches, record, saver_of
from crmsync_salesforce.sim.values import coerce

LIMIT = 200
RETRIEVE_LIMIT = 2000
CHUNKS = 10
Step = Callable[[Mapping[str, Any]], dict[str, Any]]


class Many:
    """Handlers of composite/sobjects."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def insert(self, call: Call) -> Reply:
        """POST composite/sobjects."""
        saver = saver_of(call)

        def step(entry: Mapping[str, Any]) -> dict[str, Any]:
            kind = self._org.kind(_type_of(entry))
            check_writable(kind)
            return {"id": saving.create(self._org, kind.name, entry, saver), "success": True, "errors": []}

        return self._run(call, step, mixed=True)

    def update(self, call: Call) -> Reply:
        """PATCH composite/sobjects; the key is `id` in any case."""
        saver = saver_of(call)
        seen: set[str] = set()

        def step(entry: Mapping[str, Any]) -> dict[str, Any]:
            kind = self._org.kind(_type_of(entry))
            check_writable(kind)
            given = next((value for key, value in entry.items() if key.lower() == "id"), None)
            if not given:
                raise SalesforceError("MISSING_ARGUMENT", "Id not specified in an update call", fields=[])
            full = normalise_id(str(given))
            if full is None:
                raise malformed_id(str(given))
            if full in seen:
                raise SalesforceError("DUPLICATE_VALUE", f"Duplicate id specified: {full}", fields=[])
            seen.add(full)
            self._save(kind.name, full, entry, saver)
            return {"id": full, "success": True, "errors": []}

        return self._run(call, step, mixed=True)

    def upsert(self, call: Call, name: str, key: str) -> Reply:
        """PATCH composite/sobjects/X/Field; the key field is part of each record."""
        kind = self._org.kind(name)
        check_writable(kind)
        saver = saver_of(call)
        wanted_key = key.lower()
        field = None if wanted_key == "id" else external_key(self._org, call.user, kind, key)
        seen: set[Any] = set()

        def step(entry: Mapping[str, Any]) -> dict[str, Any]:
            if _type_of(entry).lower() != kind.name.lower():
                raise SalesforceError("INVALID_INPUT", "all records must be of the type in the address", fields=[])
            given = {label.lower(): held for label, held in entry.items()}
            value = given.get(wanted_key)
            if field is None:
                if value:
                    self._save(kind.name, str(value), entry, saver)
                    return {"id": normalise_id(str(value)), "success": True, "errors": [], "created": False}
                made = saving.create(self._org, kind.name, entry, saver)
                return {"id": made, "success": True, "errors": [], "created": True}
            if given.get("id"):
                message = f"The Id field should not be specified in the sobject data when upserting by {field.name}."
                raise SalesforceError("INVALID_FIELD", message, fields=["Id"])
            if value in (None, ""):
                raise SalesforceError("MISSING_ARGUMENT", f"{field.name} not specified", fields=[])
            wanted = coerce(field, value)
            if wanted in seen:
                raise SalesforceError("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", fields=[field.name])
            seen.add(wanted)
            matches = live_matches(self._org, kind, field, wanted)
            if len(matches) > 1:
                message = f"{field.name}: more than one record found for external id field: {matches}".replace("'", "")
                raise SalesforceError("DUPLICATE_EXTERNAL_ID", message, fields=[])
            if matches:
                self._save(kind.name, matches[0], entry, saver)
                return {"id": matches[0], "success": True, "errors": [], "created": False}
            made = saving.create(self._org, kind.name, entry, saver)
            return {"id": made, "success": True, "errors": [], "created": True}

        return self._run(call, step, mixed=False)

    def remove(self, call: Call) -> Reply:
        """DELETE composite/sobjects?ids=a,b&allOrNone=."""
        ids = [entry for entry in call.query.get("ids", "").split(",") if entry]
        saver = saver_of(call)

        def step(entry: Mapping[str, Any]) -> dict[str, Any]:
            full = normalise_id(entry["id"])
            kind = None if full is None else self._org.kind_of_id(full)
            if full is None or kind is None:
                raise malformed_id(entry["id"])
            if self._org.row(kind.name, full) is None:
                raise SalesforceError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=[])
            removal.delete(self._org, kind.name, full, saver)
            return {"id": full, "success": True, "errors": []}

        return self._all([{"id": entry} for entry in ids], step, all_or_none=call.flag("allOrNone"))

    def retrieve(self, call: Call, name: str) -> Reply:
        """GET or POST composite/sobjects/X: records in input order, null for what is not there."""
        kind = self._org.kind(name)
        if call.method == "POST":
            body = call.object()
            ids, names = list(body.get("ids", ())), list(body.get("fields", ()))
        else:
            ids = [entry for entry in call.query.get("ids", "").split(",") if entry]
            names = [entry.strip() for entry in call.query.get("fields", "").split(",") if entry.strip()]
        if not ids or not names:
            raise SalesforceError("REQUIRED_FIELD_MISSING", "ids and fields are required")
        if len(ids) > RETRIEVE_LIMIT:
            raise _too_many(RETRIEVE_LIMIT)
        rows = [self._org.live_row(kind.name, normalise_id(str(entry))) for entry in ids]
        return Reply(body=[None if row is None else record(self._org, call, kind, row, names) for row in rows])

    def _save(self, name: str, record_id: str, entry: Mapping[str, Any], saver: Saver) -> None:
        kind = self._org.kind(name)
        if self._org.row(kind.name, normalise_id(record_id)) is None:
            raise SalesforceError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=[])
        saving.update(self._org, kind.name, record_id, entry, saver)

    # ---- the envelope -----------------------------------------------------------------------------------------
    def _run(self, call: Call, step: Step, *, mixed: bool) -> Reply:
        body = call.object()
        records = body.get("records")
        if not isinstance(records, list) or not all(isinstance(entry, dict) for entry in records):
            records = []
        if mixed and sum(1 for _ in groupby(records, key=lambda entry: str((entry.get("attributes") or {}).get("type")))) > CHUNKS:
            message = f"Too many chunks: more than {CHUNKS} changes of object type in one request"
            raise SalesforceError("LIMIT_EXCEEDED", message)
        return self._all(records, step, all_or_none=body.get("allOrNone") is True)

    def _all(self, entries: list[dict[str, Any]], step: Step, *, all_or_none: bool) -> Reply:
        if not entries:
            raise SalesforceError("REQUIRED_FIELD_MISSING", "At least 1 record is required")
        if len(entries) > LIMIT:
            raise _too_many(LIMIT)
        outer = self._org.begin()
        try:
            results: list[dict[str, Any]] = []
            for entry in entries:
                mark = self._org.mark()
                try:
                    results.append(step(entry))
                except SalesforceError as error:
                    self._org.rollback(mark)
                    if error.code == "JSON_PARSER_ERROR":  # the body as a whole could not be read
                        self._org.rollback(outer)
                        raise
                    results.append(error.result())
            if all_or_none and not all(result["success"] for result in results):
                self._org.rollback(outer)
                results = [result if not result["success"] else _rolled_back() for result in results]
            return Reply(body=results)
        finally:
            self._org.end()


def _type_of(entry: Mapping[str, Any]) -> str:
    attributes = entry.get("attributes")
    name = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(name, str):
        raise SalesforceError("INVALID_INPUT", "attributes.type is required in each record", fields=[])
    return name


def _too_many(limit: int) -> SalesforceError:
    message = f"record limit reached. cannot submit more than {limit} records into this call"
    return SalesforceError("EXCEEDED_ID_LIMIT", message)


def _rolled_back() -> dict[str, Any]:
    message = "Record rolled back because not all records were valid and the request was using AllOrNone header"
    return SalesforceError("ALL_OR_NONE_OPERATION_ROLLED_BACK", message, fields=[]).result()
