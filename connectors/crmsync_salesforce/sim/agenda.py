"""A rep's task list and a person's activities, as a page shows them."""

from __future__ import annotations

from dataclasses import dataclass

from crmsync_salesforce.sim.org import Org
from crmsync_salesforce.sim.shown import link_of, moment, name_of, title_of
from crmsync_salesforce.sim.store import Row

SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One task or event. `when`: its day, of an event its start in UTC; `start`: the same as a form field takes it."""

    object: str
    id: str
    subject: str
    word: str
    when: str
    start: str
    body: str
    owner: str
    related: str
    link: str | None
    details: tuple[str, ...]
    priority: str
    open: bool
    overdue: bool
    ahead: bool


def item_of(org: Org, name: str, row: Row) -> Item:
    """One activity as it is shown."""
    now = org.now_stamp()
    related = row.get("WhoId") or row.get("WhatId")
    details: list[str] = []
    if name == "Event":
        when, start, word = moment(row["StartDateTime"])[:16], row["StartDateTime"][:16], "Event"
        details += [f"{row.get('DurationInMinutes')} min", row.get("Location") or ""]
        is_open, overdue, ahead = False, False, row["StartDateTime"] > now
    else:
        when = start = row.get("ActivityDate") or ""
        word = row.get("TaskSubtype") or "Task"
        seconds = row.get("CallDurationInSeconds")
        details += [row.get("Status") or "", row.get("CallType") or "", row.get("CallDisposition") or ""]
        details += [] if seconds is None else [f"{seconds // 60} min {seconds % 60} s"]
        is_open = ahead = not row.get("IsClosed")
        overdue = is_open and bool(when) and when < now[:10]
    return Item(
        object=name,
        id=row["Id"],
        subject=title_of(row),
        word=word,
        when=when,
        start=start,
        body=row.get("Description") or "",
        owner=name_of(org, row.get("OwnerId")) or "",
        related=name_of(org, related) or "",
        link=link_of(org, org.kind(name).fields["whoid"], related),
        details=tuple(detail for detail in details if detail),
        priority=row.get("Priority") or "",
        open=is_open,
        overdue=overdue,
        ahead=ahead,
    )


def of_person(org: Org, record_id: str) -> tuple[list[Item], list[Item]]:
    """(open and upcoming, history newest first) of the activities of a person, account or opportunity."""
    found: dict[str, tuple[str, Row]] = {}
    for name in ("Task", "Event"):
        for field in ("WhoId", "WhatId"):
            for each in org.tables[name].find(field, record_id):
                row = org.live_row(name, each)
                if row is not None and not row.get("IsArchived"):
                    found[each] = (name, row)
    items = [item_of(org, name, row) for name, row in found.values()]
    ahead = sorted((item for item in items if item.ahead), key=lambda item: (item.when or "9999", item.id))
    past = sorted((item for item in items if not item.ahead), key=lambda item: (item.when, item.id), reverse=True)
    return ahead[:SHOWN], past[:SHOWN]


def of_rep(org: Org, user_id: str) -> tuple[list[Item], list[Item]]:
    """(open tasks by due date and priority, completed ones newest first) of one owner."""
    mine = [row for row in org.tables["Task"].live() if row.get("OwnerId") == user_id and not row.get("IsArchived")]
    waiting = [row for row in mine if not row.get("IsClosed")]
    done = [row for row in mine if row.get("IsClosed")]
    waiting.sort(key=lambda row: (row.get("ActivityDate") or "9999", row.get("Priority") != "High", row["Id"]))
    done.sort(key=lambda row: (row.get("CompletedDateTime") or "", row["Id"]), reverse=True)
    return [item_of(org, "Task", row) for row in waiting[:500]], [item_of(org, "Task", row) for row in done[:SHOWN]]


def reps(org: Org) -> list[tuple[str, str, int, int]]:
    """(id, name, open tasks, overdue ones) of everybody who owns an open task, by name."""
    counts: dict[str, list[int]] = {}
    today = org.now_stamp()[:10]
    for row in org.tables["Task"].live():
        if not row.get("IsClosed") and not row.get("IsArchived"):
            count = counts.setdefault(row["OwnerId"], [0, 0])
            count[0] += 1
            count[1] += bool(row.get("ActivityDate") and row["ActivityDate"] < today)
    return sorted(((owner, name_of(org, owner) or owner, count, late) for owner, (count, late) in counts.items()), key=lambda rep: rep[1])
