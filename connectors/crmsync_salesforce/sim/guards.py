"""What an admin sets up to stop or change saves: duplicate rules, validation rules, automations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crmsync_salesforce.sim.errors import SalesforceError

Predicate = Callable[[Mapping[str, Any]], bool]
Automation = Callable[[dict[str, Any]], Mapping[str, Any] | None]
Assignment = Callable[[Mapping[str, Any]], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateRule:
    """Stops (`block`) or warns of (`alert`) a second record with the same value of `field`, also in `against` objects."""

    object: str
    action: str
    field: str = "Email"
    against: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The rule's developer name."""
        return f"Standard_{self.object}_Duplicate_Rule"

    def refusal(self, matches: list[tuple[str, str]], *, key: str) -> SalesforceError:
        """DUPLICATES_DETECTED with the match details; `matches` are (object, id); `key` is the detail's (mis)spelling."""
        message = "Use one of these records?" if self.action == "alert" else "You're creating a duplicate record."
        records = [
            {
                "additionalInformation": [],
                "fieldDiffs": [],
                "matchConfidence": 100.0,
                "record": {
                    "attributes": {"type": name, "url": f"/services/data/v62.0/sobjects/{name}/{record_id}"},
                    "Id": record_id,
                },
            }
            for name, record_id in matches
        ]
        detail = {
            "allowSave": self.action == "alert",
            "duplicateRule": self.name,
            "duplicateRuleEntityType": self.object,
            "errorMessage": message,
            "matchResults": [
                {
                    "entityType": matches[0][0],
                    "errors": [],
                    "matchEngine": "ExactMatchEngine",
                    "matchRecords": records,
                    "rule": f"Standard_{self.object}_Match_Rule",
                    "size": len(records),
                    "success": True,
                }
            ],
        }
        return SalesforceError("DUPLICATES_DETECTED", message, extra={key: detail})


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRule:
    """Refuses a save when the predicate over the record-to-be is true; the text is the admin's own."""

    object: str
    predicate: Predicate
    message: str
    field: str | None = None

    def check(self, row: Mapping[str, Any]) -> None:
        """Raise FIELD_CUSTOM_VALIDATION_EXCEPTION when the rule bites."""
        if self.predicate(row):
            fields = [] if self.field is None else [self.field]
            raise SalesforceError("FIELD_CUSTOM_VALIDATION_EXCEPTION", self.message, fields=fields)
