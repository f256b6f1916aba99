"""A6, F74: the calendar against a count of every minute on the wall clock, in more than 100,000 random cases."""

from __future__ import annotations

import numpy as np

from crmsync.decide.worktime import Calendar, calendar, due_at
from decide.worktime_reference import DAYS, MINUTE, STRETCHES, Case, Counted, cases, questions

EACH, ASKED = 9, 900
"""Calendars for each stretch, questions for each calendar."""


def test_a6_f74_a_hundred_thousand_random_deadlines_agree_with_counting_minutes() -> None:
    rng, agreed = np.random.default_rng(74), 0
    for case in cases(EACH, seed=6):
        counted, calendar_ = Counted(case), calendar_of_case(case)
        starts, minutes, due = questions(counted, ASKED, rng)
        at = [case.begin + n * MINUTE for n in starts.tolist()]
        ends = [case.begin + n * MINUTE for n in due.tolist()]
        asked = minutes.tolist()
        assert [calendar_.due(start, left) for start, left in zip(at, asked, strict=True)] == ends, case
        agreed += len(ends)
    assert agreed >= 100_000


def test_a6_worked_minutes_opening_and_openness_agree_with_counting() -> None:
    rng, agreed = np.random.default_rng(75), 0
    for case in cases(2, seed=7):
        counted, calendar_ = Counted(case), calendar_of_case(case)
        lows, highs = rng.integers(0, DAYS * 1440, (2, 150)).tolist()
        for low, high in zip(lows, highs, strict=True):
            start, end = case.begin + low * MINUTE, case.begin + high * MINUTE
            assert calendar_.worked(start, end) == max(0, counted.sums[high] - counted.sums[low]), (case, start, end)
            assert calendar_.open(start) == counted.working[low], (case, start)
            if (opens := counted.opens(low)) is not None:
                assert calendar_.opens(start) == case.begin + opens * MINUTE, (case, start)
                agreed += 1
    assert agreed > 2 * 150 * len(STRETCHES)


def test_a6_due_at_is_the_calendars_answer() -> None:
    rng = np.random.default_rng(76)
    for case in cases(1, seed=8):
        starts, minutes, due = questions(Counted(case), 20, rng)
        for start, left, end in zip(starts.tolist(), minutes.tolist(), due.tolist(), strict=True):
            found = due_at(start=case.begin + start * MINUTE, minutes=left, hours=case.hours, zone=case.zone, week=case.week)
            assert found == case.begin + end * MINUTE, case


def calendar_of_case(case: Case) -> Calendar:
    return calendar(case.hours, zone=case.zone, spans=case.week.spans if case.week is not None else None)
