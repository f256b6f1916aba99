"""What a person does in HubSpot's own screens, as Python calls on the portal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .activity import defaults
from .associations import types_of
from .errors import ApiError
from .objecttypes import ObjectType, find_type
from .portal import Actor, Portal
from .store import Doc, Record, Table
from .validation import check

Json = dict[str, Any]


def table_of(portal: Portal, name: str) -> Table:
    """The table of an object name; ValueError when there is none."""
    kind = find_type(name)
    if kind is None:
        raise ValueError(f"HubSpot has no object {name}")
    return portal.tables[kind.plural]


def record_of(table: Table, record_id: str | int) -> Record:
    """The live record of an id or a merged-away id; ValueError when there is none."""
    text = str(record_id)
    record = table.live(table.survivor(int(text))) if text.isdigit() else None
    if record is None:
        raise ValueError(f"there is no live {table.kind.singular} {text}")
    return record


def _split(fields: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Properties, and associations given as `associations={"contacts": [id, ...]}`."""
    props = {k: v for k, v in fields.items() if k != "associations"}
    links = [(str(other), str(i)) for other, ids in (fields.get("associations") or {}).items() for i in ids]
    return props, links


def _canonical(portal: Portal, table: Table, props: Mapping[str, Any], record: Record | None, actor: Actor) -> dict[str, str]:
    try:
        return portal.checked(table, props, record, actor)
    except ApiError as error:
        raise ValueError(error.body["message"]) from error


def create(portal: Portal, name: str, fields: Mapping[str, Any], user: str | None) -> str:
    """Creates a record with its associations, returns its id; ValueError as the screens would refuse."""
    table, actor, now = table_of(portal, name), portal.actor(user), portal.settle()
    props, links = _split(fields)
    record = portal.create(table, _canonical(portal, table, props, None, actor), actor, now)
    for other, other_id in links:
        associate(portal, (name, str(record.doc.id), other, other_id), user)
    return str(record.doc.id)


def create_many(portal: Portal, name: str, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Creates records in bulk (an import): validated, indexed like any write, without a log entry each."""
    table, actor, now = table_of(portal, name), portal.actor(None), portal.settle()
    actor = actor._replace(source=actor.source._replace(type="IMPORT"))
    rules = portal.rules(table.kind.plural)
    visible = now + portal.options.lag_ms()
    base = defaults(table.kind, portal.options)
    records: list[Record] = []
    fresh: set[str] = set()
    for row in rows:
        changes, issues = check(rules, row, {})
        email = changes.get("email")
        if table.kind.plural == "contacts" and email is not None:
            if email in table.emails or email in fresh:
                raise ValueError(f"Contact {email} already exists. Existing ID: {table.emails.get(email, 'in the same rows')}")
            fresh.add(email)
        _, taken = portal.taken(table, changes, None)
        if issues or taken:
            raise ValueError([*issues, *taken][0].message)
        props = {**base, **{k: v for k, v in changes.items() if v}}
        props.update(portal.consequences_of(table.kind, props, now))
        records.append(Record(Doc(table.new_id(), now, now, props, actor.source)))
    for doc in table.add_many(records):
        table.enter(doc.props, doc.id)
        table.index.schedule(doc, visible)
    return [str(r.doc.id) for r in records]


def edit(portal: Portal, name: str, record_id: str, fields: Mapping[str, Any], user: str | None) -> None:
    """Changes a record as a person (or "system", who may write read-only properties); None and "" clear."""
    table, actor, now = table_of(portal, name), portal.actor(user), portal.settle()
    record = record_of(table, record_id)
    props, links = _split({k: "" if v is None else v for k, v in fields.items()})
    portal.write(table, record, _canonical(portal, table, props, record, actor), actor, now)
    for other, other_id in links:
        associate(portal, (name, str(record.doc.id), other, other_id), user)


def delete(portal: Portal, name: str, record_id: str, user: str | None) -> None:
    """Moves a live record to the recycle bin."""
    now = portal.settle()
    table = table_of(portal, name)
    portal.archive(table, record_of(table, record_id), portal.actor(user), now)


def undelete(portal: Portal, name: str, record_id: str, user: str | None) -> None:
    """Restores an archived record; ValueError when there is none or its e-mail is taken."""
    now = portal.settle()
    table = table_of(portal, name)
    record = table.records.get(int(record_id)) if str(record_id).isdigit() else None
    if record is None or record.archived_at is None:
        raise ValueError(f"there is no archived {table.kind.singular} {record_id}")
    portal.restore(table, record, portal.actor(user), now)


def forget(portal: Portal, name: str, record_id: str, user: str | None) -> None:
    """Deletes a contact, live or archived, for privacy; ValueError when there is none or it is no contact."""
    now = portal.settle()
    table = table_of(portal, name)
    record = table.records.get(table.survivor(int(record_id))) if str(record_id).isdigit() else None
    if table.kind.plural != "contacts" or record is None:
        raise ValueError(f"there is no contact {record_id}")
    portal.purge(table, record, portal.actor(user), now)


def merge(portal: Portal, name: str, winner: str, losers: Iterable[str], user: str | None) -> str:
    """Merges one loser after the other into the winner; returns the surviving id."""
    table = table_of(portal, name)
    survivor = record_of(table, winner)
    for loser in losers:
        other = record_of(table, loser)
        if other is survivor:
            raise ValueError("a record cannot be merged with itself")
        survivor = portal.merge(table, survivor, other, portal.actor(user), portal.settle())
    return str(survivor.doc.id)


def associate(portal: Portal, ends: tuple[str, str, str, str], user: str | None, *, remove: bool = False) -> bool:
    """Associates (or dissociates) two records given as (object, id, object, id); True when anything changed."""
    now = portal.settle()
    own, other = table_of(portal, ends[0]), table_of(portal, ends[2])
    if not types_of(own.kind.plural, other.kind.plural):
        raise ValueError(f"{own.kind.plural} cannot be associated with {other.kind.plural}")
    pair = (own.kind.plural, record_of(own, ends[1]).doc.id, other.kind.plural, record_of(other, ends[3]).doc.id)
    if remove:
        return portal.dissociate(pair, portal.actor(user), now)
    return portal.associate(pair, frozenset(), portal.actor(user), now)


def shown(portal: Portal, kind: ObjectType, record: Record) -> Json:
    """A record for tests and pages: id, flags, every property with a value."""
    body: Json = {"id": str(record.doc.id), "archived": record.archived_at is not None}
    table = portal.tables[kind.plural]
    if record.doc.id in table.merged:
        body["merged_into"] = str(table.survivor(record.doc.id))
    body.update(portal.everything(kind.plural, record.doc))
    return body
