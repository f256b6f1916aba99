"""What the shape of `working_hours` cannot tell: zones, countries and days that there are not, hours and absences that end before they begin."""

from __future__ import annotations

import re
from datetime import date
from zoneinfo import ZoneInfo

from crmsync.playbook.build_hours import moment, stretch
from crmsync.playbook.problems import Path, quoted
from crmsync.playbook.references_names import Add, Known, Names
from crmsync.playbook.schema_hours import AwayFieldsFile, AwayFile, HoursFile, ShiftFile
from crmsync.playbook.shapes import minutes_of

AT: Path = ("working_hours",)
LISTS_ABSENCES = frozenset({"hubspot"})
"""CRMs that tell absences of their users without a field."""
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,254}")


class HoursReferences(Names):
    """Checks `working_hours` of the file."""

    def __init__(self, hours: HoursFile, file: str, names: Known, add: Add) -> None:
        super().__init__(file, names, add)
        self.hours = hours

    def run(self) -> None:
        hours = self.hours
        self.clock(AT, hours.start, hours.end, hours.time_zone)
        self.country(AT, hours.country, hours.region)
        for email, said in hours.people.items():
            self.person((*AT, "people", email), email, said)
        for i, day in enumerate(hours.holidays):
            try:
                date.fromisoformat(day)
            except ValueError:
                self.tell((*AT, "holidays", i), f"{quoted(day)} is no day of the calendar; write it like 2026-12-25")
        for side, fields in hours.away_fields.items():
            self.fields((*AT, "away_fields", side), side, fields)

    def person(self, at: Path, email: str, said: ShiftFile) -> None:
        hours = self.hours
        self.email(at, email, key=True)
        known = self.clock(at, said.start or hours.start, said.end or hours.end, said.time_zone)
        self.country(at, said.country or (hours.country if said.region else None), said.region)
        zone = ZoneInfo(said.time_zone) if known and said.time_zone else ZoneInfo("UTC")
        for i, one in enumerate(said.away):
            self.away((*at, "away", i), email, one, zone)

    def away(self, at: Path, email: str, one: AwayFile, zone: ZoneInfo) -> None:
        before = True
        for key, text in (("from", one.from_), ("to", one.to)):
            try:
                moment(text, zone, last=key == "to")
            except ValueError:
                before = False
                self.tell((*at, key), f'{quoted(text)} is neither a day nor a moment; write one like 2026-12-20 or "2026-12-20T13:00"')
        if before:
            start, end = stretch(one, zone)
            if end <= start:
                self.tell((*at, "to"), f"{one.to} ends before {one.from_} begins; correct one of them")
        self.email((*at, "cover"), one.cover)
        if one.cover is not None and one.cover.strip().lower() == email.strip().lower():
            self.tell((*at, "cover"), "nobody stands in for themselves; name somebody else or remove it")

    def clock(self, at: Path, start: str, end: str, zone: str | None) -> bool:
        """Hours that end before they start; whether a clock knows the time zone."""
        known = zone is None or self.zone((*at, "time_zone"), zone)
        if minutes_of(end) <= minutes_of(start):
            self.tell((*at, "end"), f"{end} is not after start {start}; correct one of them")
        if minutes_of(end) > 24 * 60:
            self.tell((*at, "end"), f"{end} is after midnight; write 24:00 at most")
        return known

    def country(self, at: Path, country: str | None, region: str | None) -> None:
        """Countries and regions whose public holidays nobody knows."""
        if country is None:
            if region is not None:
                self.tell((*at, "region"), "a region of no country; add country")
            return
        # Loaded here: the holidays of the world take a tenth of a second, which a playbook without a country need not wait for.
        from crmsync.decide.holiday import known_country

        if not known_country(country):
            self.tell((*at, "country"), f"no public holidays are known of {quoted(country)}; write its two letters, like DE, or remove it")
        elif region is not None and not known_country(country, region):
            self.tell(
                (*at, "region"),
                f"no region {quoted(region)} of {country} is known to have public holidays of its own; write its letters, like BY in DE, or remove it",
            )

    def fields(self, at: Path, side: str, said: AwayFieldsFile) -> None:
        if self.names.sides is not None and not self.known(at, side, self.names.sides, "unknown CRM", key=True):
            return
        if said.until is None and (side not in LISTS_ABSENCES or said.from_ is not None or said.cover is None):
            self.tell(at, "nothing tells when they are back; add until", key=True)
        for key, native in (("from", said.from_), ("until", said.until), ("cover", said.cover)):
            if native is not None and not _FIELD.fullmatch(native):
                self.tell((*at, key), f"{quoted(native)} is no name of a field; write the native name of a field of users")
