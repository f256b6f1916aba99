"""The work on a person who was handed over: their clocks and their cadence at one moment (process.md sections 6 and 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from crmsync.decide.cadence import CadenceVerdict, cadence, effort
from crmsync.decide.condition import Lists
from crmsync.decide.lifecycle import stage_of
from crmsync.decide.sla import SlaVerdict, clocks
from crmsync.decide.text import stamp
from crmsync.decide.touch import ACCEPTED_SQL
from crmsync.decide.who import who
from crmsync.model.copies import replace
from crmsync.model.followup import Window
from crmsync.model.link import PersonState, Signal
from crmsync.model.process import TypeRule
from crmsync.model.record import Fields, User, Value
from crmsync.model.rules import Playbook
from crmsync.model.work import TASK_OPEN, TaskSeen, Touch

SLA_DUE, SLA_STATUS, FIRST_RESPONSE = "crmsync_sla_due", "crmsync_sla_status", "crmsync_first_response_at"
NO_CLOCKS, NO_CADENCE = SlaVerdict(), CadenceVerdict(run=None)
TOUCHES, CADENCE, NEXT_TOUCH = "crmsync_touches", "crmsync_cadence", "crmsync_next_touch_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """state: with clocks and cadence as they stand. due: when either would say something else (UTC). touches: made since the handoff."""

    state: PersonState
    sla: SlaVerdict
    cadence: CadenceVerdict
    due: datetime | None
    touches: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What clocks and cadence look at, and what is the same for both. before: the person as last remembered."""

    before: PersonState
    playbook: Playbook
    users: Mapping[str, User]
    facts: Fields
    lists: Lists
    signals: Sequence[Signal]
    touches: Sequence[Touch]
    tasks: Sequence[TaskSeen]
    start_from: datetime
    at: datetime
    first_due_at: datetime | None = None

    def wanted(self, state: PersonState) -> bool:
        """Whether there is, or was, any work on them: for most persons nothing has to be looked at."""
        return (
            bool(state.clocks)
            or state.handed_at is not None
            or state.queued_at is not None
            or (stage_of(state) == "mql" and not state.historic)
        )

    def nothing(self, state: PersonState) -> Worked:
        """Of somebody with whom there is no work."""
        return Worked(
            state=state, sla=NO_CLOCKS, cadence=NO_CADENCE if state.cadence is None else CadenceVerdict(run=state.cadence), due=None
        )

    def on(self, state: PersonState, rule: TypeRule) -> Worked:
        """Both as they follow from `state`; its owner and stage are those of now."""
        book, routing = self.playbook, self.playbook.routing
        queue = Window(minutes=routing.queue_minutes, working=routing.queue_working_time) if routing.queue_minutes is not None else None
        sla = clocks(
            before=self.before, state=state, sla=book.sla, rule=rule, touches=self.touches, signals=self.signals, users=self.users,
            hours=book.hours, now=self.at, start_from=self.start_from, queue=queue, who=who(self.facts), moves_on=routing.reassign_at_breach,
        )  # fmt: skip
        followed = cadence(
            before=self.before, state=state, cadences=book.cadences, facts=self.facts, lists=self.lists, signals=self.signals,
            touches=self.touches, tasks=self.tasks, users=self.users, hours=book.hours, outside_hours=routing.outside_hours, now=self.at,
            sla=book.sla, first_due_at=self.first_due_at, estimates=book.estimates,
        )  # fmt: skip
        idle = _no_next_step(state, self.tasks)
        if idle:
            followed = replace(followed, withdraw=(*followed.withdraw, *idle))
        after = state
        if sla.clocks != state.clocks or followed.run != state.cadence:
            after = replace(state, clocks=sla.clocks, cadence=followed.run)
        due = min((at for at in (sla.next_due_at, followed.next_due_at) if at is not None), default=None)
        made = effort(self.touches, state.handed_at) if state.handed_at is not None else 0
        return Worked(state=after, sla=sla, cadence=followed, due=due, touches=made)


def _no_next_step(state: PersonState, tasks: Sequence[TaskSeen]) -> tuple[str, ...]:
    """Open tasks to agree on the next step (H3) of somebody who is no sql any more: they have a deal by now, or nobody works them."""
    if stage_of(state) == "sql":
        return ()
    return tuple(task.key for task in tasks if task.kind == ACCEPTED_SQL and task.state == TASK_OPEN)


def work_fields(worked: Worked, previous: Fields) -> dict[str, Value]:
    """What the CRMs show of the work: nothing about somebody with whom there never was any."""
    state = worked.state
    known = bool(state.clocks) or state.handed_at is not None or SLA_STATUS in previous
    if not known:
        return {}
    run = state.cadence
    return {
        SLA_STATUS: worked.sla.status,
        SLA_DUE: _stamp(worked.sla.due_at),
        FIRST_RESPONSE: _stamp(worked.sla.first_response_at),
        TOUCHES: worked.touches,
        CADENCE: run.name if run is not None and run.active else None,
        NEXT_TOUCH: _stamp(worked.cadence.next_touch_at),
    }


def _stamp(at: datetime | None) -> str | None:
    return None if at is None else stamp(at.replace(microsecond=0))
