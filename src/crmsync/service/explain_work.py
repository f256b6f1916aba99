"""The part of `crmsync explain` about the work on a person: SLA clocks, touches and tasks, the cadence, who had them and why, alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from crmsync.decide.condition import Lists
from crmsync.decide.lifecycle import stage_of
from crmsync.decide.owning import Router, Ways
from crmsync.decide.worktime import around_the_clock, calendar_of
from crmsync.engine.floor import floor_of
from crmsync.engine.world import World
from crmsync.model.followup import Cadence
from crmsync.model.link import PersonState, Signal
from crmsync.model.record import Fields, User
from crmsync.model.rules import WorkingHours
from crmsync.model.work import BREACHED, ENDED, MET, QUEUE, TASK_OPEN, Assignment, Clock, TaskSeen, Touch
from crmsync.store import TaskRow
from crmsync.store.alerts import FOR_NOBODY, NEVER, AlertRow
from crmsync.store.obligations import Obligation

ON_TRACK, AT_RISK, PAUSED = "on_track", "at_risk", "paused"
LOGGED = "logged"
"""Kind of a touch that is no task of ours."""
SENT, WAITING, FAILING, GIVEN_UP, NOBODY = "sent", "waiting", "failing", "given_up", "for_nobody"
WHOLE = 1.0
"""The share of a window that is the breach."""


# --- clocks -----------------------------------------------------------------------------------------------------------------


def clocks_of(
    state: PersonState,
    past: Sequence[Obligation],
    users: Mapping[str, User],
    hours: WorkingHours,
    now: datetime,
    decided: Sequence[Clock] = (),
) -> list[dict[str, Any]]:
    """Every SLA clock the person ever had, as far back as is kept, oldest first: the newest of each kind as it stands at `now` (UTC), former ones as
    they ended. Both have the same keys; what is not kept of former ones is null or empty. decided: the clocks as a decision at `now` leaves them: a share of the
    window counts for the status as soon as it has passed, as in `crmsync_sla_status`, also before anybody heard of it."""
    passed = {(clock.kind, clock.started_at): clock.told for clock in decided}
    rows = [_clock(clock, users, hours, now, passed.get((clock.kind, clock.started_at), ())) for clock in state.clocks]
    known = {(clock.kind, clock.started_at) for clock in state.clocks}
    rows += [_former(one) for one in past if (one.kind, one.started_at) not in known]
    return sorted(rows, key=lambda row: (row["started_at"], row["kind"]))


def clock_status(clock: Clock, now: datetime) -> str:
    """on_track | at_risk | paused while it is open; breached, open or not, once its deadline passed first; else met or ended."""
    if clock.breached_at is not None or (clock.open and not clock.paused and clock.due_at is not None and clock.due_at < now):
        return BREACHED
    if not clock.open:
        return MET if clock.met_at is not None else ENDED
    if clock.paused:
        return PAUSED
    return AT_RISK if any(share < WHOLE for share in clock.told) else ON_TRACK


def used_minutes(clock: Clock, users: Mapping[str, User], hours: WorkingHours, now: datetime) -> float:
    """Minutes of the window that are used at `now`; of a clock that is over, when it ended."""
    if clock.running_since is None or now <= clock.running_since:
        return round(clock.used, 1)
    calendar = calendar_of(users.get(clock.owner or ""), hours) if clock.working else around_the_clock()
    return round(clock.used + calendar.worked(clock.running_since, now), 1)


def _clock(clock: Clock, users: Mapping[str, User], hours: WorkingHours, now: datetime, passed: Sequence[float]) -> dict[str, Any]:
    return {
        "kind": clock.kind,
        "status": clock_status(replace(clock, told=(*clock.told, *passed)), now),
        "minutes": float(clock.minutes),
        "working": clock.working,
        "owner": clock.owner,
        "started_at": clock.started_at.isoformat(),
        "due_at": _iso(clock.due_at),
        "used_minutes": used_minutes(clock, users, hours, now),
        "paused": clock.paused or None,
        "breached_at": _iso(clock.breached_at),
        "late": clock.late,
        "met_at": _iso(clock.met_at),
        "ended_at": _iso(clock.ended_at),
        "ended": clock.ended or None,
        "told": [share for share in clock.told if share < WHOLE],
        "earlier_owners": [{"owner": owner, "until": until.isoformat()} for until, owner in clock.earlier],
    }


def _former(one: Obligation) -> dict[str, Any]:
    ended = MET if one.met_at is not None else ENDED
    return {
        "kind": one.kind,
        "status": BREACHED if one.breached_at is not None else ended,
        "minutes": one.minutes,
        "working": one.working,
        "owner": one.owner,
        "started_at": one.started_at.isoformat(),
        "due_at": _iso(one.due_at),
        "used_minutes": None if one.used is None else round(one.used, 1),
        "paused": None,
        "breached_at": _iso(one.breached_at),
        "late": one.late,
        "met_at": _iso(one.met_at),
        "ended_at": _iso(one.ended_at),
        "ended": one.ended or None,
        "told": [],
        "earlier_owners": [],
    }


# --- touches and tasks --------------------------------------------------------------------------------------------------------


def touches_of(tasks: Sequence[TaskRow], seen: Sequence[TaskSeen], touches: Sequence[Touch]) -> list[dict[str, Any]]:
    """Our own tasks and completed touches, oldest first, with the same keys: a touch that is a task of ours stands with it. `at` is null for what is no
    completed touch."""
    how = {task.key: task for task in seen}
    made = {touch.task_key: touch for touch in touches if touch.task_key}
    rows = [(task.created_at, _task(task, how.get(task.key), made.pop(task.key, None))) for task in tasks]
    rows += [(touch.at, _logged(touch)) for touch in (*(t for t in touches if not t.task_key), *made.values())]
    return [row for _, row in sorted(rows, key=lambda pair: (pair[0], str(pair[1]["key"]), str(pair[1]["activity"])))]


def _task(task: TaskRow, seen: TaskSeen | None, touch: Touch | None) -> dict[str, Any]:
    return {
        "key": task.key,
        "kind": task.kind,
        "crm": task.side,
        "record_id": task.record_id,
        "owner": task.owner,
        "subject": task.draft.get("subject"),
        "channel": task.draft.get("channel"),
        "priority": task.draft.get("priority"),
        "due_at": _iso(task.due_at),
        "created_at": task.created_at.isoformat(),
        "state": seen.state if seen is not None else TASK_OPEN,
        "state_at": _iso(seen.state_at) if seen is not None else None,
        **_completed(touch),
    }


def _logged(touch: Touch) -> dict[str, Any]:
    return {
        "key": touch.task_key or None, "kind": LOGGED, "crm": None, "record_id": None, "owner": touch.owner, "subject": None, "channel": touch.channel,
        "priority": None, "due_at": None, "created_at": None, "state": None, "state_at": None, **_completed(touch),
    }  # fmt: skip


def _completed(touch: Touch | None) -> dict[str, Any]:
    if touch is None:
        return {"at": None, "by": None, "outcome": None, "activity": None}
    return {"at": touch.at.isoformat(), "by": touch.owner, "outcome": touch.outcome or None, "activity": touch.twin_id}


# --- cadence ------------------------------------------------------------------------------------------------------------------


def cadence_of(state: PersonState, cadences: Sequence[Cadence]) -> dict[str, Any] | None:
    """The cadence they are in, or were last in; None when there never was one. `step` counts from 1; `of` and `next` are null when there is no such
    cadence any more, and `next` when every touch is made or the cadence is over."""
    run = state.cadence
    if run is None:
        return None
    rule = next((one for one in cadences if one.name == run.name), None)
    step = rule.steps[run.step] if rule is not None and run.active and run.step < len(rule.steps) else None
    return {
        "name": run.name,
        "started_at": run.started_at.isoformat(),
        "step": run.step + 1 if step is not None else None,
        "of": len(rule.steps) if rule is not None else None,
        "next": None
        if step is None
        else {
            "day": step.day, "channel": step.channel, "action": step.action or None, "template": step.template or None,
            "due_at": _iso(run.due_at), "task": run.task_key or None,
        },
        "last_at": _iso(run.last_at),
        "last_channel": run.last_channel or None,
        "skipped": [index + 1 for index in run.skipped],
        "paused": run.paused or None,
        "ended_at": _iso(run.ended_at),
        "ended": run.ended or None,
    }  # fmt: skip


# --- owners -------------------------------------------------------------------------------------------------------------------


def owner_of(world: World, state: PersonState, history: Sequence[Assignment], passes_on: datetime | None) -> dict[str, Any]:
    """Who has them, by which rule, since when; who had them; since when and until when they wait for somebody. passes_on: when they go to the next rep."""
    waits = next((clock for clock in state.clocks if clock.kind == QUEUE and clock.open), None)
    queued = state.queued_at is not None
    return {
        "owner": state.owner,
        "by": state.owner_by,
        "reason": state.owner_reason,
        "rule": state.rule or None,
        "pool": state.pool or None,
        "assigned_at": _iso(state.assigned_at),
        "handed_at": _iso(state.handed_at),
        "tried": list(state.tried),
        "passes_on_at": _iso(passes_on),
        "queued_since": _iso(state.queued_at),
        "queued_until": _iso(waits.due_at) if queued and waits is not None else None,
        "history": [
            {"at": row.at.isoformat(), "owner": row.owner, "previous": row.previous, "cause": row.cause, "rule": row.rule or None,
             "pool": row.pool or None, "reason": row.reason}
            for row in history
        ],
        "ids": {side: world.owners.native(side, state.owner) for side in world.sides},
    }  # fmt: skip


def passes_on_at(
    world: World, state: PersonState, facts: Fields, lists: Lists, signals: Sequence[Signal], touches: Sequence[Touch], now: datetime
) -> datetime | None:
    """When they go to the next rep unless somebody works them (R7); None: never, as things stand."""
    router = Router(
        playbook=world.playbook, users=world.owners.users, facts=facts, lists=lists, signals=signals, at=now, touches=touches,
        ways=Ways(floor=partial(floor_of, world, now)),
    )  # fmt: skip
    return router.turns_at(state, stage_of(state))


# --- alerts -------------------------------------------------------------------------------------------------------------------


def alerts_of(rows: Sequence[AlertRow]) -> list[dict[str, Any]]:
    """Alerts about the person, one row per receiver, oldest first. `to` is a name, never an address to which messages go."""
    return [
        {
            "kind": row.kind,
            "at": row.at.isoformat(),
            "to": row.address,
            "state": alert_state(row),
            "title": row.title or None,
            "late": row.late,
            "sent_at": _iso(row.sent_at) if alert_state(row) == SENT else None,
            "not_before": _iso(row.not_before) if row.sent_at is None and row.not_before < NEVER else None,
            "tries": row.tries,
            "error": row.error or None,
        }
        for row in rows
    ]


def alert_state(row: AlertRow) -> str:
    """sent | for_nobody (there was no address) | given_up | failing (tried in vain so far) | waiting."""
    if row.sent_at is not None:
        return NOBODY if row.error == FOR_NOBODY else SENT
    if row.not_before >= NEVER:
        return GIVEN_UP
    return FAILING if row.error else WAITING


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
