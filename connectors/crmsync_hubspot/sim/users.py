"""The users object: the same people as the owners, with their time zone, working hours and absences. It can be listed, read and its profile be changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

import orjson

from .errors import Issue, invalid_properties, no_resource, not_found, plain, validation
from .owners import Owner
from .portal import Portal
from .values import as_text, iso, stamp
from .wire import Call, Json, Reply, wrong_method

DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
GROUPS = {"MONDAY_TO_FRIDAY": DAYS[:5], "SATURDAY_SUNDAY": DAYS[5:], "EVERY_DAY": DAYS, **{day: (day,) for day in DAYS}}
ALWAYS = ("hs_createdate", "hs_lastmodifieddate", "hs_object_id")
OUT = "hs_out_of_office_hours"
SETTABLE = ("hs_standard_time_zone", "hs_working_hours", OUT)


def handle(call: Call, rest: list[str]) -> Reply:
    """Everything under /crm/v3/objects/users."""
    if not rest:
        return _listing(call)
    if len(rest) > 1 or rest[0] in ("batch", "search"):
        raise no_resource()
    owner = _demand(call, rest[0])
    if call.method == "GET":
        return Reply(body=_json(call, owner))
    if call.method == "PATCH":
        return _update(call, owner)
    raise wrong_method()


def properties(owner: Owner) -> dict[str, str | None]:
    """Every property the simulator knows of a user; empty ones are None."""
    return {
        "hs_createdate": iso(owner.created),
        "hs_lastmodifieddate": iso(owner.updated),
        "hs_object_id": str(owner.record_id),
        "hs_internal_user_id": str(owner.user_id),
        "hubspot_owner_id": str(owner.id),
        "hs_email": owner.email,
        "hs_given_name": owner.first_name or None,
        "hs_family_name": owner.last_name or None,
        "hs_standard_time_zone": owner.time_zone,
        "hs_working_hours": owner.working_hours,
        OUT: owner.out_of_office,
        **owner.more,
    }


def _listing(call: Call) -> Reply:
    if call.method != "GET":
        raise plain(405, "Users are created and removed by the user provisioning API")
    limit = call.number("limit", 10, 100)
    after = call.one("after") or "0"
    if not after.isdigit():
        raise validation(f"Invalid value for after: {after}")
    listed = sorted(call.portal.owners.listed(archived=call.flag("archived"), email=None), key=lambda o: o.record_id)
    rows = [o for o in listed if o.record_id >= int(after)]
    body: Json = {"results": [_json(call, o) for o in rows[:limit]]}
    if len(rows) > limit:
        link = f"{call.base}/crm/v3/objects/users?limit={limit}&after={rows[limit].record_id}"
        body["paging"] = {"next": {"after": str(rows[limit].record_id), "link": link}}
    return Reply(body=body)


def _json(call: Call, owner: Owner) -> Json:
    known = properties(owner)
    return {
        "id": str(owner.record_id),
        "properties": {name: known[name] for name in sorted({*ALWAYS, *call.many("properties")}) if name in known},
        "createdAt": stamp(owner.created),
        "updatedAt": stamp(owner.updated),
        "archived": owner.archived,
    }


def _demand(call: Call, text: str) -> Owner:
    found = next((o for o in call.portal.owners.by_id.values() if str(o.record_id) == text and o.archived == call.flag("archived")), None)
    if found is None:
        raise not_found("resource not found")
    return found


def _update(call: Call, owner: Owner) -> Reply:
    given = call.json().get("properties")
    if not isinstance(given, dict):
        raise validation("Invalid input JSON: properties must be an object")
    change(call.portal, owner, given, call.now)
    return Reply(body=_json(call, owner))


def change(portal: Portal, owner: Owner, given: Mapping[str, Any], at: int) -> None:
    """Changes a user's profile. Raises ApiError for what HubSpot does not take; nothing is changed then."""
    wanted = {name: as_text(value).strip() or None for name, value in given.items()}
    added = portal.owners.properties
    issues = [issue for name, value in wanted.items() if name not in added and (issue := _issue(owner, name, value, wanted)) is not None]
    if issues:
        raise invalid_properties(issues, portal.options.portal_id)
    owner.time_zone = wanted.get("hs_standard_time_zone", owner.time_zone)
    owner.working_hours = wanted.get("hs_working_hours", owner.working_hours)
    owner.out_of_office = wanted.get(OUT, owner.out_of_office)
    owner.more |= {name: value for name, value in wanted.items() if name in added}
    owner.updated = at


def _issue(owner: Owner, name: str, value: str | None, wanted: Mapping[str, str | None]) -> Issue | None:
    if name not in SETTABLE:
        code = "READ_ONLY_VALUE" if name in properties(owner) else "PROPERTY_DOESNT_EXIST"
        return Issue(name=name, code=code, message=f'"{name}" cannot be set')
    if value is None:
        return None
    if name == "hs_standard_time_zone":
        known = value in available_timezones()
        return None if known else Issue(name=name, code="INVALID_OPTION", message=f"{value} is not a time zone")
    if name == "hs_working_hours" and not wanted.get("hs_standard_time_zone", owner.time_zone):
        return Issue(name=name, code="INVALID_VALUE", message="hs_standard_time_zone must be set before hs_working_hours")
    problem = absences_problem(value) if name == OUT else hours_problem(value)
    return Issue(name=name, code="INVALID_VALUE", message=problem) if problem else None


def hours_problem(text: str) -> str | None:
    """Why HubSpot refuses these working hours; None when it takes them."""
    try:
        rows: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "working hours must be JSON"
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return "working hours must be a list of objects"
    taken: list[tuple[str, int, int]] = []
    for row in rows:
        days, start, end = GROUPS.get(str(row.get("days"))), row.get("startMinute"), row.get("endMinute")
        if days is None:
            return f"unknown days {row.get('days')}"
        if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= 1440:
            return "startMinute and endMinute must be minutes from 0 to 1440, in order"
        if any(day in days and start < closes and opens < end for day, opens, closes in taken):
            return "working hours cannot overlap"
        taken += [(day, start, end) for day in days]
    return None


def absences_problem(text: str) -> str | None:
    """Why HubSpot refuses these absences; None when it takes them."""
    try:
        rows: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "out of office hours must be JSON"
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return "out of office hours must be a list of objects"
    for row in rows:
        start, end = row.get("startTimestamp"), row.get("endTimestamp")
        if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end:
            return "startTimestamp and endTimestamp must be milliseconds, in order"
    return None
