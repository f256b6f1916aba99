"""Slowing down before HubSpot says no: searches per second, and the rolling ten-second window that its headers describe."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from threading import Lock

RESERVE = 8  # calls left to others and to those already in flight
_MARGIN = 0.05  # seconds; requests arrive later than they are sent


class Pacer:
    """Tells callers to wait. Thread-safe. `monotonic` counts seconds; `sleep` waits them.

    Remaining is HubSpot's own count (other apps included), so a server that does not limit is never slowed down.
    Search answers carry no such headers and have a limit of their own (contracts 5.4).
    """

    def __init__(self, *, searches: float, sleep: Callable[[float], None], monotonic: Callable[[], float]) -> None:
        self._lock = Lock()
        self._sleep = sleep
        self._monotonic = monotonic
        self._searches: deque[float] = deque(maxlen=max(1, int(searches))) if searches > 0 else deque(maxlen=1)
        self._search_window = (self._searches.maxlen or 1) / searches if searches > 0 else 0.0
        self._sent: deque[float] = deque()
        self._interval = 10.0
        self._remaining: int | None = None
        self._blocked_until = 0.0

    def before(self, *, search: bool) -> None:
        """Waits until this call may be sent."""
        with self._lock:
            now = self._monotonic()
            slot = self._search_slot(now) if search else self._slot(now)
            slot = max(slot, self._blocked_until)
        if slot > now:
            self._sleep(slot - now)

    def _search_slot(self, now: float) -> float:
        if not self._search_window:
            return now
        slot = now
        if len(self._searches) == self._searches.maxlen:
            slot = max(now, self._searches[0] + self._search_window + _MARGIN)
        self._searches.append(slot)
        return slot

    def _slot(self, now: float) -> float:
        while self._sent and self._sent[0] <= now - self._interval:
            self._sent.popleft()
        slot = now
        if self._remaining is not None and self._remaining <= RESERVE and self._sent:
            # the window rolls: one call may follow for each that leaves it
            slot = max(now, self._sent.popleft() + self._interval + _MARGIN)
        elif self._remaining is not None:
            self._remaining -= 1
        self._sent.append(slot)
        return slot

    def after(self, headers: Mapping[str, str]) -> None:
        """Learns from an answer's headers (names in lower case)."""
        remaining = headers.get("x-hubspot-ratelimit-remaining")
        if remaining is None or not remaining.lstrip("-").isdigit():
            return
        interval = headers.get("x-hubspot-ratelimit-interval-milliseconds", "")
        with self._lock:
            self._remaining = int(remaining)
            if interval.isdigit() and int(interval) > 0:
                self._interval = int(interval) / 1000

    def block(self, seconds: float) -> None:
        """Nobody sends anything for so long: HubSpot said that the account's window is full."""
        with self._lock:
            self._blocked_until = max(self._blocked_until, self._monotonic() + seconds)
