"""`mappings/followup.yaml` as pydantic models: shapes and ranges; names that refer to others are checked in references.

The Field descriptions are the reference documentation: docs/reference/followup.md and the JSON Schemas are made from them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from crmsync.playbook.schema_when import When
from crmsync.playbook.shapes import DURATION, MQL_TYPE, PLAIN, HouseName, Strict, snippets

Duration = Annotated[str, Field(pattern=DURATION)]
Plain = Annotated[str, Field(pattern=PLAIN)]
_Days = Annotated[float, Field(ge=0, le=3650)]


class SlaFile(Strict):
    """What sales and marketing promise each other. Working time is the owner's; a window without `working` runs around the clock."""

    handoff_within: Duration | None = Field(
        default="24 hours", description="From qualification to the handoff to sales. Empty: no such clock."
    )
    respond_within: Duration = Field(
        default="1 working day", description="From the handoff to the first completed touch, for types of mql without a time of their own."
    )
    sql_within: Duration | None = Field(
        default=None, description="From sql to the next completed touch, like `1 working hour`. Empty: no such clock."
    )
    at_risk: Annotated[list[Annotated[float, Field(ge=1, le=99)]], Field(max_length=10)] = Field(
        default=[50, 80], description="The owner hears of it when so many per cent of a window are gone; rising. Empty: never."
    )
    min_touches: Annotated[int, Field(ge=0, le=100)] = Field(
        default=8,
        description="Completed touches without which nobody is given up, neither by the reason no_response nor at the end of a cadence. 0: any number.",
    )
    conversation_days: _Days = Field(
        default=5.0,
        description="A reply or a booked meeting pauses the response clock for so many days; a meeting until it is over, when that is later.",
    )
    late_after: Plain = Field(
        default="15 minutes", description="A breach that is noticed so long after it happened, as after a standstill, is marked late."
    )


class StepFile(Strict):
    """One touch of a cadence. The first one is the task of the handoff itself."""

    day: Annotated[int, Field(ge=1, le=365)] = Field(description="On which day; 1 is the day of the handoff.")
    channel: Literal["call", "email", "social", "meeting", "other"] = Field(description="How the rep reaches out.")
    action: Annotated[str, Field(max_length=500)] = Field(
        default="", description="What the rep is to do; the task's subject. Empty: the channel's own words."
    )
    template: HouseName | None = Field(default=None, description="Name of the text that stands in the task, ready to be sent. Empty: none.")
    if_: Literal["no_connect"] | None = Field(
        default=None, alias="if", description="`no_connect`: left out when a call has connected since the handoff. Empty: always."
    )
    priority: Literal["high", "normal", "low"] = Field(default="normal", description="Priority of the task.")
    remind: Plain | None = Field(
        default=None, description="How long before it is due the CRM reminds the rep, where it has reminders. Empty: not."
    )


class EstimateFile(Strict):
    """What a deal with somebody like this is expected to bring, while no deal tells."""

    amount: Annotated[float, Field(ge=0)] = Field(description="The amount, in the currency of your deals.")
    when: When | None = Field(default=None, description="Of whom: company size, industry, form, … Empty: of everybody who fits none above.")


class CadenceFile(Strict):
    """A schedule of touches. The first whose `types` and `when` fit is the person's; nobody is in two at once."""

    model_config = ConfigDict(
        json_schema_extra=snippets(
            cadence={
                "name": "$1",
                "types": ["content_download"],
                "steps": [{"day": 1, "channel": "email"}, {"day": 3, "channel": "call", "if": "no_connect"}],
            },
        )
    )

    name: HouseName = Field(description="Its name.")
    types: list[MQL_TYPE] = Field(default=[], description="Types of mql that it is for. Empty: all.")
    when: When | None = Field(
        default=None, description="Whom of them it is for. Beside other fields it can test `expected_amount`. Empty: all."
    )
    days: Literal["calendar", "working"] = Field(
        default="calendar",
        description="What a day of a step is: `calendar` days, of which what falls on a day off moves to the next working time, or the owner's `working` days.",
    )
    horizon: Plain = Field(default="1 day", description="How long before it is due a task is created.")
    answer_days: _Days = Field(
        default=3.0, description="So many days after the last touch without an answer the cadence is finished: the person goes to nurture."
    )
    steps: Annotated[list[StepFile], Field(min_length=1, max_length=100)] = Field(description="The touches, in order.")


class ReplyFile(Strict):
    """What a reply that begins with one digit means."""

    reason: HouseName | None = Field(default=None, description="The reason code it stands for, as if the rep had set it. Empty: none.")
    opt_out: bool = Field(default=False, description="No more e-mail, in every CRM.")

    @model_validator(mode="after")
    def _means_something(self) -> ReplyFile:
        if self.reason is None and not self.opt_out:
            raise ValueError("the reply means nothing; give a reason, or opt_out: true")
        return self


class TemplateFile(Strict):
    """What is demanded of a text of `mappings/templates`."""

    needs: list[HouseName] = Field(
        default=[], description="Merge fields without which the text is not offered; any other empty one falls back to what the text gives."
    )


class FollowupFile(Strict):
    """`mappings/followup.yaml`: what follows a handoff. A home folder without it has clocks by their defaults, and no cadences."""

    sla: SlaFile = Field(default=SlaFile(), description="Promised times.")
    expected_amount: list[EstimateFile] = Field(
        default=[],
        description="What `expected_amount` is in the conditions of cadences: the first that fits. A field of that name in `person.yaml` goes first, "
        "then the amount of an open deal.",
    )
    cadences: list[CadenceFile] = Field(default=[], description="Schedules of touches, the first that fits counts.")
    replies: dict[Annotated[str, Field(pattern=r"^[0-9]$")], ReplyFile] = Field(
        default={}, description="One digit, as a break-up e-mail offers it -> what a reply that begins with it means."
    )
    templates: dict[HouseName, TemplateFile] = Field(
        default={}, description="Name of a text of `mappings/templates` -> what is demanded of it."
    )
