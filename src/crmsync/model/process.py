"""The process as frozen values: score, stages, types, data gate, questions and tracks (process.md sections 2, 3, 4 and 9).

where: the file and line in which the admin wrote it; it takes no part in comparisons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from crmsync.model.condition import Condition

# --- score -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRule:
    """Points for who they are (S1). group: among rules of one group only the highest counts."""

    name: str
    points: float
    when: Condition
    group: str | None = None
    where: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviorRule:
    """Points for signals (S1-S3). half_life_days: age decay (S2). max_times / max_points: caps (S3). count / within_days: a cluster, this many
    signals in that window are one hit."""

    name: str
    points: float
    signals: tuple[str, ...]
    half_life_days: float | None = None
    max_times: int | None = None
    max_points: float | None = None
    count: int = 1
    within_days: float | None = None
    where: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRule:
    """Engagement of colleagues (S7): `share` of the sum of the behaviour points that the other persons of the account were last seen with (none of
    them counts below 0), at most `max_points`."""

    share: float
    max_points: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRules:
    """inactivity_loss per inactivity_days without a new signal (S2: 0.25 per 30 days, continuous). inactive: S1's "30+ days inactive -10".

    mql_at / hysteresis: becomes MQL at >= mql_at; a further MQL by score needs a fall below mql_at - hysteresis first (S4). top_percent: S4's other
    way: mql_at is what this share of the scored persons reaches (taken anew once a day; the number in mql_at counts until then). express: S6.
    account: S7. recycle_factor: what a signal from before the last recycling is still worth (L6).
    """

    fit: tuple[FitRule, ...] = ()
    behavior: tuple[BehaviorRule, ...] = ()
    inactivity_loss: float = 0.25
    inactivity_days: float = 30.0
    inactive_points: float = -10.0
    inactive_after_days: float = 30.0
    mql_at: float = 50.0
    top_percent: float | None = None
    sql_at: float = 100.0
    hysteresis: float = 10.0
    express: tuple[str, ...] = ()
    min_delta: float = 5.0
    bands: tuple[float, ...] = (25.0, 50.0, 75.0, 100.0)
    account: AccountRule | None = None
    recycle_factor: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A scoring model of its own for persons of one kind (S5): the first segment whose condition holds counts, else the playbook's `score`.
    Its condition may test facts only."""

    name: str
    when: Condition
    score: ScoreRules
    where: str = field(default="", compare=False)


# --- stages ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class EngagedRule:
    """The engaged subscriber (L1): a subscriber for at least `days` who opened and clicked every e-mail that was sent to them, of which there is
    one at least. delivered, opened, clicked: house fields that count e-mails."""

    days: float = 30.0
    delivered: str = "emails_delivered"
    opened: str = "emails_opened"
    clicked: str = "emails_clicked"


EXPLICIT, ON_ASSIGNMENT, AUTOMATIC = "explicit", "on_assignment", "automatic"
"""Ways from sal to sql (L4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRules:
    """Transitions beside the score (process.md section 3).

    signals: make an mql whatever the score, though they are not hot (a reply to a marketing e-mail). forms: regular expressions on the name of a form
    (the detail of a signal whose type is one of form_types) that do the same. acceptance: L4. straight_to_sql: express signals that skip acceptance.
    reasons: reason code -> "nurture" (recycles) or "disqualified" (ends). stale_sql_days: days without engagement after which an sql goes to
    nurture (0: never). cool_off_days: for so long after a recycling the score makes no mql (express signals, forms and replies do).
    lost_to: the stage of a person whose last deal was lost (L5). deals: whether deals and opportunities move persons at all. ask_minutes: working
    minutes within which a rep is asked to give a missing reason code or to fix contact data.
    """

    signals: tuple[str, ...] = ("email_reply",)
    forms: tuple[str, ...] = ()
    form_types: frozenset[str] = frozenset()
    engaged: EngagedRule | None = None
    acceptance: str = EXPLICIT
    straight_to_sql: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    stale_sql_days: float = 30.0
    cool_off_days: float = 30.0
    lost_to: str = "nurture"
    deals: bool = True
    ask_minutes: int = 480


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRule:
    """MQL type (process.md section 4), first match wins. signals: any of these among the person's signals; min_fit: fit at least; when: a
    condition that holds (a named target account, say). respond_minutes, working_time: when the first touch is due; breach_minutes, breach_working_time: when the
    response clock is breached (None: then as well)."""

    type: str
    signals: tuple[str, ...] = ()
    min_fit: float | None = None
    when: Condition | None = None
    respond_minutes: int = 480
    working_time: bool = True
    breach_minutes: int | None = None
    breach_working_time: bool = True
    channel: str = "call"
    priority: str = "normal"
    action: str = "Follow up"
    goal: str = ""
    where: str = field(default="", compare=False)


# --- data gate -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRule:
    """One HTTP service that verifies addresses, configured, not coded (V2). url: with {email} in it, percent-encoded when filled in. method: GET, or
    POST with `body` (JSON text with {email}). token: name of the setting under CRMSYNC_VERIFY__ that holds the secret; header: what carries it
    ("Authorization: Bearer {token}"). answer: dotted path to the result in the JSON answer. words: quality -> results that mean it. enrich: house
    field -> dotted path of what it adds where the field is empty. per_run: lookups at most per run. days: how long an answer is believed."""

    url: str
    method: str = "GET"
    body: str | None = None
    header: str | None = None
    answer: str = "result"
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    enrich: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = 5.0
    per_run: int = 100
    days: float = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRules:
    """The data gate (V1, L10). mx: whether DNS is asked. roles: local parts that are no person's. region: country (ISO 3166 alpha-2) of phone numbers
    without one, when the person's country does not tell. mx_per_run, mx_seconds: bound of DNS lookups of a run. mx_days: how long one is believed."""

    disposable: bool = True
    roles: frozenset[str] = frozenset()
    mx: bool = True
    region: str | None = None
    mx_per_run: int = 200
    mx_seconds: float = 5.0
    mx_days: float = 30.0
    provider: ProviderRule | None = None


# --- profiling and nurture --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing to ask for while `field` (a house field or an input of crmsync) is empty (P1)."""

    field: str
    ask: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSet:
    """The questions for persons of one kind, in order; the first set whose condition holds counts (None: everybody)."""

    name: str
    questions: tuple[Question, ...]
    when: Condition | None = None
    where: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRules:
    """show: how many of the missing answers are asked for at a time."""

    sets: tuple[QuestionSet, ...] = ()
    show: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A nurture programme (N1). A person enters when their stage is in `stages` and `when` holds (None: always). They leave when the stage is no longer
    in `stages` (to the track that fits then, or none), when `graduate` holds or after `days` (None: no end): graduated, and not entered again before
    the stage changes. graduate_to: the track that follows (None: none). lists: side -> id of the list or campaign whose member the person is
    meanwhile."""

    name: str
    stages: tuple[str, ...]
    when: Condition | None = None
    days: float | None = None
    graduate: Condition | None = None
    graduate_to: str | None = None
    lists: Mapping[str, str] = field(default_factory=dict)
    where: str = field(default="", compare=False)
