"""The simulator's own notion of now: an injected clock that can be shifted and made to run faster."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta


def real_now() -> datetime:
    """The real time, aware, UTC."""
    return datetime.now(UTC)


class Clock:
    """now = anchor + (source - source at the anchor) x rate; all times aware UTC."""

    def __init__(self, source: Callable[[], datetime] | None = None) -> None:
        self._source = source or real_now
        self._source_anchor = self._source()
        self._anchor = self._source_anchor
        self.rate = 1.0

    def now(self) -> datetime:
        """The simulated time, aware UTC."""
        passed = self._source() - self._source_anchor
        return self._anchor + (passed if self.rate == 1.0 else passed * self.rate)

    def jump(self, to: datetime) -> None:
        """Make now be `to` (aware)."""
        self._source_anchor, self._anchor = self._source(), to.astimezone(UTC)

    def run_at(self, rate: float) -> None:
        """Let simulated time pass `rate` times as fast as the source, from here on; 0 stops it."""
        if rate < 0:
            raise ValueError("rate must not be negative")
        self._anchor, self._source_anchor = self.now(), self._source()
        self.rate = rate

    def advance(self, by: timedelta) -> None:
        """Move now forward."""
        self.jump(self.now() + by)


def stamp(moment: datetime) -> str:
    """A date-time as the API prints it: UTC, one-second resolution, `.000+0000`. [R]"""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return f"{utc.isoformat()[:19]}.000+0000"


def parse_moment(text: str) -> datetime:
    """An ISO 8601 date-time with an offset, or a date (midnight UTC), as aware UTC. Raises ValueError."""
    cleaned = text.strip().replace(" ", "+") if text.count(" ") == 1 and "T" in text else text.strip()
    moment = datetime.fromisoformat(cleaned)
    if moment.tzinfo is None:
        if "T" in cleaned:
            raise ValueError(f"date-time without an offset: {text}")
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def parse_day(text: str) -> date:
    """A YYYY-MM-DD date. Raises ValueError."""
    if len(text) != 10:
        raise ValueError(f"not a date: {text}")
    return date.fromisoformat(text)
