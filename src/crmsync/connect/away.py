"""Absences as fields of a user tell them: a beginning, an end, and who stands in. For connectors whose CRM has no word of its own for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from crmsync.model.absence import Away
from crmsync.model.record import User

FROM, UNTIL, COVER = "from", "until", "cover"
"""What an admin names fields for."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_DATE_LETTERS = len("2026-12-20")


@dataclass(frozen=True, slots=True, kw_only=True)
class AwayFields:
    """native: FROM, UNTIL and COVER -> native field. moment: what the CRM holds in a date-time field -> aware UTC; raises ValueError."""

    native: Mapping[str, str]
    moment: Callable[[str], datetime]
    side: str

    def of(self, row: Mapping[str, Any], zone: str | None) -> tuple[Away, ...]:
        """The absence that a row of native fields tells, `cover` as it stands there; none without a sound end.

        A date is a whole day by the user's clock, the last one included; without a beginning the absence has begun long ago."""
        clock = zone_named(zone)
        start = self._read(row.get(self.native.get(FROM, "")), clock, last=False)
        end = self._read(row.get(self.native.get(UNTIL, "")), clock, last=True)
        if end is None or (start is None and row.get(self.native.get(FROM, "")) not in (None, "")):
            return ()
        start = start or _LONG_AGO
        cover = str(row.get(self.native.get(COVER, "")) or "").strip()
        return (Away(start=start, end=end, cover=cover, source=self.side),) if start < end else ()

    def _read(self, value: Any, clock: tzinfo, *, last: bool) -> datetime | None:
        text = str(value).strip() if value is not None else ""
        try:
            if len(text) == _DATE_LETTERS:
                day = date.fromisoformat(text) + timedelta(days=1 if last else 0)
                return datetime(day.year, day.month, day.day, tzinfo=clock).astimezone(UTC)
            return self.moment(text) if text else None
        except (ValueError, OverflowError):
            return None


def zone_named(name: str | None) -> tzinfo:
    """The time zone of that name; UTC where there is none."""
    try:
        return ZoneInfo(name) if name else UTC
    except (KeyError, ValueError, OSError):
        return UTC


def named_covers(users: Iterable[User], ids: Mapping[str, str]) -> list[User]:
    """The users, whoever stands in named by e-mail address. ids: what a field may hold in its place (in lower case: the id of an owner or user) -> their
    address. Whoever is neither an address nor known stands in for nobody."""

    def named(away: Away) -> Away:
        cover = ids.get(away.cover.lower(), away.cover).lower()
        return replace(away, cover=cover if "@" in cover else "")

    return [replace(user, away=tuple(map(named, user.away))) if user.away else user for user in users]
