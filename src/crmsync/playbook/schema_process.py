"""`mappings/playbook.yaml` and `mappings/lists.yaml` as pydantic models: shapes and ranges; names that refer to others are checked in references.

The Field descriptions are the reference documentation: docs/reference/mapping.md, playbook.md and the JSON Schemas are made from them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from crmsync.playbook.schema_gate import GateFile
from crmsync.playbook.schema_hours import HoursFile
from crmsync.playbook.schema_nurture import ProfileFile, TrackFile
from crmsync.playbook.schema_routing import RoutingFile
from crmsync.playbook.schema_score import ScoreFile, SegmentFile
from crmsync.playbook.schema_stages import StagesFile, TypeFile
from crmsync.playbook.shapes import HouseName, Strict, Text


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
