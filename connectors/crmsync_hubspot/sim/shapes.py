"""The JSON of records, histories and batches."""

from __future__ import annotations

from typing import Any

from .clock import SimClock
from .objecttypes import ObjectType
from .portal import Portal
from .store import Doc, Record, Version
from .values import iso, stamp

Json = dict[str, Any]
_SET_BY_HUBSPOT = {
    "contacts": (
        "createdate",
        "hs_all_contact_vids",
        "hs_email_domain",
        "hs_is_contact",
        "hs_is_unworked",
        "hs_object_id",
        "hs_object_source",
        "hs_object_source_id",
        "hs_object_source_label",
        "hs_pipeline",
        "lastmodifieddate",
        "lifecyclestage",
        "num_notes",
    ),
}


def record_json(portal: Portal, kind: ObjectType, doc: Doc, properties: dict[str, str | None], archived_at: int | None = None) -> Json:
    """A record: id, properties (text or null), record-level times, archived flag, link to its page."""
    body: Json = {
        "id": str(doc.id),
        "properties": properties,
        "createdAt": stamp(doc.created),
        "updatedAt": stamp(doc.modified),
        "archived": archived_at is not None,
    }
    if archived_at is not None:
        body["archivedAt"] = stamp(archived_at)
    body["url"] = f"https://app.hubspot.com/contacts/{portal.options.portal_id}/record/{kind.type_id}/{doc.id}"
    return body


def read_json(portal: Portal, kind: ObjectType, record: Record, names: list[str]) -> Json:
    """A record as read: the named properties (null when empty) and always its id and stamps."""
    wanted = names or list(kind.default_properties)
    always = [kind.created_property, kind.modified_property, "hs_object_id"]
    return record_json(portal, kind, record.doc, portal.named(kind.plural, record.doc, wanted + always), record.archived_at)


def created_json(portal: Portal, kind: ObjectType, record: Record) -> Json:
    """A record just created: every property it has, also those nobody sent."""
    properties: dict[str, str | None] = {**portal.everything(kind.plural, record.doc)}
    return record_json(portal, kind, record.doc, properties)


def written_json(portal: Portal, kind: ObjectType, record: Record, names: list[str]) -> Json:
    """A record just updated: the written properties and those HubSpot sets, empty ones left out."""
    own = _SET_BY_HUBSPOT.get(kind.plural, (kind.created_property, kind.modified_property, "hs_object_id"))
    found = portal.named(kind.plural, record.doc, [*names, *own])
    return record_json(portal, kind, record.doc, {k: v for k, v in found.items() if v is not None or k in names})


def history_json(portal: Portal, kind: ObjectType, record: Record, names: list[str]) -> Json:
    """propertiesWithHistory: per property its values, newest first."""
    shown: Json = {}
    for name in names:
        prop = portal.schema.live(kind.plural, name)
        if prop is None:
            continue
        versions = record.versions(name)
        if not versions:
            value = portal.value(kind.plural, record.doc, name)
            if value is not None:
                versions = [Version(value, record.doc.created, record.doc.source)]
        shown[name] = [_version_json(v) for v in versions]
    return shown


def _version_json(version: Version) -> Json:
    body: Json = {"value": version.value, "timestamp": iso(version.at), "sourceType": version.source.type}
    if version.source.id:
        body["sourceId"] = version.source.id
    if version.source.label:
        body["sourceLabel"] = version.source.label
    if version.source.user_id is not None:
        body["updatedByUserId"] = version.source.user_id
    return body


def batch_json(clock: SimClock, started: int, results: list[Json], errors: list[Json] | None = None) -> Json:
    """A batch answer; status is COMPLETE even with errors (recorded)."""
    body: Json = {"status": "COMPLETE", "results": results, "startedAt": iso(started), "completedAt": iso(clock.ms())}
    if errors:
        body["errors"] = errors
        body["numErrors"] = len(errors)
    return body
