"""The organisation's business hours: Salesforce keeps none of a single user (FACTS.md, Rules of the org)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import structlog

from crmsync.errors import CredentialsError
from crmsync.model.week import DAY_MINUTES, Week, week_of
from crmsync_salesforce import soql
from crmsync_salesforce.client import Client, RefusedError

log = structlog.get_logger("crmsync.salesforce")

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_FIELDS = tuple(f"{day}{end}Time" for day in _DAYS for end in ("Start", "End"))
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d):[0-5]\d(\.\d+)?Z?")


def business_hours(client: Client) -> Week | None:
    """The default business hours, shared by everybody; None where there are none or Salesforce does not let us read them. One call.

    They are taken by each user's own clock; the record's time zone is where the support organisation sits, not the user."""
    try:
        rows = client.rows(soql.path(soql.select(_FIELDS, "BusinessHours", where="IsDefault = true AND IsActive = true", limit=1)))
    except (RefusedError, CredentialsError) as error:
        log.warning("salesforce.business_hours", problem=str(error))
        return None
    return week(rows[0]) if rows else None


def week(row: Mapping[str, Any]) -> Week | None:
    """The week of a BusinessHours row. A day without times is closed; midnight to midnight is the whole day, and midnight as an end is the next."""
    spans = []
    for day, name in enumerate(_DAYS):
        start, end = _minute(row.get(f"{name}StartTime")), _minute(row.get(f"{name}EndTime"))
        spans.append((day, start, DAY_MINUTES if end == 0 else end))
    return week_of(spans, shared=True)


def _minute(value: Any) -> int | None:
    """Minutes after midnight of a time like 09:00:00.000Z, which is local in spite of its Z."""
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) * 60 + int(found[2]) if found else None
