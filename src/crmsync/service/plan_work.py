"""The part of `crmsync plan` about the work on persons: who would get them and why, tasks made, taken back and handed on, alerts that would be sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from crmsync.decide.cadence import Move
from crmsync.engine.alerts import receivers
from crmsync.engine.deliberate import Verdict
from crmsync.engine.tasks import REFUSED, WITHDRAWN, claimed_tasks
from crmsync.engine.world import World
from crmsync.model.work import Assignment
from crmsync.store import TaskRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOn:
    """An open task that somebody else would have to do, or later. owner: who; due_at: when (UTC)."""

    task: TaskRow
    owner: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPlan:
    """One alert with those who would hear of it, by name."""

    person_id: str
    kind: str
    at: datetime
    title: str
    late: bool
    to: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class WorkPlan:
    """At most `keep` of each in detail; assigned: (owner, cause) -> persons, told: (kind of alert, receiver) -> alerts, withdrawn, moved: all of them."""

    assignments: list[Assignment] = field(default_factory=list)
    withdrawals: list[TaskRow] = field(default_factory=list)
    handed_on: list[HandedOn] = field(default_factory=list)
    alerts: list[AlertPlan] = field(default_factory=list)
    assigned: Counter[tuple[str, str]] = field(default_factory=Counter)
    told: Counter[tuple[str, str]] = field(default_factory=Counter)
    withdrawn: int = 0
    moved: int = 0

    def add(self, other: WorkPlan, keep: int | None) -> None:
        """With the other's."""
        self.assignments = [*self.assignments, *other.assignments][:keep]
        self.withdrawals = [*self.withdrawals, *other.withdrawals][:keep]
        self.handed_on = [*self.handed_on, *other.handed_on][:keep]
        self.alerts = [*self.alerts, *other.alerts][:keep]
        self.assigned.update(other.assigned)
        self.told.update(other.told)
        self.withdrawn += other.withdrawn
        self.moved += other.moved

    def json(self) -> dict[str, Any]:
        """The keys of the documented shape that are about work."""
        return {
            "assignments": [
                {"person_id": a.person_id, "owner": a.owner, "previous": a.previous, "cause": a.cause, "rule": a.rule or None,
                 "pool": a.pool or None, "reason": a.reason}
                for a in self.assignments
            ],
            "assigned": [{"owner": owner, "cause": cause, "persons": n} for (owner, cause), n in sorted(self.assigned.items())],
            "withdrawals": [
                {"person_id": t.person_id, "key": t.key, "crm": t.side, "record_id": t.record_id, "subject": t.draft.get("subject")}
                for t in self.withdrawals
            ],
            "handed_on": [
                {"person_id": h.task.person_id, "key": h.task.key, "crm": h.task.side, "record_id": h.task.record_id, "from": h.task.owner,
                 "to": h.owner, "due_at": None if h.due_at is None else h.due_at.isoformat()}
                for h in self.handed_on
            ],
            "alerts": [
                {"person_id": a.person_id, "kind": a.kind, "at": a.at.isoformat(), "title": a.title, "late": a.late, "to": list(a.to)}
                for a in self.alerts
            ],
            "alerts_to": [{"kind": kind, "to": to, "alerts": n} for (kind, to), n in sorted(self.told.items())],
        }  # fmt: skip


def tasks_made(world: World, verdict: Verdict, now: datetime) -> list[TaskRow]:
    """The native tasks that would be made for a person: those that never were (law 9). Claims them, in a transaction that the caller rolls back."""
    return claimed_tasks(world, verdict.state.person_id, verdict.decision, now)


def take_work(work: WorkPlan, world: World, verdicts: Sequence[Verdict], keep: int | None) -> int:
    """Takes in what was decided about these persons; returns how many tasks would be deleted in their CRM. Before it is noted anywhere: an alert that was
    told once is told no more."""
    deleted = 0
    for verdict in verdicts:
        decision = verdict.decision
        if decision is None:
            continue
        for row in decision.assignments:
            work.assigned[row.owner, row.cause] += 1
            _keep(work.assignments, row, keep)
        if decision.withdraw or decision.moves:
            deleted += _take_tasks(work, world, decision.withdraw, decision.moves, keep)
    _take_alerts(work, world, verdicts, keep)
    return deleted


def _take_tasks(work: WorkPlan, world: World, withdraw: Sequence[str], moves: Sequence[Move], keep: int | None) -> int:
    rows = world.store.tasks.by_key([*withdraw, *(move.key for move in moves)])
    deleted = 0
    for key in withdraw:
        row = rows.get(key)
        if row is None or row.record_id in (WITHDRAWN, REFUSED):
            continue
        work.withdrawn += 1
        deleted += row.record_id is not None
        _keep(work.withdrawals, row, keep)
    for move in moves:
        row = rows.get(move.key)
        if row is not None and row.record_id not in (WITHDRAWN, REFUSED):
            work.moved += 1
            _keep(work.handed_on, HandedOn(task=row, owner=move.owner, due_at=move.due_at), keep)
    return deleted


def _take_alerts(work: WorkPlan, world: World, verdicts: Sequence[Verdict], keep: int | None) -> None:
    alerts = [(v.state.person_id, alert) for v in verdicts if v.decision is not None for alert in v.decision.alerts]
    if not alerts or not world.playbook.alerts.to:
        return
    known = world.store.alerts.of([person for person, _ in alerts])
    told = {(row.person_id, row.kind, row.at, row.address) for rows in known.values() for row in rows}
    for person, alert in alerts:
        to = [one.address for one in receivers(world, alert)]
        fresh = tuple(address for address in to if (person, alert.kind, alert.at, address) not in told)
        if not fresh:
            continue
        told.update((person, alert.kind, alert.at, address) for address in fresh)
        work.told.update((alert.kind, address) for address in fresh)
        plan = AlertPlan(person_id=person, kind=alert.kind, at=alert.at, title=alert.title, late=alert.late, to=fresh)
        _keep(work.alerts, plan, keep)


def _keep(rows: list[T], row: T, keep: int | None) -> None:
    if keep is None or len(rows) < keep:
        rows.append(row)
