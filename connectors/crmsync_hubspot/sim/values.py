"""Property values on the wire: every one is a string, and each type has its own spelling."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any

from .clock import from_ms, to_ms

STRING_LIMIT = 65_536
DAY_MS = 86_400_000
_EMAIL = re.compile(r"[^@\s,;<>()\[\]\"\\:]+@[^@\s,;<>()\[\]\"\\:.]+(\.[^@\s,;<>()\[\]\"\\:.]+)+")
_INTEGER = re.compile(r"-?\d+")


def iso(ms: int) -> str:
    """ISO 8601 in UTC; the milliseconds are dropped when zero, as HubSpot does."""
    moment = from_ms(ms)
    tail = f".{moment.microsecond // 1000:03d}Z" if moment.microsecond else "Z"
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + tail


def stamp(ms: int) -> str:
    """Record-level createdAt/updatedAt: ISO, same spelling rule as property values."""
    return iso(ms)


def parse_datetime(text: str) -> int | None:
    """Milliseconds of an epoch-ms string, an ISO date or an ISO date-time; None when it is neither."""
    if _INTEGER.fullmatch(text):
        value = int(text)
        return value if abs(value) < 10**15 else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return to_ms(moment)


def is_email(text: str) -> bool:
    """Whether HubSpot would take it as an e-mail address (shape only)."""
    return len(text) <= 254 and _EMAIL.fullmatch(text) is not None


def as_text(value: Any) -> str:
    """The string a JSON scalar becomes: true -> "true", 15000 -> "15000", 1.0 -> "1", null -> ""."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        return str(int(value))
    if isinstance(value, datetime):
        return iso(to_ms(value if value.tzinfo else value.replace(tzinfo=UTC)))
    return str(value)


def number_text(text: str) -> str | None:
    """Canonical spelling of a number, None when it is none."""
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return str(int(text))
    try:
        value = float(text)
    except ValueError:
        return None
    if math.isnan(value) or math.isinf(value):
        return None
    return str(int(value)) if value.is_integer() and abs(value) < 10**15 else repr(value)


def date_text(text: str) -> str | None:
    """`YYYY-MM-DD` of a date or of milliseconds at midnight UTC; None when it is not at midnight or no date."""
    ms = parse_datetime(text)
    if ms is None or ms % DAY_MS:
        return None
    return from_ms(ms).strftime("%Y-%m-%d")
