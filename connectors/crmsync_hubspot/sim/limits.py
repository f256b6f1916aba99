"""Rate limits: ten-secondly rolling, secondly for search, daily; with the headers HubSpot sends."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from zoneinfo import ZoneInfo

from .clock import from_ms, to_ms
from .errors import ApiError, correlation_id, plain
from .options import Options

BURST_MS = 10_000
OAUTH_BURST = 110
_SECONDLY = 10  # informational header, as recorded


class Limits:
    """Counts the calls of one app; times in epoch ms on the simulator's clock."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._burst: deque[int] = deque()
        self._search: deque[int] = deque()
        self._day: tuple[int, int] = (0, 0)

    def _burst_limit(self) -> int:
        return OAUTH_BURST if self.options.auth == "oauth" else self.options.burst

    def take(self, now: int, *, search: bool, exempt: bool) -> ApiError | None:
        """Counts one call; the 429 it gets when a limit is reached. Searches have their own limit, `exempt` calls no burst."""
        _forget(self._burst, now - BURST_MS)
        _forget(self._search, now - 1000)
        if self.used_today(now) >= self.options.daily_limit and self.options.auth != "oauth":
            return _rate_error("You have reached your daily limit.", "DAILY")
        if self.options.rate_limits:
            if search and len(self._search) >= self.options.search_per_second:
                return plain(429, "You have reached your secondly limit.", "RATE_LIMITS")
            if not search and not exempt and len(self._burst) >= self._burst_limit():
                return _rate_error("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING")
        if search:
            self._search.append(now)
        elif not exempt:
            self._burst.append(now)
        end, used = self._today(now)
        self._day = (end, used + 1)
        return None

    def headers(self, now: int, *, search: bool, limited: bool) -> dict[str, str]:
        """Rate-limit headers of an answer; searches and 429s omit the interval ones, OAuth the daily ones."""
        found: dict[str, str] = {}
        if self.options.auth != "oauth":
            found["X-HubSpot-RateLimit-Daily"] = str(self.options.daily_limit)
            found["X-HubSpot-RateLimit-Daily-Remaining"] = str(max(0, self.options.daily_limit - self.used_today(now)))
        if not search and not limited:
            limit = self._burst_limit()
            last_second = sum(1 for at in self._burst if at > now - 1000)
            found["X-HubSpot-RateLimit-Interval-Milliseconds"] = str(BURST_MS)
            found["X-HubSpot-RateLimit-Max"] = str(limit)
            found["X-HubSpot-RateLimit-Remaining"] = str(max(0, limit - len(self._burst)))
            found["X-HubSpot-RateLimit-Secondly"] = str(_SECONDLY)
            found["X-HubSpot-RateLimit-Secondly-Remaining"] = str(max(0, _SECONDLY - last_second))
        return found

    def used_today(self, now: int) -> int:
        """Calls since the last midnight of the account's time zone."""
        return self._today(now)[1]

    def next_midnight(self, now: int) -> int:
        """When the daily count starts again (epoch ms): midnight in the account's time zone."""
        local = from_ms(now).astimezone(ZoneInfo(self.options.time_zone))
        tomorrow = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return to_ms(tomorrow)

    def _today(self, now: int) -> tuple[int, int]:
        if now >= self._day[0]:
            self._day = (self.next_midnight(now), 0)
        return self._day


def _forget(calls: deque[int], before: int) -> None:
    while calls and calls[0] <= before:
        calls.popleft()


def _rate_error(message: str, policy: str) -> ApiError:
    return ApiError(
        429,
        {
            "status": "error",
            "message": message,
            "errorType": "RATE_LIMIT",
            "correlationId": correlation_id(),
            "policyName": policy,
        },
    )
