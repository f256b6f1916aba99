"""What an admin may write, as pydantic models. Shapes and ranges are checked here; names that refer to other names in load.

The Field descriptions are the reference documentation: docs/reference/mapping.md, playbook.md and the JSON Schemas are made from them.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

NAME = r"^[a-z][a-z0-9_]{0,59}$"
DURATION = r"^\s*\d+(\.\d+)?\s+(working\s+)?(minute|min|hour|day|week)s?\s*$"
CLOCK = r"^([01]?\d|2[0-4]):[0-5]\d$"
STAGE = Literal["subscriber", "lead", "mql", "sal", "sql", "opportunity", "customer", "nurture", "disqualified"]
MQL_TYPE = Literal["direct_request", "pre_qualified", "content_download", "browser"]
DAY = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

HouseName = Annotated[str, Field(pattern=NAME)]
"""Lower-case letters, digits and underscores: how house fields, signals and rules are named."""
Text = Annotated[str, Field(min_length=1, max_length=500)]
Points = Annotated[float, Field(ge=-1000, le=1000)]
Share = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[float, Field(gt=0, le=3650)]
Scalar = str | int | float | bool


def _text(value: object) -> object:
    """Ids and option values may look like numbers; they are texts all the same."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _texts(value: object) -> object:
    return [_text(part) for part in value] if isinstance(value, list) else _text(value)


NativeText = Annotated[str, BeforeValidator(_text), Field(max_length=500)]
Words = Annotated[str | list[str], BeforeValidator(_texts)]


class Strict(BaseModel):
    """Unknown keys are errors; numbers in quotes are no numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


# --- crmsync.yaml ------------------------------------------------------------------------------------------------------------


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
    brakes: BrakesFile = Field(default=BrakesFile(), description="Safety brakes.")

    @field_validator("start_from", mode="before")
    @classmethod
    def _moment(cls, value: object) -> object:
        if isinstance(value, str):
            try:
                return datetime.fromisoformat(value.strip())
            except ValueError:
                raise ValueError('write a date and time like "2026-01-31" or "2026-01-31T09:00:00Z"') from None
        return value


# --- mappings/person.yaml ------------------------------------------------------------------------------------------------------


class PlaceSpec(Strict):
    """A native field with restrictions."""

    field: Text = Field(description="The CRM's own API name of the field; `Account.Name` reads from the parent.")
    read_only: bool = Field(default=False, description="Read it, never write it.")
    at_creation: bool = Field(default=False, description="Read or written once, when the record is new; later changes are left alone.")


def _place_kind(value: Any) -> str:
    if isinstance(value, dict):
        return "<place>" if "field" in value or set(value) <= {"read_only", "at_creation"} else "<objects>"
    return "<text>"


PlaceOrName = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[PlaceSpec, Tag("<place>")],
    Discriminator(lambda value: "<place>" if isinstance(value, dict) else "<text>"),
]
SideSpec = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[PlaceSpec, Tag("<place>")] | Annotated[dict[str, PlaceOrName], Tag("<objects>")],
    Discriminator(_place_kind),
]


class FieldFile(Strict):
    """One house field. Beside the keys below, one key for each CRM says where the field lives there: a native field name (on all objects
    of that CRM), or `{field: ..., read_only: true}`, or a name or such a mapping for each object."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    __pydantic_extra__: dict[str, SideSpec]

    type: Literal["text", "long_text", "email", "phone", "url", "number", "bool", "date", "datetime", "picklist", "multi", "owner"] = Field(
        description="How values are read and compared."
    )
    direction: str = Field(
        default="both", description="`both`, or `to_` and a CRM's name: only that CRM is written to. `none`: read, never written."
    )
    conflict: str = Field(
        default="latest",
        description="Who wins when both CRMs changed the field: `latest` (the later change), a CRM's name, `fill` (only into an empty "
        "field), `ask` (leave both and wait for a person), `true_wins` (for bools: once true it stays true).",
    )
    values: dict[str, dict[str, Annotated[Words, Field(min_length=1)]]] = Field(
        default={},
        description="For picklists, per CRM: what a house value is called there. A list means that all of these are read as the house "
        "value and the first is written. Values not listed pass unchanged.",
    )
    empty: Literal["clear", "keep"] = Field(
        default="clear", description="When one CRM empties the field: `clear` empties the other too, `keep` does not."
    )
    on_too_long: Literal["park", "cut"] = Field(
        default="park", description="A text longer than the other CRM allows: `park` reports it and writes nothing, `cut` shortens it."
    )
    required: bool = Field(default=False, description="An emptied value is never carried over.")


class OwnersFile(Strict):
    """Who is who. Users of both CRMs are matched by their e-mail; this is for the rest."""

    fallback: str | None = Field(
        default=None, description="E-mail of the user who owns records whose owner has no active twin in the other CRM."
    )
    pairs: dict[str, dict[str, NativeText]] = Field(
        default={}, description="For users with different e-mails: e-mail, then for each CRM the user's id there."
    )


class StatusFile(Strict):
    """A native status field that follows the stage."""

    side: str = Field(description="The CRM.")
    object: str = Field(description="Its native object.")
    field: Text = Field(description="The native field.")
    read: bool = Field(
        default=True, description="Whether a value found there says where an existing person stands. No: it is only written."
    )
    values: dict[STAGE, Annotated[Words, Field(min_length=1)]] = Field(
        description="Stage, then the native value: the first of a list is written, all are read. A value under several stages is read as the "
        "first of them. Stages left out leave the field alone."
    )


class PersonFile(Strict):
    """`mappings/person.yaml`: which records stand for persons, and which of their fields are kept in step."""

    objects: dict[str, Annotated[list[Text], Field(min_length=1)]] = Field(
        description="For each CRM the native objects that stand for persons, best first: when several records share an e-mail the first kind counts."
    )
    create_as: dict[str, str] = Field(
        description="For each CRM the object that a new person becomes there. A CRM left out gets no new records."
    )
    extra_emails: dict[str, dict[str, Text]] = Field(
        default={},
        description="For each CRM and object a native field that holds further e-mail addresses of the person, separated by semicolons.",
    )
    placeholder: Text = Field(
        default="[not provided]", description="Stands in required fields for which nothing is known; it never syncs back."
    )
    owners: OwnersFile = Field(default=OwnersFile(), description="Who is who.")
    fields: dict[HouseName, FieldFile] = Field(description="The fields kept in step, by house name.")
    statuses: list[StatusFile] = Field(default=[], description="The CRMs' own status fields that follow the stage.")


# --- mappings/signals.yaml -----------------------------------------------------------------------------------------------------


class PatternFile(Strict):
    """A pattern on the detail."""

    match: Text = Field(description="A regular expression, found anywhere in the detail, whatever the case.")
    type: HouseName = Field(description="The signal that a match means.")

    @field_validator("match")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"the regular expression does not compile ({error}); correct it") from None
        return value


class SignalFile(Strict):
    """A native field whose changes are signals."""

    side: str = Field(description="The CRM.")
    object: str = Field(description="Its native object.")
    field: Text = Field(
        description="The native field: it holds the detail (a form's name, a page's address) or, without `at`, the moment itself."
    )
    at: Text | None = Field(default=None, description="The native field with the moment of the event.")
    type: HouseName = Field(description="The signal when no pattern matches.")
    patterns: list[PatternFile] = Field(default=[], description="Patterns on the detail; the first that matches names the signal.")
    when_true: bool = Field(default=False, description="A yes/no or reason field: the signal happens when it turns true or is filled.")

    @model_validator(mode="after")
    def _one_way(self) -> SignalFile:
        if self.when_true and self.at is not None:
            raise ValueError("when_true and at exclude each other; remove one")
        if self.patterns and self.at is None and not self.when_true:
            raise ValueError("patterns need a detail, and without at the field holds only the moment; add at or remove patterns")
        return self


class SignalsFile(Strict):
    """`mappings/signals.yaml`: where behaviour comes from."""

    signals: list[SignalFile] = Field(default=[], description="Native fields whose changes are signals.")
    elsewhere: list[HouseName] = Field(
        default=[],
        description="Signals that no field here makes: sent by a website or product to `POST /signals`, taken from campaigns or activities.",
    )


# --- mappings/playbook.yaml ----------------------------------------------------------------------------------------------------

OPERATORS: dict[str, str] = {
    "is": "eq", "is_not": "ne", "less_than": "lt", "at_most": "le", "more_than": "gt", "at_least": "ge", "in": "in", "not_in": "not_in",
    "between": "between", "matches": "matches", "contains": "contains", "empty": "empty", "filled": "filled", "domain_in": "domain_in",
    "title_is": "title_is",
}  # fmt: skip
"""How a test is written -> its operator in crmsync.model.rules.Test."""


class When(Strict):
    """A condition: `all`, `any` or `not` of other conditions, or one test of a house field."""

    all: list[When] | None = Field(default=None, description="Holds when every one of these holds.")
    any: list[When] | None = Field(default=None, description="Holds when at least one of these holds.")
    not_: When | None = Field(default=None, alias="not", description="Holds when this does not.")
    field: str | None = Field(default=None, description="The house field that is tested; exactly one of the tests below goes with it.")
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

    @field_validator("matches")
    @classmethod
    def _compile(cls, value: str | list[str] | None) -> str | list[str] | None:
        for pattern in [value] if isinstance(value, str) else value or []:
            PatternFile._compiles(pattern)
        return value

    @model_validator(mode="after")
    def _one_form(self) -> When:
        given = [name for name in ("all", "any", "not_", "field") if getattr(self, name) is not None]
        tests = self.tests()
        if len(given) != 1:
            raise ValueError("a condition is exactly one of all, any, not, or a field with one test")
        if given == ["field"] and len(tests) != 1:
            raise ValueError(f"a field needs exactly one test, this one has {len(tests)}: {', '.join(OPERATORS)}")
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


class HoursFile(Strict):
    """Working hours, in the owner's own time zone where the CRM tells it."""

    days: Annotated[list[DAY], Field(min_length=1)] = Field(default=["mon", "tue", "wed", "thu", "fri"], description="Working days.")
    start: Annotated[str, Field(pattern=CLOCK)] = Field(default="09:00", description="When work starts.")
    end: Annotated[str, Field(pattern=CLOCK)] = Field(default="17:00", description="When it ends; `24:00` is midnight.")
    time_zone: str = Field(default="UTC", description="Time zone of owners whose own is unknown, like `Europe/Berlin`.")
    holidays: list[Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]] = Field(default=[], description="Days off, like `2026-12-25`.")


class PlaybookFile(Strict):
    """`mappings/playbook.yaml`: the process from marketing to sales."""

    score: ScoreFile = Field(default=ScoreFile(), description="How persons are scored.")
    types: list[TypeFile] = Field(default=[], description="Types of mql, first match wins.")
    routing: RoutingFile = Field(default=RoutingFile(), description="Who gets them.")
    working_hours: HoursFile = Field(default=HoursFile(), description="When clocks run.")


# --- mappings/lists.yaml -------------------------------------------------------------------------------------------------------

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


FILES: dict[str, type[Strict]] = {
    "crmsync.yaml": CrmsyncFile,
    "mappings/person.yaml": PersonFile,
    "mappings/signals.yaml": SignalsFile,
    "mappings/playbook.yaml": PlaybookFile,
    "mappings/lists.yaml": ListsFile,
}
"""Every file of a home folder -> the model of its content."""
