"""What waits for a person or for better data: problems, conflicts, halts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from crmsync.model.record import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that could not be done, attached to a record or a field. cause groups problems. data_hash: retried when the data's hash
    changes."""

    cause: str
    message: str
    side: str
    object: str
    record_id: str | None = None
    person_id: str | None = None
    field: str | None = None
    data_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedProblem:
    """A problem as stored. attempts counts refusals for the same data. retry_at: when a transient one may be tried again (None: when its
    data changes)."""

    problem_id: int
    problem: Problem
    attempts: int
    first_at: datetime
    last_at: datetime
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A field that both sides changed and whose rule is `ask`. values: side -> value shown. resolution: the side chosen by a person,
    until applied."""

    conflict_id: int
    person_id: str
    field: str
    values: Mapping[str, Value]
    opened_at: datetime
    resolution: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Why everything stopped (law 6). cause: mass_delete | mass_change | emptied | schema_loss | max_creates. allow: what `resume` lets
    through once."""

    cause: str
    message: str
    at: datetime
    side: str | None = None
