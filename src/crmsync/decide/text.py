"""Plain words and moments: hostile text on one line, datetimes to and from their canonical text."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta

from crmsync.model.record import Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_MS = re.compile(r"\d{12,14}")
_ODD = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"  # part of the spelling of Persian names and of emoji
ELLIPSIS = "…"


def one_line(value: Value, limit: int = 200) -> str:
    """`value` as text on one line of at most `limit` characters; "" for None.

    Control, format (zero-width blanks, right-to-left overrides) and line-separating characters become blanks and runs of blanks one blank, so that
    a value from a CRM can neither start a new line nor reorder what a reader sees. A cut is marked with an ellipsis.
    """
    if value is None:
        return ""
    text = str(value)
    if not text.isprintable():  # what is odd is not printable; most texts have nothing odd
        text = "".join(" " if unicodedata.category(c) in _ODD and c not in _JOINERS else c for c in text)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + ELLIPSIS


def points_text(points: float) -> str:
    """Signed points with at most one decimal: "+30", "-12.5", "+0"."""
    text = f"{points:+.1f}"
    return text.removesuffix(".0")


def stamp(moment: datetime) -> str:
    """The canonical text of a UTC moment: "YYYY-MM-DDTHH:MM:SS.mmmZ"; what lies below a millisecond is dropped."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def minute(moment: datetime) -> str:
    """A moment for readers: "2026-01-31 09:05 UTC"."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def parse_moment(value: Value) -> datetime | None:
    """The UTC moment that a canonical value names, whole milliseconds; None when it names none.

    Understood: canonical datetimes, ISO 8601 with an offset (without one: UTC), dates (their midnight UTC), and milliseconds since 1970 as a
    number or digits, which HubSpot's property history has for datetime properties.
    """
    if value is None or isinstance(value, bool):
        return None
    try:
        if isinstance(value, int | float):
            return _EPOCH + timedelta(milliseconds=int(value)) if value >= 1e11 else None
        text = value.strip()
        if _EPOCH_MS.fullmatch(text):
            return _EPOCH + timedelta(milliseconds=int(text))
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
