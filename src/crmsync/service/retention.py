"""Once a day, forgets what is older than `retention` in crmsync.yaml allows, in steps small enough to hold up nobody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from crmsync.decide.canonical import moment, stamp
from crmsync.model.rules import Retention
from crmsync.store import Store

log = structlog.get_logger(__name__)

LAST = "retention_at"
PLACE = "retention_journal"
EVERY = timedelta(days=1)
AT_ONCE = 500
"""Rows of one transaction."""
WAITING_DAYS = 90
"""How long a signal is kept of an address that nobody has."""
STEPS = 40
"""Transactions per kind and day: the rest waits for the next days."""


def forget_daily(store: Store, retention: Retention, now: datetime) -> dict[str, int]:
    """What was forgotten, by kind; empty when the last time is less than a day ago. Open writes, and what tells where a field's value came from, stay."""
    last = moment(store.get(LAST))
    if last is not None and timedelta(0) <= now - last < EVERY:
        return {}
    store.put(LAST, stamp(now))
    forgotten = {
        "journal": _journal(store, now - timedelta(days=retention.journal_days)),
        "events": _steps(store.forget_events, now - timedelta(days=retention.events_days)),
        "problems": _steps(store.problems.forget, now - timedelta(days=retention.problems_days)),
        "effects": _steps(store.effects.forget, now - timedelta(days=retention.effects_days)),
        "signals": _steps(store.signals.forget_waiting, now - timedelta(days=WAITING_DAYS)),
        "answers": _steps(store.answers.forget, now - EVERY),
        "work": _work(store, now - timedelta(days=retention.work_days)),
    }
    if any(forgotten.values()):
        log.info("forgot what is old", **forgotten)
    return forgotten


def _work(store: Store, before: datetime) -> int:
    """Assignments, clocks that are over, touches and alerts."""
    return sum(_steps(one.forget_before, before) for one in (store.assignments, store.obligations, store.touches, store.alerts))


def _steps(forget: Callable[[datetime, int], int], before: datetime) -> int:
    total = 0
    for _ in range(STEPS):
        count = forget(before, AT_ONCE)
        total += count
        if count < AT_ONCE:
            break
    return total


def _journal(store: Store, before: datetime) -> int:
    """Goes on where it stopped the day before, and begins anew when it has come to the end: what is kept today may be outdated in a year."""
    total, after = 0, int(store.get(PLACE) or 0)
    for _ in range(STEPS):
        count, reached = store.journal.forget(after, before, AT_ONCE)
        total += count
        after = reached or 0
        if reached is None:
            break
    store.put(PLACE, after)
    return total
