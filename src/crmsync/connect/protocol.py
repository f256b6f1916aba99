"""The door for connectors: everything the engine asks of a CRM. A connector has no policy; it carries, the engine decides."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar, overload

from crmsync.model.change import Outcome, TaskDraft, Write
from crmsync.model.event import Event
from crmsync.model.fields import OwnField
from crmsync.model.record import FieldVersion, ObjectSchema, Record, Ref, User

T = TypeVar("T")
Cursor = Mapping[str, Any]
"""Opaque to the engine, JSON-able, made and read by one connector only."""


NOT_TOLD: Mapping[str, str] = MappingProxyType({})


class LazyRecords(Sequence[Record], Generic[T]):
    """Records made from what came over the wire each time they are looked at: nobody looks at those that did not change."""

    __slots__ = ("_items", "_make")

    def __init__(self, items: Sequence[T], make: Callable[[T], Record]) -> None:
        self._items = items
        self._make = make

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Record, ...]: ...

    def __getitem__(self, index: int | slice) -> Record | tuple[Record, ...]:
        if isinstance(index, slice):
            return tuple(map(self._make, self._items[index]))
        return self._make(self._items[index])


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Records of one page and the cursor that stands AFTER it: stored together, so a crash repeats a page but never skips one.

    last: this pull has no further page. total: records of the whole pull, as far as the CRM tells.
    digests: (id, `Record.digest`) of each of the records, in their order, so that a record that did not change need not be made. "" where the
    digest does not tell all: records that are not live or that others were merged into. Empty: not told, every record is looked at."""

    records: Sequence[Record]
    cursor: Cursor
    last: bool = False
    total: int | None = None
    digests: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Events of one call, and the cursor that stands after it (None: not before a later page)."""

    events: Sequence[Event]
    cursor: Cursor | None


class TellsEvents(Protocol):
    """What a connector with `Traits.events` has beside Connector."""

    def events(self, stream: str, cursor: Cursor | None, now: datetime, hints: Sequence[str]) -> Iterator[EventPage]:
        """Events of a stream since the cursor, repeating some on purpose. hints: details of events that records have just shown; what they
        name is looked at first. One API call when nothing happened."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberList:
    """A list or campaign whose members may be changed. refused: why it takes none from us, as Outcome.cause has it ("": it does); why: the same in
    words."""

    list_id: str
    label: str = ""
    refused: str = ""
    why: str = ""


LIST_UNKNOWN, LIST_CLOSED, LIST_FORBIDDEN = "list_unknown", "list_closed", "list_forbidden"
"""Outcome.cause of a membership that a CRM refuses because of the list itself: there is none of that id; its members follow a filter, or are no
persons; our credentials may not change them."""


class KeepsMembers(Protocol):
    """What a connector with `Traits.member_batch` has beside Connector. Nothing here touches a membership that was not asked for."""

    def member_list(self, list_id: str) -> MemberList:
        """How that list or campaign stands now. Raises as Connector's methods do, save that a missing permission is told in `refused`."""
        ...

    def members(self, list_id: str, join: Sequence[Ref], leave: Sequence[Ref]) -> list[Outcome]:
        """Makes these records members, and ends the membership of those; at most `Traits.member_batch` in all, of the connector's person objects.
        Outcomes align with (*join, *leave), write_id being the record's id. DONE: changed by this very call. EXISTS: it was so before. GONE: there is
        no such record. REJECTED with a cause LIST_...: for all of them. UNKNOWN: the answer was lost; never repeated blindly, for a second answer
        could not tell what the first one changed. Raises only when nothing was carried out."""
        ...

    def member_since(self, list_id: str, refs: Sequence[Ref]) -> Mapping[Ref, datetime]:
        """Since when (UTC, the CRM's clock) those of these records are members that are. Empty when there is no such list."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing `check --live` or `provision` has to say. level: "error" | "warning" | "info" | "done" | "would"."""

    level: str
    subject: str
    message: str
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom we are talking to and as whom. account: the org/portal id; user_id: the integration user's id (None where there is none)."""

    account: str
    user_id: str | None = None
    time_zone: str = "UTC"
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """API calls as the CRM itself counts them (None: not told yet)."""

    used: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What differs between CRMs and concerns the engine.

    person_objects: native objects that stand for a person. task_object: the native task object. write_batch: records per API call.
    forward: object -> the object its records can turn into (Lead -> Contact). reads_back: write outcomes carry `shown`.
    people_per_activity: how many persons one activity can belong to (None: any number). links_per_call: how many associations of records that
    exist already one call makes or ends (None: they are fields of the record, and cost nothing more). restore: how a person brings a deleted
    record back there, and for how long that is possible. employable: person objects whose records belong to a company (`Record.links`
    tells it, `Write.about` and `unlink` change it) and that deals can have. events: kind of event -> the stream that lists it; with any, the
    connector is a TellsEvents. beside: object -> further objects whose fields can be mapped with it, as "Object.field", for reading only.
    untold: native objects that `links` leaves out because our credentials do not open them; read after each call of it.
    member_batch: memberships of one list or campaign that one call changes (None: none can be changed); with it, the connector is a KeepsMembers.
    leave_calls: calls that ending up to `member_batch` of them takes. list_word: what the CRM calls such a list. user_object: the native object of users, whose
    fields `schema` tells ("": it does not). group_ids: what the ids of queues and groups begin with, and those of nobody else: an owner with such an id is no
    person, also before `users` lists it.
    """

    person_objects: tuple[str, ...]
    task_object: str
    write_batch: int
    forward: Mapping[str, str] = field(default_factory=dict)
    reads_back: bool = False
    people_per_activity: int | None = None
    links_per_call: int | None = None
    restore: str = "by the CRM's own means, if it keeps deleted records"
    employable: tuple[str, ...] = ()
    events: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    untold: frozenset[str] = frozenset()
    member_batch: int | None = None
    leave_calls: int = 1
    list_word: str = "list"
    user_object: str = ""
    group_ids: tuple[str, ...] = ()


class Connector(Protocol):
    """One connected CRM. All methods raise CredentialsError, UnreachableError, QuotaError (crmsync.errors) and nothing else for the CRM's
    troubles; per-record troubles come back as values. Safe to use from one thread at a time per method family; `write` may run threads
    itself."""

    name: str
    traits: Traits

    def identity(self) -> Identity: ...

    def check(self) -> list[Finding]:
        """Permissions, scopes and limits that the live credentials have or lack. Reads only."""
        ...

    def schema(self, objects: Sequence[str]) -> Mapping[str, ObjectSchema]:
        """The fields of these objects as they are now, and of what else the connector needs to know about them. Objects that do not exist for us
        may be absent."""
        ...

    def recall(self, schemas: Mapping[str, ObjectSchema]) -> None:
        """Takes what `schema` answered to another process lately, so that this one need not ask again. Contacts nothing."""
        ...

    def users(self, *, teams: Collection[str] = (), away: Mapping[str, str] = NOT_TOLD) -> list[User]:
        """Everybody who can own records, with what the CRM tells of them.

        teams: names or ids (in any case) of groups, queues or teams whose members have these very words in `User.teams`, those of groups within them
        too; what tells of teams may cost calls of its own when there are any. away: native fields of a user that tell absences: "from", "until" and
        "cover" (see crmsync.connect.away); `User.away` has what they and the CRM itself tell. A field or a group that is not there tells nothing."""
        ...

    def own_field(self, name: str) -> str:
        """The native name of a crmsync-owned field ("crmsync_score" -> "crmsync_score__c")."""
        ...

    def pull(self, object: str, fields: Sequence[str], cursor: Cursor | None, now: datetime, *, owed: int | None = None) -> Iterator[Page]:
        """Changes since `cursor` (None: everything live), each page with its cursor; always at least one page (its cursor says how far we
        are).
        Re-delivers an overlap on purpose: late commits and search lag must not be skipped. Includes deleted, merged and converted records
        as such. owed: at most so many of the looks that `owes` tells of (None: all that are due); what is left out comes with a later pull.

        Raises: CursorExpiredError when the CRM cannot say what was deleted since the cursor."""
        ...

    def owes(self, object: str, cursor: Cursor, now: datetime) -> datetime | None:
        """When the look was last made that is due now and costs calls of its own beside the one for changes: a listing of what was deleted,
        say. None: none is due, or none costs anything. Contacts nothing."""
        ...

    def live_ids(self, object: str) -> Iterator[str]:
        """Every live id of an object, by consistent listing (never by search): for reconciliation."""
        ...

    def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """These records as they are now, strongly consistent; missing ones are absent; merged and converted ones come as such.

        PURGED: the CRM keeps nothing at all of an id that it once gave out; only where that can mean nothing but an erasure for privacy."""
        ...

    def find(self, object: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Live records whose unique or indexed field equals one of the values (case-insensitive for e-mail), strongly consistent."""
        ...

    def links(self, object: str, ids: Sequence[str]) -> Mapping[str, tuple[Ref, ...]]:
        """The persons, companies and deals that these activities (or the companies and persons that these deals) belong to, persons first;
        ids without any have an empty tuple. Only for objects whose `Record.links` is None. As few calls as there are batches."""
        ...

    def history(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[FieldVersion]:
        """Earlier values of fields, newest first per record and field; empty where the CRM keeps none."""
        ...

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """Carries out writes in the given order per record, batched; outcomes align with the input. Never raises for one bad record.
        When the whole call fails before anything was sent it raises; when it may have been carried out, outcomes are UNKNOWN."""
        ...

    def task(self, draft: TaskDraft, write_id: str) -> Write:
        """The create of a native task for this draft (pure)."""
        ...

    def provision(self, fields: Sequence[OwnField], *, dry_run: bool) -> list[Finding]:
        """Creates what is missing of the crmsync-owned fields and grants access; changes nothing that exists."""
        ...

    def calls(self) -> int:
        """API calls made through this connector since it was made, as the CRM counts them."""
        ...

    def budget(self) -> Budget: ...

    def close(self) -> None: ...


class ConnectorFactory(Protocol):
    """What the entry point group "crmsync.connectors" names. options: the settings CRMSYNC_<NAME>__X as {"x": value}, files read. clock: of simulated time it also
    has `monotonic`, a count of seconds that `sleep` moves; whatever counts seconds to wait goes by that, where there is one.

    Raises ConfigError naming the setting when options are missing or wrong. Contacts nothing."""

    def __call__(self, options: Mapping[str, str], *, sleep: Callable[[float], None], clock: Callable[[], datetime]) -> Connector: ...
