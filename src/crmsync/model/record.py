"""What a CRM shows: records, users and schemas as frozen values. Times are aware UTC datetimes everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from crmsync.model.absence import Away
from crmsync.model.week import Week

Value = str | int | float | bool | None
"""A canonical value, JSON-able: text, number, bool or empty. Dates are "YYYY-MM-DD", datetimes "YYYY-MM-DDTHH:MM:SS.mmmZ" (UTC),
multiple choices ";"-joined. Empty is None, never ""."""

Fields = Mapping[str, Value]


class LazyFields(Mapping[str, Value]):
    """Fields decoded at the first look: most records of a poll are unchanged, and nobody looks at them."""

    __slots__ = ("_decode", "_fields")

    def __init__(self, decode: Callable[[], dict[str, Value]]) -> None:
        self._decode = decode
        self._fields: dict[str, Value] | None = None

    def _known(self) -> dict[str, Value]:
        if self._fields is None:
            self._fields = self._decode()
        return self._fields

    def __getitem__(self, name: str) -> Value:
        return self._known()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())

    def __contains__(self, name: object) -> bool:
        return name in self._known()

    def __repr__(self) -> str:
        return repr(self._known())


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Ref:
    """One record in one CRM: side ("salesforce"), native object name ("Lead"), native id."""

    side: str
    object: str
    id: str

    def __str__(self) -> str:
        return f"{self.side}:{self.object}/{self.id}"


class RecordState(StrEnum):
    """What became of a record in its CRM. MERGED and CONVERTED name a survivor. PURGED: erased for privacy, nothing may be kept of it."""

    LIVE = "live"
    DELETED = "deleted"
    MERGED = "merged"
    CONVERTED = "converted"
    PURGED = "purged"


GONE = frozenset({RecordState.DELETED, RecordState.PURGED})
"""States of records that are no more and have no survivor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record as a CRM shows it now. `fields` has native names (parent paths like "Account.Name" flat) and decoded values.

    survivor: where a merged or converted record went. former_ids: ids that were merged into this record.
    by_us: whether the last change was made with our own credentials (None: the CRM does not tell).
    digest: a hash of the native values as delivered, stamps left out; equal digests mean equal fields ("": not made, the fields are hashed).
    links: records an activity belongs to, the main person first (None: this reading did not tell, `Connector.links` does).
    """

    ref: Ref
    fields: Fields
    modified_at: datetime
    created_at: datetime | None = None
    state: RecordState = RecordState.LIVE
    survivor: Ref | None = None
    former_ids: tuple[str, ...] = ()
    by_us: bool | None = None
    digest: str = field(default="", compare=False)
    links: tuple[Ref, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldVersion:
    """One earlier or present value of one field of one record, with the moment it was set and by whom (CRM's own word)."""

    id: str
    field: str
    value: Value
    at: datetime
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A possible owner. `id` is what the CRM's owner field holds. kind: "person" | "queue" | "integration". time_zone: the name that the CRM
    tells, perhaps an unknown one; None where it tells none. hours: when they work, by that clock; None where the CRM does not say. away: when they are out
    of office, as far as it tells. teams: names and ids of groups, queues or teams they are in. country, region: whose holidays are theirs (ISO 3166; None:
    the playbook's)."""

    side: str
    id: str
    email: str | None
    name: str
    active: bool = True
    kind: str = "person"
    time_zone: str | None = None
    hours: Week | None = None
    away: tuple[Away, ...] = ()
    teams: tuple[str, ...] = ()
    country: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSchema:
    """One field as the CRM's live schema describes it.

    type: text | email | phone | url | number | bool | date | datetime | picklist | multi | reference | other.
    length: maximum characters (None: no limit known). options: picklist values. restricted: values outside options are refused.
    required: must be given on create. nillable: may be emptied. computed: a formula or roll-up whose change does not mark the record as modified.
    """

    name: str
    label: str
    type: str
    length: int | None = None
    options: tuple[str, ...] = ()
    restricted: bool = False
    required: bool = False
    createable: bool = True
    updateable: bool = True
    unique: bool = False
    computed: bool = False
    nillable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSchema:
    """The fields of one native object by native name. lacks: what the credentials are known not to be allowed there (read, create, update,
    delete; read_links, links: seeing and changing whom records belong to) -> how to grant it. Not remembered between processes."""

    object: str
    label: str
    fields: Mapping[str, FieldSchema] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)
