"""What a simulated playbook asks of a team, beside what the modelled reps made of it: touches per rep and working day, and how many leads a week the team carries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from crmsync.decide.cadence import OURS
from crmsync.decide.cadence_when import schedule_of
from crmsync.decide.worktime import zone_of
from crmsync.insight.sim_figures import Sample, handed, workdays
from crmsync.insight.sim_people import Rep
from crmsync.model.link import PersonState
from crmsync.model.record import User
from crmsync.model.rules import Playbook
from crmsync.model.work import CadenceRun
from crmsync.store import Store

_WEEK = timedelta(weeks=1)
Done = Sequence[tuple[datetime, str, str]]
"""Tasks that reps completed: when, who, the task's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekDemand:
    """One simulated week, the first is 1. handed: leads that came to the team. asked: touches that fell due by the schedules of the cadences that ran; made: touches of cadences
    that were made; days: of work of all reps together."""

    week: int
    handed: int
    asked: int
    made: int
    days: int

    @property
    def asked_a_day(self) -> float:
        """Per rep and working day."""
        return self.asked / self.days if self.days else 0.0

    @property
    def made_a_day(self) -> float:
        """Per rep and working day."""
        return self.made / self.days if self.days else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """weeks: in order. longest: days from the handoff to the last touch of the longest cadence: for so long the work of a steady stream of leads grows. days: working days of all reps;
    full: those of them that ended with a touch that was due and not made; pace: touches made on such a day (None: there was none)."""

    weeks: tuple[WeekDemand, ...] = ()
    longest: int = 0
    days: int = 0
    full: int = 0
    pace: float | None = None

    @property
    def last(self) -> WeekDemand | None:
        """The week that shows best what a steady stream of leads comes to; None when nobody worked in it."""
        return self.weeks[-1] if self.weeks and self.weeks[-1].days else None

    @property
    def growing(self) -> bool:
        """Whether leads of the first day are still in their cadence when the last week begins: more is to come than was simulated."""
        return (len(self.weeks) - 1) * 7 < self.longest

    @property
    def handed_a_week(self) -> float:
        """Leads that came to the team, per week of the simulation."""
        return sum(week.handed for week in self.weeks) / len(self.weeks) if self.weeks else 0.0

    @property
    def touches_a_lead(self) -> float | None:
        """Touches that fell due in the last week for each lead of a mean week; None when no lead came."""
        return self.last.asked / self.handed_a_week if self.last is not None and self.handed_a_week else None

    @property
    def carries(self) -> float | None:
        """Leads a week whose touches the team could make, with the days it worked in the last week, if every rep made on each day as many as on a full one. None when that is not
        known: nothing was asked for, or no day was full."""
        if self.pace is None or self.last is None or not self.touches_a_lead:
            return None
        return self.pace * self.last.days / self.touches_a_lead


def demand_of(
    store: Store, playbook: Playbook, *, reps: Sequence[Rep], users: Mapping[str, User], done: Done, samples: Sequence[Sample], start: datetime, weeks: int
) -> Demand:  # fmt: skip
    """From what crmsync has stored, and what reps completed. users: house owner id -> user, absences included. done: tasks of any kind, also keys that are none of crmsync's. start: a Monday at
    midnight (UTC)."""
    end = start + weeks * _WEEK
    states = [state for state in handed(store) if state.cadence is not None]
    asked = Counter(_week(at, start) for state in states for at in asked_of(state, playbook, users, end))
    came = Counter(_week(state.handed_at, start) for state in handed(store) if state.handed_at is not None)
    known = store.touches.own({key for _, _, key in done})
    touches = [(at, rep) for at, rep, key in done if key in known and known[key].seen.kind in OURS]
    made = Counter(_week(at, start) for at, _ in touches)
    days = {
        number: sum(len(workdays(rep, start + number * _WEEK, start + (number + 1) * _WEEK)) for rep in reps) for number in range(weeks)
    }
    full = full_days(reps, samples, start, end)
    zones = {rep.email: zone_of(rep.zone) for rep in reps}
    on_full = sum(1 for at, rep in touches if (rep, at.astimezone(zones[rep]).date()) in full)
    return Demand(
        weeks=tuple(
            WeekDemand(week=number + 1, handed=came[number], asked=asked[number], made=made[number], days=days[number]) for number in range(weeks)
        ),
        longest=max((step.day for rule in playbook.cadences for step in rule.steps), default=0),
        days=sum(days.values()), full=len(full), pace=on_full / len(full) if full else None,
    )  # fmt: skip


def asked_of(state: PersonState, playbook: Playbook, users: Mapping[str, User], end: datetime) -> Iterator[datetime]:
    """When the touches of somebody's newest cadence fell due by its schedule, as if each one had been made when it was due: while the cadence ran, and before `end`. One that was
    made earlier was due at the end of the cadence at the latest; one that a condition left out never."""
    run = state.cadence
    rule = next((one for one in playbook.cadences if run is not None and one.name == run.name), None)
    if run is None or rule is None:
        return
    schedule = schedule_of(state.owner or "", rule, users, playbook.hours, playbook.routing.outside_hours)
    fresh = CadenceRun(name=run.name, started_at=run.started_at)
    until = min(run.ended_at or end, end)
    for index in range(len(rule.steps)):
        if index not in run.skipped:
            at, _ = schedule.due(fresh, index, ())
            if index < run.step or at < until:
                yield min(at, until)


def full_days(reps: Iterable[Rep], samples: Sequence[Sample], start: datetime, end: datetime) -> set[tuple[str, date]]:
    """(rep, day by their clock) of the working days at the end of which a task was still due. The end: the first sample after which they work no more that day."""
    found: set[tuple[str, date]] = set()
    for rep in reps:
        zone, days = zone_of(rep.zone), set(workdays(rep, start, end))
        for sample in samples:
            day = sample.at.astimezone(zone).date()
            if day not in days:
                continue
            later = rep.next_work(sample.at)
            if later is None or later.astimezone(zone).date() > day:
                days.discard(day)
                if sample.due.get(rep.email, 0):
                    found.add((rep.email, day))
    return found


def _week(at: datetime | None, start: datetime) -> int:
    return -1 if at is None else (at - start) // _WEEK
