"""Decides without consequences: inside a transaction that is rolled back. Nothing is sent, nothing stays decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from crmsync.decide import guard
from crmsync.engine.deliberate import Verdict, deliberate
from crmsync.engine.people import settle_people
from crmsync.engine.world import World
from crmsync.model.attention import Halt
from crmsync.model.change import Action
from crmsync.model.record import RecordState

PERSONS_AT_ONCE = 1_000
"""Records taken from the queue at a time: memory stays flat however many wait."""


class _RollBack(Exception):
    """Leaves the transaction so that nothing of it stays."""


def mass_deletes(world: World, now: datetime) -> Halt | None:
    """The halt that vanished records ask for (F39), if any."""
    counts = world.store.count_snapshots()
    gone = world.store.dirty_deleted()
    for side, objects in ((one, family) for one in world.sides for family in world.families(one)):
        deleted = sum(gone.get((side, object), 0) for object in objects)
        known = (
            sum(n for (s, object, state), n in counts.items() if s == side and object in objects and state == RecordState.LIVE) + deleted
        )
        halt = guard.mass_delete(deleted=deleted, known=known, side=side, brakes=world.playbook.brakes, now=now) if deleted else None
        if halt is not None:
            return halt
    return None


def preview(world: World, now: datetime, visit: Callable[[Sequence[Verdict]], None], *, history: bool = True) -> Halt | None:
    """Hands batches of verdicts for everything that waits or is due at `now` to `visit`; returns the halt that a cycle would run into.

    history: whether field histories may be read from the CRMs, as a cycle would; writes to none.
    """
    store, brakes = world.store, world.playbook.brakes
    halt, known = mass_deletes(world, now), store.count_persons()
    creates, replaced = 0, dict.fromkeys(world.sides, 0)
    total, seen = store.dirty_count(world.person_objects), 0
    try:
        with store.begin():
            done: set[str] = set()
            for verdicts in _decided_batches(world, now, history=history):
                creates += sum(1 for v in verdicts for w in v.plan.writes if w.action is Action.CREATE)
                for verdict in verdicts:
                    done.add(verdict.state.person_id)
                    for side, n in verdict.reconciled.replaced.items():
                        replaced[side] += n
                visit(verdicts)
                seen += len(verdicts)
                world.report("deciding", min(seen, total), total)
            due = [id for id in store.due_persons(now, known + 1) if id not in done]
            for start in range(0, len(due), PERSONS_AT_ONCE):
                visit(deliberate(world, due[start : start + PERSONS_AT_ONCE], now, history=history))
            raise _RollBack
    except _RollBack:
        pass
    halt = halt or guard.too_many_creates(creates=creates, brakes=brakes, now=now)
    for side, n in replaced.items():
        halt = halt or guard.mass_change(changed=n, known=known, side=side, brakes=brakes, now=now)
    return halt


def _decided_batches(world: World, now: datetime, *, history: bool) -> Iterator[list[Verdict]]:
    """Verdicts for all dirty records, batch by batch, marking them clean; the caller rolls all of it back."""
    after: tuple[str, str, str] | None = None
    while taken := world.store.take_dirty(PERSONS_AT_ONCE, after, objects=world.person_objects):
        rows = [snapshot for snapshot, _ in taken]
        last = rows[-1].ref
        after = (last.side, last.object, last.id)
        people = settle_people(world, rows)
        world.store.clean_persons(people)
        yield deliberate(world, people, now, history=history)


def look(world: World, person_ids: Sequence[str], now: datetime) -> list[Verdict]:
    """What would be decided about these persons at `now`, from what is stored alone: no CRM is contacted, nothing stays decided."""
    found: list[Verdict] = []
    try:
        with world.store.begin():
            found = deliberate(world, person_ids, now, history=False)
            raise _RollBack
    except _RollBack:
        return found
