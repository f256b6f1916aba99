"""R3: what repeats in a calendar, beside `dateutil`, which icalendar brings along and the product does not use."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice, takewhile

import pytest
from dateutil.rrule import rrulestr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from crmsync.connect.recurrence import occurrences, pattern_of

DAY = st.sampled_from(("MO", "TU", "WE", "TH", "FR", "SA", "SU"))


@st.composite
def rules(draw: st.DrawFn) -> str:
    frequency = draw(st.sampled_from(("DAILY", "WEEKLY", "MONTHLY", "YEARLY")))
    parts = [f"FREQ={frequency}", f"INTERVAL={draw(st.integers(1, 3))}"]
    # Where the other reading has its own mind of the standard it is not asked: numbered and plain days together, numbered ones with days of the month in a
    # year, positions in the week of the start.
    numbered = frequency in ("MONTHLY", "YEARLY") and draw(st.booleans())
    if draw(st.booleans()):
        nth = st.sampled_from(("1", "-1", "2", "+3", "5", "-5")) if numbered else st.just("")
        parts.append("BYDAY=" + ",".join(draw(st.lists(st.builds(str.__add__, nth, DAY), min_size=1, max_size=3))))
    if draw(st.booleans()):
        parts.append("BYMONTH=" + ",".join(map(str, draw(st.lists(st.integers(1, 12), min_size=1, max_size=3)))))
    if frequency != "WEEKLY" and not numbered and draw(st.booleans()):
        parts.append(
            "BYMONTHDAY=" + ",".join(map(str, draw(st.lists(st.sampled_from((1, 2, 15, 28, 29, 31, -1, -30)), min_size=1, max_size=3))))
        )
    if len(parts) > 2 and frequency not in ("DAILY", "WEEKLY") and draw(st.booleans()):
        parts.append(f"BYSETPOS={draw(st.sampled_from((1, 2, -1)))}")
    if draw(st.booleans()):
        parts.append(f"WKST={draw(DAY)}")
    return ";".join(parts)


@settings(max_examples=60, deadline=None)
@given(rule=rules(), start=st.datetimes(datetime(2019, 1, 1), datetime(2027, 1, 1)), years=st.integers(0, 6))  # noqa: DTZ001 - wall clocks
def test_r3_agrees_with_another_reading_of_the_standard(rule: str, start: datetime, years: int) -> None:
    start = start.replace(microsecond=0)
    last = start + timedelta(days=365 * years + 40)
    found = list(occurrences(pattern_of(rule), start, last))
    # A day that is there in any case ends the other reading of a rule that never comes true, which would go on for eight thousand years.
    assume(found)
    other = rrulestr(rule, dtstart=start).replace(count=len(found))
    assert found == list(other)
    counted = pattern_of(f"{rule};COUNT=3")
    assert list(occurrences(counted, start, last)) == found[:3]
    assert list(takewhile(lambda at: at <= found[-1], islice(occurrences(pattern_of(rule), start, last), 10_000))) == found


@pytest.mark.parametrize(
    "rule",
    ["", "FREQ=SECONDLY", "FREQ=HOURLY;COUNT=2", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=-1", "FREQ=DAILY;COUNT=0", "FREQ=DAILY;BYHOUR=1,2",
     "FREQ=YEARLY;BYWEEKNO=3", "FREQ=WEEKLY;BYDAY=XX", "FREQ=WEEKLY;BYDAY=" + ",".join(["MO"] * 500), "FREQ", "INTERVAL=2", "FREQ=DAILY;WKST=XX",
     "FREQ=DAILY;COUNT=99999999999999999999"],
)  # fmt: skip
def test_rules_that_are_not_known_are_refused(rule: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        pattern_of(rule)


@pytest.mark.parametrize(
    "rule", ["FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31", "FREQ=MONTHLY;BYDAY=6MO", "FREQ=YEARLY;BYMONTH=13", "FREQ=WEEKLY;BYSETPOS=9"]
)
def test_a_rule_that_never_comes_true_ends(rule: str) -> None:
    start = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock
    assert list(occurrences(pattern_of(rule), start, start.replace(year=2027))) == []
