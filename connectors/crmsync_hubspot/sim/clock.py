"""The simulator's own notion of now: an injected clock, shifted and scaled at run time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def real_time() -> datetime:
    """The computer's clock, aware UTC."""
    return datetime.now(UTC)


class SimClock:
    """Maps a base clock onto simulated time; every answer is aware UTC."""

    def __init__(self, base: Callable[[], datetime] | None = None) -> None:
        self._base = base or real_time
        self._anchor_base = self._anchor_sim = self._base()
        self.rate = 1.0

    def now(self) -> datetime:
        """Simulated now, aware UTC."""
        return self._anchor_sim + (self._base() - self._anchor_base) * self.rate

    def ms(self) -> int:
        """Simulated now in whole milliseconds since 1970 (HubSpot's resolution)."""
        return to_ms(self.now())

    def jump(self, moment: datetime) -> None:
        """Makes `moment` (aware) the current simulated time."""
        if moment.tzinfo is None:
            raise ValueError("the clock takes aware times only")
        self._anchor_base, self._anchor_sim = self._base(), moment.astimezone(UTC)

    def advance(self, seconds: float) -> None:
        """Moves simulated time forward by `seconds`."""
        self.jump(self.now() + timedelta(seconds=seconds))

    def set_rate(self, rate: float) -> None:
        """From here on one base second is `rate` simulated seconds; ValueError when negative."""
        if rate < 0:
            raise ValueError("the clock's rate cannot be negative")
        now = self.now()
        self._anchor_base, self._anchor_sim, self.rate = self._base(), now, rate


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware time, rounded down."""
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(ms: int) -> datetime:
    """Aware UTC time of milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=ms)
