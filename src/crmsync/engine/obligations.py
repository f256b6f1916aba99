"""Keeps what decisions say about clocks, for the compliance report (process.md A9). In the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from crmsync.decide.sla import replaced
from crmsync.model.link import PersonState
from crmsync.store.obligations import Obligation, obligation

if TYPE_CHECKING:
    from crmsync.engine.world import World

SOURCE = "lead_source"
"""The house field that says where a person came from."""


def note_clocks(world: World, moved: Iterable[tuple[PersonState, PersonState]], now: datetime) -> int:
    """Stores every clock that differs between (before, after), those included whose place another one took; returns how many. A decision
    that changed no clock costs no statement."""
    rows = [row for before, after in moved if before.clocks is not after.clocks for row in _changed(world, before, after, now)]
    world.store.obligations.save(rows)
    return len(rows)


def source_of(state: PersonState) -> str:
    """Where they came from, as the CRMs agreed on it last; "" when they do not tell."""
    agreed = state.base.get(SOURCE)
    values = agreed.values.values() if agreed is not None else ()
    return next((str(value) for value in values if value is not None), "")


def _changed(world: World, before: PersonState, after: PersonState, now: datetime) -> list[Obligation]:
    known, newest = {clock.kind: clock for clock in before.clocks}, {clock.kind: clock for clock in after.clocks}
    changed = [clock for clock in after.clocks if clock not in before.clocks]
    for kind, clock in known.items():
        later = newest.get(kind)
        if clock.open and (later is None or later.started_at != clock.started_at):
            at = max(later.started_at if later is not None else now, clock.started_at)
            late = world.playbook.sla.late_minutes
            changed.append(replaced(clock, at, users=world.owners.users, hours=world.playbook.hours, now=now, late_minutes=late))
    return [
        obligation(after.person_id, clock, pool=after.pool, mql_type=after.mql_type or "", source=source_of(after)) for clock in changed
    ]
