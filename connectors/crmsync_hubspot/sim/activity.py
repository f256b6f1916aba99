"""HubSpot's own echoes: what it changes on other records when somebody works with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .objecttypes import OBJECT_TYPES, ObjectType
from .options import Options
from .store import Record, Table
from .values import iso, parse_datetime

if TYPE_CHECKING:
    from .portal import Portal

PRIMARY_COMPANY = 1  # contact -> company, labelled "Primary"
ENRICH_MS = 1_871  # a new company was enriched this much later (recorded)


def defaults(kind: ObjectType, options: Options) -> dict[str, str]:
    """Values HubSpot gives a new record when the writer left them out."""
    if kind.plural == "contacts":
        return {"lifecyclestage": options.default_lifecycle_stage}
    if kind.plural == "tasks":
        return {"hs_task_status": "NOT_STARTED", "hs_task_priority": "NONE", "hs_task_type": "TODO"}
    return {}


def on_create(portal: Portal, table: Table, record: Record, at: int) -> None:
    """After a creation."""
    if table.kind.plural == "companies" and portal.options.enrich_companies and "domain" in record.doc.props:

        def enrich(when: int) -> None:
            handle = record.doc.props["domain"].partition(".")[0]
            if record.archived_at is None and "twitterhandle" not in record.doc.props:
                portal.write(table, record, {"twitterhandle": handle}, portal.actor("system"), when)

        portal.defer(at + ENRICH_MS, enrich)


def on_write(portal: Portal, table: Table, record: Record, changed: dict[str, str], at: int) -> None:
    """After a modification: work on an engagement shows on the people it concerns; a written primary company is associated."""
    if table.kind.engagement and {"hs_task_status", "hs_timestamp"} & changed.keys():
        _tell_parties(portal, table, record, at)
    wanted = changed.get("associatedcompanyid", "") if table.kind.plural == "contacts" else ""
    if wanted.isdigit() and portal.associations.primary("contacts", record.doc.id, "companies") != int(wanted):
        company = portal.tables["companies"].live(int(wanted))
        if company is not None:
            portal.associate(
                ("contacts", record.doc.id, "companies", company.doc.id), frozenset({PRIMARY_COMPANY}), portal.actor("system"), at
            )


def on_leave(portal: Portal, table: Table, record: Record, at: int) -> None:
    """After a record was archived or restored: those it was associated with count anew."""
    if table.kind.engagement:
        _tell_parties(portal, table, record, at)
    elif table.kind.plural == "companies":
        for contact_id in list(portal.associations.of("companies", record.doc.id, "contacts")):
            _roll_up(portal, "contacts", contact_id, "companies", at)


def on_association(portal: Portal, from_type: str, from_id: int, to_type: str, to_id: int, at: int) -> None:
    """After an association came or went: roll-ups move, and with them modified stamps."""
    for own, own_id, other in ((from_type, from_id, to_type), (to_type, to_id, from_type)):
        record = portal.tables[own].live(own_id)
        if record is None:
            continue
        if OBJECT_TYPES[other].engagement:
            _later(portal, own, own_id, at)
        elif OBJECT_TYPES[own].engagement:
            if portal.options.association_bumps:
                portal.write(portal.tables[own], record, {}, portal.actor("system"), at, bump=True)
        else:
            _roll_up(portal, own, own_id, other, at)


def _tell_parties(portal: Portal, table: Table, record: Record, at: int) -> None:
    for other, to_id, _ in portal.associations.neighbours(table.kind.plural, record.doc.id):
        _later(portal, other, to_id, at)


def _roll_up(portal: Portal, own: str, own_id: int, other: str, at: int) -> None:
    record = portal.tables[own].live(own_id)
    if record is None:
        return
    changes: dict[str, str] = {}
    linked = [i for i in portal.associations.of(own, own_id, other) if portal.tables[other].live(i) is not None]
    if (own, other) == ("contacts", "companies"):
        primary = portal.associations.primary(own, own_id, other)
        changes["associatedcompanyid"] = str(primary) if primary in linked else ""
        changes["associatedcompanylastupdated"] = str(at)
    counted = {"deals": "num_associated_deals", "contacts": "num_associated_contacts"}.get(other)
    if counted in portal.schema.of(own):
        changes[counted] = str(len(linked))
    bump = portal.options.association_bumps
    portal.write(portal.tables[own], record, changes, portal.actor("system"), at, bump=bump, still=not bump)


def _later(portal: Portal, plural: str, record_id: int, at: int) -> None:
    if not portal.options.activity_bumps_person:
        return

    def bump(when: int) -> None:
        table = portal.tables[plural]
        record = table.live(table.survivor(record_id))
        if record is not None:
            changes = _activity_summary(portal, plural, record.doc.id, when)
            portal.write(table, record, changes, portal.actor("system"), when, bump=True)

    portal.defer(at + int(portal.options.activity_bump_seconds * 1000), bump)


def _activity_summary(portal: Portal, plural: str, record_id: int, now: int) -> dict[str, str]:
    count, last, contacted, upcoming = 0, 0, 0, None
    for other, to_id, _ in portal.associations.neighbours(plural, record_id):
        activity = portal.tables[other].live(to_id) if OBJECT_TYPES[other].engagement else None
        if activity is None:
            continue
        count += 1
        props = activity.doc.props
        due = parse_datetime(props.get("hs_timestamp", "")) or activity.doc.created
        if other == "tasks" and props.get("hs_task_status") != "COMPLETED":
            upcoming = due if due > now and (upcoming is None or due < upcoming) else upcoming
            continue
        if due <= now:
            last = max(last, due)
            contacted = max(contacted, due) if other in ("calls", "emails", "meetings") else contacted
    changes = {
        "num_notes": str(count),
        "notes_last_updated": iso(last) if last else "",
        "notes_last_contacted": iso(contacted) if contacted else "",
        "notes_next_activity_date": iso(upcoming) if upcoming is not None else "",
    }
    defined = portal.schema.of(plural)
    return {name: value for name, value in changes.items() if name in defined}
