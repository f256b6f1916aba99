"""When somebody is away: told by the admin, by a CRM, or by their calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Away:
    """Out of office from `start` to `end` (UTC, the end not included). cover: house owner id of who stands in ("": nobody). source: who told it ("playbook", a side,
    "calendar")."""

    start: datetime
    end: datetime
    cover: str = ""
    source: str = ""
