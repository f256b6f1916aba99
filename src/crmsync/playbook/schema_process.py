"""`mappings/playbook.yaml` and `mappings/lists.yaml` as pydantic models: shapes and ranges; names that refer to others are checked in references.

The Field descriptions are the reference documentation: docs/reference/mapping.md, playbook.md and the JSON Schemas are made from them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from crmsync.playbook.shapes import CLOCK, DAY, DURATION, MQL_TYPE, Days, HouseName, Points, Scalar, Share, Strict, Text, Words, compiles

OPERATORS: dict[str, str] = {
    "is": "eq", "is_not": "ne", "less_than": "lt", "at_most": "le", "more_than": "gt", "at_least": "ge", "in": "in", "not_in": "not_in",
    "between": "between", "matches": "matches", "contains": "contains", "empty": "empty", "filled": "filled", "domain_in": "domain_in",
    "title_is": "title_is", "within": "within", "older_than": "older_than",
}  # fmt: skip
"""How a test is written -> its operator in crmsync.model.condition.Test."""


class When(Strict):
    """A condition: `all`, `any` or `not` of other conditions, or one test of a house field."""

    all: list[When] | None = Field(default=None, description="Holds when every one of these holds.")
    any: list[When] | None = Field(default=None, description="Holds when at least one of these holds.")
    not_: When | None = Field(default=None, alias="not", description="Holds when this does not.")
    field: str | None = Field(
        default=None,
        description="The house field that is tested; exactly one of the tests below goes with it. `company.` and a field of `company` in "
        "companies.yaml: the person's company; `deal.` and a field of `deal`, or `deal.open`: their leading deal.",
    )
    is_: Scalar | None = Field(default=None, alias="is", description="Equal, whatever the case.")
    is_not: Scalar | None = Field(default=None, description="Not equal, or empty.")
    less_than: int | float | str | None = Field(default=None, description="Smaller, or earlier.")
    at_most: int | float | str | None = Field(default=None, description="Smaller or equal.")
    more_than: int | float | str | None = Field(default=None, description="Larger, or later.")
    at_least: int | float | str | None = Field(default=None, description="Larger or equal.")
    in_: Annotated[list[Scalar], Field(min_length=1)] | None = Field(default=None, alias="in", description="One of these.")
    not_in: Annotated[list[Scalar], Field(min_length=1)] | None = Field(default=None, description="None of these, or empty.")
    between: Annotated[list[int | float | str], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="From the first to the second, both included."
    )
    matches: Annotated[Words, Field(min_length=1)] | None = Field(
        default=None, description="A regular expression (or several) found in the text."
    )
    contains: Annotated[Words, Field(min_length=1)] | None = Field(
        default=None, description="A text (or one of several) found in the text."
    )
    empty: Literal[True] | None = Field(default=None, description="Nothing is known.")
    filled: Literal[True] | None = Field(default=None, description="Something is known.")
    domain_in: Annotated[Words, Field(min_length=1)] | None = Field(
        default=None,
        description="The domain of an e-mail or web address is in a list: `free`, `disposable`, `competitor` (lists.yaml), or a domain.",
    )
    title_is: Annotated[Words, Field(min_length=1)] | None = Field(
        default=None, description="The job title holds a phrase of this class of `titles` in lists.yaml."
    )

    within: Days | None = Field(default=None, description="A date or moment at most this many days ago.")
    older_than: Days | None = Field(default=None, description="A date or moment more than this many days ago.")

    @field_validator("matches")
    @classmethod
    def _compile(cls, value: str | list[str] | None) -> str | list[str] | None:
        for pattern in [value] if isinstance(value, str) else value or []:
            compiles(pattern)
        return value

    @model_validator(mode="after")
    def _one_form(self) -> When:
        given = [name for name in ("all", "any", "not_", "field") if getattr(self, name) is not None]
        tests = self.tests()
        if len(given) != 1:
            raise ValueError("not a condition; write exactly one of all, any, not, or a field with one test")
        if given == ["field"] and len(tests) != 1:
            raise ValueError(f"a field needs exactly one test and this one has {len(tests)}; use one of {', '.join(OPERATORS)}")
        if given != ["field"] and tests:
            raise ValueError(f"{tests[0]} needs a field; write {{field: ..., {tests[0]}: ...}}")
        return self

    def tests(self) -> list[str]:
        """The tests given, as written."""
        return [name for name in OPERATORS if self.wanted(name) is not None]

    def wanted(self, test: str) -> Any:
        """What is written behind a test."""
        return getattr(self, f"{test}_" if test in ("is", "in") else test)


class FitFile(Strict):
    """Points for who they are."""

    name: Text = Field(description="How the rule is called in explanations.")
    points: Points = Field(description="Points when it holds; negative ones count against the person.")
    when: When = Field(description="The condition.")
    group: HouseName | None = Field(default=None, description="Of the rules of one group only the one with the most points counts.")


class BehaviorFile(Strict):
    """Points for signals."""

    name: Text = Field(description="How the rule is called in explanations.")
    points: Points = Field(description="Points for each hit; negative ones count against the person.")
    signals: Annotated[list[HouseName], Field(min_length=1)] = Field(description="The signals that count.")
    half_life_days: Days | None = Field(default=None, description="Days after which a hit is worth half. Empty: it does not age.")
    max_times: Annotated[int, Field(ge=1, le=10_000)] | None = Field(default=None, description="At most this many hits count, the newest.")
    max_points: Annotated[float, Field(gt=0, le=10_000)] | None = Field(
        default=None, description="At most this many points, in either direction."
    )
    count: Annotated[int, Field(ge=1, le=1000)] = Field(default=1, description="A cluster: this many signals are one hit.")
    within_days: Days | None = Field(default=None, description="The signals of a cluster lie within this many days.")


class ScoreFile(Strict):
    """How persons are scored: the sum of fit and behaviour."""

    mql_at: Annotated[float, Field(gt=0, le=10_000)] = Field(default=50.0, description="A person with this score becomes mql.")
    sql_at: Annotated[float, Field(gt=0, le=10_000)] = Field(
        default=100.0, description="The score of a sales-qualified person where acceptance is automatic."
    )
    hysteresis: Annotated[float, Field(ge=0, le=10_000)] = Field(
        default=10.0, description="The score must fall this far below `mql_at` before it can make the person mql again."
    )
    express: list[HouseName] = Field(default=[], description="Express lane: these signals make a person mql at once, whatever the score.")
    min_delta: Annotated[float, Field(ge=0, le=1000)] = Field(
        default=5.0, description="A changed score is written to the CRMs when it moved by this much or crossed a threshold or band."
    )
    bands: list[Annotated[float, Field(ge=-10_000, le=10_000)]] = Field(
        default=[25.0, 50.0, 75.0, 100.0], description="Scores at which a crossing is always written."
    )
    inactivity_loss: Share = Field(
        default=0.25,
        description="Share of the gained behaviour points that is lost for each `inactivity_days` without a new signal (continuously).",
    )
    inactivity_days: Days = Field(default=30.0, description="See `inactivity_loss`.")
    inactive_points: Points = Field(default=-10.0, description="Points once there was no signal for `inactive_after_days`.")
    inactive_after_days: Days = Field(default=30.0, description="See `inactive_points`.")
    fit: list[FitFile] = Field(default=[], description="Rules on who they are.")
    behavior: list[BehaviorFile] = Field(default=[], description="Rules on what they did.")


class TypeFile(Strict):
    """One type of mql: what it takes and how sales answers. The first that fits counts."""

    type: MQL_TYPE = Field(description="The type.")
    signals: list[HouseName] = Field(default=[], description="One of these signals is among the person's. Empty: any.")
    min_fit: Points | None = Field(default=None, description="The fit score is at least this.")
    respond_within: Annotated[str, Field(pattern=DURATION)] = Field(
        default="1 working day",
        description="When the first touch is due: a number and minutes, hours, days or weeks; `working` counts working hours only.",
    )
    channel: Literal["call", "email", "other"] = Field(default="call", description="How the rep answers first.")
    priority: Literal["high", "normal", "low"] = Field(default="normal", description="Priority of the task.")
    action: Text = Field(default="Follow up", description="What the rep is to do; the task's subject.")
    goal: Annotated[str, Field(max_length=500)] = Field(default="", description="What it is good for; in the task's text.")


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
    types: list[TypeFile] = Field(default=[], description="Types of mql, first match wins.")
    routing: RoutingFile = Field(default=RoutingFile(), description="Who gets them.")
    working_hours: HoursFile = Field(default=HoursFile(), description="When clocks run.")


Domain = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$", max_length=253)
]


class ListsFile(Strict):
    """`mappings/lists.yaml`: the words and domains that conditions name."""

    titles: dict[HouseName, Annotated[list[Text], Field(min_length=1)]] = Field(
        default={}, description="Classes of job titles: the phrases of each, found as whole words."
    )
    competitor_domains: list[Domain] = Field(default=[], description="Your competitors; `domain_in: competitor`.")
    free_mail_domains: list[Domain] = Field(default=[], description="Personal mail services; `domain_in: free`.")
    disposable_domains: list[Domain] = Field(default=[], description="Throw-away mail services; `domain_in: disposable`.")
