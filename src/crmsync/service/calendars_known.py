"""What is known of calendars from which absences are read: kept in the store, so that every process knows it."""

from __future__ import annotations

from typing import Any

from crmsync.store import Store

STATE = "calendars:state"
"""Where the store keeps, by house owner id, what is known of their calendar: {"mark", "etag", "asked_at", "read_at", "note"}. `mark` is a hash of its address and zone."""


def state_of(store: Store) -> dict[str, dict[str, Any]]:
    """By house owner id; whatever else stands there is left out."""
    found = store.get(STATE)
    return {house: one for house, one in found.items() if isinstance(one, dict)} if isinstance(found, dict) else {}


def calendar_notes(store: Store) -> dict[str, str]:
    """House owner id -> why their calendar could not be read when it was last tried; those that could are left out."""
    return {house: str(one["note"]) for house, one in sorted(state_of(store).items()) if one.get("note")}
