"""`crmsync conflicts`: fields that both sides changed and that wait for a person's choice."""

from __future__ import annotations

from typing import Any

from crmsync.model.attention import Conflict
from crmsync.store import Store


def listed(store: Store) -> list[dict[str, Any]]:
    """Open conflicts, oldest first, each with both values and the person's records."""
    found = store.conflicts.rows()
    records = store.snapshots_of(sorted({conflict.person_id for conflict in found}))
    return [{**as_json(conflict), "records": [str(snapshot.ref) for snapshot in records.get(conflict.person_id, ())]} for conflict in found]


def as_json(conflict: Conflict) -> dict[str, Any]:
    """values: crm -> value shown. resolution: the CRM chosen, until the next cycle applies it."""
    return {
        "conflict_id": conflict.conflict_id,
        "person_id": conflict.person_id,
        "field": conflict.field,
        "values": dict(conflict.values),
        "opened_at": conflict.opened_at.isoformat(),
        "resolution": conflict.resolution,
    }


def resolve(store: Store, conflict_id: int, side: str) -> None:
    """That CRM's value wins; the next cycle writes it to the other. Raises: ConfigError for an unknown number or side."""
    with store.begin():
        store.conflicts.resolve(conflict_id, side)
        store.mark_dirty_persons([c.person_id for c in store.conflicts.rows() if c.conflict_id == conflict_id])
