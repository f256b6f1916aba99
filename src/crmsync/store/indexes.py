"""The partial indexes, for what creates and migrates tables only: naming their `postgresql_where` makes SQLAlchemy load its whole PostgreSQL
dialect, which a command over an SQLite file that is up to date need not wait for."""

from __future__ import annotations

from sqlalchemy import Column, Index, text

from crmsync.store.tables import alerts, journal, lookups, metadata, obligations, persons, snapshots, tasks, twins

__all__ = ["metadata"]


def _partial(name: str, where: str, *columns: Column[object]) -> None:
    Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


_partial("snapshots_dirty", "dirty = 1", snapshots.c.side, snapshots.c.object, snapshots.c.id)
_partial("snapshots_person", "person_id IS NOT NULL", snapshots.c.person_id)
_partial("snapshots_key", "key IS NOT NULL", snapshots.c.key)
_partial("persons_due", "next_due_at IS NOT NULL", persons.c.next_due_at, persons.c.person_id)
_partial("persons_account", "account IS NOT NULL", persons.c.account, persons.c.engagement)
_partial("journal_open", "outcome IS NULL", journal.c.seq)
_partial("tasks_waiting", "record_id IS NULL", tasks.c.key)
_partial("twins_due", "retry_at IS NOT NULL", twins.c.retry_at, twins.c.twin_id)
_partial("lookups_domain_due", "domain_at IS NOT NULL", lookups.c.domain_at)
_partial("lookups_address_due", "address_at IS NOT NULL", lookups.c.address_at)
_partial("lookups_stale", "stale = 1", lookups.c.person_id)
_partial("alerts_waiting", "sent_at IS NULL", alerts.c.not_before, alerts.c.alert_id)
_partial(
    "obligations_open",
    "ended_at IS NULL",
    obligations.c.kind,
    obligations.c.due_at,
    obligations.c.breached_at,
    obligations.c.at_risk,
    obligations.c.started_at,
)
