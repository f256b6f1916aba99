"""Shared Activities: the rows of TaskRelation and EventRelation beside an activity's own WhoId and WhatId. [D: object TaskRelation]"""

from __future__ import annotations

from collections.abc import Iterator

from crmsync_salesforce.sim.errors import SalesforceError
from crmsync_salesforce.sim.org import Org, Saver
from crmsync_salesforce.sim.store import Row

RELATION_OF = {"Task": "TaskRelation", "Event": "EventRelation"}
ACTIVITY_OF = {relation: activity for activity, relation in RELATION_OF.items()}
MOST_PEOPLE = 50


def on(org: Org) -> bool:
    """Whether the org shares activities; the relations of older activities are made at the first look."""
    if not org.options.shared_activities:
        return False
    if not org.relations_kept:
        org.relations_kept = True
        for name in RELATION_OF:
            for row in list(org.tables[name].live()):
                follow(org, name, row, str(row["LastModifiedById"]))
    return True


def of(org: Org, name: str, activity_id: str, *, what: bool = False) -> list[Row]:
    """The live relation rows of an activity that name persons (or its one related record), oldest first."""
    relation = RELATION_OF[name]
    found = (org.live_row(relation, each) for each in sorted(org.tables[relation].find(f"{name}Id", activity_id)))
    return [row for row in found if row is not None and bool(row.get("IsWhat")) == what and not row.get("IsInvitee")]


def follow(org: Org, name: str, row: Row, user: str) -> None:
    """After an activity was saved: its WhoId and WhatId have a relation row each; another WhatId replaces the old one."""
    who, what = row.get("WhoId"), row.get("WhatId")
    if who and all(each["RelationId"] != who for each in of(org, name, row["Id"])):
        _add(org, name, row["Id"], who, user, what=False)
    for each in of(org, name, row["Id"], what=True):
        if each["RelationId"] == what:
            return
        _drop(org, RELATION_OF[name], each, user)
    if what:
        _add(org, name, row["Id"], what, user, what=True)


def promote(org: Org, name: str, row: Row) -> None:
    """Before an activity without a WhoId is saved: one of its other persons takes the place. [D]"""
    if row.get("WhoId") is None:
        row["WhoId"] = next((each["RelationId"] for each in of(org, name, row["Id"])), None)


def others(org: Org, name: str, activity_id: str, person: str) -> Iterator[str]:
    """The further persons of an activity, none while activities are not shared."""
    if name in RELATION_OF and on(org):
        yield from (each["RelationId"] for each in of(org, name, activity_id) if each["RelationId"] != person)


def check(org: Org, relation: str, row: Row) -> None:
    """Raise SalesforceError for a relation that the org would refuse: doubles, two leads, over fifty persons."""
    name = ACTIVITY_OF[relation]
    if row.get("IsInvitee"):
        return
    row["IsWhat"] = not str(row["RelationId"]).startswith(("003", "00Q"))
    present = of(org, name, row[f"{name}Id"], what=row["IsWhat"])
    if any(each["RelationId"] == row["RelationId"] for each in present):
        message = f"duplicate value found: RelationId duplicates value on record with id: {present[0]['Id']}"
        raise SalesforceError("DUPLICATE_VALUE", message, fields=[])
    if row["IsWhat"]:
        if present:
            raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", "an activity is related to one record only", fields=["RelationId"])
        return
    if present and any(str(each["RelationId"]).startswith("00Q") for each in [*present, row]):
        raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", "a lead cannot share an activity with others", fields=["RelationId"])
    if len(present) >= MOST_PEOPLE:
        raise SalesforceError("LIMIT_EXCEEDED", f"an activity has at most {MOST_PEOPLE} contacts", fields=["RelationId"])


def settle(org: Org, relation: str, row: Row, saver: Saver) -> None:
    """After a relation row came or went: an activity without a primary person or record takes it, one that lost it takes the next."""
    name = ACTIVITY_OF[relation]
    activity = org.live_row(name, row[f"{name}Id"])
    if activity is None or row.get("IsInvitee"):
        return
    field = "WhatId" if row.get("IsWhat") else "WhoId"
    present = [each["RelationId"] for each in of(org, name, activity["Id"], what=bool(row.get("IsWhat")))]
    if activity.get(field) not in present:
        now = org.now_stamp()
        changed = {**activity, field: next(iter(present), None), "SystemModstamp": now, "LastModifiedDate": now}
        org.commit(org.kind(name), changed, action="update", user=saver.user)


def move(org: Org, old: str, new: str, user: str) -> None:
    """A person or record was merged or converted into another: its relations are the other's now."""
    if not on(org):
        return
    for name, relation in RELATION_OF.items():
        for each in org.tables[relation].find("RelationId", old):
            row = org.live_row(relation, each)
            if row is None:
                continue
            if any(other["RelationId"] == new for other in of(org, name, row[f"{name}Id"], what=bool(row.get("IsWhat")))):
                _drop(org, relation, row, user)
            else:
                org.commit(org.kind(relation), {**row, "RelationId": new, "SystemModstamp": org.now_stamp()}, action="update", user=user)


def _add(org: Org, name: str, activity_id: str, target: str, user: str, *, what: bool) -> None:
    kind = org.kind(RELATION_OF[name])
    now = org.now_stamp()
    row: Row = {
        "Id": org.new_id(kind), f"{name}Id": activity_id, "RelationId": target, "IsWhat": what, "CreatedDate": now, "CreatedById": user,
        "LastModifiedDate": now, "LastModifiedById": user, "SystemModstamp": now,
    }  # fmt: skip
    if name == "Event":
        row["IsParent"] = True
    org.commit(kind, row, action="create", user=user)


def _drop(org: Org, relation: str, row: Row, user: str) -> None:
    org.erase(org.kind(relation), row["Id"], user=user)
    org.deleted.setdefault(relation, {})[row["Id"]] = org.now_stamp()
