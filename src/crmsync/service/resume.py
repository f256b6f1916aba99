"""`crmsync resume`: leaves a safety halt after a person looked."""

from __future__ import annotations

from datetime import datetime

from crmsync.model.attention import Halt
from crmsync.store import Store


def resume(store: Store, *, now: datetime) -> Halt | None:
    """Lifts the halt and lets through once what caused it. Returns the halt that was lifted, None when there was none."""
    with store.begin():
        halt = store.halt()
        if halt is None:
            return None
        store.set_halt(None)
        store.put("allow", halt.cause)
        store.put("world_read_at", None)  # whatever was lost may be there again
        store.log_event(now, "resume", f"a person lifted the halt {halt.cause}")
        return halt
