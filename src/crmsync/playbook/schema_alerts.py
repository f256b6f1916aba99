"""`mappings/alerts.yaml` as pydantic models: shapes and ranges; names that refer to others are checked in references.

The Field descriptions are the reference documentation: docs/reference/followup.md and the JSON Schemas are made from them.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from crmsync.playbook.shapes import CLOCK, DAY, NAME, PLAIN, Strict, Text

KIND = Literal["hot_lead", "at_risk", "breach", "no_owner", "queue_late", "reassigned", "pool_used_up"]
RESERVED = "person"
"""The setting CRMSYNC_ALERTS__PERSON is the address of owners and managers, so that no channel can have the name."""


def _receiver(name: str) -> str:
    """The same. Raises ValueError for an address, which is a secret, and for what cannot be the name of a setting."""
    if any(mark in name for mark in ("://", "@", "/")):
        raise ValueError(
            "an address does not belong into a file; write a name of your own here, and its address as the setting CRMSYNC_ALERTS__NAME"
        )
    if not re.fullmatch(NAME, name):
        raise ValueError(f'"{name[:60]}" cannot be a name here; use lower-case letters, digits and underscores, beginning with a letter')
    if name == RESERVED:
        raise ValueError("CRMSYNC_ALERTS__PERSON is the address of owners and managers; write owner or manager, or another name")
    return name


Receiver = Annotated[str, AfterValidator(_receiver), WithJsonSchema({"type": "string", "pattern": NAME})]


class QuietFile(Strict):
    """Hours in which nobody is disturbed, but for hot leads. What comes up meanwhile is told when they are over."""

    from_: Annotated[str, Field(pattern=CLOCK)] | None = Field(
        default=None, alias="from", description="When it becomes quiet, by the receiver's clock; may be later than `to`."
    )
    to: Annotated[str, Field(pattern=CLOCK)] | None = Field(default=None, description="When that is over.")
    days: list[DAY] = Field(default=[], description="Days that are quiet as a whole.")


class DigestFile(Strict):
    """Many alerts at once become one message."""

    over: Annotated[int, Field(ge=1, le=10_000)] = Field(default=5, description="More alerts than this for one address …")
    within: Annotated[str, Field(pattern=PLAIN)] = Field(default="1 minute", description="… within this time are sent as one.")


class WeeklyFile(Strict):
    """The compliance report as a message."""

    day: DAY = Field(default="mon", description="On which day of the week.")
    at: Annotated[str, Field(pattern=CLOCK)] = Field(default="08:00", description="At what time, in `time_zone`.")
    to: Annotated[list[Receiver], Field(min_length=1)] = Field(description="Names of channels, or `manager`.")


class AlertsFile(Strict):
    """`mappings/alerts.yaml`: who hears of what. Without it, or with nothing under `to`, nobody does; owners, tasks and clocks are in the CRMs all the same.
    Addresses are settings of the environment: `CRMSYNC_ALERTS__SALES` is that of the channel `sales`, `CRMSYNC_ALERTS__PERSON` that of owners and managers,
    with `{email}` where their e-mail address belongs."""

    to: dict[KIND, list[Receiver]] = Field(
        default={},
        description="Kind of alert -> who hears of it: `owner`, `manager`, or names of channels of your own. hot_lead: an express signal; at_risk: a window of "
        "an SLA is going; breach: it is over; no_owner: nobody could be found; queue_late: nobody was there for too long; reassigned: the owner did not work the "
        "person; pool_used_up: every rep of the pool had the person.",
    )
    manager: Text | None = Field(default=None, description="E-mail of the manager of everybody who is not named under `managers`.")
    managers: dict[Text, Text] = Field(default={}, description="E-mail of a rep -> that of their manager.")
    quiet: QuietFile | None = Field(default=None, description="When nobody is disturbed. Empty: never.")
    digest: DigestFile = Field(default=DigestFile(), description="When alerts are sent together.")
    escalation_task: bool = Field(
        default=True, description="A breach also is a task of the rep's manager in the CRM, where the manager is a user there."
    )
    weekly: WeeklyFile | None = Field(default=None, description="When the compliance report is sent. Empty: never.")
    time_zone: str = Field(default="UTC", description="Time zone of `weekly`, and of quiet hours of channels.")
