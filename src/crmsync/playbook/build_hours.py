"""From the checked models of working hours to frozen values (crmsync.model.rules)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from crmsync.model.absence import Away
from crmsync.model.rules import Shift, WorkingHours
from crmsync.model.week import week_of
from crmsync.playbook.schema_hours import AwayFieldsFile, AwayFile, HoursFile, ShiftFile
from crmsync.playbook.shapes import minutes_of

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SOURCE = "playbook"
"""Who told of an absence."""


def working_hours(hours: HoursFile) -> WorkingHours:
    return WorkingHours(
        days=tuple(sorted({DAYS.index(day) for day in hours.days})),
        start=minutes_of(hours.start),
        end=minutes_of(hours.end),
        time_zone=hours.time_zone,
        holidays=tuple(sorted(set(hours.holidays))),
        from_crm=hours.from_crm,
        people={email.strip().lower(): shift(said, hours) for email, said in hours.people.items()},
        country=hours.country,
        region=hours.region,
        away_fields={side: _fields(said) for side, said in hours.away_fields.items()},
    )


def shift(said: ShiftFile, hours: HoursFile) -> Shift:
    """One person's; of hours that are given in part the rest is as for everybody, and a region without a country is in everybody's."""
    week = None
    if not (said.days is None and said.start is None and said.end is None):
        start, end = minutes_of(said.start or hours.start), minutes_of(said.end or hours.end)
        week = week_of((DAYS.index(day), start, end) for day in said.days or hours.days)
    zone = ZoneInfo(said.time_zone or hours.time_zone)
    stretches = [(stretch(one, zone), (one.cover or "").strip().lower()) for one in said.away]
    return Shift(
        time_zone=said.time_zone,
        week=week,
        country=said.country or (hours.country if said.region else None),
        region=said.region,
        away=tuple(sorted(Away(start=start, end=end, cover=cover, source=SOURCE) for (start, end), cover in stretches)),
        calendar=said.calendar or "",
    )


def stretch(said: AwayFile, zone: tzinfo) -> tuple[datetime, datetime]:
    """Start and end (UTC, the end not included): a last day is included as a whole. zone: of days, and of times that name none. Raises ValueError for what
    is no day or moment."""
    return moment(said.from_, zone), moment(said.to, zone, last=True)


def moment(text: str, zone: tzinfo, *, last: bool = False) -> datetime:
    """The moment (UTC) of a date and time, or the beginning of a day (last: its end). Raises ValueError when it is neither."""
    try:
        if len(text.strip()) == len("2026-12-20"):
            day = date.fromisoformat(text.strip()) + timedelta(days=1 if last else 0)
            return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
        at = datetime.fromisoformat(text.strip())
        return (at.replace(tzinfo=zone) if at.tzinfo is None else at).astimezone(UTC)
    except OverflowError:
        raise ValueError(text) from None


def _fields(said: AwayFieldsFile) -> dict[str, str]:
    return {key: native for key, native in (("from", said.from_), ("until", said.until), ("cover", said.cover)) if native is not None}
