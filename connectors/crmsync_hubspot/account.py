"""What the live credentials may do, and how much of the day's calls is left. Reads only."""

from __future__ import annotations

from typing import Any

from crmsync.connect.protocol import Budget, Finding, Identity
from crmsync.errors import CredentialsError, QuotaError, UnreachableError
from crmsync.model.fields import own_fields
from crmsync_hubspot import users, wire
from crmsync_hubspot.auth import SIDE
from crmsync_hubspot.client import Client
from crmsync_hubspot.schema import Schemas

_READS: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("objects", wire.CONTACTS, {"limit": 1}, "error"),
    ("objects", "tasks", {"limit": 1}, "error"),
    ("owners", "", {"limit": 1}, "error"),
    ("objects", "companies", {"limit": 1}, "warning"),
    ("objects", "deals", {"limit": 1}, "warning"),
    ("marketing-forms", "", {"limit": 1}, "info"),
    ("email-events", "", {"limit": 1}, "info"),
)
_SPARE = "the same signals come from contact properties, without form answers and links; add the scope in the app's settings to have them"
_USAGE_WARNING = 0.8
OPT_OUTS = ("communication_preferences.read_write", "communication_preferences.write", "subscriptions-status-write")
"""Any of these lets opt-outs be written: the name in the app's settings first, then the newer granular ones."""


def identity(client: Client) -> Identity:
    """The portal and its time zone (contracts 5.4). HubSpot tokens do not name a user."""
    answer = client.get("account-info", "details")
    if answer.status != 200 or not isinstance(answer.json, dict) or "portalId" not in answer.json:
        raise UnreachableError(f"HubSpot did not tell which account this is ({answer.status}); tried again later", side=SIDE)
    body = answer.json
    label = f"HubSpot {body['portalId']}" + (f" ({body['accountType'].lower()})" if body.get("accountType") else "")
    return Identity(account=str(body["portalId"]), time_zone=str(body.get("timeZone") or "UTC"), label=label)


def budget(client: Client) -> Budget:
    """The day's calls: by the headers of the last answers, else by one call; unknown for OAuth apps (they have no daily limit)."""
    told = client.budget()
    if told.limit is not None:
        return told
    try:
        answer = client.get("account-info", "api-usage/daily/private-apps")
    except (CredentialsError, QuotaError):
        return client.budget()
    if client.budget().limit is not None:
        return client.budget()
    rows = (answer.json.get("results") or ()) if answer.status == 200 and isinstance(answer.json, dict) else ()
    for row in rows:
        if isinstance(row.get("usageLimit"), int) and isinstance(row.get("currentUsage"), int):
            return Budget(used=row["currentUsage"], limit=row["usageLimit"])
    return Budget()


def check(client: Client, schemas: Schemas) -> list[Finding]:
    """See the protocol. About twelve calls."""
    try:
        who = identity(client)
    except CredentialsError as error:
        return [Finding(level="error", subject="HubSpot token", message=str(error), fix="set CRMSYNC_HUBSPOT__ACCESS_TOKEN")]
    findings = [Finding(level="info", subject="HubSpot account", message=f"{who.label}, time zone {who.time_zone}")]
    schemas.scopes = client.scopes()
    findings += _opt_outs(schemas.scopes)
    allowed = True
    for api, rest, query, level in _READS:
        subject = f"HubSpot: read {rest or api}"
        try:
            answer = client.get(api, rest, query)
        except CredentialsError as error:
            fix = _SPARE if level == "info" else "add the scope in the app's settings"
            findings.append(Finding(level=level, subject=subject, message=str(error), fix=fix))
            allowed = allowed and rest != wire.CONTACTS
            continue
        if answer.status != 200:
            said = wire.trouble(answer.status, answer.json)
            findings.append(Finding(level=level, subject=subject, message=f"refused: {said.message}"))
    if allowed:
        findings += _fields(schemas)
    return [*findings, *users.check(client), *_usage(client)]


def _fields(schemas: Schemas) -> list[Finding]:
    try:
        there = schemas.fresh(wire.CONTACTS).fields
    except CredentialsError as error:
        return [Finding(level="error", subject="HubSpot: read properties", message=str(error), fix="add the scope in the app's settings")]
    missing = [f.name for f in own_fields(()) if "person" in f.on and f.name not in there]
    if not missing:
        return []
    text = f"{len(missing)} crmsync properties are missing on contacts ({', '.join(missing[:3])} …)"
    return [Finding(level="warning", subject="HubSpot properties", message=text, fix="crmsync provision")]


def _opt_outs(scopes: frozenset[str] | None) -> list[Finding]:
    if scopes is None or scopes & set(OPT_OUTS):
        return []
    text = f"the token lacks the scope {OPT_OUTS[0]}: opt-outs from the other CRM are not carried to HubSpot, which goes on mailing these people"
    return [
        Finding(level="warning", subject="HubSpot: write opt-outs", message=text, fix=f"add the scope {OPT_OUTS[0]} in the app's settings")
    ]


def _usage(client: Client) -> list[Finding]:
    day = budget(client)
    if day.used is None or not day.limit:
        return [Finding(level="info", subject="HubSpot calls", message="no daily limit is told for this token")]
    level = "warning" if day.used >= day.limit * _USAGE_WARNING else "info"
    return [Finding(level=level, subject="HubSpot calls", message=f"{day.used} of {day.limit} calls used today by the whole account")]
