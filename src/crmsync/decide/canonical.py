"""One form for a value, whatever CRM it came from: `clean` gives what may be stored and sent, `fold` what may be compared (F14)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from crmsync.decide.bodies import folded
from crmsync.model.record import Value
from crmsync.model.rules import FieldType

_DAY = len("2026-01-31")
_SPACES = re.compile(r"[ \t\u00a0\u2007\u202f]+")
_NOT_DIGIT = re.compile(r"\D+")
_SCHEME = re.compile(r"^https?://", re.IGNORECASE)
_LONG_TEXTS = (FieldType.LONG_TEXT, FieldType.RICH_TEXT)
_TRUE = frozenset({"true", "1", "yes", "y"})
_FALSE = frozenset({"false", "0", "no", "n", ""})
_TEXTUAL = frozenset({FieldType.TEXT, FieldType.PICKLIST, FieldType.OWNER, FieldType.PHONE, FieldType.URL, FieldType.EMAIL})


def clean(type: FieldType, value: Value) -> Value:
    """The value as crmsync stores and sends it: trimmed, typed, empty as None. A value that does not fit its type stays text."""
    if value is None:
        return None
    if type in _TEXTUAL:
        text = str(value).strip()
        if type is FieldType.EMAIL or type is FieldType.OWNER:
            text = text.lower()
        return text or None
    if type in _LONG_TEXTS:
        return str(value).replace("\r\n", "\n").replace("\r", "\n").strip() or None
    if type is FieldType.BOOL:
        return _bool(value)
    if type is FieldType.NUMBER:
        return _number(value)
    if type is FieldType.DATE:
        return _date(value)
    if type is FieldType.DATETIME:
        return _datetime(value)
    if type is FieldType.DAY:
        # A day stays one; a moment stays one, too: which day it is on depends on whose it is (decide.days).
        text = str(value).strip()
        return text if len(text) == _DAY and _date(text) == text else _datetime(text)
    return ";".join(sorted({part.strip() for part in str(value).split(";") if part.strip()})) or None


def fold(type: FieldType, value: Value) -> Value:
    """The comparison key of a cleaned value: equal keys mean that a person would call the values equal.

    Text: inner white space collapsed, case kept. E-mail and owner: lower case. Phone: digits, leading "+" or "00" ignored. URL: no scheme,
    no trailing slash, lower-case host. Rich text: white space counts as one blank, line breaks as one. Number: as float rounded to 9 decimals. Datetime: whole seconds (Salesforce keeps no more).
    """
    if value is None:
        return None
    if type is FieldType.TEXT or type is FieldType.LONG_TEXT or type is FieldType.PICKLIST:
        text = str(value)
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        return _SPACES.sub(" ", text).strip() or None
    if type is FieldType.EMAIL or type is FieldType.OWNER:
        return str(value).strip().lower() or None
    if type is FieldType.PHONE:
        digits = _NOT_DIGIT.sub("", str(value)).lstrip("0")
        return digits or str(value).strip() or None
    if type is FieldType.URL:
        host, slash, path = _SCHEME.sub("", str(value).strip()).rstrip("/").partition("/")
        return host.lower() + slash + path or None
    if type is FieldType.NUMBER:
        return round(float(value), 9) if isinstance(value, int | float) else str(value)
    if type is FieldType.RICH_TEXT:
        return folded(str(value)) or None
    if type is FieldType.DATETIME or type is FieldType.DAY:
        return str(value)[:19]
    if type is FieldType.BOOL:
        return bool(value)
    return value


def same(type: FieldType, a: Value, b: Value) -> bool:
    """Whether two cleaned values mean the same. For bools, empty means False."""
    if type is FieldType.BOOL:
        return bool(a) == bool(b)
    if a == b:
        return True
    if (a is None or b is None) and _says_something(type, b if a is None else a):
        return False  # the most frequent difference by far: the one side has nothing
    return fold(type, a) == fold(type, b)


def _says_something(type: FieldType, value: Value) -> bool:
    """Whether its key is certainly that of a value; an address may be a mere scheme."""
    return not isinstance(value, str) or (type is not FieldType.URL and value.strip() != "")


def shortened(sent: Value, shown: Value) -> bool:
    """Whether `shown` is `sent` cut off at the end by a CRM with a length limit (F14)."""
    return isinstance(sent, str) and isinstance(shown, str) and 0 < len(shown) < len(sent) and sent.startswith(shown.rstrip())


def moment(value: Value) -> datetime | None:
    """A cleaned datetime or date value as an aware UTC datetime (dates: midnight UTC); None when it is neither."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def stamp(at: datetime) -> str:
    """A datetime as its canonical text, "YYYY-MM-DDTHH:MM:SS.mmmZ" in UTC."""
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _bool(value: Value) -> Value:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    return True if text in _TRUE else False if text in _FALSE else str(value).strip()


def _number(value: Value) -> Value:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        text = value.strip().replace(",", "") if value.count(",") and "." in value else value.strip()
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            return text
    if isinstance(value, float):
        # HubSpot's computed numbers carry floating noise ("0.400000000000000022"): 12 significant decimals are all that is real.
        if value != value or value in (float("inf"), float("-inf")):
            return str(value)
        value = round(value, 12)
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return value


def _epoch(text: str) -> datetime | None:
    if not text.lstrip("-").isdigit() or len(text) <= 8:
        return None
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(text))
    except (ValueError, OverflowError):
        return None


def _date(value: Value) -> Value:
    text = str(value).strip()
    if not text:
        return None
    if (at := _epoch(text)) is not None:
        return at.date().isoformat()
    try:
        # A date field holds a calendar day: the zone of a stray time part must not move it (F46).
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        return text


def _datetime(value: Value) -> Value:
    text = str(value).strip()
    if not text:
        return None
    if (at := _epoch(text)) is not None:
        return stamp(at)
    parsed = moment(text)
    return text if parsed is None else stamp(parsed)
