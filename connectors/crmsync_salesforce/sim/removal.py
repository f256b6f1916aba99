"""Records leaving and coming back: delete with cascade, recycle bin, merge, archived activities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crmsync_salesforce.sim import campaigns, relations
from crmsync_salesforce.sim.derive import derive
from crmsync_salesforce.sim.errors import SalesforceError, not_found
from crmsync_salesforce.sim.ids import normalise_id
from crmsync_salesforce.sim.org import Org, Saver
from crmsync_salesforce.sim.saving import find
from crmsync_salesforce.sim.schema import CASCADES, ObjectType
from crmsync_salesforce.sim.store import Row

MERGEABLE = frozenset({"Lead", "Contact", "Account"})


def delete(org: Org, name: str, record_id: str, saver: Saver) -> None:
    """Move a record and what hangs on it to the recycle bin. Raises NOT_FOUND, ENTITY_IS_DELETED, UNABLE_TO_LOCK_ROW."""
    kind = org.kind(name)
    row = find(org, kind, record_id)
    if not kind.writable or kind.name in ("User", "BusinessHours"):
        raise SalesforceError("CANNOT_DELETE_MANAGED_OBJECT", f"entity type {kind.name} does not support delete", fields=[])
    if org.options.lock_all and saver.api:
        message = f"unable to obtain exclusive access to this record or 1 records: {row['Id']}"
        raise SalesforceError("UNABLE_TO_LOCK_ROW", message, fields=[])
    if not kind.has("IsDeleted"):
        _cascade(org, kind, row, saver)
        org.erase(kind, row["Id"], user=saver.user)
        return
    if kind.name in relations.ACTIVITY_OF and org.options.relation_deletes_are_final:
        org.erase(kind, row["Id"], user=saver.user)
        org.deleted.setdefault(kind.name, {})[row["Id"]] = org.now_stamp()
        relations.settle(org, kind.name, row, saver)
        return
    _bin(org, kind, row, saver)
    if kind.name in relations.ACTIVITY_OF:
        relations.settle(org, kind.name, row, saver)
    org.cascaded[row["Id"]] = _cascade(org, kind, row, saver)


def _bin(org: Org, kind: ObjectType, row: Row, saver: Saver, **more: Any) -> None:
    now = org.now_stamp()
    binned = {**row, "IsDeleted": True, "SystemModstamp": now, **more}
    org.commit(kind, binned, action="merge" if more else "delete", user=saver.user)
    org.deleted.setdefault(kind.name, {})[row["Id"]] = now


def _cascade(org: Org, kind: ObjectType, row: Row, saver: Saver) -> list[tuple[str, str]]:
    gone: list[tuple[str, str]] = []
    for child_name, reference in CASCADES.get(kind.name, ()):
        child = org.known(child_name)
        for child_id in () if child is None else org.tables[child_name].find(reference, row["Id"]):
            found = org.live_row(child_name, child_id)
            if child is None or found is None:
                continue
            if reference == "WhoId":
                heirs = list(relations.others(org, child_name, child_id, row["Id"]))
                if heirs or not org.options.delete_takes_activities:
                    _leave(org, child, found, row["Id"], next(iter(heirs), None), saver)
                    continue
            if not child.has("IsDeleted"):
                org.erase(child, child_id, user=saver.user)
                continue
            _bin(org, child, found, saver)
            gone.append((child_name, child_id))
            gone.extend(_cascade(org, child, found, saver))
    return gone


def _leave(org: Org, child: ObjectType, row: Row, person: str, heir: str | None, saver: Saver) -> None:
    """An activity outlives a deleted person: it has the next one, or none."""
    if relations.on(org):
        for each in relations.of(org, child.name, row["Id"]):
            if each["RelationId"] == person:
                _bin(org, org.kind(relations.RELATION_OF[child.name]), each, saver)
    now = org.now_stamp()
    moved = {**row, "WhoId": heir, "SystemModstamp": now}
    derive(org, child.name, moved, {"WhoId"}, now=now, old=row)
    org.commit(child, moved, action="update", user=saver.user)


def undelete(org: Org, name: str, record_id: str, saver: Saver) -> None:
    """Bring a record and its cascade back from the recycle bin. Raises NOT_FOUND, UNDELETE_FAILED."""
    kind = org.kind(name)
    row = org.row(kind.name, normalise_id(record_id))
    if row is None:
        raise not_found()
    if not row.get("IsDeleted") or row.get("MasterRecordId"):
        raise SalesforceError("UNDELETE_FAILED", "Entity is not in the recycle bin", fields=[])
    for target, target_id in [(kind.name, row["Id"]), *org.cascaded.pop(row["Id"], [])]:
        binned = org.row(target, target_id)
        if binned is None or not binned.get("IsDeleted"):
            continue
        restored = {**binned, "SystemModstamp": org.now_stamp()}
        restored.pop("IsDeleted")
        org.commit(org.kind(target), restored, action="undelete", user=saver.user)
        org.deleted.get(target, {}).pop(target_id, None)


def purge(org: Org, name: str, record_id: str) -> None:
    """Empty the recycle bin of one record: queryAll no longer shows it, the delete log still does."""
    kind = org.kind(name)
    row = org.row(kind.name, normalise_id(record_id))
    if row is None or not row.get("IsDeleted"):
        raise not_found()
    org.erase(kind, row["Id"], user=str(row["LastModifiedById"]))


def merge(org: Org, name: str, winner_id: str, loser_ids: Sequence[str], saver: Saver) -> str:
    """Merge up to two losers into the winner and return its id; children move, losers get MasterRecordId.

    Empty winner fields stay empty unless the person chose otherwise: the winner's values survive. [D: sforce-api-calls-merge]
    """
    kind = org.kind(name)
    if kind.name not in MERGEABLE or not 1 <= len(loser_ids) <= 2:
        raise SalesforceError("INVALID_OPERATION", "merge takes one or two losers of Lead, Contact or Account", fields=[])
    winner = find(org, kind, winner_id)
    losers = [find(org, kind, loser) for loser in loser_ids]
    if any(loser["Id"] == winner["Id"] for loser in losers):
        raise SalesforceError("INVALID_OPERATION", "a record cannot be merged into itself", fields=[])
    for loser in losers:
        for child_name, reference in CASCADES.get(kind.name, ()):
            for twice in campaigns.doubled(org, reference, loser["Id"], winner["Id"]) if child_name == "CampaignMember" else ():
                _bin(org, org.kind(child_name), twice, saver)
            reparent(org, child_name, reference, loser["Id"], {reference: winner["Id"]}, saver)
        relations.move(org, loser["Id"], winner["Id"], saver.user)
        _bin(org, kind, loser, saver, MasterRecordId=winner["Id"])
    now = org.now_stamp()
    touched = {**winner, "SystemModstamp": now, "LastModifiedDate": now, "LastModifiedById": saver.user}
    org.commit(kind, touched, action="merge", user=saver.user)
    return str(winner["Id"])


def reparent(org: Org, child_name: str, reference: str, parent_id: str, changes: dict[str, Any], saver: Saver) -> None:
    """Move the live children of a record; their SystemModstamp moves too. [D]"""
    child = org.known(child_name)
    for child_id in () if child is None else org.tables[child_name].find(reference, parent_id):
        found = org.live_row(child_name, child_id)
        if child is None or found is None:
            continue
        now = org.now_stamp()
        moved = {**found, **changes, "SystemModstamp": now}
        derive(org, child_name, moved, set(changes), now=now, old=found)
        org.commit(child, moved, action="update", user=saver.user)


def archive_activities(org: Org, before: str) -> int:
    """Archive closed tasks and past events dated before the day (YYYY-MM-DD): query no longer shows them. Returns how many."""
    count = 0
    for name in ("Task", "Event"):
        for row in list(org.tables[name].live()):
            day = row.get("ActivityDate")
            old_enough = day is not None and day < before and not row.get("IsArchived")
            if old_enough and (name == "Event" or row.get("IsClosed")):
                org.tables[name].put({**row, "IsArchived": True})
                count += 1
    return count
