"""A person and what ties their records together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from crmsync.model.record import Fields, RecordState, Ref, Value
from crmsync.model.work import CadenceRun, Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A record as last shown, with house field names (translated). fields: house name -> canonical value; only names its object maps.

    extra: native values the engine reads but does not sync (signal properties, inputs, own outputs), native name -> value.
    person_id: the person it stands for, when linked. former_ids: ids of records that were merged into this one.
    """

    ref: Ref
    fields: Fields
    extra: Fields
    modified_at: datetime
    created_at: datetime | None = None
    state: RecordState = RecordState.LIVE
    survivor: Ref | None = None
    person_id: str | None = None
    by_us: bool | None = None
    former_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """The merge base of one field: what each side showed when they were last settled, and which mapping it was settled under.

    A tuple per side name; sides that have no such field are absent. by: the rule that settled it.
    """

    values: Mapping[str, Value]
    mapping: str = ""


UNDONE = "undone:"
"""In PersonState.written, before a field's house name: the value that somebody restored there by hand. Before nothing: a record that we had
created and that was deleted again by hand; its absence is meant for that side alone."""


BELONGING = "belonging"
"""Where fields are named: whom an activity belongs to. Undone: the ids of those it was made to belong to, ";"-joined."""


def delivered(written: Fields, own: Fields, names: Collection[str]) -> dict[str, Value]:
    """What stands as delivered on a side once a write is accepted there. own: crmsync-owned fields; names: all house names it wrote, about which
    nothing counts as undone any more."""
    over = {UNDONE + name for name in (*own, *names)}
    return {**{name: value for name, value in written.items() if name not in over}, **own}


class SignalSource(StrEnum):
    """How an event came to us: a field's history, its present value, a CRM's own list of events, `POST /signals`, or a completed activity."""

    HISTORY = "history"
    PROPERTY = "property"
    EVENT = "event"
    API = "api"
    ACTIVITY = "activity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One thing a person did or that happened to them. event_id identifies the event: the same event twice counts once (S12).

    detail: what it was about (a form's name, a page's address). answers: what the person answered, "field: answer" each, on one line each.
    """

    event_id: str
    type: str
    at: datetime
    detail: str = ""
    source: str = SignalSource.PROPERTY
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEntry:
    """One transition of stage (L9)."""

    stage: str
    previous: str | None
    at: datetime
    cause: str
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonState:
    """All that crmsync itself remembers of a person between cycles (person row in the store).

    base: field -> Agreed. anchors: side -> "Object/id" of the record the base was settled with (another record there: first contact again).
    sent: side -> field -> (value sent, value before): accepted by a CRM that does not show the result at once; its next showing settles it.
    written: side -> engine-owned field -> value last accepted there (each wanted value is delivered once; a rep's edit is not fought); also what
    was undone there (UNDONE).
    outputs: engine-owned house field -> value last wanted. owner: house owner id (lower-case e-mail or "side:id").
    owner_by: "router" | "hand" | "crm". stages: newest last. next_due_at: the earliest moment a rule would answer differently (UTC).
    employers: side -> twin id of the company that the person's record there belonged to when last settled (None: to no company).
    recycles, recycled_at: how often, and when last, the person went back to nurture (L6). judged: the disposition and reason code last acted on
    (L7), "rejected/wrong_icp". judgements: side -> the same as that side showed it when it was looked at last; retracting: sides where it is being taken
    back. dealt: deal or opportunity -> "open" | "won" | "lost" as last acted on (L5). asked: kind of task asked of a rep -> the moment that
    names the occasion. segment: the scoring model that counted last (S5). track, track_since: the nurture track they are in (N1); tracks_done: those finished at the present stage.
    member_of: side -> lists and campaigns that we put them on; found_on: side -> those we found them on already, which stay as they are. account: what they and their colleagues have in common ("domain:acme.example" or
    "company:<twin id>"); engagement: their own behaviour points as colleagues last counted them (S7).
    email: the address they were last decided with; email_since: when they got it in place of another (UTC; None: it is the first one known).
    handed_at: when the last handoff was made: touches count since. owner_was: the owner whom the CRMs still show while the router's is on the way
    (None: nobody, or not known); `owner` themselves once every CRM has shown them. pool, rule: by
    which the owner was chosen ("": by none). tried: reps who have had them since that
    handoff, oldest first (R7). queued_at: since when they wait for an owner (R5). clocks: the newest of each kind. cadence: the one they are, or were last, in.
    """

    person_id: str
    base: Mapping[str, Agreed] = field(default_factory=dict)
    anchors: Mapping[str, str] = field(default_factory=dict)
    sent: Mapping[str, Mapping[str, tuple[Value, Value]]] = field(default_factory=dict)
    outputs: Fields = field(default_factory=dict)
    written: Mapping[str, Fields] = field(default_factory=dict)
    owner: str | None = None
    owner_by: str | None = None
    owner_reason: str = ""
    assigned_at: datetime | None = None
    stages: tuple[StageEntry, ...] = ()
    mql_type: str | None = None
    trigger: str = ""
    peak_since_reset: bool = False
    historic: bool = False
    next_due_at: datetime | None = None
    employers: Mapping[str, str | None] = field(default_factory=dict)
    created_at: datetime | None = None
    recycles: int = 0
    recycled_at: datetime | None = None
    judged: str = ""
    judgements: Mapping[str, str] = field(default_factory=dict)
    retracting: tuple[str, ...] = ()
    dealt: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, datetime] = field(default_factory=dict)
    segment: str = ""
    track: str | None = None
    track_since: datetime | None = None
    tracks_done: tuple[str, ...] = ()
    member_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    found_on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    account: str | None = None
    engagement: float = 0.0
    email: str | None = None
    email_since: datetime | None = None
    handed_at: datetime | None = None
    owner_was: str | None = None
    pool: str = ""
    rule: str = ""
    tried: tuple[str, ...] = ()
    queued_at: datetime | None = None
    clocks: tuple[Clock, ...] = ()
    cadence: CadenceRun | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """One activity, company or deal with at most one record on each side; its id is the crmsync_key of both.

    kind: TwinMap.kind. state: what was settled between the sides (PersonState.person_id is the twin's id). links: side -> house ids of the
    persons, companies and deals that side showed when last settled, the main person first. waiting: why nothing was created on the other
    side yet ("": nothing waits): "person" | "filter". retry_at: when a passing refusal may be tried again (UTC).
    """

    twin_id: str
    kind: str
    state: PersonState
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    waiting: str = ""
    retry_at: datetime | None = None
