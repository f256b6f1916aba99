"""A clock that stands still unless it is moved: simulated time for runs that jump from one thing that happens to the next."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class StillClock:
    """Aware UTC; never goes back. Safe to use from any thread."""

    def __init__(self, start: datetime) -> None:
        """Raises: ValueError unless start is aware."""
        if start.tzinfo is None:
            raise ValueError("a clock starts at an aware moment")
        self._now = self._start = start.astimezone(UTC)
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        """Seconds that it was moved since it was made: what waits by it and sleeps with `advance` waits as long as it means to."""
        return (self() - self._start).total_seconds()

    def to(self, at: datetime) -> datetime:
        """Moves on to that moment, unless it is past already; returns the new now."""
        with self._lock:
            self._now = max(self._now, at.astimezone(UTC))
            return self._now

    def advance(self, seconds: float) -> None:
        """Moves on by so many seconds: what a connector sleeps with, for no real time passes."""
        with self._lock:
            self._now += timedelta(seconds=max(seconds, 0.0))
