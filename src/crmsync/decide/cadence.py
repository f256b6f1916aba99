"""Which touch of a person comes next, when, and when there are no more (process.md C1-C8, A3, L6).

The first step is the handoff's own task. The next one is only made when the one before is done, deleted or left out, so that at most one is open. A task done in
either CRM is one task here, and a touch is done once: by its task, or by an activity of its channel that a rep logs while it is open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from crmsync.decide.cadence_end import ANSWERED, HANDED_ANEW, LEFT, NO_ANSWER, NO_RULE, TAKES_BACK, UNMAILABLE, WORKED, End
from crmsync.decide.cadence_when import Schedule, schedule_of
from crmsync.decide.condition import Lists, holds
from crmsync.decide.expected import with_expected
from crmsync.decide.lifecycle import entered, stage_of
from crmsync.decide.replies import OUT_OF_OFFICE, back_on
from crmsync.model.copies import replace
from crmsync.model.followup import CALL, EMAIL, NO_CONNECT, Cadence, Estimate, SlaRules, Step
from crmsync.model.link import PersonState, Signal
from crmsync.model.record import Fields, User
from crmsync.model.rules import WorkingHours
from crmsync.model.work import TASK_DELETED, TASK_DONE, TASK_OPEN, CadenceRun, TaskSeen, Touch

CONNECTED, CONNECTED_SIGNAL = "connected", "call_connected"
ELSEWHERE_FACT = "in_sequence"
OFFICE, SEQUENCE, OWNERLESS, AWAY = "out of office", "in another tool's cadence", "nobody has them", "the rep is away"
"""Why a cadence waits."""
SAME = timedelta(minutes=15)
"""A task done and the same thing logged so close to it are one touch."""
OFFICE_DAYS = timedelta(days=3)
"""How long somebody is out of office who does not say."""
OURS = frozenset({"first_touch", "touch"})
"""Kinds of tasks that are touches of a cadence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """An open task of the cadence that somebody else has to do, or later: its owner left the person, is away, or is back."""

    key: str
    owner: str
    due_at: datetime | None
    remind_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CadenceVerdict:
    """run: to remember. step, index, owner, due_at, remind_at: a task to be made now (step None: none), with whom, by when (UTC). next_touch_at: when the touch is
    due that is open or comes next. withdraw: keys of open tasks to take back. moves: open tasks to hand on. next_due_at: when it would be answered differently
    by time alone (UTC). finished: all touches were made and nobody answered (L6); said once. lacks: touches made and wanted, where there are too few for that (A3).
    problems: sentences, each with its cause before the first colon."""

    run: CadenceRun | None
    step: Step | None = None
    index: int = 0
    owner: str | None = None
    due_at: datetime | None = None
    remind_at: datetime | None = None
    next_touch_at: datetime | None = None
    withdraw: tuple[str, ...] = ()
    moves: tuple[Move, ...] = ()
    next_due_at: datetime | None = None
    finished: bool = False
    lacks: tuple[int, int] | None = None
    problems: tuple[str, ...] = ()


def touch_key(person_id: str, started_at: datetime, index: int) -> str:
    """The key of a touch's task, for ever: of the handoff's own task see `first_key`."""
    return f"{person_id}-touch-{int(started_at.timestamp())}-{index}"


def first_key(state: PersonState) -> str:
    """The key of the handoff's own task, which is the first touch: it is named by the mql entry."""
    at = entered(state, "mql") or state.handed_at
    return f"{state.person_id}-{int(at.timestamp())}" if at is not None else ""


def effort(touches: Sequence[Touch], since: datetime) -> int:
    """How many touches were made since then (A3). A task done and the same thing logged within 15 minutes are one."""
    begun = since.replace(microsecond=0)  # CRMs tell whole seconds
    found = [t for t in touches if t.at >= begun]
    logged = sorted((t for t in found if not t.task_key), key=lambda t: t.at)
    for task in sorted((t for t in found if t.task_key), key=lambda t: t.at):
        twice = next((t for t in logged if t.channel == task.channel and abs(t.at - task.at) <= SAME), None)
        if twice is not None:
            logged.remove(twice)
    return len(logged) + sum(1 for t in found if t.task_key)


def cadence(
    *,
    before: PersonState,
    state: PersonState,
    cadences: Sequence[Cadence],
    facts: Fields,
    lists: Lists,
    signals: Sequence[Signal],
    touches: Sequence[Touch],
    tasks: Sequence[TaskSeen],
    users: Mapping[str, User],
    hours: WorkingHours,
    outside_hours: str,
    now: datetime,
    sla: SlaRules,
    first_due_at: datetime | None = None,
    estimates: Sequence[Estimate] = (),
) -> CadenceVerdict:
    """What the cadence wants at `now` (UTC).

    before: the person as last remembered; a cadence begins with a handoff that `before` does not have. state: with the stage and owner of now. touches: completed
    ones of the person; tasks: our own of the person, in any state. users: house owner id -> that user. first_due_at: when the handoff's own task is due, where it
    is made or goes to another rep in this decision. estimates: for conditions on the expected amount. Deciding twice at one moment asks for nothing twice, once the run is remembered and its task is known."""
    run = state.cadence
    if state.handed_at is None or state.historic:
        return CadenceVerdict(run=run)
    handed = before.handed_at != state.handed_at and (run is None or run.started_at != state.handed_at)
    if not handed and (run is None or not (run.active or run.ended in ANSWERED)):
        return CadenceVerdict(run=run)
    matter = _Matter(
        before=before, state=state, facts=facts, lists=lists, signals=[s for s in signals if state.handed_at < s.at <= now], touches=touches,
        all_signals=signals, tasks={task.key: task for task in tasks}, users=users, hours=hours, outside_hours=outside_hours, at=now, sla=sla,
        first_due_at=first_due_at, estimates=estimates,
    )  # fmt: skip
    return matter.begins(cadences, run) if handed or run is None else matter.goes_on(cadences, run)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Matter:
    """One person's cadence at one moment. signals: since the handoff; all_signals: ever."""

    before: PersonState
    state: PersonState
    facts: Fields
    lists: Lists
    signals: Sequence[Signal]
    all_signals: Sequence[Signal]
    touches: Sequence[Touch]
    tasks: Mapping[str, TaskSeen]
    users: Mapping[str, User]
    hours: WorkingHours
    outside_hours: str
    at: datetime
    sla: SlaRules
    first_due_at: datetime | None = None
    estimates: Sequence[Estimate] = ()

    def _end(self) -> End:
        return End(state=self.state, facts=self.facts, lists=self.lists, signals=self.all_signals, at=self.at)

    # --- the run as a whole ---------------------------------------------------------------------------------------------------

    def begins(self, cadences: Sequence[Cadence], former: CadenceRun | None) -> CadenceVerdict:
        """The first cadence that fits this handoff; what was left of a former one is over (C6)."""
        handed_at, first = self.state.handed_at, first_key(self.state)
        assert handed_at is not None
        left = tuple(key for key, task in self.tasks.items() if task.kind in OURS and task.state == TASK_OPEN and key != first)
        rule = next((one for one in cadences if one.steps and self._fits(one)), None) if stage_of(self.state) in WORKED else None
        if rule is None:
            over = replace(former, ended_at=self.at, ended=HANDED_ANEW, paused="") if former is not None and former.active else former
            return CadenceVerdict(run=over, withdraw=left)
        run = CadenceRun(
            name=rule.name,
            started_at=handed_at,
            task_key=first,
            due_at=self.first_due_at,
            opened_at=handed_at,
            unmailed=self._end().unmailed(),
        )
        return replace(self._on(run, rule), withdraw=left)

    def _fits(self, rule: Cadence) -> bool:
        if rule.types and self.state.mql_type not in rule.types:
            return False
        if rule.when is None:
            return True
        facts = with_expected(self.facts, self.estimates, self.lists, self.at, self.all_signals)
        return holds(rule.when, facts, self.lists, self.at, self.all_signals)

    def goes_on(self, cadences: Sequence[Cadence], run: CadenceRun) -> CadenceVerdict:
        rule = next((one for one in cadences if one.name == run.name), None)
        if run.active and rule is not None:
            strays, verdict = self._strays(run), self._on(run, rule)
            return replace(verdict, withdraw=tuple(dict.fromkeys((*verdict.withdraw, *strays)))) if strays else verdict
        why = self._end().why(run) if rule is not None else "" if not run.active else NO_RULE
        if why in TAKES_BACK or (why and run.active):  # who answered may opt out or leave all the same
            return self._over(run, why, rule)
        return CadenceVerdict(run=run)

    def _on(self, run: CadenceRun, rule: Cadence) -> CadenceVerdict:
        run = self._advanced(run, rule)
        why = self._end().why(run)
        if why:
            return self._over(run, why, rule)
        if run.step >= len(rule.steps):
            return self._last(run, rule)
        return self._open(run, rule) if run.task_key else self._next(run, rule)

    def _over(self, run: CadenceRun, why: str, rule: Cadence | None) -> CadenceVerdict:
        takes_back = why in TAKES_BACK
        if why in UNMAILABLE:  # a call can still be made, and the handoff's own task says how they may be reached
            step = rule.steps[run.step] if rule is not None and run.step < len(rule.steps) else None
            takes_back = run.step > 0 and step is not None and step.channel == EMAIL
        if why == LEFT and stage_of(self.state) in WORKED and run.step == 0:
            takes_back = False  # accepted before anybody got in touch: that is still to be done
        withdraw = self._left_open(run) if takes_back else tuple(k for k in (run.replaced,) if self._is_open(k))
        over = replace(run, ended_at=self.at, ended=why, paused="", due_at=None, replaced="")
        return CadenceVerdict(run=over, withdraw=withdraw)

    def _left_open(self, run: CadenceRun) -> tuple[str, ...]:
        mine = f"{self.state.person_id}-touch-{int(run.started_at.timestamp())}-"
        keys = (first_key(self.state), run.task_key, *(key for key in self.tasks if key.startswith(mine)))
        return (*(key for key in dict.fromkeys(keys) if self._is_open(key)), *self._strays(run))

    def _strays(self, run: CadenceRun) -> tuple[str, ...]:
        """Open touches of another run than this one: of somebody who was taken for two persons, each in a cadence (C6)."""
        own, mark = f"{self.state.person_id}-", f"-touch-{int(run.started_at.timestamp())}-"
        open = (t for t in self.tasks.values() if t.kind in OURS and t.state == TASK_OPEN and t.key not in (run.task_key, run.replaced))
        return tuple(t.key for t in open if not t.key.startswith(own) or (mark not in t.key and t.key != first_key(self.state)))

    def _is_open(self, key: str) -> bool:
        return key in self.tasks and self.tasks[key].state == TASK_OPEN

    # --- one touch after the other (C7) ---------------------------------------------------------------------------------------

    def _advanced(self, run: CadenceRun, rule: Cadence) -> CadenceRun:
        """The run behind every touch that is done, deleted or left out by rule."""
        while run.step < len(rule.steps):
            if run.task_key:
                after = self._past(run, rule.steps[run.step])
            elif self._left_out(run, rule.steps[run.step]):
                after = replace(run, step=run.step + 1, skipped=(*run.skipped, run.step), due_at=None)
            else:
                break
            if after is run:
                break
            run = after
        return run

    def _past(self, run: CadenceRun, step: Step) -> CadenceRun:
        """The run behind its open touch; the same one while that is neither done nor deleted."""
        key, task = run.task_key, self.tasks.get(run.task_key)
        shut = replace(run, step=run.step + 1, task_key="", opened_at=None, due_at=None)
        if task is not None and task.state == TASK_DONE:
            own = next((t for t in self.touches if t.task_key == key), None)
            at = min(own.at if own is not None else task.state_at or self.at, self.at)
            return self._counted(shut, at, own.channel if own is not None else step.channel, own)
        logged = [t for t in self.touches if self._answers(t, run, step)]
        if logged:
            one = min(logged, key=lambda t: (t.at, t.twin_id))
            return replace(self._counted(shut, one.at, one.channel, one), replaced=key if self._is_open(key) else run.replaced)
        gone = task.state == TASK_DELETED if task is not None else self._was_there(run)
        return shut if gone else run

    def _was_there(self, run: CadenceRun) -> bool:
        """Whether an earlier decision had made the task: then it has been forgotten, and is not made again."""
        known = self.before.cadence
        return known is not None and known.started_at == run.started_at and known.task_key == run.task_key

    def _answers(self, touch: Touch, run: CadenceRun, step: Step) -> bool:
        """Whether an activity that is no task of ours makes the open touch. The first touch may be a call, whatever the plan."""
        if touch.task_key in self.tasks and self.tasks[touch.task_key].kind in OURS:
            return False
        fits = touch.channel == step.channel or (run.step == 0 and touch.channel == CALL)
        opened = run.opened_at or run.started_at
        while_open = opened <= touch.at if run.step == 0 else opened < touch.at
        twice = run.last_at is not None and touch.channel == run.last_channel and abs(touch.at - run.last_at) <= SAME
        return fits and while_open and touch.at <= self.at and touch.twin_id not in run.counted and not twice

    def _counted(self, run: CadenceRun, at: datetime, channel: str, own: Touch | None) -> CadenceRun:
        """With what is the same touch noted, so that none of it counts again."""
        same = {t.twin_id for t in self.touches if t.channel == channel and not t.task_key and abs(t.at - at) <= SAME}
        if own is not None:
            same.add(own.twin_id)
        last = at if run.last_at is None else max(at, run.last_at)
        return replace(run, last_at=last, last_channel=channel, counted=tuple(sorted(same | set(run.counted))))

    def _left_out(self, run: CadenceRun, step: Step) -> bool:
        if step.channel == EMAIL and (run.unmailed or not self.facts.get("email")):
            return True
        if step.only != NO_CONNECT:
            return False
        called = any(t.at >= run.started_at and t.channel == CALL and t.outcome == CONNECTED for t in self.touches)
        return called or any(s.type == CONNECTED_SIGNAL for s in self.signals)

    # --- when ------------------------------------------------------------------------------------------------------------------

    def _waits(self) -> tuple[str, datetime | None]:
        """Why no touch is made now, and until when ("": one may be; None: until something changes)."""
        office = self._office()
        if office is not None and office > self.at:
            return OFFICE, office
        if self.facts.get(ELSEWHERE_FACT) is True:
            return SEQUENCE, None
        user = self.users.get(self.state.owner or "")
        if self.state.owner is None or (user is not None and not user.active):
            return OWNERLESS, None
        return "", None

    def _office(self) -> datetime | None:
        """When the person is back in their office, as they said last."""
        newest = max((s for s in self.signals if s.type == OUT_OF_OFFICE), key=lambda s: (s.at, s.event_id), default=None)
        if newest is None:
            return None
        return back_on(newest.detail, newest.at) or newest.at + OFFICE_DAYS

    def _schedule(self, rule: Cadence) -> Schedule:
        return schedule_of(self.state.owner or "", rule, self.users, self.hours, self.outside_hours)

    def _turns(self) -> list[datetime]:
        """When the owner's absences begin and end."""
        user = self.users.get(self.state.owner or "")
        return [at for away in (user.away if user is not None else ()) for at in (away.start, away.end) if at > self.at]

    def _open(self, run: CadenceRun, rule: Cadence) -> CadenceVerdict:
        """A touch is open: it stays so until it is done, wherever its rep is."""
        why, until = self._waits()
        task = self.tasks.get(run.task_key)
        due = task.due_at if task is not None and task.due_at is not None else run.due_at
        moves: tuple[Move, ...] = ()
        if task is not None and why != OWNERLESS:
            schedule, base = self._schedule(rule), max(self.at, due or self.at)
            who, there = schedule.there(base)
            if there > base:
                due = schedule.placed(there)[0]
                why = why or AWAY
            elif who != task.owner and due is not None and due < self.at:  # nobody is late with what they have only just got
                due = self.first_due_at if run.step == 0 and self.first_due_at is not None else schedule.placed(self.at)[0]
            if who != task.owner or due != task.due_at:
                moves = (Move(key=task.key, owner=who, due_at=due, remind_at=_remind(rule.steps[run.step], due, self.at)),)
        turns = [at for at in (until, *self._turns()) if at is not None]
        return CadenceVerdict(
            run=self._same(run, paused=why, due_at=due), next_touch_at=due, moves=moves, next_due_at=min(turns, default=None)
        )  # fmt: skip

    def _next(self, run: CadenceRun, rule: Cadence) -> CadenceVerdict:
        """No touch is open: the next one is made a horizon before it is due."""
        why, until = self._waits()
        if why == OWNERLESS:
            return CadenceVerdict(run=self._same(run, paused=why, due_at=None))
        schedule = self._schedule(rule)
        due, who = schedule.due(run, run.step, self.touches, until)
        makes = due - timedelta(minutes=rule.horizon_minutes)
        if why:
            return CadenceVerdict(run=self._same(run, paused=why, due_at=due), next_touch_at=due, next_due_at=until)
        if makes > self.at:
            away = AWAY if schedule.there(self.at)[1] > self.at else ""
            return CadenceVerdict(
                run=self._same(run, paused=away, due_at=due), next_touch_at=due, next_due_at=min([makes, *self._turns()])
            )  # fmt: skip
        if due < self.at:
            due, who = schedule.placed(self.at)
        step, key = rule.steps[run.step], touch_key(self.state.person_id, run.started_at, run.step)
        after = replace(run, task_key=key, opened_at=self.at, due_at=due, paused="", replaced="")
        turns = self._turns()
        return CadenceVerdict(
            run=after, step=step, index=run.step, owner=who, due_at=due, remind_at=_remind(step, due, self.at), next_touch_at=due,
            withdraw=(run.replaced,) if self._is_open(run.replaced) else (), next_due_at=min(turns, default=None),
        )  # fmt: skip

    def _last(self, run: CadenceRun, rule: Cadence) -> CadenceVerdict:
        """Every touch is made: an answer is waited for (L6). With too few touches nobody is given up (A3)."""
        why, until = self._waits()
        latest = max([run.started_at, *filter(None, [run.last_at]), *(t.at for t in self.touches if run.started_at <= t.at <= self.at)])
        ends = max(latest + timedelta(days=rule.answer_days), until or latest)
        withdraw = (run.replaced,) if self._is_open(run.replaced) else ()
        run = replace(run, replaced="") if run.replaced else run
        if why == SEQUENCE or ends > self.at:
            wait = None if why == SEQUENCE else ends
            return CadenceVerdict(run=self._same(run, paused=why, due_at=None), withdraw=withdraw, next_due_at=wait)
        made = effort(self.touches, run.started_at)
        wanted = self.sla.min_touches  # also where the plan has fewer, or some fell away: other touches count as well
        if made < wanted:
            text = f"too few touches: the cadence {run.name} is over after {made} of at least {wanted} touches; make the others, or decide about the person"
            return CadenceVerdict(run=self._same(run, paused="", due_at=None), withdraw=withdraw, lacks=(made, wanted), problems=(text,))
        over = replace(run, ended_at=self.at, ended=NO_ANSWER, paused="", due_at=None)
        left = self._left_open(run)  # of a cadence that was shortened meanwhile
        return CadenceVerdict(run=over, withdraw=tuple(dict.fromkeys((*withdraw, *left))), finished=True)

    def _same(self, run: CadenceRun, *, paused: str, due_at: datetime | None) -> CadenceRun:
        return run if run.paused == paused and run.due_at == due_at else replace(run, paused=paused, due_at=due_at)


def _remind(step: Step, due: datetime | None, now: datetime) -> datetime | None:
    """When the CRM reminds of it (C8), not before now."""
    if due is None or step.remind_minutes is None:
        return None
    return max(due - timedelta(minutes=step.remind_minutes), min(now, due))
