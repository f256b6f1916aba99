"""What the live credentials may and may not do."""

from __future__ import annotations

from crmsync.connect.protocol import Finding
from crmsync.errors import CredentialsError
from crmsync.model.fields import own_fields
from crmsync_salesforce.client import Client, RefusedError
from crmsync_salesforce.people import People
from crmsync_salesforce.schema import Describes

LOW_SHARE = 0.2


def check(client: Client, describes: Describes, people: People) -> list[Finding]:
    """Findings about the login, the API allowance and the visibility of our own fields. Reads only.

    Rights on objects: `ObjectSchema.lacks`, because only the mapping tells which are needed."""
    describes.forget()
    try:
        who = people.identity()
    except CredentialsError as error:
        return [Finding(level="error", subject="login", message=str(error), fix="Check the connected app, its user and its policies")]
    label = who.label or who.user_id or "unknown user"
    found = [
        Finding(
            level="info", subject="login", message=f"org {who.account}, as {label} ({who.time_zone}), API {client.settings.api_version}"
        )
    ]
    if who.user_id is None:
        found.append(
            Finding(
                level="warning",
                subject="login",
                message="Salesforce does not tell whose login this is: our own changes cannot be told from others'",
                fix="Grant the connected app the scope openid",
            )
        )
    found += _limits(client)
    for object, on in (("Lead", "person"), ("Contact", "person"), ("Task", "activity")):
        found += _own_fields(describes, object, on)
    return found


def _limits(client: Client) -> list[Finding]:
    try:
        native = client.get("limits")
        daily = native["DailyApiRequests"]
        most, left = int(daily["Max"]), int(daily["Remaining"])
    except CredentialsError as error:
        return [Finding(level="error", subject="API access", message=str(error), fix="Grant the integration user API Enabled")]
    except (RefusedError, KeyError, TypeError, ValueError):
        return [Finding(level="warning", subject="API calls", message="Salesforce does not tell the daily limit", fix="Grant API Enabled")]
    low = most <= 0 or left / most < LOW_SHARE
    fix = "Find what uses up the calls (Setup, System Overview), or raise poll_seconds" if low else ""
    return [Finding(level="warning" if low else "info", subject="API calls", message=f"{left} of {most} left today", fix=fix)]


def _own_fields(describes: Describes, object: str, on: str) -> list[Finding]:
    schema = describes.schema(object)
    if schema is None:
        return []
    wanted = own_fields(())  # answers of a framework are looked at with the playbook that switches it on
    missing = [f.name for f in wanted if on in f.on and f"{f.name}__c" not in schema.fields]
    locked = [f.name for f in wanted if on in f.on and f"{f.name}__c" in schema.fields and not schema.fields[f"{f.name}__c"].updateable]
    found = []
    if missing:
        message = (
            f"{len(missing)} of crmsync's fields are missing or not visible: {', '.join(missing[:5])}{' …' if len(missing) > 5 else ''}"
        )
        found.append(Finding(level="error", subject=f"{object} fields", message=message, fix="crmsync provision"))
    if locked:
        message = f"crmsync's fields that the user cannot edit: {', '.join(locked)}"
        found.append(
            Finding(level="error", subject=f"{object} fields", message=message, fix="Grant edit on them in the permission set crmsync")
        )
    return found
