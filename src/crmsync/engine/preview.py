"""Decides without consequences: inside a transaction that is rolled back. Nothing is sent, nothing stays decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from crmsync.decide import guard
from crmsync.engine.cycle import PERSONS_AT_ONCE, decided_batches
from crmsync.engine.deliberate import Verdict, deliberate
from crmsync.engine.world import World
from crmsync.model.attention import Halt
from crmsync.model.change import Action


class _RollBack(Exception):
    """Leaves the transaction so that nothing of it stays."""


def preview(world: World, now: datetime, visit: Callable[[Sequence[Verdict]], None]) -> Halt | None:
    """Hands batches of verdicts for everything that waits or is due at `now` to `visit`; returns the halt that a cycle would run into.

    May read field histories from the CRMs, as a cycle would; writes to none.
    """
    store, brakes = world.store, world.playbook.brakes
    known, counts = store.count_persons(), store.count_snapshots()
    halt: Halt | None = None
    for side, deleted in store.dirty_deleted().items():
        live = sum(n for (s, _, state), n in counts.items() if s == side and state == "live") + deleted
        halt = halt or guard.mass_delete(deleted=deleted, known=live, side=side, brakes=brakes, now=now)
    creates, replaced = 0, dict.fromkeys(world.sides, 0)
    total, seen = store.dirty_count(), 0
    try:
        with store.begin():
            done: set[str] = set()
            for verdicts in decided_batches(world, now):
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
                visit(deliberate(world, due[start : start + PERSONS_AT_ONCE], now))
            raise _RollBack
    except _RollBack:
        pass
    halt = halt or guard.too_many_creates(creates=creates, brakes=brakes, now=now)
    for side, n in replaced.items():
        halt = halt or guard.mass_change(changed=n, known=known, side=side, brakes=brakes, now=now)
    return halt


def look(world: World, person_ids: Sequence[str], now: datetime) -> list[Verdict]:
    """What would be decided about these persons at `now`, from what is stored alone: no CRM is contacted, nothing stays decided."""
    found: list[Verdict] = []
    try:
        with world.store.begin():
            found = deliberate(world, person_ids, now, history=False)
            raise _RollBack
    except _RollBack:
        return found
