"""Who works a person, and when somebody else has to (process.md R4-R8): the first owner, the queue, reassignment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from crmsync.decide.alerts import fell_back, no_owner, pool_used_up, reassigned
from crmsync.decide.condition import Lists
from crmsync.decide.lifecycle import entered
from crmsync.decide.route import route
from crmsync.decide.text import one_line
from crmsync.decide.who import who
from crmsync.decide.worktime import around_the_clock, calendar_of
from crmsync.model.alert import Alert
from crmsync.model.copies import replace
from crmsync.model.floor import Floor
from crmsync.model.link import PersonState, Signal
from crmsync.model.record import Fields, User
from crmsync.model.rules import Playbook
from crmsync.model.verdict import AccountMatch, RouteVerdict
from crmsync.model.work import FELL_BACK, FROM_QUEUE, HANDED, REASSIGNED, RESPONSE, Assignment, Touch

ROUTER = "router"
RETRY = timedelta(minutes=15)
"""A person for whom there is nobody at all is looked at again after this: a pool may have members then."""
JOINED = timedelta(hours=1)
"""Whoever has nobody else in their pool keeps the person, and whether somebody joined is looked at again after this."""
WORKED = ("sal", "sql")
"""Stages in which a rep works a person."""
CONVERSATION = frozenset({"email_reply", "meeting_booked", "demo_booked", "meeting_held"})
"""Signals of a conversation with sales (A7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How an owner is found; asked only when one is needed. floor: the pools as they stand. account: the account of the person's company."""

    floor: Callable[[], Floor]
    account: Callable[[], AccountMatch | None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of looking. owner: None: nobody yet. floor: the pools afterwards (None: untouched). due: when to look again (UTC)."""

    state: PersonState
    owner: str | None = None
    floor: Floor | None = None
    alerts: tuple[Alert, ...] = ()
    problems: tuple[str, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    due: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """One person's matter at the moment `at` (UTC): who may work them."""

    playbook: Playbook
    users: Mapping[str, User]
    facts: Fields
    lists: Lists
    signals: Sequence[Signal]
    at: datetime
    ways: Ways
    touches: Sequence[Touch] = ()

    # --- the first owner (R1-R5) ------------------------------------------------------------------------------------------

    def first(self, state: PersonState, *, hot: bool, standing: str | None) -> Found:
        """An owner for a person who is handed over now. standing: a usable owner whom they have already (R6)."""
        mql_at, queued = entered(state, "mql") or self.at, state.queued_at or self.at
        deadline = self._queue_ends(queued)
        verdict = self._route(state, hot=hot, owner=standing, wait=deadline is None or deadline > self.at)
        owner, reason = verdict.owner, verdict.reason
        problems: tuple[str, ...] = ()
        alerts: tuple[Alert, ...] = ()
        if verdict.problem:
            problems = (f"{'no' if owner is None else 'fallback'} owner: {verdict.problem}",)
            if owner is None:
                alerts = (no_owner(who=who(self.facts), problem=verdict.problem, at=mql_at),)
        if owner is None:
            until = verdict.waits_until
            due = (
                until if until is not None and until > self.at else self.at + RETRY
            )  # nobody can say when: a lead is closed, a rep is hired
            if deadline is not None and deadline > self.at:
                due = min(due, deadline)
            return Found(state=replace(state, queued_at=queued, owner_reason=reason), alerts=alerts, problems=problems, due=due)
        if verdict.fell_back:
            alerts = (*alerts, fell_back(who=who(self.facts), owner=owner, reason=reason, at=mql_at))
        routed = owner != standing
        after = replace(
            state, owner=owner, owner_by=ROUTER if routed else state.owner_by, owner_reason=reason, assigned_at=self.at, handed_at=self.at,
            pool=verdict.pool, rule=verdict.rule, tried=(owner,), queued_at=None, owner_was=None,
        )  # fmt: skip
        cause = FELL_BACK if verdict.fell_back else FROM_QUEUE if state.queued_at is not None else HANDED
        return Found(
            state=after, owner=owner, floor=verdict.floor, alerts=alerts, problems=problems,
            assignments=(self._row(state, after, cause),),
        )  # fmt: skip

    def _route(self, state: PersonState, *, hot: bool, owner: str | None, wait: bool, tried: Sequence[str] = ()) -> RouteVerdict:
        return route(
            floor=self.ways.floor(), routing=self.playbook.routing, facts=self.facts, lists=self.lists, signals=self.signals, now=self.at,
            users=self.users, mql_type=state.mql_type or "", account=self.ways.account() if owner is None else None, hot=hot, tried=tried,
            owner=owner, wait=wait,
        )  # fmt: skip

    def _queue_ends(self, since: datetime) -> datetime | None:
        routing = self.playbook.routing
        if routing.queue_minutes is None:
            return None
        calendar = calendar_of(None, self.playbook.hours) if routing.queue_working_time else around_the_clock()
        return calendar.due(since, routing.queue_minutes)

    # --- the next one (R7) --------------------------------------------------------------------------------------------------

    def turns_at(self, state: PersonState, stage: str | None) -> datetime | None:
        """When the person goes to the next rep unless somebody works them (R7); None: never, or not while the response clock is paused. Nobody is relieved
        of what is not due yet: where the response time is longer, its deadline counts. An owner set by hand keeps them (R6)."""
        routing = self.playbook.routing
        if routing.reassign_minutes is None or not self._routed(state, stage) or stage != "sal" or self._touched(state):
            return None
        assert state.assigned_at is not None
        calendar = calendar_of(self.users.get(state.owner or ""), self.playbook.hours)
        if routing.reassign_working_time:
            over = calendar.due(state.assigned_at, routing.reassign_minutes)
        else:
            over = state.assigned_at + timedelta(minutes=routing.reassign_minutes)
        owed = next((clock for clock in state.clocks if clock.kind == RESPONSE and clock.open), None)
        if owed is not None:
            if owed.due_at is None:
                return None
            over = max(over, owed.due_at)
        return calendar.opens(over) or over  # nobody is relieved in the night, and nobody gets somebody then

    def unworked(self, state: PersonState, stage: str | None) -> bool:
        """Whether nobody has done anything about them since they were assigned by us."""
        return stage == "sal" and self._routed(state, stage) and not self._touched(state)

    def _routed(self, state: PersonState, stage: str | None) -> bool:
        return state.owner_by == ROUTER and state.assigned_at is not None and state.handed_at is not None and stage in WORKED

    def _touched(self, state: PersonState) -> bool:
        since = state.assigned_at
        assert since is not None
        return any(t.at >= since for t in self.touches) or any(s.type in CONVERSATION and s.at >= since for s in self.signals)

    def next(self, state: PersonState, why: str) -> Found:
        """The next rep by the rules of now, of the hot pool for whom that gave the last one (R4). why: in words, for the reason and the alerts. Nobody can be had: they
        stay, and are looked at again when somebody can."""
        former, at = state.owner, state.assigned_at or self.at
        tried = state.tried or ((former,) if former is not None else ())
        hot = state.pool != "" and state.pool == self.playbook.routing.hot
        verdict = self._route(state, hot=hot, owner=None, wait=True, tried=tried)
        user = self.users.get(former or "")
        lost = user is not None and not user.active
        # A rep who still can is not relieved by the fallback owner.
        if verdict.owner is None or (verdict.fell_back and not lost):
            problems = (f"no owner: {verdict.problem}",) if verdict.problem and lost else ()
            return Found(state=state, problems=problems, due=verdict.waits_until or self.at + RETRY)
        pass_on = verdict.owner
        if pass_on == former:
            alone = pool_used_up(who=who(self.facts), pool=verdict.pool, owner=former, at=at)
            return Found(state=state, alerts=(alone,), due=self.at + JOINED)
        shown = state.owner_was or former  # of several changes that a CRM missed, it shows the first
        after = replace(
            state, owner=pass_on, owner_by=ROUTER, owner_reason=one_line(f"{why}: {verdict.reason}", 255), assigned_at=self.at, pool=verdict.pool,
            rule=verdict.rule, tried=(pass_on,) if verdict.used_up else (*tried, pass_on), owner_was=former if shown == pass_on else shown,
        )  # fmt: skip
        alerts: tuple[Alert, ...] = (reassigned(who=who(self.facts), previous=former or "nobody", owner=pass_on, reason=why, at=self.at),)
        if verdict.used_up:
            alerts = (*alerts, pool_used_up(who=who(self.facts), pool=verdict.pool, owner=pass_on, at=at))
        floor = verdict.floor
        if floor is not None and former is not None:
            floor = floor.freed(former)
        return Found(state=after, owner=pass_on, floor=floor, alerts=alerts, assignments=(self._row(state, after, REASSIGNED),))

    def _row(self, before: PersonState, after: PersonState, cause: str) -> Assignment:
        return assignment(before, after, self.facts, self.at, cause)


def assignment(before: PersonState, after: PersonState, facts: Fields, at: datetime, cause: str) -> Assignment:
    """The change of owner between two states as it is kept (R8)."""
    assert after.owner is not None
    return Assignment(
        person_id=after.person_id, at=at, owner=after.owner, previous=before.owner if before.owner != after.owner else None, cause=cause,
        rule=after.rule, pool=after.pool, reason=after.owner_reason, mql_type=after.mql_type or "", source=str(facts.get("lead_source") or "")[:120],
    )  # fmt: skip
