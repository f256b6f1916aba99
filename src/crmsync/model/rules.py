"""What an admin decided, as frozen values: the mapping and the playbook. Made by crmsync.playbook from YAML, read by crmsync.decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from crmsync.model.absence import Away
from crmsync.model.alert import AlertRules
from crmsync.model.followup import Cadence, Estimate, ReplyRule, SlaRules, Template
from crmsync.model.process import GateRules, ProfileRules, ScoreRules, Segment, StageRules, Track, TypeRule
from crmsync.model.record import Value
from crmsync.model.routing import RoutingRules
from crmsync.model.week import Week

# --- the mapping -----------------------------------------------------------------------------------------------------------


class FieldType(StrEnum):
    """How a house field's values are read, compared and written.

    RICH_TEXT: plain text in the house, HTML where its place says so. DAY: a calendar day in the owner's time zone; a moment where the native
    field is one."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    RICH_TEXT = "rich_text"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    NUMBER = "number"
    BOOL = "bool"
    DATE = "date"
    DAY = "day"
    DATETIME = "datetime"
    PICKLIST = "picklist"
    MULTI = "multi"
    OWNER = "owner"


LATEST, FILL, ASK, OPT_OUT = "latest", "fill", "ask", "true_wins"
"""Conflict rules beside the name of a side. `true_wins`: an opt-out always wins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a house field lives in one native object. read_only: never written there. at_creation: only read or written once, when the
    record is new. html: its text is HTML. per: native units in one house unit (1000: milliseconds for seconds)."""

    field: str
    read_only: bool = False
    at_creation: bool = False
    html: bool = False
    per: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMap:
    """One house field. places: (side, object) -> Place. to: sides it may be written to. conflict: LATEST, FILL, ASK, OPT_OUT or a side's
    name.

    values: side -> {native value: house value} for picklists (unlisted values pass unchanged). fingerprint: changes when the meaning of the
    mapping changes, so that an old merge base is not used for a new mapping (law 4). empty: "clear" | "keep" | what a cleared value does.
    on_too_long: "park" | "cut". listed_only: a native value outside `values` is a problem, not a value. most: characters carried of a text
    (None: all). where: the file and line in which the admin wrote it.
    """

    name: str
    type: FieldType
    places: Mapping[tuple[str, str], Place]
    to: frozenset[str]
    conflict: str = LATEST
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    empty: str = "clear"
    on_too_long: str = "park"
    required: bool = False
    listed_only: bool = False
    most: int | None = None
    fingerprint: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonMap:
    """How records stand for persons. objects: side -> native objects, best first (contact before lead). create_as: side -> object for new
    records.

    match: extra native fields per (side, object) holding further e-mails (";"-separated). placeholder: stands for missing required values
    and never
    syncs back. users: explicit owner pairs, house owner id -> {side: native id}. fallback_owner: house owner id used when an owner has no
    twin.
    statuses: stage -> {(side, object, native field): value}. reads: further native fields per (side, object) that the engine reads.
    """

    objects: Mapping[str, tuple[str, ...]]
    create_as: Mapping[str, str]
    fields: Mapping[str, FieldMap]
    extra_emails: Mapping[tuple[str, str], str] = field(default_factory=dict)
    placeholder: str = "[not provided]"
    tie: str = ""
    owner_pairs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    fallback_owner: str | None = None
    statuses: Mapping[str, Mapping[tuple[str, str, str], str]] = field(default_factory=dict)
    stage_from: Mapping[tuple[str, str, str], Mapping[str, str]] = field(default_factory=dict)
    reads: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityFilter:
    """Which activities are carried to the other side; one that is there already stays in step whatever the filter says.

    owners / not_owners: house owner ids (empty: everybody). skip_subject: a regular expression found in the subject, whatever the case.
    history_days: finished activities that were older at the first load stay where they are (None: all are carried)."""

    owners: frozenset[str] = frozenset()
    not_owners: frozenset[str] = frozenset()
    skip_subject: str | None = None
    history_days: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinMap(PersonMap):
    """How the records of one kind of activity, or companies, or deals are kept in step: one native object per side.

    kind: task | call | email | meeting | note | campaign_member | company | deal. when: side -> native field -> values that make a record of the object one of
    this kind (an empty tuple: no record there is born as one). fixed: side -> native values given at creation; "{first_line}" stands for the
    first line of the body. logged: it tells of something that happened, so it is always finished. match: house fields by which two records
    that do not know of each other are the same thing, tried in this order (companies: domain, then name; deals: none).
    to: sides that may be written at all; whom a record belongs to is carried to these.
    """

    kind: str
    when: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    fixed: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    logged: bool = False
    match: tuple[str, ...] = ()
    filter: ActivityFilter = field(default_factory=ActivityFilter)
    signals: tuple[SignalTest, ...] = ()
    to: frozenset[str] = frozenset()

    @property
    def activity(self) -> bool:
        """Whether it belongs to persons rather than being a party itself."""
        return self.kind not in ("company", "deal")

    @property
    def belongs(self) -> bool:
        """Whether its records belong to persons, companies or deals."""
        return self.kind != "company"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalTest:
    """A finished activity that is a signal for its persons: when every named house field has one of the values ("": empty, "true", "false").
    side: only when that side has a record of it. planned: an activity that is still to come, and not a finished one."""

    type: str
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    side: str | None = None
    planned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalMap:
    """A native field whose changes are signals. object: native object on `side`. field: holds the detail (name, url) or the time itself.

    time_field: native field with the moment of the event (None: `field` itself is that datetime). patterns: (regex, signal type), first
    match on
    the detail wins (case-insensitive); otherwise `type`. when_true: a bool field, the signal happens when it turns true (time: the
    record's modification). events: the kind of event that the CRM also lists one by one (Traits.events of its connector); "": none. where: the file
    and line in which the admin named it.
    """

    side: str
    object: str
    field: str
    type: str
    time_field: str | None = None
    patterns: tuple[tuple[str, str], ...] = ()
    when_true: bool = False
    events: str = ""
    where: str = ""

    @property
    def types(self) -> frozenset[str]:
        """Every signal it can be."""
        return frozenset({self.type, *(name for _, name in self.patterns)})


# --- the playbook ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """What the admin says of one person's work; None: not said. Comes before what any CRM tells. country, region: whose holidays are theirs (ISO 3166). away: beside
    what CRMs and calendars tell. calendar: name of the setting CRMSYNC_CALENDARS__<NAME> or an https address that gives an iCalendar of their absences."""

    time_zone: str | None = None
    week: Week | None = None
    country: str | None = None
    region: str | None = None
    away: tuple[Away, ...] = ()
    calendar: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingHours:
    """days: 0 Monday - 6 Sunday. start/end: minutes after local midnight. time_zone: used when the owner's is unknown. from_crm: hours that a CRM
    has for its users come before these. people: house owner id -> what the admin says of that person. holidays: ISO dates, free for all. country, region: whose
    public holidays are free for everybody who has no country of their own (ISO 3166; None: none). away_fields: side -> "from", "until", "cover" -> native field
    of a user there that tells when they are out of office, and who stands in."""

    days: tuple[int, ...] = (0, 1, 2, 3, 4)
    start: int = 9 * 60
    end: int = 17 * 60
    time_zone: str = "UTC"
    holidays: tuple[str, ...] = ()
    from_crm: bool = True
    people: Mapping[str, Shift] = field(default_factory=dict)
    country: str | None = None
    region: str | None = None
    away_fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brakes:
    """Safety (law 6). max_deletes_share/max_deletes: a run that sees more than this share and number of linked records deleted halts.
    max_changes_share:
    likewise for changed values of one field. emptied_share: a side that suddenly shows less than this share of its records is emptied."""

    max_creates: int = 100_000
    max_deletes_share: float = 0.10
    min_deletes: int = 10
    max_changes_share: float = 0.50
    min_changes: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """After how many days what is stored is forgotten. journal: writes that a later one of the same fields has outdated, and those that no CRM
    accepted. events: what happened to the installation. problems, effects: those of persons who are no more."""

    journal_days: int = 180
    events_days: int = 90
    problems_days: int = 90
    effects_days: int = 365
    work_days: int = 730


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """Everything an admin decided. tasks_in: side where first-touch tasks are created. deletes: "unlink" | "propagate".

    start_from: events before it have no outward effects (section 9a; None: the moment of the first sync). twins: kind -> how activities,
    companies and deals are kept in step. due_time: local time of a due day in a CRM that wants a moment. sweep_hours: how often all ids are
    compared (0: never). frameworks: qualification frameworks whose fields exist in the CRMs: "bant", "meddic" (S10). free_domains, disposable_domains: what
    the admin adds to the lists of the libraries, business_domains: what is neither. titles, departments: class -> phrases; titles_except: class ->
    phrases struck out of a title first. fingerprint: of the whole content. where: (file, key, key within it ...) -> the file and line in which
    the admin wrote it.
    """

    person: PersonMap
    twins: Mapping[str, TwinMap] = field(default_factory=dict)
    due_time: str = "09:00"
    signals: tuple[SignalMap, ...] = ()
    score: ScoreRules = field(default_factory=ScoreRules)
    segments: tuple[Segment, ...] = ()
    types: tuple[TypeRule, ...] = ()
    stages: StageRules = field(default_factory=StageRules)
    gate: GateRules = field(default_factory=GateRules)
    profile: ProfileRules = field(default_factory=ProfileRules)
    tracks: tuple[Track, ...] = ()
    frameworks: frozenset[str] = frozenset({"bant"})
    routing: RoutingRules = field(default_factory=RoutingRules)
    sla: SlaRules = field(default_factory=SlaRules)
    cadences: tuple[Cadence, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    replies: tuple[ReplyRule, ...] = ()
    templates: Mapping[str, Template] = field(default_factory=dict)
    alerts: AlertRules = field(default_factory=AlertRules)
    hours: WorkingHours = field(default_factory=WorkingHours)
    brakes: Brakes = field(default_factory=Brakes)
    retention: Retention = field(default_factory=Retention)
    tasks_in: str | None = None
    deletes: str = "unlink"
    start_from: datetime | None = None
    free_domains: frozenset[str] = frozenset()
    disposable_domains: frozenset[str] = frozenset()
    competitor_domains: frozenset[str] = frozenset()
    target_domains: frozenset[str] = frozenset()
    business_domains: frozenset[str] = frozenset()
    titles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    titles_except: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    departments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    poll_seconds: float = 15.0
    sweep_hours: float = 24.0
    fingerprint: str = ""
    where: Mapping[tuple[str, ...], str] = field(default_factory=dict, compare=False)
