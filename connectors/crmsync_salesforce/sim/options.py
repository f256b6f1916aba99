"""Switches of the simulated org: everything not proved by a recording or the vendor's text can be turned here."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(slots=True, kw_only=True)
class Options:
    """Run-time switches; each is an attribute and a key of `POST /_sim/options`. Seconds are simulated seconds."""

    latency: float = 0.0  # real seconds that every API call waits
    enforce_limits: bool = True  # whether daily_limit is enforced
    daily_limit: int = 100_000  # API calls in a rolling 24 hours
    page_size: int = 2000  # rows a query answer holds when the caller hints nothing
    token_lifetime: float = 0.0  # seconds until a session expires; 0 means never
    rotate_refresh_tokens: bool = False
    soap_login: bool = False  # the retired login() call answers a session instead of a fault
    trim_text: bool = True  # leading and trailing blanks are cut on save [GK]
    noop_bumps: bool = True  # a save without a change moves SystemModstamp [GK]
    audit_fields: bool = False  # "Create Audit Fields": API may set CreatedDate and LastModifiedDate on create
    refuse_inactive_owner: bool = True
    inactive_owner_code: str = "INACTIVE_OWNER_OR_USER"  # older answers: OP_WITH_INVALID_USER_TYPE_EXCEPTION
    lead_with_what_refused: bool = True  # WhatId next to a lead WhoId [GK]
    shared_activities: bool = False  # several persons per activity: TaskRelation and EventRelation exist
    relation_deletes_are_final: bool = True  # a deleted relation row is not in queryAll [GK]
    marketing: bool = True  # the marketing feature and a licence of it for our user: without, campaigns and their members are not there
    email_messages: bool = False  # Enhanced Email: EmailMessage exists, a reply also leaves one
    delete_takes_activities: bool = True  # a deleted person's activities go to the recycle bin; else they lose their WhoId [GK]
    convert_maps_custom: bool = True  # lead field mapping exists for custom fields of the same name
    mirror_activity_permissions: bool = False  # a grant on Task.X__c also grants Event.X__c and the reverse
    late_commit_seconds: float = 0.0  # people's saves become visible so much later, with their old stamp
    duplicate_key: str = "duplicateResut"  # the vendor's misspelling [3P]; newer: duplicateResult
    duplicate_in_bulk: bool = True  # Bulk 2.0 runs duplicate rules and ignores the header
    assign_in_bulk: bool = False  # an ingest job made without Sforce-Auto-Assign: FALSE runs the lead assignment rule [GK]
    bulk_polls: int = 1  # status calls that still answer InProgress
    delete_log_days: float = 15.0  # how far back the delete log reaches
    lock_all: bool = False  # every write answers UNABLE_TO_LOCK_ROW
    limit_header: bool = True  # Sforce-Limit-Info on answers

    def change(self, name: str, value: Any) -> None:
        """Set one switch. Raises ValueError for an unknown name or a value of the wrong type."""
        known = {entry.name: type(getattr(self, entry.name)) for entry in fields(self)}
        if name not in known:
            raise ValueError(f"unknown option: {name}")
        wanted = known[name]
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not wanted:
            raise ValueError(f"option {name} takes a {wanted.__name__}")
        setattr(self, name, value)

    def shown(self) -> dict[str, Any]:
        """All switches by name."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}
