"""What a memory CRM keeps of a record, and how it tells time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from crmsync.model.record import RecordState, Ref, Value


class Died(BaseException):
    """The process is killed at this very call. Not an Exception: nothing may catch it."""


@dataclass(slots=True)
class Row:
    """One record of a memory CRM. modified / created: ticks of its clock. history: (field, value, tick), oldest first."""

    fields: dict[str, Value]
    modified: int
    created: int
    state: RecordState = RecordState.LIVE
    survivor: Ref | None = None
    former: tuple[str, ...] = ()
    by_us: bool = False
    history: list[tuple[str, Value, int]] = field(default_factory=list)
    object: str = "person"
    went_with: str | None = None


def when(tick: int) -> datetime:
    """The moment (UTC) that a tick stands for."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=tick)
