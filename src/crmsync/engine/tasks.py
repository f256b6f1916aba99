"""Creates the native tasks that were decided, once their person has a record in the CRM where the rep works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from crmsync.decide.canonical import moment, stamp
from crmsync.decide.handoff import as_html
from crmsync.decide.match import primary
from crmsync.decide.person import Decision
from crmsync.decide.touch import ESCALATION, FIRST_TOUCH, TOUCH, FirstTouch
from crmsync.engine.apply import task_write
from crmsync.engine.heirs import STAND_IN
from crmsync.engine.outbox import Outgoing
from crmsync.engine.world import World
from crmsync.model.attention import Problem
from crmsync.model.change import TaskDraft
from crmsync.model.record import Ref
from crmsync.store import TaskRow

REFUSED = "refused"


def claimed_tasks(world: World, person_id: str, decision: Decision | None, now: datetime) -> list[TaskRow]:
    """The tasks of a decision that were never made before (law 9): the first touch, and what a rep is asked for."""
    if decision is None:
        return []
    return [
        _row(world, person_id, touch, decision.state.owner, now)
        for touch in decision.tasks
        if world.store.effects.claim(f"{touch.kind}{touch.part}", person_id, touch.mql_at)
    ]


BY_OTHERS = frozenset({TOUCH, ESCALATION})
"""Kinds of tasks that are not always the person's owner's: a cover or a manager keeps them."""


def _row(world: World, person_id: str, touch: FirstTouch, owner: str | None, now: datetime) -> TaskRow:
    """A decided task as it is remembered until the CRM has it. `draft` is JSON. owner: the person's."""
    kind = "" if touch.kind == FIRST_TOUCH else f"{touch.kind}-"
    stands_in = touch.owner if touch.kind in BY_OTHERS and touch.owner != owner else None
    draft = {
        "subject": touch.subject,
        "body": touch.body,
        "due_at": stamp(touch.due_at),
        "due_on": touch.due_on.isoformat(),
        "remind_at": stamp(touch.remind_at) if touch.remind_at else None,
        "priority": touch.priority,
        "channel": touch.channel,
        **({STAND_IN: stands_in} if stands_in is not None else {}),
    }
    return TaskRow(
        key=f"{person_id}-{kind}{int(touch.mql_at.timestamp())}{f'-{touch.part}' if touch.part else ''}",
        person_id=person_id,
        side=world.tasks_in,
        record_id=None,
        kind=touch.kind,
        owner=touch.owner,
        due_at=touch.due_at,
        created_at=now,
        draft=draft,
    )


WITHDRAWN = "withdrawn"
"""In place of the CRM's id: the task was taken back before the CRM had it."""


def outgoing_tasks(world: World, rows: Sequence[TaskRow], now: datetime) -> list[Outgoing]:
    """The creates that can be sent now; a person without a record on that side yet waits, an owner without a user there is a problem."""
    people = sorted({row.person_id for row in rows})
    records, states = world.store.snapshots_of(people), world.store.persons(people)
    ready: list[Outgoing] = []
    for row in rows:
        state = states.get(row.person_id)
        person = primary(records.get(row.person_id, ()), row.side, world.playbook.person, state.anchors if state is not None else None)
        if row.side not in world.connectors or person is None:
            continue
        owner = world.owners.native(row.side, row.owner) or world.owners.native(row.side, world.playbook.person.fallback_owner)
        if owner is None:
            world.store.problems.park([_ownerless(row)], now)
            continue
        write = world.connectors[row.side].task(_draft(row.key, row.draft, owner, person.ref), world.new_id())
        ready.append(task_write(world, row.side, write, row.person_id, now))
    return ready


def _draft(key: str, raw: Mapping[str, Any], owner: str, person: Ref) -> TaskDraft:
    due_at = moment(raw["due_at"])
    assert due_at is not None
    return TaskDraft(
        key=key,
        subject=raw["subject"],
        body=raw["body"],
        due_at=due_at,
        due_on=date.fromisoformat(raw["due_on"]),
        owner_id=owner,
        person=person,
        priority=raw["priority"],
        channel=raw["channel"],
        remind_at=moment(raw["remind_at"]),
        html=as_html(raw["body"]),
    )


def _ownerless(row: TaskRow) -> Problem:
    return Problem(
        cause="owner_without_twin",
        message=f"the task's owner {row.owner} has no active user in {row.side}; the task was not created. Set owners.fallback or add the user.",
        side=row.side,
        object="task",
        person_id=row.person_id,
        data_hash=str(row.owner),
    )
