"""What a simulation tells of each rep and each kind of reps beside the compliance report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from crmsync.decide.lifecycle import stage_of
from crmsync.decide.worktime import zone_of
from crmsync.insight.compliance import REP, Compliance, Measure
from crmsync.insight.share import Judged
from crmsync.insight.sim_assume import PERSONAS
from crmsync.insight.sim_people import Rep
from crmsync.model.link import PersonState
from crmsync.model.work import COVERED, FROM_QUEUE, HANDED, REASSIGNED
from crmsync.store import Store

ONGOING = "under way"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One moment. leads: rep -> persons in work whom they own; tasks: rep -> open tasks."""

    at: datetime
    leads: Mapping[str, int]
    tasks: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepFigures:
    """One rep. given: leads that were handed to them; taken_over: passed on to them by the router or as a cover; lost: passed on to others by the router. touches: made;
    workdays: days on which they worked; peak, average: of the leads in work they own. measure: of their turns, as in the compliance report (None: they had none)."""

    rep: str
    name: str
    persona: str
    given: int = 0
    taken_over: int = 0
    lost: int = 0
    touches: int = 0
    workdays: int = 0
    peak: int = 0
    average: float = 0.0
    whole: bool = True
    measure: Measure | None = None

    @property
    def touches_a_day(self) -> float:
        return self.touches / self.workdays if self.workdays else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaFigures(Judged):
    """All reps of one persona; kept and breached: turns. cadences: how those ended whose person is with one of them -> how many; outcomes: stage -> persons."""

    persona: str
    reps: int
    given: int
    lost: int
    touches: int
    workdays: int
    cadences: Mapping[str, int] = field(default_factory=dict)
    outcomes: Mapping[str, int] = field(default_factory=dict)

    @property
    def touches_a_day(self) -> float:
        return self.touches / self.workdays if self.workdays else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """qualified: persons who were handed over. spread: most minus fewest leads that the router gave to reps who were there all the time (None: fewer than two). samples: in order."""

    reps: tuple[RepFigures, ...]
    personas: tuple[PersonaFigures, ...]
    qualified: int
    spread: int | None
    cadences: Mapping[str, int]
    outcomes: Mapping[str, int]
    samples: tuple[Sample, ...]


def figures_of(
    store: Store, compliance: Compliance, *, reps: Sequence[Rep], start: datetime, end: datetime, samples: Sequence[Sample]
) -> Figures:
    """From what crmsync has stored. compliance: of the same time."""
    measures = {group.key: group.measure for group in compliance.groups.get(REP, ())}
    assignments = list(store.assignments.between(start, end + _DAY))
    touches = Counter(touch.owner for _, touch in store.touches.between(start, end + _DAY))
    given = Counter(row.owner for row in assignments if row.cause in (HANDED, FROM_QUEUE))
    taken = Counter(row.owner for row in assignments if row.cause in (REASSIGNED, COVERED))
    lost = Counter(row.previous for row in assignments if row.cause == REASSIGNED)
    rows = []
    for rep in reps:
        loads = [sample.leads.get(rep.email, 0) for sample in samples]
        rows.append(
            RepFigures(
                rep=rep.email, name=rep.name, persona=rep.persona_name, given=given[rep.email], taken_over=taken[rep.email], lost=lost[rep.email],
                touches=touches[rep.email], workdays=len(workdays(rep, start, end)), peak=max(loads, default=0),
                average=sum(loads) / len(loads) if loads else 0.0, whole=rep.away is None and rep.leaves_at is None, measure=measures.get(rep.email),
            )
        )  # fmt: skip
    states = handed(store)
    personas = {rep.email: rep.persona_name for rep in reps}
    routed = Counter(row.owner for row in assignments if row.cause in (HANDED, FROM_QUEUE, REASSIGNED))
    steady = [routed[row.rep] for row in rows if row.whole]
    return Figures(
        reps=tuple(rows),
        personas=tuple(_persona(name, rows, states, personas) for name in PERSONAS if name in personas.values()),
        qualified=len(states),
        spread=max(steady) - min(steady) if len(steady) > 1 else None,
        cadences=_endings(states),
        outcomes=dict(Counter(stage_of(state) or "" for state in states).most_common()),
        samples=tuple(samples),
    )


def _persona(name: str, rows: Sequence[RepFigures], states: Sequence[PersonState], personas: Mapping[str, str]) -> PersonaFigures:
    mine = [row for row in rows if row.persona == name]
    theirs = [state for state in states if personas.get(state.owner or "") == name]
    found = [row.measure for row in mine if row.measure is not None]
    return PersonaFigures(
        persona=name, reps=len(mine), given=sum(row.given for row in mine), lost=sum(row.lost for row in mine), touches=sum(row.touches for row in mine),
        workdays=sum(row.workdays for row in mine), kept=sum(one.kept for one in found), breached=sum(one.breached for one in found),
        cadences=_endings(theirs), outcomes=dict(Counter(stage_of(state) or "" for state in theirs).most_common()),
    )  # fmt: skip


def _endings(states: Iterable[PersonState]) -> dict[str, int]:
    runs = [state.cadence for state in states if state.cadence is not None]
    return dict(Counter(ONGOING if run.active else run.ended for run in runs).most_common())


def workdays(rep: Rep, start: datetime, end: datetime) -> list[date]:
    """Days by their clock on which they work at all, in order."""
    zone, days = zone_of(rep.zone), []
    at = rep.next_work(start)
    while at is not None and at < end:
        day = at.astimezone(zone).date()
        days.append(day)
        at = rep.next_work(datetime.combine(day + _DAY, time(), zone).astimezone(UTC))
    return days


def handed(store: Store) -> list[PersonState]:
    """Everybody who was ever handed over, in the order of ids."""
    ids = list(store.iter_person_ids())
    return [state for _, state in sorted(store.persons(ids).items()) if state.handed_at is not None]
