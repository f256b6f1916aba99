"""`stages` and `types` of `mappings/playbook.yaml` as pydantic models: shapes and ranges; names that refer to others are checked in references.

The Field descriptions are the reference documentation: docs/reference/playbook.md and the JSON Schemas are made from them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from crmsync.playbook.schema_when import When
from crmsync.playbook.shapes import DURATION, MQL_TYPE, WORKING, HouseName, Pattern, Points, Share, Strict, Text, snippets

REASONS: dict[str, Literal["nurture", "disqualified"]] = {
    "wrong_icp": "disqualified", "bad_timing": "nurture", "no_budget": "nurture", "competitor": "disqualified",
    "already_customer": "disqualified", "no_response": "nurture", "bad_data": "disqualified",
}  # fmt: skip
"""Where each reason code leads when the playbook does not say (process.md L7): what may change comes back, what will not ends."""
Wait = Annotated[float, Field(ge=0, le=3650)]


class EngagedFile(Strict):
    """The engaged subscriber: a subscriber for some time who opened and clicked every e-mail that was sent to them."""

    days: Annotated[float, Field(gt=0, le=3650)] = Field(default=30.0, description="They have been a subscriber for at least so many days.")
    delivered: HouseName = Field(default="emails_delivered", description="House field that counts the e-mails delivered to them.")
    opened: HouseName = Field(default="emails_opened", description="House field that counts those they opened.")
    clicked: HouseName = Field(default="emails_clicked", description="House field that counts those they clicked in.")


class StagesFile(Strict):
    """How persons move between stages, beside the score and the express lane. Whatever somebody sets by hand stands."""

    signals: list[HouseName] = Field(
        default=["email_reply"],
        description="Signals that make a person mql whatever the score, without being hot: they want an answer, not a call in minutes.",
    )
    forms: list[Pattern] = Field(
        default=[], description="Regular expressions found in the name of a form, whatever the case: sending such a form does the same."
    )
    engaged_subscriber: EngagedFile | None = Field(
        default=None, description="Makes a subscriber mql who opened and clicked everything. Empty: never."
    )
    acceptance: Literal["explicit", "on_assignment", "automatic"] = Field(
        default="explicit",
        description="From sal to sql: `explicit` when the rep sets the disposition accepted, `on_assignment` as soon as somebody owns the person, "
        "`automatic` at the score `sql_at`.",
    )
    straight_to_sql: list[HouseName] = Field(default=[], description="Signals of the express lane that need no acceptance.")
    reasons: dict[HouseName, Literal["nurture", "disqualified"]] = Field(
        default=dict(REASONS),
        description="Where each reason code of a rejection leads: `nurture` comes back later, `disqualified` ends it.",
    )
    stale_sql_days: Wait = Field(default=30.0, description="An sql without engagement for so many days goes to nurture. 0: never.")
    cool_off_days: Wait = Field(
        default=30.0,
        description="For so many days after somebody went back to nurture the score makes no mql of them; express signals, forms and replies do.",
    )
    recycle_factor: Share = Field(default=0.5, description="What signals from before somebody went back to nurture are still worth.")
    lost_to: Literal["nurture", "lead", "disqualified"] = Field(
        default="nurture", description="Where a person goes whose last open deal was lost."
    )
    deals: bool = Field(default=True, description="Whether deals and opportunities move persons to opportunity, customer and `lost_to`.")
    ask_within: Annotated[str, Field(pattern=WORKING)] = Field(
        default="1 working day",
        description="Working time within which a rep is asked to give a missing reason code or to fix contact data.",
    )


class TypeFile(Strict):
    """One type of mql: what it takes and how sales answers. The first that fits counts."""

    model_config = ConfigDict(
        json_schema_extra=snippets(
            type={"type": "content_download", "signals": ["$1"], "respond_within": "24 working hours", "channel": "email", "action": "$2"},
        )
    )

    type: MQL_TYPE = Field(description="The type.")
    signals: list[HouseName] = Field(default=[], description="One of these signals is among the person's. Empty: any.")
    min_fit: Points | None = Field(default=None, description="The fit score is at least this.")
    when: When | None = Field(default=None, description="A condition that holds as well, such as a named target account. Empty: any.")
    respond_within: Annotated[str, Field(pattern=DURATION)] | None = Field(
        default=None,
        description="When the first touch is due: a number and minutes, hours, days or weeks; `working` counts working hours only. Empty: `respond_within` of `sla` in "
        "followup.yaml.",
    )
    breach_within: Annotated[str, Field(pattern=DURATION)] | None = Field(
        default=None, description="When the promise is broken, if that is later than `respond_within`. Empty: then."
    )
    channel: Literal["call", "email", "other"] = Field(default="call", description="How the rep answers first.")
    priority: Literal["high", "normal", "low"] = Field(default="normal", description="Priority of the task.")
    action: Text = Field(default="Follow up", description="What the rep is to do; the task's subject.")
    goal: Annotated[str, Field(max_length=500)] = Field(default="", description="What it is good for; in the task's text.")
