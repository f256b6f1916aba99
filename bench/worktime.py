"""Working time: agreement with a count of every minute, and microseconds per answer beside two other ways.

    python bench/worktime.py [cases] [revision]

cases: random questions (100,000). Each is answered by the product, by counting minutes on the wall clock (tests/decide/worktime_reference.py), and, where it can
be expressed so, by numpy's business days with the minutes of the day added by hand, which is how it is often done; numpy knows neither zones nor clock changes nor
more than one stretch a day, so it is asked in UTC. revision: of this repository, whose `due_at` is asked, too (the one before calendars were laid out: 5da5bca);
without git or that revision it is left out.
"""

from __future__ import annotations

import subprocess
import sys
import time
import types
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np
from _common import ROOT, table

sys.path.insert(0, str(ROOT / "tests"))

from crmsync.decide.worktime import Calendar, calendar, calendar_of
from crmsync.model.record import User
from crmsync.model.rules import WorkingHours
from crmsync.model.week import Week
from decide.worktime_reference import DAYS, MINUTE, Case, Counted, cases, questions

BASELINE = "5da5bca"
LIMIT = 20.0
"""Microseconds per answer that are wanted."""
TIMED, ROUNDS = 5_000, 5


def previous(revision: str) -> types.ModuleType | None:
    done = subprocess.run(
        ["git", "show", f"{revision}:src/crmsync/decide/worktime.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        return None
    module = types.ModuleType("previous")
    exec(compile(done.stdout, f"{revision}:worktime.py", "exec"), module.__dict__)
    return module


def agreement(wanted: int, before: types.ModuleType | None) -> tuple[int, int, int]:
    """(questions, answers of the product that differ, answers of the earlier revision that do) beside counting."""
    rng, asked, wrong, earlier = np.random.default_rng(74), 0, 0, 0
    each = max(1, -(-wanted // (15 * 900)) + 1)
    for case in cases(each, seed=6):
        counted, own = Counted(case), made(case)
        starts, minutes, due = questions(counted, 900, rng)
        for number, (start, left, end) in enumerate(zip(starts.tolist(), minutes.tolist(), due.tolist(), strict=True)):
            at, ends = case.begin + start * MINUTE, case.begin + end * MINUTE
            wrong += own.due(at, left) != ends or own.worked(at, ends) != left
            if before is not None and number % 10 == 0:
                earlier += before.due_at(start=at, minutes=left, hours=case.hours, zone=case.zone, week=case.week) != ends
        asked += len(due)
    return asked, wrong, earlier


def made(case: Case) -> Calendar:
    return calendar(case.hours, zone=case.zone, spans=case.week.spans if case.week is not None else None)


def by_business_days(days: np.busdaycalendar, opens: int, closes: int) -> Callable[[datetime, int], datetime]:
    """Working minutes of one stretch a day in UTC by numpy's business days."""
    long = closes - opens

    def due(start: datetime, minutes: int) -> datetime:
        day = start.date()
        if np.is_busday(day, busdaycal=days):
            gone = min(max(start.hour * 60 + start.minute - opens, 0), long)
        else:
            day, gone = np.busday_offset(day, 0, roll="forward", busdaycal=days).item(), 0
        whole, rest = divmod(gone + minutes, long)
        if rest == 0:
            whole, rest = whole - 1, long
        last: date = np.busday_offset(day, whole, roll="forward", busdaycal=days).item()
        return datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(minutes=opens + rest)

    return due


def micros(ask: Callable[[datetime, datetime, int], object], starts: list[datetime], minutes: list[int]) -> float:
    """Of this thread's processor time, the best of some rounds: what else the machine does counts for nothing."""
    ends = [start + timedelta(days=9) for start in starts]
    for start, end, left in zip(starts[:500], ends, minutes, strict=False):
        ask(start, end, left)
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.thread_time()
        for start, end, left in zip(starts, ends, minutes, strict=True):
            ask(start, end, left)
        best = min(best, time.thread_time() - begun)
    return best / len(starts) * 1e6


def main(wanted: int = 100_000, revision: str = BASELINE) -> None:
    before = previous(revision)
    asked, wrong, earlier = agreement(wanted, before)
    print(
        f"{asked:,} random deadlines in {DAYS}-day stretches around clock changes and New Year: {wrong} differ from counting every minute"
    )
    if before is not None:
        print(f"of a tenth of them {revision} answers {earlier} otherwise")

    rng = np.random.default_rng(1)
    year = datetime(2026, 1, 1, tzinfo=UTC)
    starts = [year + int(n) * MINUTE for n in rng.integers(0, 365 * 1440, TIMED)]
    minutes = [int(n) for n in rng.integers(1, 3_000, TIMED)]
    free = tuple(f"2026-{month:02d}-11" for month in range(1, 13))
    plain = WorkingHours(holidays=free)
    days = np.busdaycalendar(holidays=[np.datetime64(day) for day in free])
    numpy_due, utc = by_business_days(days, plain.start, plain.end), calendar_of(None, plain)
    odd = sum(numpy_due(start, left) != utc.due(start, left) for start, left in zip(starts[:5_000], minutes, strict=False))
    week = Week(spans=tuple((day, start, start + 200) for day in range(5) for start in (540, 780)))
    user = User(side="a", id="1", email=None, name="x", time_zone="America/New_York", hours=week, country="US")
    own = calendar_of(user, plain)
    timed = {
        "due": micros(lambda start, end, left: own.due(start, left), starts, minutes),
        "worked, over nine days": micros(lambda start, end, left: own.worked(start, end), starts, minutes),
        "open": micros(lambda start, end, left: own.open(start), starts, minutes),
        "opens": micros(lambda start, end, left: own.opens(start), starts, minutes),
        "day": micros(lambda start, end, left: own.day(start), starts, minutes),
        "calendar_of": micros(lambda start, end, left: calendar_of(user, plain), starts, minutes),
    }
    others = {"due, numpy business days (UTC, one stretch a day)": micros(lambda start, end, left: numpy_due(start, left), starts, minutes)}
    if before is not None:
        others[f"due_at, {revision}"] = micros(
            lambda start, end, left: before.due_at(start=start, minutes=left, hours=plain, zone=user.time_zone, week=week), starts, minutes
        )
    begun = time.thread_time()
    for number in range(2030, 2040):
        own.open(datetime(number, 6, 1, tzinfo=UTC))
    cold = (time.thread_time() - begun) / 10 * 1e3
    table(
        "Microseconds of processor time per answer, once warm",
        ("question", "µs"),
        [(name, f"{value:.1f}") for name, value in (timed | others).items()],
    )
    print(f"\nlaying out a year: {cold:.1f} ms; numpy's answers that differ, of 5,000 plain ones in UTC: {odd}")
    slow = [name for name, value in timed.items() if value >= LIMIT]
    if wrong or asked < wanted or slow or odd:
        print(f"NOT REACHED: {wrong} wrong, {asked:,} asked, slower than {LIMIT:.0f} µs: {slow or 'none'}")
        sys.exit(1)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:3])
