"""Fields that the CRM itself keeps: names, task closing, opportunity stage figures, event times."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from crmsync_salesforce.sim import campaigns
from crmsync_salesforce.sim.clock import parse_moment, stamp
from crmsync_salesforce.sim.errors import SalesforceError
from crmsync_salesforce.sim.org import Org
from crmsync_salesforce.sim.store import Row

STAGES: dict[str, tuple[float, str, str]] = {
    "Prospecting": (10.0, "Pipeline", "Pipeline"),
    "Qualification": (10.0, "Pipeline", "Pipeline"),
    "Needs Analysis": (20.0, "Pipeline", "Pipeline"),
    "Value Proposition": (50.0, "Pipeline", "Pipeline"),
    "Id. Decision Makers": (60.0, "Pipeline", "Pipeline"),
    "Perception Analysis": (70.0, "Pipeline", "Pipeline"),
    "Proposal/Price Quote": (75.0, "Pipeline", "Pipeline"),
    "Negotiation/Review": (90.0, "Pipeline", "Pipeline"),
    "Closed Won": (100.0, "Closed", "Closed"),
    "Closed Lost": (0.0, "Omitted", "Omitted"),
}


def derive(org: Org, name: str, row: Row, touched: set[str], *, now: str, old: Row | None) -> None:
    """Set the kept fields of a row-to-be in place; `touched` are the fields of this save."""
    if name in ("Lead", "Contact", "User"):
        row["Name"] = " ".join(part for part in (row.get("FirstName"), row.get("LastName")) if part)
    elif name == "Task":
        _task(org, row, now)
    elif name == "Event":
        _event(org, row, touched)
    elif name == "Opportunity":
        _opportunity(row, touched, now, old)
    elif name == "CampaignMember":
        row["HasResponded"] = campaigns.responded(org, row)
        if row["HasResponded"] and not row.get("FirstRespondedDate"):
            row["FirstRespondedDate"] = now[:10]


def _account_of(org: Org, row: Row) -> str | None:
    what, who = row.get("WhatId"), row.get("WhoId")
    if what and what.startswith("001"):
        return str(what)
    if what and what.startswith("006"):
        return (org.row("Opportunity", what) or {}).get("AccountId")
    return (org.row("Contact", who) or {}).get("AccountId") if who and who.startswith("003") else None


def _task(org: Org, row: Row, now: str) -> None:
    row["IsClosed"] = row.get("Status") in org.closed_statuses
    row["IsHighPriority"] = row.get("Priority") == "High"
    row["AccountId"] = _account_of(org, row)
    if not row["IsClosed"]:
        row["CompletedDateTime"] = None
    elif not row.get("CompletedDateTime"):
        row["CompletedDateTime"] = now


def _event(org: Org, row: Row, touched: set[str]) -> None:
    row["AccountId"] = _account_of(org, row)
    start = row.get("StartDateTime") or row.get("ActivityDateTime")
    if "ActivityDateTime" in touched and "StartDateTime" not in touched:
        start = row.get("ActivityDateTime")
    if start is None and row.get("IsAllDayEvent") and row.get("ActivityDate"):
        start = f"{row['ActivityDate']}T00:00:00.000+0000"
        row.setdefault("DurationInMinutes", 1440)
    if start is None:
        raise required("StartDateTime")
    begin = parse_moment(start)
    if row.get("EndDateTime") and ("EndDateTime" in touched or "DurationInMinutes" not in touched):
        row["DurationInMinutes"] = int((parse_moment(row["EndDateTime"]) - begin).total_seconds() // 60)
    elif row.get("DurationInMinutes") is None:
        raise required("EndDateTime")
    if row["DurationInMinutes"] < 0:
        raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", "Event duration cannot be negative", fields=["DurationInMinutes"])
    row["StartDateTime"] = row["ActivityDateTime"] = start
    row["EndDateTime"] = stamp(begin + timedelta(minutes=row["DurationInMinutes"]))
    row["ActivityDate"], row["EndDate"] = start[:10], row["EndDateTime"][:10]


def _opportunity(row: Row, touched: set[str], now: str, old: Row | None) -> None:
    stage = row.get("StageName")
    probability, category, category_name = STAGES.get(str(stage), (0.0, "Pipeline", "Pipeline"))
    if old is None or old.get("StageName") != stage:
        if "Probability" not in touched:
            row["Probability"] = probability
        row["ForecastCategory"] = category
        if "ForecastCategoryName" not in touched:
            row["ForecastCategoryName"] = category_name
        if old is not None:
            row["LastStageChangeDate"] = now
    row["IsWon"] = stage == "Closed Won"
    row["IsClosed"] = row["IsWon"] or stage == "Closed Lost"
    amount: Any = row.get("Amount")
    row["ExpectedRevenue"] = None if amount is None else round(amount * (row.get("Probability") or 0.0) / 100, 2)


def required(*names: str) -> SalesforceError:
    """REQUIRED_FIELD_MISSING in the vendor's words. [R:amp-labs]"""
    message = f"Required fields are missing: [{', '.join(names)}]"
    return SalesforceError("REQUIRED_FIELD_MISSING", message, fields=list(names))
