"""Our own tasks that somebody else has to do, or later (F57, F78, C5): what is remembered of that until the CRMs have it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from crmsync.decide.cadence import Move
from crmsync.decide.twin import Heir
from crmsync.decide.worktime import due_on
from crmsync.engine.world import World
from crmsync.model.record import Value
from crmsync.store import TaskRow

STAND_IN, DUE_ON = "stand_in", "moved_to"
"""In TaskRow.draft: who does it while its owner is away; the day it was moved to, until the CRMs show that."""
ON_ITS_WAY = "on_its_way"
"""In TaskRow.draft: another owner or day was sent, and not every CRM shows it yet."""


def heir_of(row: TaskRow, owner: str | None) -> Heir | None:
    """Whose the task has to be, and when it is due now, where that differs from what the CRMs were given; None: nothing does. owner: the person's."""
    to = row.draft.get(STAND_IN) or owner
    moved: Value = row.draft.get(DUE_ON)
    another = to if to is not None and (to != row.owner or row.draft.get(ON_ITS_WAY)) else None
    return Heir(owner=another, due_on=str(moved) if moved is not None else None) if another is not None or moved is not None else None


def heirs_of(world: World, keys: Sequence[str], rows: Mapping[str, TaskRow] | None = None) -> dict[str, Heir]:
    """Our own tasks among these that go to somebody else, or to another day. rows: where they have been looked up already."""
    tasks = world.store.tasks.by_key(keys) if rows is None else rows
    states = world.store.persons(sorted({row.person_id for row in tasks.values()}))
    found = {key: heir_of(row, states[row.person_id].owner) for key, row in tasks.items() if row.person_id in states}
    return {key: heir for key, heir in found.items() if heir is not None}


def inherited(world: World, keys: Sequence[str], sent: Collection[str]) -> None:
    """Notes whose tasks these are now, in the caller's transaction. sent: those of them that are being written: a CRM may not take it, so it is wanted until
    a look finds nothing to write."""
    heirs = heirs_of(world, keys)
    rows = world.store.tasks.by_key(list(heirs))
    world.store.tasks.save([_given(row, heirs[key], key in sent) for key, row in rows.items()])


def _given(row: TaskRow, heir: Heir, sent: bool) -> TaskRow:
    draft = {**row.draft, ON_ITS_WAY: True} if sent else {n: v for n, v in row.draft.items() if n not in (DUE_ON, ON_ITS_WAY)}
    return replace(row, owner=heir.owner or row.owner, draft=draft)


def hand_on(world: World, moves: Sequence[tuple[str | None, Move]]) -> list[str]:
    """Remembers which open tasks go to whom and when. moves: with the person's owner. Returns the persons whose activities have to be looked at. In the
    caller's transaction."""
    by_key = {move.key: (owner, move) for owner, move in moves}
    rows = world.store.tasks.by_key(list(by_key))
    changed: list[TaskRow] = []
    for key, row in rows.items():
        owner, move = by_key[key]
        draft = {name: value for name, value in row.draft.items() if name != STAND_IN}
        if move.owner != owner:
            draft[STAND_IN] = move.owner
        if move.due_at is not None and move.due_at != row.due_at:
            user = world.owners.users.get(move.owner)
            draft[DUE_ON] = due_on(move.due_at, user.time_zone if user is not None else None, world.playbook.hours.time_zone).isoformat()
        after = replace(row, due_at=move.due_at or row.due_at, draft=draft)
        if after != row:
            changed.append(after)
    world.store.tasks.save(changed)
    return sorted({row.person_id for row in changed if row.record_id})
