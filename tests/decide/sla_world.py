"""A person under SLA clocks, played decision by decision; and working minutes counted one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crmsync.decide.sla import SlaVerdict, clocks
from crmsync.model.absence import Away
from crmsync.model.alert import Alert
from crmsync.model.followup import SlaRules
from crmsync.model.link import PersonState, Signal, StageEntry
from crmsync.model.process import TypeRule
from crmsync.model.record import User
from crmsync.model.rules import WorkingHours
from crmsync.model.work import Clock, Touch

MON = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""A Monday, when work begins."""
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
RITA, SAM = "rita@acme.example", "sam@acme.example"
DIRECT = TypeRule(type="direct_request", respond_minutes=10, breach_minutes=240, channel="call")
SHORT = SlaRules(at_risk=(0.5, 0.8))


def user(house: str, zone: str = "UTC", away: Sequence[Away] = (), **more: Any) -> User:
    return User(side="salesforce", id=house, email=house, name=house, time_zone=zone, away=tuple(away), **more)


USERS: Mapping[str, User] = {RITA: user(RITA), SAM: user(SAM)}


def touch(at: datetime, id: str = "t1") -> Touch:
    return Touch(twin_id=id, at=at, channel="call", owner=RITA)


def signal(type: str, at: datetime) -> Signal:
    return Signal(event_id=f"{type}{at}", type=type, at=at)


@dataclass
class Case:
    """One person. state: as stored after the last look; alerts: all that were asked for, in turn."""

    state: PersonState = field(default_factory=lambda: PersonState(person_id="ann"))
    sla: SlaRules = SHORT
    rule: TypeRule | None = DIRECT
    users: Mapping[str, User] = field(default_factory=lambda: USERS)
    hours: WorkingHours = field(default_factory=WorkingHours)
    touches: list[Touch] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    start_from: datetime = MON - 30 * DAY
    alerts: list[Alert] = field(default_factory=list)
    last: SlaVerdict = field(default_factory=SlaVerdict)
    changes: dict[str, Any] = field(default_factory=dict)

    def enter(self, at: datetime, *stages: str) -> Case:
        """Enters these stages at that moment, with the next look."""
        known = tuple(self.changes.get("stages", self.state.stages))
        for stage in stages:
            previous = known[-1].stage if known else "lead"
            known = (*known, StageEntry(stage=stage, previous=previous, at=at, cause="", who="engine"))
        return self.set(stages=known)

    def hand(self, at: datetime, owner: str = RITA) -> Case:
        """Qualified and handed off at one moment."""
        return self.enter(at, "mql", "sal").set(handed_at=at, assigned_at=at, owner=owner, owner_by="router")

    def owned(self, at: datetime, owner: str, by: str = "hand", **more: Any) -> Case:
        return self.set(owner=owner, owner_by=by, assigned_at=at, **more)

    def set(self, **changes: Any) -> Case:
        self.changes |= changes
        return self

    def look(self, now: datetime) -> SlaVerdict:
        state = replace(self.state, **self.changes)
        self.changes = {}
        given: dict[str, Any] = {"who": "Ann Lee (Acme)", **self.more}
        self.last = clocks(
            before=self.state, state=state, sla=self.sla, rule=self.rule, touches=self.touches, signals=self.signals, users=self.users,
            hours=self.hours, now=now, start_from=self.start_from, **given,
        )  # fmt: skip
        self.state = replace(state, clocks=self.last.clocks)
        self.alerts += self.last.alerts
        return self.last

    def clock(self, kind: str = "response") -> Clock:
        return next(clock for clock in self.state.clocks if clock.kind == kind)

    def told(self) -> list[tuple[str, datetime]]:
        return [(alert.kind, alert.at) for alert in self.alerts]


def counted(
    start: datetime,
    end: datetime,
    zone: str = "UTC",
    days: Sequence[int] = (0, 1, 2, 3, 4),
    opens: int = 540,
    closes: int = 1020,
    step: int = 1,
) -> int:
    """Working minutes between two moments, looked at one by one (or in steps, where everything happens at such) by the clock on the wall."""
    local, found, at = ZoneInfo(zone), 0, start
    while at < end:
        wall = at.astimezone(local)
        found += wall.weekday() in days and opens <= wall.hour * 60 + wall.minute < closes
        at += step * MINUTE
    return found * step
