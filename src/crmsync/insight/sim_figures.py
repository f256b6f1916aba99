"""What a simulation tells of each rep beside the compliance report, and what must have held whatever the playbook: counted in the CRMs where that is possible."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from crmsync.decide.lifecycle import IN_WORK, stage_of
from crmsync.decide.worktime import zone_of
from crmsync.insight.compliance import REP, Compliance, Measure
from crmsync.insight.drift import Drift
from crmsync.insight.replay import interval
from crmsync.insight.sim_assume import PERSONAS
from crmsync.insight.sim_people import Rep
from crmsync.model.alert import BREACH
from crmsync.model.link import PersonState
from crmsync.model.rules import Playbook
from crmsync.model.work import COVERED, FROM_QUEUE, HANDED, REASSIGNED
from crmsync.store import Store

TOUCHING = frozenset({"first_touch", "touch", "accepted_sql"})
UNHELD = frozenset({"scheduled", "rescheduled", "canceled", "no_show", "incoming"})
"""Outcomes of what no rep has done, or nobody says was done."""
ONGOING = "under way"
EXAMPLES = 5
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
class PersonaFigures:
    """All reps of one persona. kept of judged: turns within the SLA. cadences: how those ended whose person is with one of them -> how many; outcomes: stage -> persons."""

    persona: str
    reps: int
    given: int
    lost: int
    touches: int
    workdays: int
    kept: int
    judged: int
    cadences: Mapping[str, int] = field(default_factory=dict)
    outcomes: Mapping[str, int] = field(default_factory=dict)

    @property
    def share(self) -> float | None:
        """Kept of judged, 0-1; None of nothing."""
        return self.kept / self.judged if self.judged else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the share lies with 95 % confidence (Wilson)."""
        return interval(self.kept, self.judged)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that must hold. counted: how many were looked at. broken: what does not hold, as far as it is named; failures: how many."""

    name: str
    counted: int
    failures: int = 0
    broken: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        """Whether it holds everywhere."""
        return self.failures == 0


def check(name: str, counted: int, broken: Iterable[str]) -> Check:
    """One with the first few of what is broken."""
    found = sorted(broken)
    return Check(name=name, counted=counted, failures=len(found), broken=tuple(found[:EXAMPLES]))


# --- figures ----------------------------------------------------------------------------------------------------------------


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
                touches=touches[rep.email], workdays=_workdays(rep, start, end), peak=max(loads, default=0),
                average=sum(loads) / len(loads) if loads else 0.0, whole=rep.away is None and rep.leaves_at is None, measure=measures.get(rep.email),
            )
        )  # fmt: skip
    states = _handed(store)
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
        workdays=sum(row.workdays for row in mine), kept=sum(one.kept for one in found), judged=sum(one.judged for one in found),
        cadences=_endings(theirs), outcomes=dict(Counter(stage_of(state) or "" for state in theirs).most_common()),
    )  # fmt: skip


def _endings(states: Iterable[PersonState]) -> dict[str, int]:
    runs = [state.cadence for state in states if state.cadence is not None]
    return dict(Counter(ONGOING if run.active else run.ended for run in runs).most_common())


def _workdays(rep: Rep, start: datetime, end: datetime) -> int:
    """Days on which they work at all."""
    days, at = 0, start
    while at < end:
        found = rep.next_work(at)
        days += found is not None and found < min(at + _DAY, end)
        at += _DAY
    return days


def _handed(store: Store) -> list[PersonState]:
    ids = list(store.iter_person_ids())
    return [state for _, state in sorted(store.persons(ids).items()) if state.handed_at is not None]


# --- what must hold ---------------------------------------------------------------------------------------------------------

Rows = Sequence[Mapping[str, Any]]


def checks_of(
    store: Store,
    *,
    playbook: Playbook,
    reps: Sequence[Rep],
    finished: Mapping[str, Rows],
    open_tasks: Mapping[str, Rows],
    owners: Mapping[str, str],
    samples: Sequence[Sample],
    completed: Collection[str],
    start: datetime,
    drift: Drift,
) -> list[Check]:
    """finished, open_tasks: CRM -> what its users see. owners: person -> who owns them in the CRM where reps work. samples: of the load. completed: keys of the tasks
    that reps remember having completed."""
    return [
        _one_open(store, open_tasks),
        _no_duplicates(finished, open_tasks),
        _owned(store, owners, reps),
        _caps(store, playbook, reps, samples, start),
        _alerted_once(store, start),
        _touches_agree(store, finished, start),
        _kept(finished, completed),
        check("differences between the CRMs are explained", sum(drift.records.values()), [str(n) for n in range(drift.unexplained)]),
    ]


def _one_open(store: Store, open_tasks: Mapping[str, Rows]) -> Check:
    broken, counted = [], 0
    for crm, rows in open_tasks.items():
        kinds = store.touches.own([row["key"] for row in rows if row["key"]])
        mine: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            own = kinds.get(row["key"])
            if own is not None and own.seen.kind in ("first_touch", "touch"):
                mine[own.person_id].add(row["key"])
        counted += len(mine)
        broken += [f"{person} in {crm}: {', '.join(sorted(keys))}" for person, keys in mine.items() if len(keys) > 1]
    return check("nobody has two open touches of a cadence", counted, broken)


def _no_duplicates(finished: Mapping[str, Rows], open_tasks: Mapping[str, Rows]) -> Check:
    broken, counted = [], 0
    for crm in open_tasks:
        keys = Counter(row["key"] for row in (*open_tasks[crm], *(r for r in finished[crm] if r["kind"] != "meeting")) if row["key"])
        counted += len(keys)
        broken += [f"{key} in {crm}: {times} times" for key, times in keys.items() if times > 1]
    return check("no task exists twice in a CRM", counted, broken)


def _owned(store: Store, owners: Mapping[str, str], reps: Sequence[Rep]) -> Check:
    working = [state for state in _handed(store) if stage_of(state) in IN_WORK]
    gone = {rep.email for rep in reps if rep.leaves_at is not None}
    broken = []
    for state in working:
        owner = owners.get((state.email or "").lower(), "")
        if not owner or owner in gone:
            broken.append(f"{state.person_id} ({stage_of(state)}): {'nobody' if not owner else f'{owner}, who has left'}")
    return check("every lead in work has an owner who is there", len(working), broken)


def _caps(store: Store, playbook: Playbook, reps: Sequence[Rep], samples: Sequence[Sample], start: datetime) -> Check:
    daily, open_leads = caps_of(playbook, [rep.email for rep in reps])
    zones = {rep.email: zone_of(rep.zone) for rep in reps}
    given = Counter(
        (row.owner, row.at.astimezone(zones[row.owner]).date())
        for row in store.assignments.between(start, start + timedelta(days=3660))
        if row.owner in daily and row.cause in (HANDED, FROM_QUEUE, REASSIGNED)
    )
    broken = [f"{rep} on {day}: {count} of {daily[rep]}" for (rep, day), count in given.items() if count > daily[rep]]
    broken += [
        f"{rep} at {sample.at:%Y-%m-%d %H:%M}: {sample.leads[rep]} open of {most}"
        for sample in samples
        for rep, most in open_leads.items()
        if sample.leads.get(rep, 0) > most
    ]
    return check("caps are kept", len(daily) + len(open_leads), broken)


def caps_of(playbook: Playbook, reps: Collection[str]) -> tuple[dict[str, int], dict[str, int]]:
    """(rep -> leads a day, rep -> open leads) of those who have such a cap; of several pools the widest counts."""
    daily: dict[str, int] = {}
    open_leads: dict[str, int] = {}
    for pool in {pool.name: pool for pool in (playbook.routing.default, *playbook.routing.pools.values())}.values():
        named = {member.rep: member for member in pool.members}
        for rep in reps:
            member = named.get(rep)
            if pool.members and member is None:
                continue
            for caps, most in (
                (daily, (member.per_day if member else None) or pool.per_day),
                (open_leads, (member.open_leads if member else None) or pool.open_leads),
            ):
                if most is not None:
                    caps[rep] = max(most, caps.get(rep, 0))
    return daily, open_leads


def _alerted_once(store: Store, start: datetime) -> Check:
    """One alert for each clock that was breached while somebody owned the lead, and none for anything else."""
    breached: Counter[str] = Counter()
    for row in store.obligations.between(start, start + timedelta(days=3660)):
        if row.breached_at is not None and row.owner is not None:
            breached[row.person_id] += 1
    told: Counter[str] = Counter()
    addressed: Counter[tuple[str, datetime, str]] = Counter()
    for person, rows in store.alerts.of(list(store.iter_person_ids())).items():
        told[person] = len({row.at for row in rows if row.kind == BREACH})
        addressed.update((person, row.at, row.address) for row in rows if row.kind == BREACH)
    broken = [
        f"{person}: {breached[person]} breaches, {told[person]} alerts" for person in {*breached, *told} if breached[person] != told[person]
    ]
    broken += [f"{person}: told {times} times" for (person, _, _), times in addressed.items() if times > 1]
    return check("every breach was told once", sum(breached.values()), broken)


def _touches_agree(store: Store, finished: Mapping[str, Rows], start: datetime) -> Check:
    """The completed activities that both CRMs show, by their keys, against the touches that crmsync counted."""
    rows = [row for found in finished.values() for row in found if row["at"] >= start]
    own = store.touches.own({row["key"] for row in rows if row["key"]})
    unheld = {row["key"] for row in rows if row["outcome"] in UNHELD}
    shown = {row["key"] for row in rows if row["key"] not in unheld and (row["key"] not in own or own[row["key"]].seen.kind in TOUCHING)}
    lost = [f"{row['kind']} {row['id']} was never carried over" for row in rows if not row["key"]]
    counted = {touch.twin_id for _, touch in store.touches.between(start, start + timedelta(days=3660))}
    broken = [f"{key} is completed in a CRM and no touch" for key in shown - counted if key] + lost
    broken += [f"{key} is a touch and not completed in any CRM" for key in counted - shown]
    return check("touches are the activities that the CRMs show completed", len(shown), broken)


def _kept(finished: Mapping[str, Rows], completed: Collection[str]) -> Check:
    """What a rep has completed is never taken back."""
    broken = [f"{key} is gone from {crm}" for crm, rows in finished.items() for key in set(completed) - {row["key"] for row in rows}]
    return check("what reps completed stands completed in both CRMs", len(completed), broken)
