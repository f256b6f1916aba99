"""Keeps what decisions say about the work on persons: who was given them, how their clocks stand, who should hear of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from crmsync.engine.alerts import remember_alerts
from crmsync.engine.deliberate import Verdict
from crmsync.engine.heirs import hand_on
from crmsync.engine.obligations import note_clocks
from crmsync.engine.world import World


def note_work(world: World, verdicts: Sequence[Verdict], now: datetime) -> None:
    """In the caller's transaction. Nothing is asked of the store about persons with whom nothing happened."""
    decided = [(v.before, v.decision) for v in verdicts if v.decision is not None and v.before is not None]
    assigned = [row for _, decision in decided for row in decision.assignments]
    if assigned:
        world.store.assignments.add(assigned)
    moved = [(before, decision.state) for before, decision in decided if decision.state.clocks != before.clocks]
    if moved:
        note_clocks(world, moved, now)
    moves = [(decision.state.owner, move) for _, decision in decided for move in decision.moves]
    if moves:
        world.store.links.wake(hand_on(world, moves))
    alerts = [(decision.state.person_id, alert) for _, decision in decided for alert in decision.alerts]
    if alerts:
        remember_alerts(world, alerts, now)
