"""What must have held in a simulation whatever the playbook: counted in the CRMs where that is possible."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crmsync.decide.lifecycle import IN_WORK, stage_of
from crmsync.decide.worktime import zone_of
from crmsync.insight.drift import Drift
from crmsync.insight.sim_figures import Sample, handed
from crmsync.insight.sim_people import Rep
from crmsync.model.alert import BREACH
from crmsync.model.rules import Playbook
from crmsync.model.work import FROM_QUEUE, HANDED, REASSIGNED
from crmsync.store import Store
from crmsync.store.obligations import Obligation

TOUCHING = frozenset({"first_touch", "touch", "accepted_sql"})
UNHELD = frozenset({"scheduled", "rescheduled", "canceled", "no_show", "incoming"})
"""Outcomes of what no rep has done, or nobody says was done."""
EXAMPLES = 5
_EVER = timedelta(days=3660)
Rows = Sequence[Mapping[str, Any]]


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
    unseen: timedelta,
    drift: Drift,
) -> list[Check]:
    """finished, open_tasks: CRM -> what its users see. owners: person -> who owns them in the CRM where reps work. samples: of the load. completed: keys of the tasks
    that reps remember having completed. unseen: after so long crmsync has read what a rep did."""
    return [
        _one_open(store, open_tasks),
        _no_duplicates(finished, open_tasks),
        _owned(store, owners, reps),
        _caps(store, playbook, reps, samples, start),
        _told_once(store, finished, start, unseen),
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
    working = [state for state in handed(store) if stage_of(state) in IN_WORK]
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
        for row in store.assignments.between(start, start + _EVER)
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


def _told_once(store: Store, finished: Mapping[str, Rows], start: datetime, unseen: timedelta) -> Check:
    """One alert for each clock that was breached while somebody owned the lead, and none for anything else, but for breaches that were taken back."""
    must: dict[str, set[datetime]] = defaultdict(set)
    may: dict[str, set[datetime]] = defaultdict(set)
    clocks: dict[str, list[Obligation]] = defaultdict(list)
    for row in store.obligations.between(start, start + _EVER):
        clocks[row.person_id].append(row)
        if row.breached_at is not None:
            may[row.person_id].add(row.breached_at)
            if row.owner is not None:
                must[row.person_id].add(row.breached_at)
    ids = list(store.iter_person_ids())
    touches, broken, taken_back = store.touches.of(ids), [], 0
    shown = {row["key"] for rows in finished.values() for row in rows if row["key"]}
    for person, alerts in store.alerts.of(ids).items():
        told = {row.at: row.created_at for row in alerts if row.kind == BREACH}
        broken += [f"{person}: the breach of {at:%Y-%m-%d %H:%M} was not told" for at in must.pop(person, set()) - told.keys()]
        made = {touch.at for touch in touches.get(person, ()) if touch.twin_id in shown}
        spare = [row for row in clocks[person] if row.breached_at is None and row.met_at in made]
        for at in sorted(told.keys() - may[person]):
            found = next((row for row in spare if _was_taken_back(row, at, told[at], unseen)), None)
            if found is None:
                broken.append(f"{person}: a breach of {at:%Y-%m-%d %H:%M} was told that was none")
            else:
                spare.remove(found)
                taken_back += 1
    broken += [f"{person}: the breach of {at:%Y-%m-%d %H:%M} was not told" for person, moments in must.items() for at in moments]
    return check("every breach was told once", sum(map(len, may.values())) + taken_back, broken)


def _was_taken_back(clock: Obligation, deadline: datetime, told_at: datetime | None, unseen: timedelta) -> bool:
    """Whether that was this clock's deadline, and a rep had met it, so short a time before it was told that crmsync could not know."""
    met = clock.met_at
    return (
        met is not None
        and told_at is not None
        and clock.due_at == deadline
        and clock.started_at <= met <= deadline
        and told_at - met <= unseen
    )


def _touches_agree(store: Store, finished: Mapping[str, Rows], start: datetime) -> Check:
    """The completed activities that both CRMs show, by their keys, against the touches that crmsync counted."""
    rows = [row for found in finished.values() for row in found if row["at"] >= start]
    own = store.touches.own({row["key"] for row in rows if row["key"]})
    unheld = {row["key"] for row in rows if row["outcome"] in UNHELD}
    shown = {row["key"] for row in rows if row["key"] not in unheld and (row["key"] not in own or own[row["key"]].seen.kind in TOUCHING)}
    lost = [f"{row['kind']} {row['id']} was never carried over" for row in rows if not row["key"]]
    counted = {touch.twin_id for _, touch in store.touches.between(start, start + _EVER)}
    broken = [f"{key} is completed in a CRM and no touch" for key in shown - counted if key] + lost
    broken += [f"{key} is a touch and not completed in any CRM" for key in counted - shown]
    return check("touches are the activities that the CRMs show completed", len(shown), broken)


def _kept(finished: Mapping[str, Rows], completed: Collection[str]) -> Check:
    """What a rep has completed is never taken back."""
    broken = [f"{key} is gone from {crm}" for crm, rows in finished.items() for key in set(completed) - {row["key"] for row in rows}]
    return check("what reps completed stands completed in both CRMs", len(completed), broken)
