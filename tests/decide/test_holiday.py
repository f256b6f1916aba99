"""Public holidays by country and region, and a holiday list for a country that nobody knows."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime

import pytest

from crmsync.decide.holiday import known_country, place_of, public_holidays
from crmsync.decide.worktime import calendar_of
from crmsync.model.rules import WorkingHours


@pytest.mark.parametrize(
    ("country", "region", "place"),
    [
        ("DE", "BY", ("DE", "BY")),
        ("DE", "DE-BY", ("DE", "BY")),
        (" de ", "by", ("DE", "BY")),
        ("Germany", None, ("DE", None)),
        ("Deutschland", "", ("DE", None)),
        ("USA", "CA", ("US", "CA")),
        ("GB", "sct", ("GB", "SCT")),
    ],
)
def test_codes_and_names_are_understood(country: str, region: str | None, place: tuple[str, str | None]) -> None:
    assert place_of(country, region) == place
    assert known_country(country, region)


@pytest.mark.parametrize("country", ["XX", "", "Atlantis", "__init__", "HolidayBase", "../../etc", "D" * 5000, "\0", None])
def test_an_unknown_country_is_told_and_has_no_holidays(country: str | None) -> None:
    assert not known_country(country, None)
    assert not known_country(country, "BY")
    assert public_holidays(country, None, 2026) == frozenset()
    hours = WorkingHours(country=country, region="BY")
    assert calendar_of(None, hours).open(datetime(2026, 12, 25, 10, tzinfo=UTC)), "a Friday like any other"


def test_an_unknown_region_is_told_and_has_the_countrys_holidays() -> None:
    assert not known_country("DE", "Nowhere")
    assert public_holidays("DE", "Nowhere", 2026) == public_holidays("DE", None, 2026)


def test_known_holidays() -> None:
    germany, bavaria = public_holidays("DE", None, 2026), public_holidays("DE", "BY", 2026)
    assert date(2026, 10, 3) in germany
    assert bavaria - germany >= {date(2026, 1, 6), date(2026, 6, 4)}
    assert date(2026, 7, 3) in public_holidays("US", None, 2026), "the Friday before a 4 July on Saturday"
    assert date(2027, 12, 31) in public_holidays("US", None, 2027), "New Year's Day 2028 is a Saturday"
    assert all(day.year == 2027 for day in public_holidays("US", None, 2027))


@pytest.mark.parametrize("year", [-1, 0, 1, 1899, 2201, 9999, 10_000])
def test_far_off_years_have_none(year: int) -> None:
    assert public_holidays("US", None, year) == frozenset()


def test_the_library_is_loaded_by_the_first_country_and_not_before() -> None:
    told = "import sys\nfrom datetime import *\nfrom crmsync.decide.worktime import *\nfrom crmsync.model.rules import WorkingHours as W\n"
    ask = "calendar_of(None, W({})).open(datetime(2026, 5, 1, tzinfo=UTC)); print('holidays' in sys.modules)\n"
    script = told + ask.format("") + ask.format("country='DE'")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "True"]
