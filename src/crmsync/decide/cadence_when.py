"""When a touch of a cadence is due, and with whom (process.md C3, C5): in working hours, and not while its owner is away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from crmsync.decide.presence import Presence, cover_of, presence_of
from crmsync.decide.worktime import Calendar, calendar_of, zone_of
from crmsync.model.followup import Cadence
from crmsync.model.record import User
from crmsync.model.rules import WorkingHours
from crmsync.model.work import CadenceRun, Touch

ABSENCES = 100
"""More absences than lie one after the other in anybody's calendar."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The days of one owner's touches, by their clock."""

    owner: str
    rule: Cadence
    users: Mapping[str, User]
    hours: WorkingHours
    calendar: Calendar
    presence: Presence

    def due(self, run: CadenceRun, index: int, touches: Sequence[Touch], floor: datetime | None = None) -> tuple[datetime, str]:
        """When that touch is due (UTC) and who makes it: the owner, or their cover. On its day at the time of the handoff, or at the start of that working
        day; after the last touch; not on one day with the one before on the same channel, unless the schedule has it so; not before `floor`."""
        step = self.rule.steps[index]
        at = self._on(self._day(run.started_at, step.day), run.started_at)
        if run.last_at is not None:
            at = max(at, run.last_at)
            alike = [t.at for t in touches if t.channel == step.channel and run.started_at <= t.at <= run.last_at]
            last = max([run.last_at, *alike]) if run.last_channel == step.channel else max(alike, default=None)
            planned = index > 0 and self.rule.steps[index - 1].day >= step.day
            if last is not None and not planned and self._local(at).date() <= self._local(last).date():
                at = self._on(self._local(last).date() + _DAY, run.started_at)
        return self.placed(max(at, floor) if floor is not None else at)

    def placed(self, at: datetime) -> tuple[datetime, str]:
        """The first moment from `at` on in working hours at which somebody is there for the owner's persons, and who that is."""
        for _ in range(ABSENCES):
            who, there = self.there(at)
            calendar = self.calendar if who == self.owner else calendar_of(self.users.get(who), self.hours)
            opens = calendar.opens(there) or there
            if opens == at or who != self.owner:
                return opens, who
            at = opens
        return at, self.owner

    def there(self, at: datetime) -> tuple[str, datetime]:
        """Who is there for the owner's persons, and from when on, whatever the hours: the owner, their cover, or the owner when back."""
        for _ in range(ABSENCES):
            away = self.presence.away(at)
            if away is None:
                break
            cover = cover_of(self.owner, self.users, at)
            if cover is not None:
                return cover, at
            at = away.end
        return self.owner, at

    def _day(self, started_at: datetime, number: int) -> date:
        """The local calendar day of day `number`; 1 is the day of the handoff."""
        first, later = self._local(started_at).date(), max(0, number - 1)
        if not self.rule.working_days:
            return first + later * _DAY
        day = first
        for _ in range(later):
            opens = self.calendar.opens(self._moment(day + _DAY, time()))
            if opens is None:  # a calendar without working time: days are days
                return first + later * _DAY
            day = self._local(opens).date()
        return day

    def _on(self, day: date, started_at: datetime) -> datetime:
        """That day at the local time of the handoff; outside of the working hours the first working moment from the day's start on."""
        at = self._moment(day, self._local(started_at).time().replace(second=0, microsecond=0))
        if self.calendar.open(at):
            return at
        return self.calendar.opens(self._moment(day, time())) or at

    def _moment(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, tzinfo=zone_of(self.calendar.zone)).astimezone(UTC)

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(zone_of(self.calendar.zone))


def schedule_of(owner: str, rule: Cadence, users: Mapping[str, User], hours: WorkingHours, outside_hours: str) -> Schedule:
    """The schedule of that house owner id; of somebody unknown by the playbook's hours."""
    user = users.get(owner)
    calendar, presence = calendar_of(user, hours), presence_of(user, hours, outside_hours)
    return Schedule(owner=owner, rule=rule, users=users, hours=hours, calendar=calendar, presence=presence)
