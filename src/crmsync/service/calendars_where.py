"""Who has a calendar from which absences are read, where it is, and what is wrong with what was set (`crmsync check`)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from crmsync.connect import Finding
from crmsync.connect.discovery import all_loopback, options_for, prefix_of
from crmsync.connect.http import checked_address, is_loopback
from crmsync.errors import ConfigError
from crmsync.model.rules import WorkingHours

NAME = "calendars"


def addresses(environ: Mapping[str, str], hours: WorkingHours) -> tuple[dict[str, str], dict[str, str]]:
    """(house owner id -> address, house owner id -> what is wrong with what was set) of those who have a calendar. Simulated CRMs, which are all on this machine, read
    none that is not: those are left out. Contacts nothing."""
    found: dict[str, str] = {}
    wrong: dict[str, str] = {}
    outside = not all_loopback(environ)
    for house, said in hours.people.items():
        if not said.calendar:
            continue
        try:
            address = _address(environ, said.calendar)
        except ConfigError as error:
            wrong[house] = str(error)
            continue
        if outside or is_loopback(urlsplit(address).hostname):
            found[house] = address
    return found, wrong


def check_calendars(environ: Mapping[str, str], hours: WorkingHours) -> list[Finding]:
    """Whose calendars are read, whose cannot be, and settings that nobody uses. Contacts nobody."""
    found, wrong = addresses(environ, hours)
    told = [Finding(level="error", subject=house, message=f"calendar: {text}") for house, text in sorted(wrong.items())]
    named = {said.calendar.lower() for said in hours.people.values()}
    try:
        unused = sorted(set(options_for(NAME, environ)) - named)
    except ConfigError:  # told of whom it concerns
        unused = []
    told += [
        Finding(level="warning", subject="calendars", message=f"{prefix_of(NAME)}{name.upper()} is set, and is nobody's calendar")
        for name in unused
    ]
    if any(said.calendar for said in hours.people.values()):
        simulated = "; between simulated CRMs only from those on this machine" if all_loopback(environ) else ""
        told.append(Finding(level="info", subject="calendars", message=f"absences are read from {len(found)} calendar(s){simulated}"))
    return told


def _address(environ: Mapping[str, str], given: str) -> str:
    """The address that is meant. Raises: ConfigError naming the setting that is missing or wrong, never its value."""
    if "://" in given:
        return checked_address(given, setting="working_hours: people: calendar")
    setting = f"{prefix_of(NAME)}{given.upper()}"
    own = {name: value for name, value in environ.items() if name.upper() in (setting, f"{setting}_FILE")}
    address = options_for(NAME, own).get(given.lower())
    if address is None:
        raise ConfigError(f"{setting} is not set; it holds the address of the calendar.")
    scheme, _, rest = address.strip().partition("://")
    return checked_address(f"https://{rest}" if scheme.lower() in ("webcal", "webcals") else address, setting=setting)
