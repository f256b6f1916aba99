"""Notes what reps have done: completed tasks, calls, sent e-mails and held meetings are touches of their persons (process.md A2, A3, C7)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from crmsync.decide.twin import TwinPlan
from crmsync.engine.world import World
from crmsync.model.change import Action
from crmsync.model.followup import CALL, EMAIL, MEETING, OTHER, SOCIAL
from crmsync.model.record import Fields, RecordState, Value
from crmsync.model.work import TASK_DELETED, TASK_DONE, TASK_OPEN, TaskSeen, Touch
from crmsync.store.codec import tidy
from crmsync.store.touches import OwnTask

TASK = "task"
KINDS = frozenset({TASK, "call", "email", "meeting"})
"""Kinds of activities that can be touches."""
TOUCHING = frozenset({"first_touch", "touch", "accepted_sql"})
"""Kinds of our own tasks that are follow-ups. To give a reason or to correct a number is none."""
HELD = frozenset({None, "", "completed"})
"""Outcomes of a meeting that is over which do not say that it did not take place."""
_SUBJECTS = (
    (CALL, re.compile(r"\b(?:call|called|phone|anruf|anrufen|telefonat|appel|llamada|llamar)\b", re.IGNORECASE)),
    (EMAIL, re.compile(r"\b(?:e-?mail|mail|courriel|correo)\b", re.IGNORECASE)),
    (SOCIAL, re.compile(r"\b(?:linkedin|xing|inmail|social)\b", re.IGNORECASE)),
)
"""Words in the subject of a rep's own task that tell its channel, in this order."""

_DAY = timedelta(days=1)

Wanted = dict[tuple[str, str], Touch]
"""(person, activity) -> the touch that it is."""


def note(world: World, plans: Sequence[TwinPlan], now: datetime) -> None:
    """Stores the touches that these activities are, takes back what is none any more, and notes how far our own tasks are, in the caller's transaction.
    Persons for whom something changed are decided again, once they were handed over. A handful of statements for all plans; none when no
    activity of theirs can be a touch."""
    plans = [plan for plan in plans if plan.twin.kind in KINDS]
    start = world.start(now) if plans else now
    plans = [plan for plan in plans if _may_matter(plan, start)]
    if not plans:
        return
    store = world.store.touches
    own = store.own([plan.twin.twin_id for plan in plans if plan.twin.kind == TASK])
    known = store.by_twin([plan.twin.twin_id for plan in plans])
    done = {id: _how(world, plan) for plan in plans if (id := plan.twin.twin_id) in own}
    at = _completed(world, plans, known, own, now)
    wanted: Wanted = {}
    for plan in plans:
        wanted |= _touches(world, plan, own.get(plan.twin.twin_id), known.get(plan.twin.twin_id, {}), at, start, now)
    states = [(key, state, at.get(key, now) if state == TASK_DONE else now) for key, state in done.items() if state != own[key].seen.state]
    stored = {(person, twin): touch for twin, found in known.items() for person, touch in found.items()}
    lost = [pair for pair in stored if pair not in wanted]
    new = {pair: touch for pair, touch in wanted.items() if stored.get(pair) != touch}
    people = {person for person, _ in (*new, *lost)} | {own[key].person_id for key, _, _ in states}
    if not people:
        return
    persons = world.store.persons(sorted(people))
    store.set_states(states)
    store.drop(lost)
    store.save([(person, touch) for (person, _), touch in new.items() if person in persons])
    changed = (
        {person for person, _ in new if person in persons} | {person for person, _ in lost} | {own[key].person_id for key, _, _ in states}
    )
    waking = sorted(person for person in changed if person in persons and persons[person].handed_at is not None)
    if waking:
        world.store.mark_dirty_persons(waking)


def touches_of(world: World, person_ids: Sequence[str]) -> dict[str, list[Touch]]:
    """person -> their touches, oldest first; persons without any are left out."""
    return world.store.touches.of(person_ids)


def tasks_of(world: World, person_ids: Sequence[str]) -> dict[str, list[TaskSeen]]:
    """person -> our own tasks of them as the CRMs show them, in any state, oldest first; persons without any are left out."""
    return world.store.touches.tasks_of(person_ids)


def _may_matter(plan: TwinPlan, start: datetime) -> bool:
    """Whether it is or was something since the start: a task's date is when it is due, not when it was done."""
    return plan.twin.kind == TASK or plan.at >= start or not plan.finished


def _how(world: World, plan: TwinPlan) -> str:
    """How far a task is. Deleted in one CRM it is deleted, unless it was finished or somebody has restored it."""
    if not plan.facts:
        return TASK_DELETED
    if plan.finished:
        return TASK_DONE
    if any(write.action is Action.DELETE for write in plan.writes):
        return TASK_DELETED
    map = world.kinds.maps[plan.twin.kind]
    kept = any(p.cause == "deleted_elsewhere" and p.side not in map.create_as for p in plan.problems)
    return TASK_DELETED if kept else TASK_OPEN


def _completed(
    world: World, plans: Sequence[TwinPlan], known: Mapping[str, object], own: Mapping[str, OwnTask], now: datetime
) -> dict[str, datetime]:
    """task -> when it was completed, as far as a CRM shows: the last change of the record that shows it, looked at when it is first seen completed."""
    fresh = [p.twin.twin_id for p in plans if p.twin.kind == TASK and p.finished and p.twin.twin_id not in known]
    found: dict[str, datetime] = {id: task.seen.state_at for id, task in own.items() if task.seen.state == TASK_DONE and task.seen.state_at}
    lenses = world.kinds.lenses.get(TASK, {})
    for id, records in world.store.snapshots_of([id for id in fresh if id not in found]).items():
        showing = [
            record.modified_at
            for record in records
            if record.state is RecordState.LIVE
            and (lens := lenses.get((record.ref.side, record.ref.object))) is not None
            and lens.to_house(record.extra, world.owners).get("status") == "completed"
        ]
        if showing:
            found[id] = min(*showing, now)
    return found


def _touches(
    world: World,
    plan: TwinPlan,
    own: OwnTask | None,
    known: Mapping[str, Touch],
    completed: Mapping[str, datetime],
    start: datetime,
    now: datetime,
) -> Wanted:
    """The touches that an activity is: one for each person it belongs to, or none."""
    twin, facts = plan.twin, plan.facts
    gone = not facts or any(write.action is Action.DELETE for write in plan.writes)
    if gone or not plan.finished or (own is not None and own.seen.kind not in TOUCHING) or not _made(twin.kind, facts):
        return {}
    owner = _rep(world, facts.get("owner")) or (own.seen.owner if own is not None else None)
    if owner is None:
        return {}
    first = next(iter(known.values()), None)
    if twin.kind == TASK:
        at = first.at if first is not None else completed.get(twin.twin_id, now)
    else:
        at = min(plan.at, now)
        if first is not None and first.at <= at < first.at + _DAY:
            at = first.at  # of a mere day a CRM tells the last edit on it
    if at < start:
        return {}
    touch = Touch(
        twin_id=twin.twin_id, at=at, channel=_channel(twin.kind, facts, own), owner=owner, outcome=tidy(str(facts.get("disposition") or "")),
        task_key=own.seen.key if own is not None else "",
    )  # fmt: skip
    people = {id for ids in (plan.shown or twin.links).values() for id in ids}
    if own is not None:
        people.add(own.person_id)
    return {(person, twin.twin_id): touch for person in people}


def _made(kind: str, facts: Fields) -> bool:
    """Whether a rep did it: what came in is no follow-up, and a meeting has to have taken place."""
    if kind == "email":
        return facts.get("direction") != "inbound"
    return kind != "meeting" or facts.get("outcome") in HELD


def _rep(world: World, owner: Value) -> str | None:
    """The owner where that is a person: not us, and no queue."""
    if owner is None:
        return None
    user = world.owners.users.get(str(owner))
    return tidy(str(owner)) if user is None or user.kind == "person" else None


def _channel(kind: str, facts: Fields, own: OwnTask | None) -> str:
    if kind != TASK:
        return {"call": CALL, "email": EMAIL, "meeting": MEETING}[kind]
    if own is not None:
        return own.channel or OTHER
    subject = str(facts.get("subject") or "")[:255]
    return next((channel for channel, words in _SUBJECTS if words.search(subject)), OTHER)
