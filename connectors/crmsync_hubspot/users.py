"""People who can own records: owners, with the teams, time zone, working hours and absences that they and their user records tell (FACTS.md, users)."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from crmsync.connect.away import COVER, AwayFields, named_covers
from crmsync.connect.protocol import NOT_TOLD, Finding
from crmsync.errors import CredentialsError, UnreachableError
from crmsync.model.absence import Away
from crmsync.model.record import User
from crmsync.model.week import Week, week_of
from crmsync_hubspot import wire
from crmsync_hubspot.auth import SIDE
from crmsync_hubspot.client import Client

log = structlog.get_logger("crmsync.hubspot")

SCOPE = "crm.objects.users.read"
_OBJECT, _PAGE = "users", 100
_ID, _EMAIL, _ZONE, _HOURS = "hs_internal_user_id", "hs_email", "hs_standard_time_zone", "hs_working_hours"
_OUT = "hs_out_of_office_hours"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_DAYS: Mapping[str, tuple[int, ...]] = {
    **{name: (day,) for day, name in enumerate(_NAMES)},
    "MONDAY_TO_FRIDAY": (0, 1, 2, 3, 4),
    "SATURDAY_SUNDAY": (5, 6),
    "EVERY_DAY": (0, 1, 2, 3, 4, 5, 6),
}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_LONGEST = 20_000
"""Characters of a value that is worth reading; a week of quarter hours is less."""
Told = Mapping[str, Mapping[str, Any]]


def users(client: Client, teams: Collection[str] = (), away: Mapping[str, str] = NOT_TOLD) -> list[User]:
    """Owners, active first, then the archived ones that are not active under the same id. One call per 500 owners of each kind, and one per 100
    users for their zones, hours and absences; without the scope for those nobody has any. teams, away: see Connector.users; they cost nothing more.
    A "cover" also stands in during the absences that HubSpot itself tells."""
    found: dict[str, User] = {}
    by_id, by_mail = _told(client, away)
    fields = AwayFields(native=away, moment=wire.moment, side=SIDE)
    ids: dict[str, str] = {}
    for archived in (False, True):
        for row in _owners(client, archived=archived):
            owner = wire.user(row, archived=archived)
            number = row.get("userId") or row.get("userIdIncludingInactive")
            said = by_id.get(str(number)) or by_mail.get((owner.email or "").lower()) or {}
            zone = str(said.get(_ZONE) or "").strip() or None
            out = {*absences(said.get(_OUT), str(said.get(away.get(COVER, "")) or "").strip()), *fields.of(said, zone)}
            whole = replace(owner, time_zone=zone, hours=week(said.get(_HOURS)), away=tuple(sorted(out)), teams=in_teams(row, teams))
            if found.setdefault(owner.id, whole) is whole and owner.email:
                ids |= {owner.id: owner.email, **({str(number): owner.email} if number else {})}
    return named_covers(found.values(), ids)


def in_teams(row: Mapping[str, Any], words: Collection[str]) -> tuple[str, ...]:
    """Those of the words (names or ids of teams, any case) whose team an owner is in, as their main team or another."""
    told = [team for team in row.get("teams") or () if isinstance(team, Mapping)]
    names = {str(team.get(key) or "").strip().casefold() for team in told for key in ("id", "name")}
    return tuple(sorted({word for word in words if word.strip().casefold() in names}))


def absences(value: Any, cover: str = "") -> tuple[Away, ...]:
    """What `hs_out_of_office_hours` says: JSON in a text, a list of {startTimestamp, endTimestamp} in epoch milliseconds. What is no sound stretch of
    time is left out."""
    spans = [(_at(row.get("startTimestamp")), _at(row.get("endTimestamp"))) for row in _listed(value)]
    return tuple(sorted(Away(start=start, end=end, cover=cover, source=SIDE) for start, end in spans if start and end and start < end))


def _at(value: Any) -> datetime | None:
    try:
        return _EPOCH + timedelta(milliseconds=value) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
    except OverflowError:
        return None


def _listed(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list that is JSON in a text; none of anything else."""
    if not isinstance(value, str) or len(value) > _LONGEST:
        return []
    try:
        told = json.loads(value)
    except (ValueError, RecursionError):
        return []
    return [row for row in told if isinstance(row, Mapping)] if isinstance(told, list) else []


def check(client: Client) -> list[Finding]:
    """Whether users' time zones and working hours may be read. One call."""
    try:
        answer = client.get("objects", _OBJECT, {"limit": 1})
    except CredentialsError:
        text = (
            "time zones and working hours of users are not read: those of the other CRM's users count, else working_hours in playbook.yaml"
        )
        return [Finding(level="warning", subject="HubSpot: read users", message=text, fix=f"add the scope {SCOPE} in the app's settings")]
    if answer.status != 200:
        said = wire.trouble(answer.status, answer.json)
        return [Finding(level="warning", subject="HubSpot: read users", message=f"refused: {said.message}")]
    return []


def week(value: Any) -> Week | None:
    """What `hs_working_hours` says: JSON in a text, a list of {days, startMinute, endMinute}. None for anything else, and where nothing is left."""
    return week_of(
        (day, row.get("startMinute"), row.get("endMinute")) for row in _listed(value) for day in _DAYS.get(str(row.get("days")), ())
    )


def _told(client: Client, away: Mapping[str, str]) -> tuple[Told, Told]:
    """What user records tell, by the id that owners name them with, and by e-mail for those without."""
    by_id: dict[str, Mapping[str, Any]] = {}
    by_mail: dict[str, Mapping[str, Any]] = {}
    for row in _rows(client, tuple(name for name in away.values() if _NAME.fullmatch(name))):
        said = row.get("properties") or {}
        if said.get(_ID):
            by_id.setdefault(str(said[_ID]), said)
        if said.get(_EMAIL):
            by_mail.setdefault(str(said[_EMAIL]).lower(), said)
    return by_id, by_mail


def _rows(client: Client, more: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    query = {"limit": _PAGE, "properties": ",".join(dict.fromkeys((_ID, _EMAIL, _ZONE, _HOURS, _OUT, *more)))}
    after: str | None = None
    while True:
        try:
            answer = client.get("objects", _OBJECT, {**query, "after": after})
        except CredentialsError:
            return  # `check` tells which scope is missing
        if answer.status != 200 or not isinstance(answer.json, dict):
            log.warning("hubspot.users", status=answer.status)
            return
        yield from answer.json.get("results") or ()
        following = _following(answer.json)
        if following is None or following == after:
            return
        after = following


def _owners(client: Client, *, archived: bool) -> Iterator[Any]:
    after: str | None = None
    while True:
        answer = client.get("owners", "", {"limit": 500, "after": after, "archived": archived})
        if answer.status != 200 or not isinstance(answer.json, dict):
            raise UnreachableError(f"HubSpot did not list its owners ({answer.status}); tried again later", side=SIDE)
        yield from answer.json.get("results") or ()
        following = _following(answer.json)
        if following is None or following == after:
            return
        after = following


def _following(body: Mapping[str, Any]) -> str | None:
    after = ((body.get("paging") or {}).get("next") or {}).get("after")
    return None if after is None else str(after)
