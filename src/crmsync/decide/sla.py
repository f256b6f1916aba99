"""SLA clocks (process.md section 6): what is owed for a person, until when, and what follows when time runs out.

Clocks are reckoned from what happened, never from when somebody looked: a share, a deadline, the end of a pause that passed between two looks counts at
its own moment. Each of a clock's effects happens once: `Clock.told` holds the shares that were told, 1.0 stands for the breach.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from crmsync.decide.lifecycle import stage_of
from crmsync.decide.sla_facts import LEFT, Fact, begun, conversations, fact_of, left_at, newest, second
from crmsync.decide.sla_run import Pause, Run, run_of
from crmsync.decide.sla_text import at_risk, breach
from crmsync.decide.worktime import around_the_clock, calendar_of, zone_of
from crmsync.model.alert import Alert
from crmsync.model.copies import replace
from crmsync.model.followup import SlaRules, Window
from crmsync.model.link import PersonState, Signal
from crmsync.model.process import TypeRule
from crmsync.model.record import User
from crmsync.model.rules import WorkingHours
from crmsync.model.work import HANDOFF, MET, QUEUE, RESPONSE, SQL, Clock, Touch

NONE, ON_TRACK, RISKY, LATE, DONE, PAUSED = "none", "on_track", "at_risk", "breached", "met", "paused"
"""Options of crmsync_sla_status."""
WORKED = ("sal", "sql")
BEYOND = ("opportunity", "customer")
ROUTER = "router"
BREACHED_SHARE = 1.0
REASSIGNED = "reassigned"
_RANK = {kind: place for place, kind in enumerate((RESPONSE, SQL, HANDOFF, QUEUE))}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaVerdict:
    """clocks: the newest of each kind (the very tuple that was given when nothing changed). over: those that a reassignment ended now. status, due_at:
    for crmsync_sla_status and crmsync_sla_due. first_response_at, touches: since the handoff. alerts: what passed, oldest first. next_due_at:
    when the next share, deadline or pause's end comes (UTC; None: never). breached_now: the response clock's breach was noticed now, and it is still owed."""

    clocks: tuple[Clock, ...] = ()
    over: tuple[Clock, ...] = ()
    status: str = NONE
    due_at: datetime | None = None
    first_response_at: datetime | None = None
    touches: int = 0
    alerts: tuple[Alert, ...] = ()
    next_due_at: datetime | None = None
    breached_now: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """What a look at one clock gives."""

    clock: Clock
    alerts: tuple[Alert, ...] = ()
    next_at: datetime | None = None
    breached: bool = False


def clocks(
    *,
    before: PersonState,
    state: PersonState,
    sla: SlaRules,
    rule: TypeRule | None,
    touches: Sequence[Touch],
    signals: Sequence[Signal],
    users: Mapping[str, User],
    hours: WorkingHours,
    now: datetime,
    start_from: datetime,
    queue: Window | None = None,
    meetings: Sequence[datetime] = (),
    who: str = "",
    moves_on: bool = False,
) -> SlaVerdict:
    """How the clocks of one person stand at `now` (UTC). Pure and total.

    before: the person as stored; its clocks are continued. state: the same after stage and owner were decided, `handed_at`, `assigned_at` and `queued_at`
    included. rule: of their MQL type. touches: completed ones, in any order. users: house owner id -> user, absences included. queue: within which somebody who
    waits for an owner gets one. meetings: ends of the meetings planned with them. who: name for alerts. moves_on: whether a breach of the response
    clock has the person go to the next rep (R7).

    Who was qualified before `start_from` has no clocks (section 9a). A clock keeps the window it began with. An owner who changes takes over what is left, in
    their own working time; an owner whom the router put in place of another (R7) begins a
    new response clock.
    """
    since = state.handed_at
    touched = sorted(min(t.at, now) for t in touches if since is not None and t.at >= second(since))
    watch = _Watch(
        state=state, sla=sla, rule=rule, users=users, hours=hours, at=now, start_from=start_from, who=who, moves_on=moves_on,
        touched=tuple(touched), pauses=tuple(conversations(signals, meetings, since, sla, now)), queue=queue,
        known_stages=len(before.stages),
    )  # fmt: skip
    given = {clock.kind: clock for clock in before.clocks}
    over: list[Fact] = []
    facts = {HANDOFF: watch.handoff(given.get(HANDOFF)), RESPONSE: watch.response(given.get(RESPONSE), over)}
    facts |= {SQL: watch.sql(given.get(SQL)), QUEUE: watch.queued(given.get(QUEUE))}
    ended = [watch.turned(fact) for fact in over]
    turns = [watch.turned(fact) for fact in facts.values() if fact is not None]
    found = tuple(turn.clock for turn in turns)
    if len(found) == len(before.clocks) and all(clock in before.clocks for clock in found):
        found = before.clocks
    alerts = sorted((alert for turn in (*ended, *turns) for alert in turn.alerts), key=lambda alert: alert.at)
    running = [clock for clock in found if clock.open]
    return SlaVerdict(
        clocks=found, over=tuple(turn.clock for turn in ended), status=_status(found, stage_of(state)),
        due_at=min((clock.due_at for clock in running if clock.due_at is not None), default=None),
        first_response_at=touched[0] if touched else None, touches=len(touched), alerts=tuple(alerts),
        next_due_at=min((turn.next_at for turn in turns if turn.next_at is not None), default=None),
        breached_now=any(turn.breached and turn.clock.kind == RESPONSE and turn.clock.open for turn in turns),
    )  # fmt: skip


def replaced(clock: Clock, at: datetime, *, users: Mapping[str, User], hours: WorkingHours, now: datetime, late_minutes: float) -> Clock:
    """An open clock as it ended at that moment, when another of its kind took its place: as `clocks` gives it in `over`, from what the clock itself tells."""
    breached_at = clock.breached_at
    if breached_at is None and clock.due_at is not None and clock.due_at <= at:
        breached_at = clock.due_at
    used = clock.used
    if clock.running_since is not None:
        calendar = calendar_of(users.get(clock.owner or ""), hours) if clock.working else around_the_clock()
        used += calendar.worked(clock.running_since, at)
    long_ago = breached_at is not None and clock.breached_at is None and now - breached_at >= timedelta(minutes=max(late_minutes, 0.0))
    return replace(
        clock, breached_at=breached_at, late=clock.late or long_ago, used=used, running_since=None, paused="", ended_at=at, ended=REASSIGNED,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watch:
    """One person's matter at one moment."""

    state: PersonState
    sla: SlaRules
    rule: TypeRule | None
    users: Mapping[str, User]
    hours: WorkingHours
    at: datetime
    start_from: datetime
    who: str
    moves_on: bool
    touched: tuple[datetime, ...]
    pauses: tuple[Pause, ...]
    queue: Window | None
    known_stages: int

    # --- which clocks there are ---

    def handoff(self, known: Clock | None) -> Fact | None:
        """A1: from the newest qualification to the handoff."""
        index = newest(self.state.stages, "mql")
        entry = self.state.stages[index] if index is not None else None
        if index is None or entry is None or self.state.historic or entry.at < self.start_from:
            return self._still(known)
        done = self.state.handed_at if self.state.handed_at is not None and self.state.handed_at >= entry.at else None
        left = left_at(self.state.stages, index + 1, ("mql",))
        if known is None or known.started_at != entry.at:
            if self.sla.handoff is None or not self._new(index) or (done is None and left is not None):
                return self._still(known)
            known = begun(HANDOFF, entry.at, self.sla.handoff)
        return fact_of(known, done, left)

    def response(self, known: Clock | None, over: list[Fact]) -> Fact | None:
        """A2: from the handoff, or the reassignment by the router (R7), to the first completed touch. over: takes the clock that a reassignment ends."""
        state = self.state
        if state.handed_at is None or state.historic:
            return self._still(known)
        index = newest(state.stages, "mql", state.handed_at)
        left = left_at(state.stages, 0 if index is None else index + 1, WORKED, state.handed_at)
        done = self.touched[0] if self.touched else None
        if known is None or known.started_at < state.handed_at:
            if state.handed_at < self.start_from:
                return self._still(known)
            return fact_of(begun(RESPONSE, state.handed_at, self._window(), state.owner), done, left)
        moved = state.assigned_at
        if moved is not None and moved > known.started_at and state.owner_by == ROUTER and state.owner != known.owner:
            last = fact_of(known, done, left)
            if known.open and (last.stop is None or last.stop >= moved):
                over.append(replace(last, left=moved, why=REASSIGNED))
                known = begun(RESPONSE, moved, self._window(), state.owner)
        return fact_of(self._owned(known), done, left)

    def sql(self, known: Clock | None) -> Fact | None:
        """A2: from sql to the next completed touch or a stage beyond."""
        stages = self.state.stages
        index = newest(stages, "sql")
        if index is None or self.state.historic or stages[index].previous is None or stages[index].at < self.start_from:
            return self._still(known)
        entry = stages[index]
        beyond = stages[index + 1] if index + 1 < len(stages) else None
        done = [at for at in self.touched if at >= second(entry.at)][:1]
        if beyond is not None and beyond.stage in BEYOND:
            done.append(beyond.at)
        if known is None or known.started_at != entry.at:
            if self.sla.sql is None or not self._new(index):
                return self._still(known)
            known = begun(SQL, entry.at, self.sla.sql, self.state.owner)
        return fact_of(self._owned(known), min(done, default=None), left_at(stages, index + 1, ("sql", *BEYOND)))

    def queued(self, known: Clock | None) -> Fact | None:
        """R5: from when nobody could be had to an owner."""
        at, owner = self.state.queued_at, self.state.owner
        if at is None:
            if known is None or not known.open:
                return self._still(known)
            given = self.state.assigned_at or self.at
            return fact_of(known, given if owner is not None else None, None if owner is not None else (self.at, LEFT))
        if known is None or known.started_at != at:
            return fact_of(begun(QUEUE, at, self.queue), None, None) if self.queue is not None else self._still(known)
        return fact_of(known, None, None)

    def _window(self) -> Window:
        rule = self.rule
        if rule is None:
            return self.sla.response
        if rule.breach_minutes is not None:
            return Window(minutes=rule.breach_minutes, working=rule.breach_working_time)
        return Window(minutes=rule.respond_minutes, working=rule.working_time)

    def _still(self, clock: Clock | None) -> Fact | None:
        """A clock whose occasion is no more: whatever still runs of it is over."""
        if clock is None:
            return None
        return fact_of(clock, None, (self.at, LEFT) if clock.open else None)

    def _new(self, index: int) -> bool:
        """Whether the person entered that stage in this very decision: rules that are switched on later start no clocks for what is long past."""
        return index >= self.known_stages

    def _owned(self, clock: Clock) -> Clock:
        """The clock in the hours of whoever owns the person now; what has run stays."""
        owner = self.state.owner
        if not clock.open or clock.owner == owner:
            return clock
        last = clock.earlier[-1][0] if clock.earlier else clock.started_at
        at = self.state.assigned_at if self.state.assigned_at is not None and owner is not None else self.at
        until = min(max(at, last), max(self.at, last))
        return replace(clock, owner=owner, earlier=(*clock.earlier, (until, clock.owner)))

    # --- how one stands ---

    def turned(self, fact: Fact) -> _Turn:
        """The clock as it stands now, and what passed since somebody looked last."""
        clock, now = fact.clock, self.at
        sales = clock.kind in (RESPONSE, SQL)
        pauses = tuple(pause for pause in self.pauses if pause.end > clock.started_at) if sales else ()
        if not clock.open:
            return _Turn(clock=self._touched_before(fact, pauses))
        run, covered = run_of(clock, users=self.users, hours=self.hours, now=now, pauses=pauses, covers=sales)
        deadline, stop = run.reaches(clock.minutes), fact.stop
        horizon = max(now, clock.started_at, clock.breached_at or now) if stop is None else stop
        # What is done at the deadline is in time; who waited until then did wait too long, for that is when the fallback owner or the next rep gets them.
        waited = stop is None or clock.kind == QUEUE or (not fact.met and fact.why == REASSIGNED)
        over = deadline <= horizon if waited else deadline < horizon
        alerts, shares, waits = self._shares(clock, run, horizon, stop, deadline)
        fresh = over and BREACHED_SHARE not in clock.told
        if fresh:
            shares.append(BREACHED_SHARE)
            alerts.append(self._breach(fact, deadline))
        breached_at = None
        if over:
            kept = clock.breached_at is not None and (stop is None or clock.breached_at <= stop)
            breached_at = clock.breached_at if kept else deadline
        changed = replace(
            clock, told=tuple(sorted({*clock.told, *shares})), breached_at=breached_at,
            late=over and (clock.late or (fresh and self._lateness(deadline) is not None)), covered=covered,
        )  # fmt: skip
        if stop is not None:
            changed = replace(
                changed, used=run.worked(stop), running_since=None, paused="", due_at=deadline, ended_at=stop,
                met_at=stop if fact.met else None, ended=MET if fact.met else fact.why,
            )  # fmt: skip
            return _Turn(clock=changed, alerts=tuple(alerts), breached=fresh)
        at = max(now, clock.started_at)
        paused = run.paused(at)
        since = run.since(at)
        changed = replace(
            changed, paused=paused, running_since=None if paused else since, used=run.worked(at if paused else since),
            due_at=None if paused and not over else deadline,
        )  # fmt: skip
        turn = run.turns(at)
        if not over:
            waits += [deadline, *([turn] if turn is not None else [])]
        return _Turn(clock=changed, alerts=tuple(alerts), next_at=min((w for w in waits if w > now), default=None), breached=fresh)

    def _touched_before(self, fact: Fact, pauses: tuple[Pause, ...]) -> Clock:
        """A clock that is over, unless what it asked for turns out to have been done earlier: a touch logged elsewhere came late. A breach after
        that was none."""
        clock, done = fact.clock, fact.done
        if done is None or clock.ended_at is None or done > clock.ended_at or done == clock.met_at:
            return clock
        run, _ = run_of(clock, users=self.users, hours=self.hours, now=self.at, pauses=pauses, covers=bool(clock.covered))
        stands = clock.breached_at is not None and clock.breached_at < done
        return replace(
            clock, met_at=done, ended_at=done, ended=MET, used=run.worked(done), breached_at=clock.breached_at if stands else None,
            late=clock.late and stands,
        )  # fmt: skip

    def _shares(
        self, clock: Clock, run: Run, horizon: datetime, stop: datetime | None, deadline: datetime
    ) -> tuple[list[Alert], list[float], list[datetime]]:
        """(alerts, shares) that passed and were not told yet, and when others pass. Nobody hears of what is over."""
        alerts: list[Alert] = []
        passed: list[float] = []
        waits: list[datetime] = []
        for share in self.sla.at_risk:
            if share in clock.told or not 0.0 < share < BREACHED_SHARE:
                continue
            at = run.reaches(clock.minutes * share)
            if at > horizon or (stop is not None and at >= stop):
                waits.append(at)
                continue
            passed.append(share)
            if stop is None and clock.kind != QUEUE:
                alerts.append(
                    at_risk(
                        clock, at=at, share=share, due=deadline, who=self.who, owner=self._about(clock), zone=self._zone(clock),
                        late=self._lateness(at),
                    )
                )  # fmt: skip
        return alerts, passed, waits

    def _breach(self, fact: Fact, deadline: datetime) -> Alert:
        clock = fact.clock
        return breach(
            clock, at=deadline, who=self.who, owner=self._about(clock), zone=self._zone(clock), late=self._lateness(deadline),
            done=fact.stop if fact.met else None, moves_on=self.moves_on and clock.kind == RESPONSE and self._moves(),
        )  # fmt: skip

    def _moves(self) -> bool:
        """Whether the router may give them to another: an owner by hand keeps them (R6), and so does one who got as far as sql."""
        return self.state.owner_by == ROUTER and stage_of(self.state) == WORKED[0]

    def _about(self, clock: Clock) -> str | None:
        return clock.owner if clock.kind in (RESPONSE, SQL) else self.state.owner

    def _zone(self, clock: Clock) -> tzinfo:
        user = self.users.get(self._about(clock) or "")
        return zone_of(user.time_zone if user is not None else None, self.hours.time_zone)

    def _lateness(self, at: datetime) -> timedelta | None:
        """How long ago that was, None where it is not long (A8)."""
        ago = self.at - at
        return ago if ago >= timedelta(minutes=max(self.sla.late_minutes, 0.0)) and ago > timedelta() else None


def _status(found: Sequence[Clock], stage: str | None) -> str:
    running = sorted((clock for clock in found if clock.open), key=lambda clock: _RANK[clock.kind])
    if any(clock.breached_at is not None for clock in running):
        return LATE
    if running:
        first = running[0]
        return PAUSED if first.paused else RISKY if any(share < BREACHED_SHARE for share in first.told) else ON_TRACK
    met = any(clock.met_at is not None for clock in found if clock.kind in (RESPONSE, SQL))
    return DONE if met and stage in (*WORKED, *BEYOND) else NONE
