"""Working time the slow way, for comparison: the wall clock of the zone is looked at in every minute of a stretch of time, and the rest is counting. Shares
nothing with the product but the zones of `zoneinfo`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from crmsync.model.rules import WorkingHours
from crmsync.model.week import Week, week_of

MINUTE = timedelta(minutes=1)
DAYS = 30
"""Length of the stretches in which every minute is looked at."""
STRETCHES = {
    "Europe/Berlin": (datetime(2026, 3, 14, tzinfo=UTC), datetime(2026, 10, 12, tzinfo=UTC), datetime(2026, 12, 15, tzinfo=UTC)),
    "America/New_York": (datetime(2026, 2, 22, tzinfo=UTC), datetime(2026, 10, 20, tzinfo=UTC)),
    "America/Santiago": (datetime(2026, 8, 24, tzinfo=UTC), datetime(2026, 3, 24, tzinfo=UTC)),
    "Africa/Cairo": (datetime(2026, 4, 14, tzinfo=UTC), datetime(2026, 10, 20, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2026, 3, 24, tzinfo=UTC), datetime(2026, 9, 24, tzinfo=UTC)),
    "Pacific/Apia": (datetime(2011, 12, 20, tzinfo=UTC),),  # a day that never was
    "America/St_Johns": (datetime(2010, 10, 28, tzinfo=UTC),),  # back from one minute past midnight: the day before comes again
    "Asia/Kathmandu": (datetime(2026, 12, 20, tzinfo=UTC),),
    "Pacific/Kiritimati": (datetime(2026, 12, 20, tzinfo=UTC),),
    "Pacific/Chatham": (datetime(2026, 3, 28, tzinfo=UTC),),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One calendar and the minutes in which to ask it."""

    zone: str
    begin: datetime
    hours: WorkingHours
    week: Week | None


class Counted:
    """Every minute of a case's stretch. `sums[n]`: working minutes before minute n."""

    def __init__(self, case: Case) -> None:
        weekday, minute, ordinal = shown(case.begin, case.zone)
        spans: Sequence[tuple[int, int, int]] = (
            case.week.spans if case.week is not None else [(day, case.hours.start, case.hours.end) for day in case.hours.days]
        )
        self.working = np.zeros(DAYS * 1440, bool)
        for day, opens, closes in spans:
            self.working |= (weekday == day) & (minute >= opens) & (minute < closes)
        self.working &= ~np.isin(ordinal, [date.fromisoformat(day).toordinal() for day in case.hours.holidays])
        self.sums: NDArray[np.int64] = np.concatenate([[0], np.cumsum(self.working)])

    def due(self, starts: NDArray[np.int64], minutes: NDArray[np.int64]) -> NDArray[np.int64]:
        """After which minute so many were worked since each start; DAYS * 1440 + 1 where that is later than what was looked at."""
        return np.searchsorted(self.sums, self.sums[starts] + minutes).astype(np.int64)

    def opens(self, at: int) -> int | None:
        """The first working minute from that one on."""
        later = np.flatnonzero(self.working[at:])
        return at + int(later[0]) if len(later) else None


@cache
def shown(begin: datetime, zone: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(weekday, minute of the day, ordinal of the day) that a clock there shows in each minute from `begin` on."""
    local = ZoneInfo(zone)
    walls = [(begin + n * MINUTE).astimezone(local) for n in range(DAYS * 1440)]
    return (
        np.array([wall.weekday() for wall in walls]),
        np.array([wall.hour * 60 + wall.minute for wall in walls]),
        np.array([wall.toordinal() for wall in walls]),
    )


def cases(each: int, seed: int) -> Iterable[Case]:
    """So many random calendars for each stretch: plain hours or weeks of several stretches a day, nights among them, and some holidays."""
    rng = np.random.default_rng(seed)
    for zone, begins in STRETCHES.items():
        for begin in begins:
            for _ in range(each):
                free = sorted({(begin + timedelta(days=int(n))).date().isoformat() for n in rng.integers(0, DAYS, rng.integers(0, 6))})
                opens = int(rng.integers(0, 1380))
                hours = WorkingHours(
                    days=tuple(sorted({int(day) for day in rng.integers(0, 7, 6)})),
                    start=opens,
                    end=int(rng.integers(opens + 30, 1441)),
                    holidays=tuple(free),
                )
                yield Case(zone, begin, hours, _week(rng) if rng.random() < 0.5 else None)


def _week(rng: np.random.Generator) -> Week | None:
    starts = [(day, int(start)) for day in range(7) for start in rng.integers(0, 1380, rng.integers(0, 4))]
    return week_of((day, start, min(1440, start + int(rng.integers(15, 600)))) for day, start in starts)


def questions(counted: Counted, number: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(starts, minutes, due): so many random questions whose answers lie in the stretch, or fewer where it has no working time left."""
    starts, minutes = rng.integers(0, DAYS * 1440 - 1, number * 3), rng.integers(1, 3_000, number * 3)
    due = counted.due(starts, minutes)
    kept = np.flatnonzero(due <= DAYS * 1440)[:number]
    return starts[kept], minutes[kept], due[kept]
