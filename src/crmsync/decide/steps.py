"""What follows in native tasks from the work on a person, and when they go to the next rep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crmsync.decide.lifecycle import IN_WORK, entered, stage_of
from crmsync.decide.owning import WORKED, Found, Router
from crmsync.decide.text import one_line
from crmsync.decide.touch import FIX_CONTACT, GIVE_REASON, KEEP_TRYING, Desk, FirstTouch
from crmsync.decide.working import Worked
from crmsync.model.alert import BREACH, Alert
from crmsync.model.link import PersonState
from crmsync.model.record import User
from crmsync.model.rules import Playbook
from crmsync.model.work import TASK_OPEN, Assignment, TaskSeen

ASKED_FOR: Mapping[str, str] = {KEEP_TRYING: "too few touches", GIVE_REASON: "reason missing", FIX_CONTACT: "handoff waits"}
"""Kind of a task -> the problem that tells of what it asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What one decision gathers on its way."""

    alerts: list[Alert] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    asks: list[FirstTouch] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def take(self, found: Found) -> None:
        """What came of looking for an owner."""
        self.problems.extend(found.problems)
        self.alerts.extend(found.alerts)
        self.assignments.extend(found.assignments)


def why_next(router: Router, state: PersonState, turn: datetime | None, now: datetime) -> str:
    """Why the person goes to the next rep now; "" for not. turn: when they do unless somebody works them (R7)."""
    if stage_of(state) not in WORKED or state.handed_at is None or state.owner is None:
        return ""
    if not can_own(state.owner, router.users):
        return f"{one_line(state.owner, 80)} can own nothing any more"
    if turn is not None and turn <= now:
        minutes = router.playbook.routing.reassign_minutes or 0
        return f"no touch within {minutes / 60:g} h of the assignment"
    return ""


def next_steps(
    before: PersonState,
    state: PersonState,
    worked: Worked,
    desk: Desk,
    made: Made,
    task: FirstTouch | None,
    package: str,
    users: Mapping[str, User],
    now: datetime,
) -> None:
    """Native tasks that follow from the work: the next touch of the cadence (C3), touches that are missing at its end (A3), the next step of an
    accepted person (H3), a manager's word (A5)."""
    followed, book = worked.cadence, desk.playbook
    if followed.step is not None and followed.owner is not None and followed.due_at is not None and state.cadence is not None:
        run = next((c for c in book.cadences if c.name == state.cadence.name), None)
        if run is not None:
            made.asks.append(desk.touch(state, run, followed.index, followed.owner, followed.due_at, followed.remind_at))
    since = entered(state, "mql") or state.handed_at
    if followed.lacks is not None and state.owner is not None and since is not None:
        made.asks.append(desk.keep_trying(state.owner, *followed.lacks, since))
    last = state.stages[-1] if state.stages else None
    accepted = last is not None and last.stage == "sql" and last.previous == "sal" and len(state.stages) > len(before.stages)
    if accepted and last is not None and task is None and state.owner is not None and state.handed_at is not None:
        window = book.sla.sql or book.sla.response
        made.asks.append(desk.accepted(state.owner, window.minutes, window.working, package, last.at))
    if book.alerts.escalation_task:
        for alert in made.alerts:
            manager = book.alerts.manager_of(alert.owner) if alert.kind == BREACH else None
            if manager is not None and can_own(manager, users) and manager in users:
                made.asks.append(desk.escalation(manager, alert))


def answered(tasks: Sequence[TaskSeen], problems: Sequence[str], worked: Worked, least: int) -> tuple[str, ...]:
    """Open tasks that ask for what is there by now: each kind goes with the problem that tells of the same. least: touches before somebody is given up (A3); while
    they are missing, whoever is worked is still to be tried."""
    causes = {text.partition(":")[0] for text in problems}
    gone = {kind for kind, cause in ASKED_FOR.items() if cause not in causes}
    if stage_of(worked.state) in IN_WORK and worked.touches < least:
        gone.discard(KEEP_TRYING)
    return tuple(task.key for task in tasks if task.kind in gone and task.state == TASK_OPEN)


def first_text(playbook: Playbook, state: PersonState) -> str:
    """The template of the first step of the cadence that begins with the handoff; "" for none."""
    run = state.cadence
    found = next((c for c in playbook.cadences if run is not None and run.active and c.name == run.name), None)
    return found.steps[0].template if found is not None and found.steps else ""


def earliest(*moments: datetime | None) -> datetime | None:
    """The first of these moments; None where there is none."""
    return min((at for at in moments if at is not None), default=None)


def can_own(owner: str | None, users: Mapping[str, User]) -> bool:
    """Whether that owner is someone who can work a lead. An owner we know nothing of is a person until proven otherwise."""
    if owner is None:
        return False
    user = users.get(owner)
    return user is None or (user.active and user.kind == "person")
