"""In which language somebody is written to: the one they said, else the one of their country where nearly everybody there does business in it."""

from __future__ import annotations

import re
from functools import cache

from crmsync.decide.country import country_of
from crmsync.decide.text import one_line
from crmsync.model.record import Fields, Value

LANGUAGE_FIELDS = ("language", "preferred_language", "locale")
"""House fields that name a language, the first one that does counts."""
_CODE = re.compile(r"([a-z]{2,3})(?:[-_]([a-z]{4}|[a-z]{2}|[0-9]{3}))?", re.IGNORECASE)
# Code, then what people and CRMs call it. Countries with several languages of business (CH, BE, CA, LU) say nothing.
_NAMES = """
da danish dansk dänisch
de german deutsch allemand alemán tedesco
en english englisch anglais inglés inglese
es spanish español espanol spanisch espagnol castellano
fi finnish suomi finnisch
fr french français francais französisch francés francese
it italian italiano italienisch italien
ja japanese 日本語 japanisch
nb norwegian norsk norwegisch
nl dutch nederlands niederländisch
pl polish polski polnisch
pt portuguese português portugues portugiesisch
sv swedish svenska schwedisch
"""
_COUNTRIES = {
    "da": "DK", "de": "DE AT LI", "en": "GB US IE AU NZ", "es": "ES MX AR CO CL PE EC GT UY PY BO CR DO SV HN NI PA VE", "fi": "FI",
    "fr": "FR MC", "it": "IT SM VA", "ja": "JP", "nb": "NO", "nl": "NL", "pl": "PL", "pt": "PT BR AO MZ", "sv": "SE",
}  # fmt: skip


def locale_of(facts: Fields) -> str | None:
    """The language for texts to this person as a lower-case code ("de", "pt-br"); None: nothing tells, the text without a locale is theirs."""
    for name in LANGUAGE_FIELDS:
        if (said := _said(facts.get(name))) is not None:
            return said
    return _by_country().get(country_of(facts.get("country")) or "")


def normal(locale: str) -> str:
    """A locale as templates are named by: "de_AT" is "de-at". "" for what is none."""
    return locale.strip().lower().replace("_", "-") if _CODE.fullmatch(locale.strip()) else ""


def _said(value: Value) -> str | None:
    text = one_line(value, 40).casefold() if isinstance(value, str) else ""
    named = _by_name().get(text.split(" ", 1)[0]) if text else None
    # A word of two or three letters could be anything: only a code that is one of ours, or one with a region, counts.
    code = normal(text)
    return named or (code if code and (code.split("-")[0] in _COUNTRIES or "-" in code) else None)


@cache
def _by_name() -> dict[str, str]:
    return {name.casefold(): row.split()[0] for row in _NAMES.strip().splitlines() for name in row.split()[1:]}


@cache
def _by_country() -> dict[str, str]:
    return {country: code for code, countries in _COUNTRIES.items() for country in countries.split()}
