"""Lists and their memberships over HTTP, as the vendor's reference of v3 and 2026-03 has them."""

from __future__ import annotations

from typing import Any

import orjson

from .errors import no_resource, not_found, validation
from .objecttypes import find_type
from .portal import Portal
from .segments import CONTACTS, OPEN, Segment
from .values import iso
from .wire import Call, Json, Reply, inputs_of, wrong_method

PAGE = 100
BATCH = 1_000


def handle(call: Call) -> Reply:
    """Everything under /crm/v3/lists (or /crm/lists/{date})."""
    parts = call.parts
    if parts[:1] == ["records"]:
        return _of_records(call)
    if not parts:
        if call.method != "GET":
            raise wrong_method()
        return Reply(body={"lists": [found.json() for id in call.many("listIds") if (found := call.portal.lists.find(id))]})
    found = call.portal.lists.find(parts[0])
    if found is None:
        raise not_found(f"List does not exist with ID {parts[0]}.", subCategory="ListError.LIST_DOES_NOT_EXIST")
    if len(parts) == 1:
        if call.method != "GET":
            raise wrong_method()
        return Reply(body={"list": found.json()})
    if parts[1] != "memberships" or len(parts) > 3:
        raise no_resource()
    if len(parts) == 2:
        return _page(call, found)
    if parts[2] not in ("add", "remove", "add-and-remove"):
        raise no_resource()
    if call.method != "PUT":
        raise wrong_method()
    return _change(call, found, parts[2])


def _change(call: Call, found: Segment, what: str) -> Reply:
    joining, leaving = _wanted(call, what)
    if found.processing not in OPEN:
        raise validation(
            f"Memberships of list {found.id} cannot be edited: its processing type is {found.processing}.",
            subCategory="ListError.INVALID_LIST_PROCESSING_TYPE",
        )
    added, removed, missing = [], [], []
    for id in dict.fromkeys(joining):
        if _live(call.portal, found, id) is None:
            missing.append(id)
        elif found.join(int(id), call.now):
            added.append(id)
    for id in dict.fromkeys(leaving):
        if id.isdigit() and found.members.pop(int(id), None) is not None:
            removed.append(id)
        elif _live(call.portal, found, id) is None:
            missing.append(id)
    if call.portal.options.list_answers == "reference":
        return Reply(body={"recordIdsAdded": added, "recordIdsRemoved": removed, "recordIdsMissing": missing})
    told = {"recordsIdsAdded": added, "recordIdsRemoved": removed, "recordIdsMissing": missing}
    return Reply(body={name: ids for name, ids in told.items() if ids})


def _wanted(call: Call, what: str) -> tuple[list[str], list[str]]:
    try:
        body: Any = orjson.loads(call.raw)
    except orjson.JSONDecodeError as error:
        raise validation(f"Invalid input JSON on line 1, column 1: {error.msg}") from error
    if what == "add-and-remove":
        if not isinstance(body, dict):
            raise validation("Invalid input JSON: an object was expected")
        return _ids(body.get("recordIdsToAdd")), _ids(body.get("recordIdsToRemove"))
    ids = _ids(body)
    return (ids, []) if what == "add" else ([], ids)


def _ids(told: Any) -> list[str]:
    if not isinstance(told, list) or any(isinstance(id, bool) or not isinstance(id, str | int) for id in told):
        raise validation("Invalid input JSON: a list of record ids was expected")
    return [str(id) for id in told]


def _live(portal: Portal, found: Segment, id: str) -> int | None:
    kind = find_type(found.object_type)
    if kind is None or not id.isdigit():
        return None
    return int(id) if portal.tables[kind.plural].live(int(id)) is not None else None


def _page(call: Call, found: Segment) -> Reply:
    if call.method != "GET":
        raise wrong_method()
    limit, after = call.number("limit", PAGE, 250), int(call.one("after") or 0)
    rows = [(id, at) for id, (_, at) in sorted(found.members.items()) if id > after and _live(call.portal, found, str(id)) is not None]
    body: Json = {"results": [{"recordId": str(id), "membershipTimestamp": iso(at)} for id, at in rows[:limit]], "total": len(rows)}
    if len(rows) > limit:
        body["paging"] = {"next": {"after": str(rows[limit - 1][0])}}
    return Reply(body=body)


def _of_records(call: Call) -> Reply:
    if call.method == "POST" and call.parts == ["records", "memberships", "batch", "read"]:
        results = []
        for item in inputs_of(call.json(), BATCH):
            record, kind = str(item.get("recordId")), str(item.get("objectTypeId"))
            results.append({"objectTypeId": kind, "recordId": record, "recordListMemberships": _memberships(call, kind, record)})
        return Reply(body={"status": "COMPLETE", "results": results, "startedAt": iso(call.now), "completedAt": iso(call.now)})
    if call.method == "GET" and len(call.parts) == 4 and call.parts[3] == "memberships":
        rows = _memberships(call, call.parts[1], call.parts[2])
        return Reply(body={"results": rows, "total": len(rows)})
    raise no_resource()


def _memberships(call: Call, kind: str, record: str) -> list[Json]:
    if kind != CONTACTS or not record.isdigit():
        return []
    rows = [(one, *one.members[int(record)]) for one in call.portal.lists.of(int(record))]
    # v3 answers the list's id as a number, the dated version as text (vendor's reference)
    numbered = call.version.startswith("v")
    return [
        {
            "listId": one.id if numbered else str(one.id),
            "listVersion": 1,
            "firstAddedTimestamp": iso(first),
            "lastAddedTimestamp": iso(last),
        }
        for one, first, last in rows
    ]
