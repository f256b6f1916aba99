"""Neutral activities and companies, put the way this CRM would hold them; fast enough for 100,000."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crmsync_salesforce.sim.clock import parse_moment, stamp
from crmsync_salesforce.sim.org import Org
from crmsync_salesforce.sim.store import Row, fold

ACTIVITY_KEYS = frozenset(
    {
        "email", "kind", "subject", "body", "due", "at", "end", "status", "priority", "owner_email", "duration_seconds", "disposition",
        "direction", "outcome", "location", "created_at",
    }
)  # fmt: skip
COMPANY_KEYS = frozenset({"name", "domain", "industry", "employees", "country"})
SUBTYPES = {"task": "Task", "call": "Call", "email": "Email", "note": "Task", "meeting": "Event"}
STATUSES = {
    "not_started": "Not Started", "in_progress": "In Progress", "completed": "Completed", "waiting": "Waiting on someone else",
    "deferred": "Deferred",
}  # fmt: skip
PRIORITIES = {"low": "Low", "normal": "Normal", "high": "High"}
DIRECTIONS = {"inbound": "Inbound", "outbound": "Outbound"}
DISPOSITIONS = {
    "connected": "Connected", "no_answer": "No Answer", "busy": "Busy", "left_voicemail": "Left Voicemail",
    "left_live_message": "Left Live Message", "wrong_number": "Wrong Number",
}  # fmt: skip
NAMELESS = {"call": "Call", "email": "Email", "note": "Note", "meeting": "Meeting", "task": "Other"}


def chosen(table: Mapping[str, str], row: Mapping[str, Any], key: str) -> str | None:
    """The org's value of a neutral word, None when the row has none; ValueError for an unknown word."""
    word = row.get(key)
    if word is None:
        return None
    if word not in table:
        raise ValueError(f"{key} must be one of {', '.join(table)}, not {word}")
    return table[str(word)]


def known(data: Mapping[str, Any], keys: frozenset[str], what: str) -> None:
    """ValueError naming the keys that nobody knows."""
    unknown = sorted(set(data) - keys)
    if unknown:
        raise ValueError(f"unknown key in {what}: {', '.join(unknown)}")


def day_of(given: Any, zone: str) -> date:
    """The calendar day of a day, or of a moment in that time zone."""
    if isinstance(given, str):
        given = date.fromisoformat(given) if len(given) == 10 else parse_moment(given)
    return given.astimezone(ZoneInfo(zone)).date() if isinstance(given, datetime) else given


def moment_of(given: Any, zone: str) -> datetime:
    """An aware time: as given, or nine in the morning of a day in that time zone."""
    if isinstance(given, str):
        given = date.fromisoformat(given) if len(given) == 10 else parse_moment(given)
    moment: datetime = given if isinstance(given, datetime) else datetime(given.year, given.month, given.day, 9, tzinfo=ZoneInfo(zone))
    return moment.astimezone(UTC)


def company_rows(org: Org, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Accounts for the companies that are not there yet by name. Raises ValueError for unknown keys."""
    taken = {fold(row.get("Name")) for row in org.tables["Account"].live()}
    made = []
    for row in rows:
        known(row, COMPANY_KEYS, "company")
        name = str(row["name"])
        if fold(name) in taken:
            continue
        taken.add(fold(name))
        website = f"https://www.{row['domain']}" if row.get("domain") else None
        fields = {"Name": name, "Website": website, "Industry": row.get("industry"), "NumberOfEmployees": row.get("employees")}
        made.append({**fields, "BillingCountry": row.get("country")})
    return made


def domain_of(website: Any) -> str:
    """The domain of an address, "" without one."""
    text = str(website or "")
    return (text.partition("//")[2] or text).partition("/")[0].lower().removeprefix("www.")


def activity_rows(
    org: Org, rows: Iterable[Mapping[str, Any]], find: Callable[[str], tuple[str, Row] | None]
) -> dict[str, list[dict[str, Any]]]:
    """Tasks and events ready for the bulk door; ValueError for unknown keys, words and persons."""
    users = {fold(row["Email"]): row for row in org.tables["User"].live()}
    people: dict[str, str] = {}
    made: dict[str, list[dict[str, Any]]] = {"Task": [], "Event": []}
    now = org.clock.now()
    for row in rows:
        if not ACTIVITY_KEYS.issuperset(row):
            known(row, ACTIVITY_KEYS, "activity")
        subtype = chosen(SUBTYPES, row, "kind")
        email = str(row["email"])
        if email not in people:
            found = find(email)
            if found is None:
                raise ValueError(f"an activity of {email}, who is neither contact nor lead")
            people[email] = found[1]["Id"]
        owner = users.get(fold(row.get("owner_email")))
        zone = "UTC" if owner is None else str(owner["TimeZoneSidKey"])
        given = row.get("at") or row.get("due") or now
        at = moment_of(given, zone)
        fields: dict[str, Any] = {"WhoId": people[email], "Subject": row.get("subject") or NAMELESS[str(row["kind"])]}
        if row.get("body"):
            fields["Description"] = row["body"]
        if owner is not None:
            fields["OwnerId"] = owner["Id"]
        created = stamp(moment_of(row["created_at"], zone) if row.get("created_at") else min(at, now))
        fields["CreatedDate"] = fields["LastModifiedDate"] = fields["SystemModstamp"] = parse_moment(created)
        if subtype == "Event":
            seconds = float(row.get("duration_seconds") or 1800)
            end = moment_of(row["end"], zone) if row.get("end") else at + timedelta(seconds=seconds)
            fields |= {"StartDateTime": at, "EndDateTime": end, "Location": row.get("location")}
            made["Event"].append(fields)
            continue
        status = chosen(STATUSES, row, "status") or ("Not Started" if row["kind"] == "task" else "Completed")
        fields |= {"Status": status, "ActivityDate": day_of(row.get("due") or given, zone), "TaskSubtype": subtype}
        if row.get("priority"):
            fields["Priority"] = chosen(PRIORITIES, row, "priority")
        if status == "Completed":
            fields["CompletedDateTime"] = at
        if subtype == "Call":
            fields["CallType"] = chosen(DIRECTIONS, row, "direction") or "Outbound"
            fields["CallDisposition"] = chosen(DISPOSITIONS, row, "disposition")
            fields["CallDurationInSeconds"] = row.get("duration_seconds")
        made["Task"].append(fields)
    return made
