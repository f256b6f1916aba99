"""What a simulated playbook asks of a team, beside what the modelled reps made of it: touches per rep and working day, and how many leads a week it has time for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from crmsync.decide.cadence import OURS
from crmsync.decide.cadence_when import schedule_of
from crmsync.decide.worktime import around_the_clock
from crmsync.insight.sim_figures import handed, workdays
from crmsync.insight.sim_people import Rep
from crmsync.model.link import PersonState
from crmsync.model.record import User
from crmsync.model.rules import Playbook
from crmsync.model.work import CadenceRun
from crmsync.store import Store

_WEEK = timedelta(weeks=1)
Done = Sequence[tuple[datetime, str]]
"""Tasks that reps completed: when, and the task's key."""
Spent = Sequence[tuple[datetime, float]]
"""Work on leads: when it was done, and the minutes that it took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekDemand:
    """One simulated week, the first is 1. handed: leads that came to the team. asked: touches that fell due by the schedules of the cadences that ran; made: touches of cadences
    that were made; days: of work of all reps together. busy: minutes that tasks and replies took them; time: minutes that they had for that (working time without other work)."""

    week: int
    handed: int
    asked: int
    made: int
    days: int
    busy: float = 0.0
    time: float = 0.0

    @property
    def asked_a_day(self) -> float:
        """Per rep and working day."""
        return self.asked / self.days if self.days else 0.0

    @property
    def made_a_day(self) -> float:
        """Per rep and working day."""
        return self.made / self.days if self.days else 0.0

    @property
    def share(self) -> float | None:
        """Of the time they had, how much was used (1: all of it); None of none."""
        return self.busy / self.time if self.time else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """weeks: in order. longest: days from the handoff to the last touch of the longest cadence: for so long the work of a steady stream of leads grows."""

    weeks: tuple[WeekDemand, ...] = ()
    longest: int = 0

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
        """Leads a week for whose touches, all of them made, the team has the time: at the minutes that a touch took in the last week, replies and calls that connected included. None when that is
        not known: nothing was asked for, or nothing made."""
        last = self.last
        if last is None or not last.made or not last.busy or not self.touches_a_lead:
            return None
        return last.time / (last.busy / last.made) / self.touches_a_lead


def demand_of(
    store: Store,
    playbook: Playbook,
    *,
    reps: Sequence[Rep],
    users: Mapping[str, User],
    done: Done,
    spent: Spent,
    other: float,
    start: datetime,
    weeks: int,
) -> Demand:
    """From what crmsync has stored, and what reps did. users: house owner id -> user, absences included. done: tasks of any kind, also keys that are none of crmsync's. other: share of
    working time that goes elsewhere. start: a Monday at midnight (UTC)."""
    end = start + weeks * _WEEK
    people = handed(store)
    asked = Counter(_week(at, start) for state in people for at in asked_of(state, playbook, users, end))
    came = Counter(_week(state.handed_at, start) for state in people if state.handed_at is not None)
    known = store.touches.own({key for _, key in done})
    made = Counter(_week(at, start) for at, key in done if key in known and known[key].seen.kind in OURS)
    busy: dict[int, float] = defaultdict(float)
    for at, minutes in spent:
        busy[_week(at, start)] += minutes
    found = []
    for number in range(weeks):
        begins, ends = start + number * _WEEK, start + (number + 1) * _WEEK
        found.append(
            WeekDemand(
                week=number + 1, handed=came[number], asked=asked[number], made=made[number], busy=busy[number],
                days=sum(len(workdays(rep, begins, ends)) for rep in reps), time=sum(worked(rep, begins, ends) for rep in reps) * (1 - other),
            )
        )  # fmt: skip
    return Demand(weeks=tuple(found), longest=max((step.day for rule in playbook.cadences for step in rule.steps), default=0))


def worked(rep: Rep, start: datetime, end: datetime) -> float:
    """Minutes that they are at work between these moments."""
    ends = end if rep.leaves_at is None else max(start, min(end, rep.leaves_at))
    calendar = rep.calendar or around_the_clock()
    minutes = calendar.worked(start, ends)
    if rep.away is not None:
        gone, back = max(start, rep.away.start), min(ends, rep.away.end)
        minutes -= calendar.worked(gone, back) if gone < back else 0.0
    return minutes


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


def _week(at: datetime | None, start: datetime) -> int:
    return -1 if at is None else (at - start) // _WEEK
