"""`mappings/playbook.yaml` and `mappings/lists.yaml` as pydantic models: shapes and ranges; names that refer to others are checked in references.

The Field descriptions are the reference documentation: docs/reference/mapping.md, playbook.md and the JSON Schemas are made from them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from crmsync.playbook.schema_gate import GateFile
from crmsync.playbook.schema_nurture import ProfileFile, TrackFile
from crmsync.playbook.schema_score import ScoreFile, SegmentFile
from crmsync.playbook.schema_stages import StagesFile, TypeFile
from crmsync.playbook.shapes import CLOCK, DAY, HouseName, Strict, Text


class RoutingFile(Strict):
    """Who gets a new mql that nobody owns: round robin in one pool."""

    pool: HouseName = Field(default="default", description="Name of the pool, in reasons and as the name of its counter.")
    members: list[Text] = Field(
        default=[],
        description="E-mails of the reps, in order. Empty: every active user that all connected CRMs share, without the integration user.",
    )
    exclude: list[Text] = Field(default=[], description="E-mails of users who never get any.")
    fallback: str | None = Field(default=None, description="E-mail of who gets them when the pool is empty.")


class ShiftFile(Strict):
    """One person's working hours; what is not given comes from the CRMs or from `working_hours`."""

    days: Annotated[list[DAY], Field(min_length=1)] | None = Field(default=None, description="Working days.")
    start: Annotated[str, Field(pattern=CLOCK)] | None = Field(default=None, description="When work starts.")
    end: Annotated[str, Field(pattern=CLOCK)] | None = Field(default=None, description="When it ends; `24:00` is midnight.")
    time_zone: str | None = Field(default=None, description="Their time zone, like `Europe/Berlin`; also the one of their due days.")


class HoursFile(Strict):
    """Working hours, in the owner's own time zone where the CRM tells it."""

    days: Annotated[list[DAY], Field(min_length=1)] = Field(default=["mon", "tue", "wed", "thu", "fri"], description="Working days.")
    start: Annotated[str, Field(pattern=CLOCK)] = Field(default="09:00", description="When work starts.")
    end: Annotated[str, Field(pattern=CLOCK)] = Field(default="17:00", description="When it ends; `24:00` is midnight.")
    time_zone: str = Field(default="UTC", description="Time zone of owners whose own is unknown, like `Europe/Berlin`.")
    holidays: list[Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]] = Field(default=[], description="Days off, like `2026-12-25`.")
    from_crm: bool = Field(
        default=True,
        description="Hours that a CRM has for its users come before these: those that a HubSpot user set, then Salesforce's default business "
        "hours, unless they are 24 hours on all days. Time zones always come from the CRM.",
    )
    people: dict[Text, ShiftFile] = Field(
        default={}, description="E-mail of a user -> hours and time zone that come before everything else."
    )


class PlaybookFile(Strict):
    """`mappings/playbook.yaml`: the process from marketing to sales."""

    score: ScoreFile = Field(default=ScoreFile(), description="How persons are scored.")
    segments: list[SegmentFile] = Field(default=[], description="Persons who are scored by a model of their own, first match wins.")
    stages: StagesFile = Field(default=StagesFile(), description="How persons move between stages.")
    types: list[TypeFile] = Field(default=[], description="Types of mql, first match wins.")
    qualification: list[Literal["bant", "meddic"]] = Field(
        default=["bant"],
        description="Qualification frameworks whose answers reps can give as CRM fields, which rules and questions can use: BANT (budget, authority, "
        "need, timeline), MEDDIC (metrics, economic buyer, decision criteria, decision process, identified pain, champion).",
    )
    data_gate: GateFile = Field(default=GateFile(), description="Which contact data is good enough to hand a person to sales.")
    profile: ProfileFile = Field(default=ProfileFile(), description="Which answers are asked for next.")
    tracks: list[TrackFile] = Field(default=[], description="Nurture programmes; the first that fits counts.")
    routing: RoutingFile = Field(default=RoutingFile(), description="Who gets them.")
    working_hours: HoursFile = Field(default=HoursFile(), description="When clocks run.")


Domain = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$", max_length=253)
]
LocalPart = Annotated[str, Field(pattern=r"^[^@\s]+$", max_length=64)]


ROLES = (
    "abuse", "accounting", "accounts", "admin", "administrator", "billing", "careers", "contact", "enquiries", "feedback", "finance", "hello", "help",
    "helpdesk", "hostmaster", "hr", "info", "inquiries", "invoice", "invoices", "it", "jobs", "legal", "mail", "marketing", "media", "news", "newsletter",
    "no-reply", "noreply", "office", "orders", "postmaster", "press", "privacy", "purchasing", "reception", "root", "sales", "security", "service",
    "shop", "spam", "support", "team", "webmaster",
)  # fmt: skip
"""Addresses that are no person's, when lists.yaml does not say."""


class ListsFile(Strict):
    """`mappings/lists.yaml`: the words and domains that conditions name."""

    titles: dict[HouseName, Annotated[list[Text], Field(min_length=1)]] = Field(
        default={},
        description="Ranks of job titles, with the phrases of each. A phrase is found as whole words; case, accents and dots do not matter; `*` stands for "
        "the rest of a word (`*leiter`). A title of the rank `assistant` is of no other rank.",
    )
    titles_except: dict[HouseName, Annotated[list[Text], Field(min_length=1)]] = Field(
        default={},
        description="Rank or department -> phrases that are taken out of a title before a rank or department is looked for in the rest: a vice president is no president.",
    )
    departments: dict[HouseName, Annotated[list[Text], Field(min_length=1)]] = Field(
        default={}, description="Departments, with the phrases of each; `title_is` names them like ranks."
    )
    competitor_domains: list[Domain] = Field(default=[], description="Your competitors; `domain_in: competitor`.")
    target_account_domains: list[Domain] = Field(default=[], description="Accounts you name as targets; `domain_in: target`.")
    free_mail_domains: list[Domain] = Field(
        default=[], description="Personal mail services beside the 4,000 that crmsync knows; `domain_in: free`."
    )
    disposable_domains: list[Domain] = Field(
        default=[], description="Throw-away mail services beside the 10,000 that crmsync knows; `domain_in: disposable`."
    )
    business_domains: list[Domain] = Field(
        default=[], description="Domains that are neither personal nor throw-away mail, whatever is known of them."
    )
    role_addresses: list[LocalPart] = Field(
        default=[*ROLES], description="What stands before the @ of addresses that are no person's, whatever the case. Replaces the default."
    )
