"""`working_hours` of `mappings/playbook.yaml` as pydantic models: shapes and ranges; days, zones and countries are checked in references.

The Field descriptions are the reference documentation: docs/reference/playbook.md and the JSON Schemas are made from them.
"""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from crmsync.playbook.shapes import CLOCK, DAY, Strict, Text

_SETTING = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")

Country = Annotated[str, Field(min_length=1, max_length=60)]
Region = Annotated[str, Field(min_length=1, max_length=60)]


def _calendar(value: str) -> str:
    """The same. Raises ValueError for what is neither an https address nor the name of a setting."""
    if _SETTING.fullmatch(value):
        return value
    try:
        address = urlsplit(value)
        host = address.hostname
    except ValueError:
        address, host = urlsplit(""), None
    if address.scheme != "https" or not host:
        raise ValueError("neither an https address nor the name of a setting; write https://… or the NAME of CRMSYNC_CALENDARS__NAME")
    if address.username or address.password:
        raise ValueError("a password must not stand in a file; write the NAME of a setting CRMSYNC_CALENDARS__NAME that holds the address")
    return value


class AwayFile(Strict):
    """One stretch of days or hours in which somebody is out of office."""

    from_: Text = Field(alias="from", description="The first day, like `2026-12-20`, or a date and time.")
    to: Text = Field(
        description="The last day, which is included, or a date and time at which they are back. Both count in the `time_zone` given for the person, else in that "
        "of `working_hours`, unless the time names its own."
    )
    cover: Text | None = Field(default=None, description="E-mail of the user who stands in for them meanwhile. Empty: nobody.")


class AwayFieldsFile(Strict):
    """Fields of a CRM's users that tell when they are out of office."""

    from_: Text | None = Field(default=None, alias="from", description="Native field with the first day or moment. Empty: from now on.")
    until: Text | None = Field(default=None, description="Native field with the last day, or the moment at which they are back.")
    cover: Text | None = Field(default=None, description="Native field with who stands in: a user's id or e-mail address. Empty: nobody.")


class ShiftFile(Strict):
    """One person's working hours and absences; what is not given comes from the CRMs or from `working_hours`."""

    days: Annotated[list[DAY], Field(min_length=1)] | None = Field(default=None, description="Working days.")
    start: Annotated[str, Field(pattern=CLOCK)] | None = Field(default=None, description="When work starts.")
    end: Annotated[str, Field(pattern=CLOCK)] | None = Field(default=None, description="When it ends; `24:00` is midnight.")
    time_zone: str | None = Field(default=None, description="Their time zone, like `Europe/Berlin`; also the one of their due days.")
    country: Country | None = Field(
        default=None, description="Whose public holidays are theirs: its two letters (ISO 3166), like `DE`. Empty: as the CRMs tell."
    )
    region: Region | None = Field(default=None, description="State or province of that country with holidays of its own, like `BY`.")
    away: list[AwayFile] = Field(default=[], description="When they are out of office, beside what CRMs and their calendar tell.")
    calendar: Annotated[str, AfterValidator(_calendar), Field(max_length=2000)] | None = Field(
        default=None,
        description="Where an iCalendar of their absences is read: an `https` address, or the NAME of the setting `CRMSYNC_CALENDARS__NAME` that holds one, as a "
        "secret address should be kept.",
    )


class HoursFile(Strict):
    """Working hours, in the owner's own time zone where the CRM tells it."""

    days: Annotated[list[DAY], Field(min_length=1)] = Field(default=["mon", "tue", "wed", "thu", "fri"], description="Working days.")
    start: Annotated[str, Field(pattern=CLOCK)] = Field(default="09:00", description="When work starts.")
    end: Annotated[str, Field(pattern=CLOCK)] = Field(default="17:00", description="When it ends; `24:00` is midnight.")
    time_zone: str = Field(default="UTC", description="Time zone of owners whose own is unknown, like `Europe/Berlin`.")
    holidays: list[Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]] = Field(default=[], description="Days off, like `2026-12-25`.")
    country: Country | None = Field(
        default=None,
        description="Whose public holidays are free for everybody who has no country of their own: its two letters (ISO 3166), like `DE`. Empty: nobody's.",
    )
    region: Region | None = Field(default=None, description="State or province of that country with holidays of its own, like `BY`.")
    from_crm: bool = Field(
        default=True,
        description="Hours that a CRM has for its users come before these: those that a HubSpot user set, then Salesforce's default business "
        "hours, unless they are 24 hours on all days. Time zones always come from the CRM.",
    )
    away_fields: dict[str, AwayFieldsFile] = Field(
        default={},
        description="CRM -> fields of its users that tell when they are out of office. HubSpot tells absences by itself: there `cover` alone is enough.",
    )
    people: dict[Text, ShiftFile] = Field(
        default={}, description="E-mail of a user -> hours, time zone, holidays and absences that come before everything else."
    )
