"""The day on which somebody says they are back, as far as it can be read without guessing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

AHEAD = timedelta(days=366)
"""Nobody is away for longer; a later day was meant otherwise."""
_LONGEST = 4_000

_MONTHS: dict[str, int] = {}
for _number, _names in enumerate(
    (
        "jan january januar janvier enero gennaio janeiro januari",
        "feb february februar fevrier febrero febbraio fevereiro februari",
        "mar march marz maerz mars marzo marco maart",
        "apr april avril abril aprile",
        "may mai mayo maggio maio mei",
        "jun june juni juin junio giugno junho",
        "jul july juli juillet julio luglio julho",
        "aug august aout agosto augustus",
        "sep sept september septembre septiembre settembre setembro",
        "oct october okt oktober octobre octubre ottobre outubro",
        "nov november novembre noviembre novembro",
        "dec december dez dezember decembre diciembre dicembre dezembro",
    ),
    start=1,
):
    _MONTHS |= dict.fromkeys(_names.split(), _number)
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_UNTIL = (
    r"until|till|through|thru|up to|to and including|bis(?: zum| einschliesslich| inklusive| incl?\.?)*|jusqu'?(?:au|a)|hasta(?: el)?|fino (?:al|a)|ate(?: o)?(?: dia)?"
    r"|tot(?: en met)?|t/m"
)
_BACK = r"back|return(?:ing)?|available again|ab dem|ab|wieder(?: ab| am| da| erreichbar| im buro)*|zuruck|de retour|retour|regreso|vuelvo|rientro|torno|retorno|volto|terug"
_DATE = re.compile(
    rf"\b(?:(?P<until>{_UNTIL})|(?P<back>{_BACK}))\b[^\d\n]{{0,40}}?"
    rf"(?:(?P<iso>\d{{4}}-\d{{2}}-\d{{2}})"
    rf"|(?P<d1>\d{{1,2}})(?:st|nd|rd|th|er|\.|º)?\s?(?:de |of )?(?P<m1>{_MONTH})\b\.?,?(?:\s(?:de )?(?P<y1>\d{{4}}))?"
    rf"|(?P<m2>{_MONTH})\.?\s(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s(?P<y2>\d{{4}}))?"
    rf"|(?P<d3>\d{{1,2}})\.(?P<m3>\d{{1,2}})\.(?P<y3>\d{{4}}|\d{{2}}\b)?"
    rf"|(?P<a>\d{{1,2}})/(?P<b>\d{{1,2}})(?:/(?P<y4>\d{{4}}|\d{{2}}\b))?)",
)


def back_on(text: str, at: datetime) -> datetime | None:
    """The begin (UTC) of the day on which the writer of `text` is back, who wrote it at `at` (UTC): the day they name for their return, else the one after the
    last day of their absence. None where no day can be read for certain: 3/4 is none, for it is two. A day before `at` or more than a year later is none."""
    plain = unicodedata.normalize("NFKD", text[:_LONGEST].replace("ß", "ss").casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    told: dict[bool, list[date]] = {True: [], False: []}
    for returns, day in _days(plain, at.date()):
        told[returns].append(day if returns else day + timedelta(days=1))
    days = told[True] or told[False]
    return datetime.combine(max(days), time(), tzinfo=UTC) if days else None


def _days(text: str, today: date) -> Iterator[tuple[bool, date]]:
    """(whether it is the day of return, the day) of each that stands in the text and can be meant."""
    for found in _DATE.finditer(text):
        day = _day(found, today)
        if day is not None and today <= day <= today + AHEAD:
            yield found["back"] is not None, day


def _day(found: re.Match[str], today: date) -> date | None:
    if found["iso"]:
        return _date(*(int(part) for part in found["iso"].split("-")))
    if found["m1"] or found["m2"]:
        number, name, year = (found["d1"], found["m1"], found["y1"]) if found["m1"] else (found["d2"], found["m2"], found["y2"])
        return _dated(int(number), _MONTHS[name], year, today)
    if found["d3"]:
        return _dated(int(found["d3"]), int(found["m3"]), found["y3"], today)
    first, second = int(found["a"]), int(found["b"])
    if first == second or first > 12 >= second:
        return _dated(first, second, found["y4"], today)
    return _dated(second, first, found["y4"], today) if second > 12 >= first else None


def _dated(day: int, month: int, year: str | None, today: date) -> date | None:
    """Without a year the next such day."""
    if year is not None:
        return _date(int(year) + (2000 if len(year) == 2 else 0), month, day)
    this = _date(today.year, month, day)
    return this if this is not None and this >= today else _date(today.year + 1, month, day)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
