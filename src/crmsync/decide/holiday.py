"""Public holidays by country and region (process.md R3, A6), from the `holidays` library.

Its days off for everybody count, with the weekday that stands in for a holiday on a weekend where the law says so; bank, school and half holidays do not.
Loading the library takes a tenth of a second, so it is loaded by the first question about a country and not before.
"""

from __future__ import annotations

from datetime import date
from functools import cache, lru_cache

from crmsync.decide.country import country_of

FIRST_YEAR, LAST_YEAR = 1900, 2200
"""Outside of these nobody knows public holidays."""


def known_country(country: str | None, region: str | None = None) -> bool:
    """Whether the public holidays of that country, and of that region in it when one is given, are known. country: ISO 3166-1 code or name; region: what
    follows the country in ISO 3166-2 ("BY" or "DE-BY"). For the time of checking: a run takes no holidays for what is not known."""
    place = place_of(country, region)
    return place is not None and (not (region or "").strip() or place[1] is not None)


def place_of(country: str | None, region: str | None = None) -> tuple[str, str | None] | None:
    """(country, region) as the library has them; the region None where it is not known, the whole None where the country is not."""
    code = country_of((country or "").strip()[:80])
    return None if code is None else _place(code, (region or "").strip()[:80])


def public_holidays(country: str | None, region: str | None, year: int) -> frozenset[date]:
    """The public holidays of that year there, of the whole country where the region is not known; none for a country that is not known."""
    place = place_of(country, region) if country else None
    if place is None or not FIRST_YEAR <= year <= LAST_YEAR:
        return frozenset()
    return _year(*place, year)


@cache
def _regions() -> dict[str, tuple[str, ...]]:
    import holidays

    return {code: tuple(regions) for code, regions in holidays.list_supported_countries(include_aliases=True).items()}


@lru_cache(maxsize=1024)
def _place(code: str, region: str) -> tuple[str, str | None] | None:
    regions = _regions().get(code)
    if regions is None:
        return None
    upper = region.upper().removeprefix(f"{code}-")
    return code, next((known for known in regions if region and known.upper() in (upper, region.upper())), None)


@lru_cache(maxsize=2048)
def _year(country: str, region: str | None, year: int) -> frozenset[date]:
    import holidays

    found = holidays.country_holidays(country, subdiv=region, years=year, expand=False)
    return frozenset(day for day in found if day.year == year)
