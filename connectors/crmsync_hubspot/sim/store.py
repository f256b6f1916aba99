"""Records of one object type in memory: live state, history, unique indexes and the lagging search index."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sortedcontainers import SortedList

from .objecttypes import ObjectType


class Source(NamedTuple):
    """Who or what wrote a value, in HubSpot's words (sourceType CRM_UI, INTEGRATION, FORM ...)."""

    type: str
    id: str = ""
    label: str | None = None
    user_id: int | None = None


class Doc(NamedTuple):
    """One immutable state of a record; times in epoch ms. Written anew on every modification."""

    id: int
    created: int
    modified: int
    props: dict[str, str]
    source: Source


class Version(NamedTuple):
    """One past or present value of one property."""

    value: str
    at: int
    source: Source


@dataclass(slots=True)
class Record:
    """A record: its current state, the history of properties changed since creation, its archival time."""

    doc: Doc
    history: dict[str, list[Version]] = field(default_factory=dict)
    archived_at: int | None = None

    def versions(self, name: str) -> list[Version]:
        """Every value of a property, newest first."""
        found = self.history.get(name)
        if found is not None:
            return found
        value = self.doc.props.get(name)
        return [] if value is None else [Version(value, self.doc.created, self.doc.source)]


class SearchIndex:
    """What search sees: each state becomes visible at its own time, never an older one after a newer one."""

    def __init__(self) -> None:
        self.docs: dict[int, Doc] = {}
        self.by_modified: Any = SortedList()
        self.by_id: Any = SortedList()
        self.by_email: dict[str, tuple[int, ...]] = {}
        self.version = 0
        self._pending: list[tuple[int, int, int, Doc]] = []
        self._shown: dict[int, int] = {}
        self._order = 0

    def schedule(self, doc: Doc, visible_at: int) -> None:
        """Shows `doc` from `visible_at` (epoch ms) on."""
        self._order += 1
        heapq.heappush(self._pending, (visible_at, self._order, doc.id, doc))

    def fill(self, docs: list[Doc]) -> None:
        """Shows many new records at once (seeding)."""
        for doc in docs:
            self.docs[doc.id] = doc
            self._enter_email(doc)
        self.by_modified.update((doc.modified, doc.id) for doc in docs)
        self.by_id.update(doc.id for doc in docs)
        self.version += 1

    def remove(self, record_id: int) -> None:
        """Takes a record out now, and everything about it that was still to come."""
        self._order += 1
        self._shown[record_id] = self._order
        doc = self.docs.pop(record_id, None)
        if doc is not None:
            self.by_modified.remove((doc.modified, record_id))
            self.by_id.remove(record_id)
            self._leave_email(doc)
            self.version += 1

    def settle(self, now: int) -> None:
        """Applies what has become visible by `now` (epoch ms)."""
        pending = self._pending
        if not pending or pending[0][0] > now:
            return
        while pending and pending[0][0] <= now:
            _, order, record_id, doc = heapq.heappop(pending)
            if self._shown.get(record_id, 0) > order:
                continue
            self._shown[record_id] = order
            old = self.docs.get(record_id)
            if old is None:
                self.by_id.add(record_id)
            else:
                self.by_modified.remove((old.modified, record_id))
                self._leave_email(old)
            self.docs[record_id] = doc
            self._enter_email(doc)
            self.by_modified.add((doc.modified, record_id))
        self.version += 1

    def _enter_email(self, doc: Doc) -> None:
        email = doc.props.get("email")
        if email is not None:
            self.by_email[email] = (*self.by_email.get(email, ()), doc.id)

    def _leave_email(self, doc: Doc) -> None:
        email = doc.props.get("email")
        if email is not None:
            rest = tuple(i for i in self.by_email[email] if i != doc.id)
            if rest:
                self.by_email[email] = rest
            else:
                del self.by_email[email]

    def next_visible(self) -> int | None:
        """When the next pending state becomes visible (epoch ms), None when nothing is pending."""
        return self._pending[0][0] if self._pending else None


class Table:
    """All records of one type, with e-mail and unique-value look-ups over the live ones."""

    def __init__(self, kind: ObjectType) -> None:
        self.kind = kind
        self.records: dict[int, Record] = {}
        self.ids: Any = SortedList()
        self.archived: Any = SortedList()
        self.emails: dict[str, int] = {}
        self.unique: dict[str, dict[str, int]] = {}
        self.merged: dict[int, int] = {}
        self.index = SearchIndex()
        self._next_id = kind.first_id

    def new_id(self) -> int:
        """The next record id, ascending."""
        self._next_id += 1
        return self._next_id - 1

    @property
    def next_id(self) -> int:
        """The id that `new_id` gives next."""
        return self._next_id

    def survivor(self, record_id: int) -> int:
        """The id a merged-away id now leads to (itself when it was never merged)."""
        while record_id in self.merged:
            record_id = self.merged[record_id]
        return record_id

    def live(self, record_id: int) -> Record | None:
        """The record of exactly this id when it exists and is not archived."""
        record = self.records.get(record_id)
        return None if record is None or record.archived_at is not None or record_id in self.merged else record

    def all_live(self) -> Iterator[Record]:
        """Live records in id order."""
        return (self.records[i] for i in self.ids)

    def add_many(self, records: Iterable[Record]) -> list[Doc]:
        """Puts new live records in without touching look-ups other than ids; returns their states."""
        docs = []
        for record in records:
            self.records[record.doc.id] = record
            docs.append(record.doc)
        self.ids.update(doc.id for doc in docs)
        return docs

    def enter(self, props: dict[str, str], record_id: int) -> None:
        """Adds a record's e-mails and unique values to the look-ups."""
        for email in emails_of(props):
            self.emails.setdefault(email, record_id)
        for name, taken in self.unique.items():
            if name in props:
                taken.setdefault(props[name].casefold(), record_id)

    def leave(self, props: dict[str, str], record_id: int) -> None:
        """Removes a record's e-mails and unique values from the look-ups."""
        for email in emails_of(props):
            if self.emails.get(email) == record_id:
                del self.emails[email]
        for name, taken in self.unique.items():
            value = props.get(name, "").casefold()
            if taken.get(value) == record_id:
                del taken[value]

    def watch_unique(self, name: str) -> None:
        """Starts a look-up for a unique property over the records there are."""
        taken = self.unique.setdefault(name, {})
        for record in self.all_live():
            value = record.doc.props.get(name)
            if value is not None:
                taken.setdefault(value.casefold(), record.doc.id)


def emails_of(props: dict[str, str]) -> list[str]:
    """Primary and additional e-mail addresses of a contact, lower case."""
    found = [props["email"]] if "email" in props else []
    if "hs_additional_emails" in props:
        found += props["hs_additional_emails"].split(";")
    return found
