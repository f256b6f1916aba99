"""Forms with their submissions, and the event log of marketing e-mails: what happened beside CRM records."""

from __future__ import annotations

import uuid
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

from .values import iso

Json = dict[str, Any]

EVENT_TYPES = (
    "DROPPED", "UNBOUNCE", "STATUSCHANGE", "DELIVERED", "FORWARD", "BOUNCE", "REPLY", "PRINT", "PROCESSED", "UNSUBSCRIBED", "SUPPRESSED",
    "CLICK_ON_IDENTIFIED_LINK", "SENT", "SELECTED", "SPAMREPORT", "OPT_IN_CHANGE", "DEFERRED", "ERROR", "OPEN", "MTA_DROPPED", "CLICK",
)  # fmt: skip
LISTED = frozenset({"email_open", "email_click", "email_reply", "email_bounce", "unsubscribe"})
"""Neutral events that the log of marketing e-mails has."""
_BROWSER = {"family": "Firefox", "name": "Firefox", "producer": "Mozilla", "producerUrl": "", "type": "Browser", "url": "", "version": []}
_SPACE = uuid.UUID("7b6a5f0e-0d1c-4a57-9a3e-2f4f6b8c1d20")


class MarketingLog:
    """One portal's forms and e-mail events. Times in epoch ms. Expects the caller to hold the portal's lock."""

    def __init__(self) -> None:
        self.forms: dict[str, Json] = {}
        self.submissions: dict[str, list[Json]] = {}
        self.events: list[Json] = []
        self._numbers = 0

    def id(self, *parts: object) -> str:
        """A new id like the vendor's; the same in every run."""
        self._numbers += 1
        return str(uuid.uuid5(_SPACE, "/".join(map(str, (self._numbers, *parts)))))

    def form(self, name: str, now: int) -> str:
        """The id of the form with that name; it is made when there is none."""
        for id, form in self.forms.items():
            if form["name"] == name:
                return id
        id = self.id("form", name)
        email = {
            "objectTypeId": "0-1", "name": "email", "label": "Email", "required": True, "hidden": False, "fieldType": "email",
            "validation": {"blockedEmailDomains": [], "useDefaultBlockList": False},
        }  # fmt: skip
        self.forms[id] = {
            "formType": "hubspot", "id": id, "name": name, "createdAt": iso(now), "updatedAt": iso(now), "archived": False,
            "fieldGroups": [{"groupType": "default_group", "richTextType": "text", "fields": [email]}],
            "configuration": {"language": "en", "cloneable": True, "editable": True, "archivable": True, "createNewContactForNewEmail": False},
            "displayOptions": {"renderRawHtml": False, "submitButtonText": "Submit"},
            "legalConsentOptions": {"type": "none"},
        }  # fmt: skip
        self.submissions[id] = []
        return id

    def submit(self, form: str, values: Sequence[tuple[str, str]], at: int, page: str) -> str:
        """A submission of a form; returns its conversion id."""
        row: Json = {
            "conversionId": self.id("submission", form), "submittedAt": at, "pageUrl": page,
            "values": [{"name": name, "value": value, "objectTypeId": "0-1"} for name, value in values],
        }  # fmt: skip
        rows = self.submissions[form]
        rows.insert(bisect_left(rows, -at, key=lambda r: -int(r["submittedAt"])), row)
        return str(row["conversionId"])

    def mail(self, portal_id: int, type: str, recipient: str, at: int, campaign: str = "", **more: Any) -> Json:
        """An event of a marketing e-mail to somebody; the first of a campaign brings its SENT along. more: what the type has beside the rest."""
        number = 1_000 + uuid.uuid5(_SPACE, campaign).int % 9_000_000
        sent = next((e for e in self.events if (e["type"], e["recipient"], e["emailCampaignId"]) == ("SENT", recipient, number)), None)
        if sent is None and type not in ("SENT", "STATUSCHANGE"):
            sent = self.mail(portal_id, "SENT", recipient, at - 60_000, campaign, subject=campaign or "News", cc=[], bcc=[], replyTo=[])
        event: Json = {
            "appId": 113, "appName": "Batch", "created": at, "emailCampaignId": number, "id": self.id("event", type), "portalId": portal_id,
            "recipient": recipient, "type": type, **more,
        }  # fmt: skip
        if type in ("OPEN", "CLICK"):
            event |= {"browser": _BROWSER, "userAgent": "Mozilla/5.0", "location": {"city": "Boston", "country": "US", "state": "MA"}}
            event.setdefault("filteredEvent", False)
        if sent is not None:
            event["sentBy"] = {"created": sent["created"], "id": sent["id"]}
        self.events.insert(bisect_left(self.events, -at, key=lambda e: -int(e["created"])), event)
        return event

    def forget(self, email: str) -> None:
        """What a privacy deletion takes along."""
        self.events = [e for e in self.events if e["recipient"] != email]
        for form, rows in self.submissions.items():
            self.submissions[form] = [r for r in rows if not any(v["name"] == "email" and v["value"].lower() == email for v in r["values"])]


def marketing_event(kind: str, name: str, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """(event type, what it has beside the rest) of a neutral event."""
    known: dict[str, tuple[str, dict[str, Any]]] = {
        "email_open": ("OPEN", {"duration": 1_200}),
        "email_click": ("CLICK", {"url": str(given.get("page") or "https://corp.example/"), "referer": ""}),
        "email_reply": ("REPLY", {}),
        "email_bounce": ("BOUNCE", {"category": name or "UNKNOWN_USER", "status": "5.1.1", "response": "550 5.1.1 no such user"}),
        "unsubscribe": (
            "STATUSCHANGE",
            {"source": "SOURCE_RECIPIENT", "portalSubscriptionStatus": "UNSUBSCRIBED", "subscriptions": [], "bounced": False},
        ),
    }
    return known[kind]
