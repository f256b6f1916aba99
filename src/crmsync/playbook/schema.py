"""`crmsync.yaml` as pydantic models, and which model belongs to which file.

The Field descriptions are the reference documentation: docs/reference/mapping.md, playbook.md and the JSON Schemas are made from them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, field_validator

from crmsync.playbook.schema_activities import ActivitiesFile, CompaniesFile
from crmsync.playbook.schema_alerts import AlertsFile
from crmsync.playbook.schema_followup import FollowupFile
from crmsync.playbook.schema_mapping import PersonFile, SignalsFile
from crmsync.playbook.schema_process import ListsFile, PlaybookFile
from crmsync.playbook.shapes import Share, Strict


class BrakesFile(Strict):
    """Safety brakes: a run that would go beyond one of them halts until `crmsync resume`."""

    max_creates: Annotated[int, Field(ge=1, le=100_000_000)] = Field(default=100_000, description="Most records that one run may create.")
    max_deletes_share: Share = Field(
        default=0.10, description="Halt when more than this share of the linked records was deleted since the last run."
    )
    min_deletes: Annotated[int, Field(ge=1)] = Field(default=10, description="Fewer deletes than this never halt.")
    max_changes_share: Share = Field(
        default=0.50, description="Halt when one field would change in more than this share of the linked records."
    )
    min_changes: Annotated[int, Field(ge=1)] = Field(default=200, description="Fewer changes than this never halt.")


Days = Annotated[int, Field(ge=1, le=36_500)]


class RetentionFile(Strict):
    """After how many days stored history is forgotten, looked at once a day. What is open, and what tells where a field's present value came from, stays."""

    journal_days: Days = Field(
        default=180,
        description="Writes in the journal that no CRM accepted, or that a later write of the same fields of the same record has outdated.",
    )
    events_days: Days = Field(
        default=90, description="Halts, resumes and other events that `status` shows; of younger ones the newest 10,000 are kept."
    )
    problems_days: Days = Field(default=90, description="Problems of people who have no record left in any CRM.")
    effects_days: Days = Field(default=365, description="Notes that a timed rule has fired, for persons that are no longer known.")
    work_days: Days = Field(
        default=730, description="Assignments, SLA clocks that are over, touches and alerts: reports reach back so far."
    )


class CrmsyncFile(Strict):
    """`crmsync.yaml`: what concerns the whole installation. Addresses, credentials and the database come from the environment."""

    tasks_in: str | None = Field(
        default=None,
        description="The CRM in which reps find their tasks, one that `objects` in person.yaml names. Empty: the only one connected.",
    )
    deletes: Literal["unlink", "propagate"] = Field(
        default="unlink",
        description="What a record deleted in one CRM means for the other: `unlink` leaves it there, `propagate` deletes it too.",
    )
    start_from: datetime | None = Field(
        default=None,
        description="Events before this moment start no tasks, clocks or owner changes. A date (midnight UTC) or a date and time; "
        "without a time zone it is UTC. Empty: the moment of the first sync.",
    )
    poll_seconds: Annotated[float, Field(ge=1, le=86_400)] = Field(
        default=15.0, description="How often the daemon asks each CRM for changes, in seconds."
    )
    sweep_hours: Annotated[float, Field(ge=0, le=8_760)] = Field(
        default=24.0,
        description="How often every id is compared with a listing of all live contacts and leads, in hours: it finds privacy deletions. "
        "HubSpot lists 100 per API call, Salesforce 2,000. 0: never.",
    )
    brakes: BrakesFile = Field(default=BrakesFile(), description="Safety brakes.")
    retention: RetentionFile = Field(default=RetentionFile(), description="How long stored history is kept.")

    @field_validator("start_from", mode="before")
    @classmethod
    def _moment(cls, value: object) -> object:
        if isinstance(value, str):
            try:
                return datetime.fromisoformat(value.strip())
            except ValueError:
                raise ValueError('not a date and time; write one like "2026-01-31" or "2026-01-31T09:00:00Z"') from None
        return value


FILES: dict[str, type[Strict]] = {
    "crmsync.yaml": CrmsyncFile,
    "mappings/person.yaml": PersonFile,
    "mappings/signals.yaml": SignalsFile,
    "mappings/playbook.yaml": PlaybookFile,
    "mappings/lists.yaml": ListsFile,
    "mappings/activities.yaml": ActivitiesFile,
    "mappings/companies.yaml": CompaniesFile,
    "mappings/followup.yaml": FollowupFile,
    "mappings/alerts.yaml": AlertsFile,
}
"""Every file of a home folder -> the model of its content."""
OPTIONAL = frozenset({"mappings/activities.yaml", "mappings/companies.yaml", "mappings/followup.yaml", "mappings/alerts.yaml"})
"""Files that a home folder of an earlier version has not: no activities, companies, deals, cadences and alerts; SLA clocks run by their defaults."""
