"""`mappings/activities.yaml` and `mappings/companies.yaml` as pydantic models: shapes and ranges; names that refer to others are checked in
references_twins.

The Field descriptions are the reference documentation: docs/reference/activities.md and the JSON Schemas are made from them.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag

from crmsync.playbook.schema_mapping import CommonField, PlaceSpec
from crmsync.playbook.shapes import CLOCK, Days, HouseName, Pattern, Scalar, Strict, Text, Words

KINDS = ("task", "call", "email", "meeting", "note", "campaign_member")
PARTIES = ("company", "deal")
SHORTEST = 100
"""Characters of a body below which there is no point in carrying it."""
LONGEST = 100_000


class TwinPlace(PlaceSpec):
    """A native field with restrictions, or one that keeps the value in another form."""

    html: bool = Field(default=False, description="Its text is HTML: read as plain text, written as HTML.")
    per: Annotated[float, Field(gt=0, le=1_000_000_000)] = Field(
        default=1.0,
        description="Its numbers in one of ours: 1000 where it counts milliseconds and we count seconds. What is read is rounded to whole ones.",
    )


TwinSide = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[TwinPlace, Tag("<place>")],
    Discriminator(lambda value: "<place>" if isinstance(value, dict) else "<text>"),
]


class TwinField(CommonField):
    """One house field. Beside the keys below, one key for each CRM says where the field lives there: a native field name, or
    `{field: ..., html: true}`."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    __pydantic_extra__: dict[str, TwinSide]
    SIDE: ClassVar[Any] = TwinSide

    type: Literal[
        "text", "long_text", "rich_text", "email", "phone", "url", "number", "bool", "date", "day", "datetime", "picklist", "multi", "owner"
    ] = Field(
        description="How values are read and compared. `rich_text`: white space does not count. `day`: a calendar day in the owner's time zone, a "
        "moment where the CRM wants one."
    )
    listed_only: bool = Field(
        default=False, description="A native value that `values` does not list is reported and left alone, instead of passing unchanged."
    )
    most: Annotated[int, Field(ge=SHORTEST, le=LONGEST)] | None = Field(
        default=None, description="Characters carried of a longer text, a mark at its end included. What was cut never comes back."
    )


class FilterFile(Strict):
    """Which activities are carried over; one that is on both sides already stays in step whatever the filter says."""

    owners: list[Text] = Field(default=[], description="E-mails of users: only what they own. Empty: everybody.")
    not_owners: list[Text] = Field(default=[], description="E-mails of users whose activities stay where they are.")
    skip_subject: Pattern | None = Field(
        default=None,
        description="A regular expression, found anywhere in the subject, whatever the case: such activities stay where they are.",
    )
    history_days: Days | None = Field(
        default=365.0,
        description="What was finished earlier than this many days before the first sync stays where it is. Empty: all is carried.",
    )


class ActivitySignal(Strict):
    """A finished activity, or a planned one, that is a signal for its persons."""

    type: HouseName = Field(description="The signal.")
    when: dict[HouseName, Words] = Field(
        default={},
        description='House fields and the values, one or a list, that each must have. "" stands for an empty one, "true" and "false" for yes and no.',
    )
    seen_in: str | None = Field(default=None, description="Only where this CRM has a record of the activity.")
    planned: bool = Field(
        default=False,
        description="An activity that is still to come: the signal is made when a meeting is booked, and none when one is logged that is over.",
    )


def _body(value: object) -> object:
    right = value in ("full", "none") if isinstance(value, str) else isinstance(value, int) and not isinstance(value, bool)
    if not right or (isinstance(value, int) and not SHORTEST <= value <= LONGEST):
        raise ValueError(f"not a policy for bodies; write full, none, or a number of characters from {SHORTEST} to {LONGEST}")
    return value


def _scalar(value: object) -> object:
    if not isinstance(value, str | int | float):
        raise ValueError("not a value for a field; write a text, a number, true or false")
    return value


class TwinFile(Strict):
    """What the kinds have in common."""

    on: bool = Field(default=True, description="Whether this kind is read and kept in step at all.")
    objects: Annotated[dict[str, Text], Field(min_length=1)] = Field(description="For each CRM the native object.")
    when: dict[str, dict[Text, Words]] = Field(
        default={},
        description="For each CRM native fields and the values that make a record of the object one of this kind. An empty list: no record there "
        "is born as one.",
    )
    fields: dict[HouseName, TwinField] = Field(description="The fields kept in step, by house name.")


class ActivityFile(TwinFile):
    """One kind of activity."""

    direction: str = Field(
        default="both", description="`both`, or `to_` and a CRM's name: only that CRM is written to. `none`: read, never written."
    )
    body: Annotated[Literal["full", "none"] | int, BeforeValidator(_body)] = Field(
        default="full", description="How much of the field `body` is carried: `full`, `none`, or a number of characters."
    )
    filter: FilterFile = Field(default=FilterFile(), description="Which ones are carried over.")
    fixed: dict[str, dict[Text, Annotated[Scalar, BeforeValidator(_scalar)]]] = Field(
        default={},
        description="For each CRM native fields of new records and their values. `{subject}` stands for a house field, `{first_line}` for the "
        "first line of the body; a field that is nothing but such a word keeps following it.",
    )
    signals: list[ActivitySignal] = Field(default=[], description="What such an activity, once finished, tells of its persons.")


class PartyFile(TwinFile):
    """Companies or deals."""

    two_way: bool = Field(
        default=False, description="Whether fields are written. No: linked and read for scoring, routing and stages only."
    )
    create: bool = Field(default=False, description="With `two_way`: whether one that the other CRM lacks is created there.")
    match: list[HouseName] = Field(
        default=[],
        description="House fields by which two records are the same one, tried in this order. Empty: they are never linked by value.",
    )


class ActivitiesFile(Strict):
    """`mappings/activities.yaml`: which activities of persons are kept in step, and how. A kind left out is off."""

    due_time: Annotated[str, Field(pattern=CLOCK)] = Field(
        default="09:00",
        description="The local time of a day's task in a CRM that wants a moment, when it had none there before. A reminder later on that day moves it there.",
    )
    task: ActivityFile | None = Field(default=None, description="Tasks.")
    call: ActivityFile | None = Field(default=None, description="Calls.")
    email: ActivityFile | None = Field(default=None, description="Logged e-mails.")
    meeting: ActivityFile | None = Field(default=None, description="Meetings.")
    note: ActivityFile | None = Field(default=None, description="Notes.")
    campaign_member: ActivityFile | None = Field(
        default=None, description="Members of campaigns: read for what they tell of their persons, never written."
    )


class CompaniesFile(Strict):
    """`mappings/companies.yaml`: companies and deals. One left out is off."""

    company: PartyFile | None = Field(default=None, description="Companies, accounts.")
    deal: PartyFile | None = Field(default=None, description="Deals, opportunities.")
