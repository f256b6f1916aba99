"""Out-of-office times in an iCalendar (RFC 5545), as calendar programs publish it.

An event counts when it takes time (TRANSP is not TRANSPARENT), was not cancelled, and either the calendar shows it as out of office
(X-MICROSOFT-CDO-BUSYSTATUS:OOF, which Exchange and Outlook write) or its title says so in one of the usual words; ordinary meetings do not. Words that a meeting may
have in its title, too ("holiday"), count for whole days and for events of at least four hours.

The text is hostile: it is taken apart line by line, only the lines that matter are parsed, zones that it defines itself are not built, and everything is counted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice
from typing import Any

from crmsync.connect.recurrence import occurrences, pattern_of
from crmsync.model.absence import Away

AHEAD, BEHIND = timedelta(days=400), timedelta(days=30)
"""How far from now absences are looked for."""
MOST_EVENTS = 20_000
MOST_READ = 1_000
"""Events that say out of office and are parsed."""
MOST_SERIES = 50
MOST_ABSENCES = 300
LONGEST_LINE = 4_000
MOST_LINES = 200
"""Of one event, of those that matter."""
LONG_ENOUGH = timedelta(hours=4)
OLDEST = 2000
"""Year before which no series begins: each of its days would have to be gone through."""
SOURCE = "calendar"
_LONGEST = timedelta(days=200_000)

_WANTED = frozenset(
    ("UID", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "SUMMARY", "TRANSP", "STATUS", "X-MICROSOFT-CDO-BUSYSTATUS")
)  # fmt: skip
_CLEAR = (
    "out of office", "out of the office", "ooo", "oof", "pto", "paid time off", "day off", "annual leave", "sick leave", "parental leave", "maternity leave",
    "paternity leave", "on leave", "im urlaub", "abwesend", "abwesenheit", "nicht im buro", "elternzeit", "krankgeschrieben", "en conges", "en conge",
    "absent", "absente", "absence du bureau", "hors du bureau", "fuera de la oficina", "de vacaciones", "fuori ufficio", "in ferie", "assente",
    "afwezig", "niet op kantoor", "franvarande", "fora do escritorio", "de ferias", "poza biurem", "nieobecny", "nieobecna", "不在", "休暇",
)  # fmt: skip
_LIKELY = (
    "vacation", "vacations", "holiday", "holidays", "leave", "time off", "away", "absence", "sick", "urlaub", "ferien", "krank", "conges", "conge", "vacances",
    "vacaciones", "ausente", "ferie", "vacanza", "vacanze", "vakantie", "verlof", "semester", "ledig", "ferias", "ausencia", "urlop", "dovolena",
    "szabadsag", "loma", "有給",
)  # fmt: skip

_CONTENT = re.compile(r'[^":]*(?:"[^"]*"[^":]*)*:(.*)')
"""A line's value: what follows the first colon that stands in no quoted parameter."""

_Raw = dict[str, list[str]]
"""The lines of one event that matter, unfolded, by property."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _When:
    """start: wall-clock time in `zone`, without it. Length: days of whole-day events, else exact."""

    start: datetime
    zone: tzinfo
    whole_days: bool
    length: timedelta

    def at(self, wall: datetime) -> tuple[datetime, datetime]:
        """(start, end) in UTC of the occurrence that begins at that wall-clock time."""
        start = wall.replace(tzinfo=self.zone).astimezone(UTC)
        if self.whole_days:
            return start, (wall + self.length).replace(tzinfo=self.zone).astimezone(UTC)
        return start, start + self.length


def absences(text: str, zone: tzinfo, now: datetime) -> tuple[Away, ...]:
    """Out-of-office times in that iCalendar from BEHIND before `now` to AHEAD after it, those that overlap or touch as one, the first MOST_ABSENCES. zone: of the
    person: whole days, and times without a zone or in one that nobody knows, are theirs. Events that cannot be read are left out.

    Raises: ValueError when the text is no iCalendar."""
    if "BEGIN:VCALENDAR" not in text[:10_000].upper():
        raise ValueError("no iCalendar")
    singles: list[_Raw] = []
    moved: dict[str, list[_Raw]] = {}
    for raw in islice(_events(text), MOST_EVENTS):
        if "RECURRENCE-ID" in raw:
            moved.setdefault(_value(raw, "UID"), []).append(raw)
        elif _word(raw):
            singles.append(raw)
    low, high = now - BEHIND, datetime.combine((now + AHEAD).astimezone(UTC).date(), time(), tzinfo=UTC)
    found: list[tuple[datetime, datetime]] = []
    series = [raw for raw in singles if "RRULE" in raw][:MOST_SERIES]
    # A calendar may hold years of the past: what begins last is read first.
    others = sorted((raw for raw in singles if "RRULE" not in raw), key=lambda raw: _value(raw, "DTSTART"), reverse=True)[:MOST_READ]
    for raw in (*series, *others):
        found += _spans(raw, moved.get(_value(raw, "UID"), []), zone, low, high)
    for raw in islice((raw for many in moved.values() for raw in many if _word(raw)), MOST_READ):
        found += _spans({name: lines for name, lines in raw.items() if name not in ("RRULE", "RDATE")}, [], zone, low, high)
    return _merged((start, min(end, high)) for start, end in found if start < high and end > low)


def _events(text: str) -> Iterator[_Raw]:
    """The events of the text, what is nested in them (reminders) left out."""
    raw: _Raw | None = None
    inside: list[str] = []
    size = 0
    for line in re.sub(r"\n[ \t]", "", text.replace("\r", "")).split("\n"):
        name = re.split("[:;]", line[:100], maxsplit=1)[0].strip().upper()
        if name == "BEGIN" and line[6:].strip().upper() == "VEVENT":
            raw, inside, size = {}, [], 0
        elif raw is None:
            continue
        elif name == "BEGIN":
            inside.append(line[6:].strip().upper())
        elif name == "END" and inside:
            inside.pop()
        elif name == "END":
            yield raw
            raw = None
        elif not inside and name in _WANTED and len(line) <= LONGEST_LINE and size < MOST_LINES:
            raw.setdefault(name, []).append(line)
            size += 1


def _value(raw: _Raw, name: str) -> str:
    found = _CONTENT.match(raw[name][0]) if name in raw else None
    return found[1].strip() if found is not None else ""


def _word(raw: _Raw) -> str:
    """How that event says out of office: "clear", "likely", or "" when it does not, takes no time or was cancelled."""
    shown = _value(raw, "X-MICROSOFT-CDO-BUSYSTATUS").upper()
    if (
        _value(raw, "TRANSP").upper() == "TRANSPARENT"
        or _value(raw, "STATUS").upper() == "CANCELLED"
        or shown in ("FREE", "WORKINGELSEWHERE")
    ):
        return ""
    if shown == "OOF":
        return "clear"
    title = _plain(_value(raw, "SUMMARY"))
    return "clear" if _found(title, _CLEAR) else "likely" if _found(title, _LIKELY) else ""


def _plain(text: str) -> str:
    """Without case, accents and punctuation, one blank between words and around."""
    letters = unicodedata.normalize("NFKD", text.replace("\\n", " ").casefold())
    kept = "".join(c if c.isalnum() else "" if unicodedata.combining(c) else " " for c in letters)
    return f" {' '.join(kept.split())} "


def _found(title: str, words: Iterable[str]) -> bool:
    # Where words are not parted by blanks they are looked for anywhere.
    return any((f" {word} " in title) if word.isascii() else (word in title) for word in words)


def _spans(raw: _Raw, moved: list[_Raw], zone: tzinfo, low: datetime, high: datetime) -> list[tuple[datetime, datetime]]:
    """The occurrences in UTC; none for an event that cannot be read."""
    try:
        event = _parsed(raw)
        when = _when(event, zone)
        if _word(raw) == "likely" and not when.whole_days and when.length < LONG_ENOUGH:
            return []
        gone = {wall for other in moved for wall in _walls(_parsed({"RECURRENCE-ID": other["RECURRENCE-ID"]}).get("RECURRENCE-ID"), when)}
        gone.update(_walls(event.get("EXDATE"), when))
        days = {wall for wall in gone if wall.time() == time()} if not when.whole_days else set()
        starts = [*_repeated(event, when, high), *_walls(event.get("RDATE"), when)]
        # Turning wall-clock times into moments costs most: those that ended long before are left out first.
        early = low.replace(tzinfo=None) - min(when.length, _LONGEST) - timedelta(days=2)
        spans = [
            when.at(wall) for wall in starts if wall > early and wall not in gone and datetime.combine(wall.date(), time()) not in days
        ]
    except Exception:  # whatever a library makes of hostile text: this event is none
        return []
    return [(start, end) for start, end in spans if start < end and start < high and end > low]


def _parsed(raw: _Raw) -> Mapping[str, Any]:
    import icalendar

    lines = "\r\n".join(line for lines in raw.values() for line in lines)
    made: Any = icalendar.Event.from_ical(f"BEGIN:VEVENT\r\n{lines}\r\nEND:VEVENT\r\n")
    return dict(made.items())


def _when(event: Mapping[str, Any], zone: tzinfo) -> _When:
    start, end, length = event["DTSTART"].dt, event.get("DTEND"), event.get("DURATION")
    if not isinstance(start, datetime):
        last = end.dt if end is not None else start + (length.dt if length is not None else timedelta(days=1))
        last = last.date() if isinstance(last, datetime) else last
        return _When(start=datetime.combine(start, time()), zone=zone, whole_days=True, length=max(last - start, timedelta(days=1)))
    own = start.tzinfo or zone
    first = start if start.tzinfo is not None else start.replace(tzinfo=own)
    if end is not None:
        until = end.dt if isinstance(end.dt, datetime) else datetime.combine(end.dt, time())
        long = (until if until.tzinfo is not None else until.replace(tzinfo=own)).astimezone(UTC) - first.astimezone(UTC)
    else:
        long = length.dt if length is not None else timedelta()
    return _When(start=start.replace(tzinfo=None), zone=own, whole_days=False, length=long)


def _wall(moment: date, when: _When) -> datetime:
    """A moment that the file gives, by the clock of the event."""
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time())
    wall = moment.astimezone(when.zone) if moment.tzinfo is not None else moment
    return datetime.combine(wall.date(), time()) if when.whole_days else wall.replace(tzinfo=None)


def _walls(given: Any, when: _When) -> Iterator[datetime]:
    """The moments of EXDATE, RDATE or RECURRENCE-ID: given once or several times, each a list or one."""
    for one in given if isinstance(given, list) and not hasattr(given, "dts") else [given] if given is not None else []:
        for part in getattr(one, "dts", [one]):
            moment = part.dt[0] if isinstance(part.dt, tuple) else part.dt
            yield _wall(moment, when)


def _repeated(event: Mapping[str, Any], when: _When, high: datetime) -> list[datetime]:
    """The wall-clock times at which the event begins, up to `high`."""
    rule = event.get("RRULE")
    if rule is None:
        return [when.start]
    rule = rule[0] if isinstance(rule, list) else rule
    last, until = high.replace(tzinfo=None), rule.get("UNTIL", [None])[0]
    if until is not None:
        day = not isinstance(until, datetime)
        last = min(last, _wall(until, when) + (timedelta(days=1, microseconds=-1) if day else timedelta()))
    try:
        pattern = pattern_of(rule.to_ical().decode())
    except ValueError:  # a rule that no calendar program makes of an absence: the first time counts
        return [when.start]
    return list(occurrences(pattern, when.start, last)) if when.start.year >= OLDEST else []


def _merged(spans: Iterable[tuple[datetime, datetime]]) -> tuple[Away, ...]:
    found: list[Away] = []
    for start, end in sorted(spans):
        if found and start <= found[-1].end:
            found[-1] = Away(start=found[-1].start, end=max(end, found[-1].end), source=SOURCE)
        elif len(found) == MOST_ABSENCES:
            break
        else:
            found.append(Away(start=start, end=end, source=SOURCE))
    return tuple(found)
