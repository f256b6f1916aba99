"""Single-record object endpoints: list, get, create, patch, delete, merge, gdpr-delete."""

from __future__ import annotations

from typing import Any

from . import associating
from .errors import ApiError, not_found, plain, validation
from .merging import MERGEABLE
from .objecttypes import ObjectType
from .shapes import created_json, history_json, read_json, written_json
from .store import Record, Table
from .values import as_text
from .wire import Call, Json, Reply

REQUIRED: dict[str, tuple[str, ...]] = {
    "contacts": ("email", "firstname", "lastname"),
    "companies": ("name", "domain"),
    "deals": ("dealname",),
    **dict.fromkeys(("tasks", "calls", "notes", "meetings", "emails"), ("hs_timestamp",)),
}
ALSO_REQUIRED: dict[str, tuple[str, ...]] = {"emails": ("hs_email_direction",)}


def find(call: Call, table: Table, text: str, id_property: str | None, *, archived: bool = False) -> Record | None:
    """The live (or archived) record named by id or by a unique property; merged-away ids lead to the survivor."""
    if id_property and id_property != "hs_object_id":
        return by_property(call, table, text, id_property)
    if not text.isdigit():
        return None
    record_id = table.survivor(int(text))
    record = table.records.get(record_id)
    return record if record is not None and (record.archived_at is not None) == archived else None


def by_property(call: Call, table: Table, text: str, id_property: str) -> Record | None:
    """The live record with a unique value; raises ApiError 400 for a property that is not unique."""
    if id_property == "email" and table.kind.plural == "contacts":
        found = table.emails.get(text.strip().lower())
        secondary = found is not None and table.records[found].doc.props.get("email") != text.strip().lower()
        if secondary and not call.portal.options.email_lookup_secondary:
            return None
    elif id_property in table.unique:
        found = table.unique[id_property].get(text.casefold())
    else:
        raise validation(f"{id_property} is not a unique property of {table.kind.plural}")
    return table.records[found] if found is not None else None


def demand(call: Call, table: Table, text: str) -> Record:
    """The live record of an address part under ?idProperty=; raises ApiError 404."""
    record = find(call, table, text, call.one("idProperty"))
    if record is None:
        if text.isdigit() or call.one("idProperty"):
            raise not_found("resource not found")
        raise not_found(f"Object not found.  objectId are usually numeric. objectId={text}")
    return record


def properties_of(body: Json) -> dict[str, Any]:
    """The `properties` of a write; raises ApiError 400 when they are no object."""
    props = body.get("properties", {})
    if not isinstance(props, dict):
        raise validation("Invalid input JSON: properties must be an object")
    return props


def required_missing(kind: ObjectType, props: dict[str, Any]) -> ApiError | None:
    """The 400 a creation without any identifying property gets, None when it has one."""
    names, also = REQUIRED[kind.plural], ALSO_REQUIRED.get(kind.plural, ())

    def given(name: str) -> bool:
        return bool(as_text(props.get(name)).strip())

    if any(map(given, names)) and all(map(given, also)):
        return None
    return validation(
        f"Error creating {kind.qualified}. Some required properties were not set.",
        context={"properties": [*names, *also]},
    )


def listing(call: Call, table: Table) -> Reply:
    """GET /objects/X: records in id order, `after` is the id of the next row."""
    with_history = call.many("propertiesWithHistory")
    limit = call.number("limit", 10, 50 if with_history else 100)
    after = call.one("after") or "0"
    if not after.isdigit():
        raise validation(f"Invalid value for after: {after}")
    ids = table.archived if call.flag("archived") else table.ids
    start = ids.bisect_left(int(after))
    found = list(ids.islice(start, start + limit + 1))
    results = [_shown(call, table, table.records[i], with_history) for i in found[:limit]]
    body: Json = {"results": results}
    if len(found) > limit:
        link = f"{call.base}/crm/v3/objects/{table.kind.plural}?limit={limit}&after={found[limit]}"
        body["paging"] = {"next": {"after": str(found[limit]), "link": link}}
    return Reply(body=body)


def _shown(call: Call, table: Table, record: Record, with_history: list[str]) -> Json:
    body = read_json(call.portal, table.kind, record, call.many("properties"))
    if with_history:
        body["propertiesWithHistory"] = history_json(call.portal, table.kind, record, with_history)
    wanted = call.many("associations")
    if wanted:
        shown = associating.embedded(call.portal, table.kind, record.doc.id, wanted)
        if shown:
            body["associations"] = shown
    return body


def get(call: Call, table: Table, text: str) -> Reply:
    """GET /objects/X/{id}: also by unique property, archived, or by a merged-away id (then with the survivor's id)."""
    with_history = call.many("propertiesWithHistory")
    if call.flag("archived"):
        record = find(call, table, text, None, archived=True)
        if record is None:
            raise not_found("resource not found")
        return Reply(body=_shown(call, table, record, with_history))
    return Reply(body=_shown(call, table, demand(call, table, text), with_history))


def create(call: Call, table: Table) -> Reply:
    """POST /objects/X: 201 with what HubSpot set too; 409 when the e-mail exists."""
    body = call.json()
    props = properties_of(body)
    missing = required_missing(table.kind, props)
    if missing is not None:
        raise missing
    changes = call.portal.checked(table, props, None, call.actor)
    links = associating.wanted_links(call.portal, table.kind, body.get("associations"))
    record = call.portal.create(table, changes, call.actor, call.now)
    for to_type, to_id, types in links:
        call.portal.associate((table.kind.plural, record.doc.id, to_type, to_id), types, call.actor, call.now)
    return Reply(status=201, body=created_json(call.portal, table.kind, record))


def update(call: Call, table: Table, text: str) -> Reply:
    """PATCH /objects/X/{id}: merged-away ids work here; a no-op leaves the modified stamp alone."""
    record = demand(call, table, text)
    props = properties_of(call.json())
    changes = call.portal.checked(table, props, record, call.actor)
    call.portal.write(table, record, changes, call.actor, call.now)
    return Reply(body=written_json(call.portal, table.kind, record, list(props)))


def delete(call: Call, table: Table, text: str) -> Reply:
    """DELETE /objects/X/{id}: 204 always, existing or not."""
    record = table.live(table.survivor(int(text))) if text.isdigit() else None
    if record is not None:
        call.portal.archive(table, record, call.actor, call.now)
    return Reply(status=204)


def merge(call: Call, table: Table) -> Reply:
    """POST /objects/X/merge: the survivor, by option with a third id."""
    body = call.json()
    if table.kind.plural not in MERGEABLE:
        raise validation(f"Merging is not supported for {table.kind.qualified}")
    records = []
    for key in ("primaryObjectId", "objectIdToMerge"):
        text = as_text(body.get(key))
        record = table.live(table.survivor(int(text))) if text.isdigit() else None
        if record is None:
            raise not_found(f"Object not found: {key}={text}")
        records.append(record)
    if records[0] is records[1]:
        raise validation("Cannot merge a record with itself")
    survivor = call.portal.merge(table, records[0], records[1], call.actor, call.now)
    return Reply(body=created_json(call.portal, table.kind, survivor))


def gdpr_delete(call: Call, table: Table) -> Reply:
    """POST /objects/contacts/gdpr-delete: gone for good, 204 even when unknown; form submissions and e-mail events go, too."""
    if table.kind.plural != "contacts":
        raise plain(400, f"gdpr-delete is not supported for {table.kind.plural}", "VALIDATION_ERROR")
    body = call.json()
    text, id_property = as_text(body.get("objectId")), as_text(body.get("idProperty")) or None
    record = find(call, table, text, id_property) or (find(call, table, text, None, archived=True) if not id_property else None)
    if record is not None:
        call.portal.purge(table, record, call.actor, call.now)
    return Reply(status=204)
