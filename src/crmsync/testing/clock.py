"""A clock that runs faster than real time, for demos and rehearsals."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """Simulated time: starts at `start` (default: real now) and runs `rate` times as fast as real time. Safe to use from any thread.

    It follows the monotonic clock, so a step of the computer's clock does not move it.
    """

    def __init__(
        self,
        rate: float = 1.0,
        *,
        start: datetime | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        real_sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises: ValueError unless rate is above zero and start, when given, is aware."""
        if rate <= 0:
            raise ValueError("a clock's rate must be above zero")
        if start is not None and start.tzinfo is None:
            raise ValueError("a clock starts at an aware moment")
        self.rate = rate
        self._monotonic, self._real_sleep = monotonic, real_sleep
        self._lock = threading.Lock()
        self._start = (start or datetime.now(UTC)).astimezone(UTC)
        self._origin = monotonic()

    def __call__(self) -> datetime:
        """Simulated now, aware UTC."""
        with self._lock:
            return self._start + timedelta(seconds=(self._monotonic() - self._origin) * self.rate)

    def monotonic(self) -> float:
        """Simulated seconds that have passed, jumps left out: `sleep` waits by them."""
        return (self._monotonic() - self._origin) * self.rate

    def sleep(self, seconds: float) -> None:
        """Sleeps that many simulated seconds."""
        if seconds > 0:
            self._real_sleep(self.real(seconds))

    def real(self, seconds: float) -> float:
        """Real seconds that a simulated duration takes."""
        return seconds / self.rate

    def jump(self, by: timedelta) -> None:
        """Moves simulated time, forward or (to try what that does) backward."""
        with self._lock:
            self._start += by
