"""What a memory CRM keeps of a record, what it tells of its fields, and how it tells time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from crmsync.model.record import FieldSchema, ObjectSchema, RecordState, Ref, Value


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


@lru_cache(maxsize=64)
def described(object: str, types: tuple[tuple[str, str], ...], required: frozenset[str]) -> ObjectSchema:
    """The schema of these fields, the same one each time, as a connector keeps what it read."""
    fields = {name: FieldSchema(name=name, label=name, type=type, required=name in required) for name, type in types}
    return ObjectSchema(object=object, label=object, fields=fields)
