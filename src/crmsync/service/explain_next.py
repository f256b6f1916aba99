"""The part of `crmsync explain` that says what time alone would change in the work on a person: clocks, cadence, owner, queue, tasks, alerts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from crmsync.decide.person import Decision
from crmsync.decide.touch import FirstTouch
from crmsync.engine.alerts import receivers
from crmsync.engine.world import World
from crmsync.model.followup import Cadence
from crmsync.model.link import PersonState
from crmsync.service.explain_work import clock_status

Change = dict[str, Any]
"""what, from, to, why."""


def work_changes(
    old: PersonState, after: Decision, world: World, now: datetime, then: datetime, before: Decision | None = None
) -> list[Change]:
    """What a decision made at `then` changes of a person as remembered, or as decided, at `now` (both UTC). before: that decision, whose tasks and alerts are
    left out; None: as remembered."""
    cadences = world.playbook.cadences
    found: list[Change] = []
    new = after.state
    if old.owner != new.owner:
        found.append(_change("owner", old.owner, new.owner, new.owner_reason))
    if (old.queued_at is None) != (new.queued_at is None):
        found.append(_change("queue", _waits(old), _waits(new), new.owner_reason))
    found += _clocks(old, new, now, then)
    was, is_ = _cadence(old, cadences), _cadence(new, cadences)
    if was != is_:
        run = new.cadence
        found.append(_change("cadence", was, is_, "" if run is None else run.ended or run.paused))
    return [*found, *_tasks(before, after), *_alerts(before, after, world)]


def _clocks(old: PersonState, new: PersonState, now: datetime, then: datetime) -> list[Change]:
    was = {clock.kind: clock_status(clock, now) for clock in old.clocks}
    return [
        _change(
            f"{clock.kind} clock", was.get(clock.kind), status, f"due {_minute(clock.due_at)}" if clock.due_at is not None else clock.paused
        )
        for clock in new.clocks
        if (status := clock_status(clock, then)) != was.get(clock.kind)
    ]


def _cadence(state: PersonState, cadences: Sequence[Cadence]) -> str | None:
    run = state.cadence
    if run is None:
        return None
    if not run.active:
        return f"{run.name} is over"
    rule = next((one for one in cadences if one.name == run.name), None)
    steps = f" of {len(rule.steps)}" if rule is not None else ""
    if rule is not None and run.step >= len(rule.steps):
        return f"{run.name}: every touch is made"
    how = "paused" if run.paused else "open" if run.task_key else "comes next"
    return f"{run.name}: touch {run.step + 1}{steps} {how}"


def _tasks(before: Decision | None, after: Decision) -> list[Change]:
    known = {_named(task) for task in before.tasks} if before is not None else set()
    fresh = [task for task in after.tasks if _named(task) not in known]
    found = [_change("task", None, task.subject, f"{task.channel} by {task.owner}, due {_minute(task.due_at)}") for task in fresh]
    gone = before.withdraw if before is not None else ()
    moved = {(move.key, move.owner) for move in before.moves} if before is not None else set()
    found += [_change("task", key, None, "taken back") for key in after.withdraw if key not in gone]
    return found + [
        _change("task", move.key, move.owner, f"handed on, due {_minute(move.due_at)}" if move.due_at is not None else "handed on")
        for move in after.moves
        if (move.key, move.owner) not in moved
    ]


def _alerts(before: Decision | None, after: Decision, world: World) -> list[Change]:
    """Only of what anybody would hear of."""
    known = before.alerts if before is not None else ()
    fresh = (alert for alert in after.alerts if alert not in known)
    return [_change("alert", None, alert.title, alert.kind) for alert in fresh if receivers(world, alert)]


def _named(task: FirstTouch) -> tuple[object, ...]:
    return task.kind, task.part, task.mql_at


def _waits(state: PersonState) -> str:
    return "waits for an owner" if state.queued_at is not None else "does not wait"


def _minute(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def _change(what: str, was: str | None, is_: str | None, why: str) -> Change:
    return {"what": what, "from": was, "to": is_, "why": why}
