"""Read-only neighbours of the objects: owners, pipelines, account details and usage, object schemas."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from .clock import from_ms
from .errors import not_found, validation
from .limits import Limits
from .values import iso
from .wire import Call, Json, Reply, object_type, wrong_method


def owners(call: Call) -> Reply:
    """GET /crm/v3/owners and /owners/{id}?idProperty=id|userId, paged, ?email=, ?archived=."""
    if call.method != "GET":
        raise wrong_method()
    known = call.portal.owners
    if call.parts:
        text = call.parts[0]
        number = int(text) if text.isdigit() else -1
        owner = known.of_user(number) if call.one("idProperty") == "userId" else known.by_id.get(number)
        if owner is None or owner.archived != call.flag("archived"):
            raise not_found("resource not found")
        return Reply(body=owner.json())
    limit = call.number("limit", 100, 500)
    after = call.one("after") or "0"
    if not after.isdigit():
        raise validation(f"Invalid value for after: {after}")
    rows = [o for o in known.listed(archived=call.flag("archived"), email=call.one("email")) if o.id >= int(after)]
    body: Json = {"results": [o.json() for o in rows[:limit]]}
    if len(rows) > limit:
        link = f"{call.base}/crm/v3/owners?limit={limit}&after={rows[limit].id}"
        body["paging"] = {"next": {"after": str(rows[limit].id), "link": link}}
    return Reply(body=body)


def pipelines(call: Call) -> Reply:
    """GET /crm/v3/pipelines/{type}, /{id}, /{id}/stages."""
    if call.method != "GET":
        raise wrong_method()
    if not call.parts:
        raise not_found("resource not found")
    kind = object_type(call.parts[0])
    known = [p.json(at) for at, p in enumerate(call.portal.pipelines_of(kind.plural))]
    if len(call.parts) == 1:
        return Reply(body={"results": known})
    found = next((p for p in known if p["id"] == call.parts[1]), None)
    if found is None:
        raise not_found(f"Pipeline {call.parts[1]} does not exist")
    return Reply(body={"results": found["stages"]} if call.parts[2:] == ["stages"] else found)


def account(call: Call, limits: Limits) -> Reply:
    """GET /account-info/v3/details and /account-info/v3/api-usage/daily/private-apps."""
    if call.method != "GET":
        raise wrong_method()
    options = call.portal.options
    if call.parts == ["details"]:
        offset = from_ms(call.now).astimezone(ZoneInfo(options.time_zone)).utcoffset()
        seconds = int(offset.total_seconds()) if offset is not None else 0
        hours, rest = divmod(abs(seconds), 3600)
        return Reply(
            body={
                "portalId": options.portal_id,
                "accountType": "STANDARD",
                "timeZone": options.time_zone,
                "companyCurrency": options.currency,
                "additionalCurrencies": [],
                "utcOffset": f"{'-' if seconds < 0 else '+'}{hours:02d}:{rest // 60:02d}",
                "utcOffsetMilliseconds": seconds * 1000,
                "uiDomain": "app.hubspot.com",
                "dataHostingLocation": "na1",
            }
        )
    if call.parts == ["api-usage", "daily", "private-apps"]:
        return Reply(
            body={
                "results": [
                    {
                        "name": "api-calls-daily",
                        "usageLimit": options.daily_limit,
                        "currentUsage": limits.used_today(call.now),
                        "collectedAt": iso(call.now),
                        "fetchStatus": "SUCCESS",
                        "resetsAt": iso(limits.next_midnight(call.now)),
                    }
                ]
            }
        )
    raise not_found("resource not found")


def schemas(call: Call) -> Reply:
    """GET /crm/v3/schemas/{type}: labels and property definitions (associations are left out)."""
    if call.method != "GET" or len(call.parts) != 1:
        raise not_found("resource not found")
    kind = object_type(call.parts[0])
    born = datetime(1970, 1, 1, tzinfo=UTC)
    return Reply(
        body={
            "labels": {"singular": kind.singular.capitalize(), "plural": kind.plural.capitalize()},
            "requiredProperties": [],
            "searchableProperties": [],
            "primaryDisplayProperty": kind.default_properties[0],
            "secondaryDisplayProperties": [],
            "archived": False,
            "restorable": True,
            "metaType": "HUBSPOT",
            "id": kind.type_id.partition("-")[2],
            "fullyQualifiedName": kind.qualified,
            "createdAt": born.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "updatedAt": iso(call.now),
            "objectTypeId": kind.type_id,
            "properties": [p.json() for p in call.portal.schema.of(kind.plural).values() if not p.archived],
            "associations": [],
            "name": kind.qualified,
        }
    )
