"""Notes meetings that are still to come: a booked meeting is a signal of its persons (process.md A7, C5), which says until when it lasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from crmsync.decide.canonical import moment, stamp
from crmsync.decide.twin import TwinPlan
from crmsync.engine.world import World
from crmsync.model.change import Action
from crmsync.model.copies import replace
from crmsync.model.link import Signal, SignalSource
from crmsync.model.record import RecordState, Value
from crmsync.model.rules import SignalTest

BOOKED = "booked"
"""Before the activity and the person in the event ids of these signals; the same meeting moved to another day is the same event."""


def note(world: World, plans: Sequence[TwinPlan], now: datetime) -> None:
    """Stores a signal for every person of an activity that a test of its kind calls planned, dated when the first CRM had it (UTC). `detail` is the end as a canonical
    stamp: it follows the activity when that is put off, and is `now` once it was called off, deleted or held before its time. Persons for whom something changed are decided
    again. In the caller's transaction; no statement for what was over when it was first seen."""
    wanted: dict[str, str | None] = {}
    types: dict[str, str] = {}
    for plan in plans:
        tests = [test for test in world.kinds.maps[plan.twin.kind].signals if test.planned]
        ends = moment(plan.facts.get("end"))
        known_ahead = plan.twin.retry_at is not None and plan.twin.retry_at > now
        if not tests or (plan.facts and (ends is None or ends <= now) and not known_ahead):
            continue  # it was held when it was planned, or logged afterwards
        test = next((test for test in tests if meant(test, plan)), None)
        types[plan.twin.twin_id] = (test or tests[0]).type
        gone = any(write.action is Action.DELETE for write in plan.writes)  # deleted in one CRM: the other one still shows it
        wanted[plan.twin.twin_id] = stamp(ends) if test is not None and not plan.finished and not gone and ends is not None else None
    if not wanted:
        return
    people = {p.twin.twin_id: sorted({id for ids in (*p.twin.links.values(), *p.shown.values()) for id in ids}) for p in plans}
    everybody = sorted({person for twin in wanted for person in people[twin]})
    persons = world.store.persons(everybody)
    known = {s.event_id: s for found in world.store.signals.of(everybody).values() for s in found}
    since = _entered(world, sorted(wanted), now)
    rows: list[tuple[str, Signal]] = []
    for twin, end in wanted.items():
        for person in (one for one in people[twin] if one in persons):
            id = f"{BOOKED}:{twin}:{person}"
            old = known.get(id)
            if old is not None:
                over = end or min(stamp(now), old.detail)
                rows += [(person, replace(old, detail=over))] if old.detail != over else []
            elif end is not None:
                rows.append((person, Signal(event_id=id, type=types[twin], at=since[twin], detail=end, source=SignalSource.ACTIVITY)))
    if rows:
        world.store.signals.save(rows)
        world.store.mark_dirty_persons(sorted({person for person, _ in rows}))


def meant(test: SignalTest, plan: TwinPlan) -> bool:
    """Whether an activity is what the test asks for, whenever it takes place."""
    seen = test.side is None or test.side in plan.shown
    return seen and all(_word(plan.facts.get(name)) in values for name, values in test.when.items())


def _word(value: Value) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _entered(world: World, twin_ids: Sequence[str], now: datetime) -> Mapping[str, datetime]:
    """activity -> when the first CRM had it."""
    found = world.store.snapshots_of(twin_ids)
    return {
        id: min([now, *(r.created_at for r in found.get(id, ()) if r.created_at is not None and r.state is RecordState.LIVE)])
        for id in twin_ids
    }
