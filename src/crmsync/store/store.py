"""The store: everything crmsync remembers, behind one class. The only SQL in the house.

Every method works alone (its own transaction) or inside `begin()` (the transaction of this thread). All moments are aware UTC datetimes.
Database failures are UnreachableError; then nothing of that transaction was stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from crmsync.model.attention import Halt
from crmsync.model.link import PersonState, Snapshot
from crmsync.model.record import Ref, User
from crmsync.store import migrate, persons, retention, settings, snapshots
from crmsync.store.alerts import Alerts
from crmsync.store.answers import Answers
from crmsync.store.assignments import Assignments
from crmsync.store.bulk import CHUNK
from crmsync.store.company_words import CompanyWords
from crmsync.store.conflicts import Conflicts
from crmsync.store.courses import Courses
from crmsync.store.database import Database
from crmsync.store.effects import Effects
from crmsync.store.forgotten import Forgotten
from crmsync.store.journal import Journal
from crmsync.store.links import Links
from crmsync.store.obligations import Obligations
from crmsync.store.pasts import Pasts
from crmsync.store.problems import Problems
from crmsync.store.signals import Signals
from crmsync.store.snapshots import StoredSnapshot
from crmsync.store.tasks import Tasks
from crmsync.store.touches import Touches
from crmsync.store.twins import Twins

NOTHING: Mapping[Ref, Snapshot] = {}


class Store:
    """Safe to share between threads: each thread has its own transaction. One writer at a time, on both databases."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self.forgotten = Forgotten(database)
        """Persons who were erased."""
        self.answers = Answers(database)
        """What was answered about contact data."""
        self.assignments = Assignments(database)
        """Who was given whom, and when."""
        self.company_words = CompanyWords(database)
        """By which words companies are found."""
        self.alerts = Alerts(database)
        """Alerts on their way to people."""
        self.obligations = Obligations(database)
        """SLA clocks, running and past."""
        self.touches = Touches(database)
        """Completed follow-ups, and how far our own tasks are."""
        self.courses = Courses(database)
        """How persons went from stage to stage."""
        self.twins = Twins(database)
        """Activities, companies and deals."""
        self.links = Links(database)
        """Which records belong to which."""
        self.journal = Journal(database)
        """Every write: an intent, then its answer."""
        self.problems = Problems(database)
        """What could not be done."""
        self.conflicts = Conflicts(database)
        """Fields about which a person has to choose."""
        self.tasks = Tasks(database)
        """Native tasks that we created."""
        self.effects = Effects(database)
        """Timed effects, each once ever."""
        self.signals = Signals(database)
        """What people did."""
        self.pasts = Pasts(database)
        """Persons and their signals for playing history again."""

    @classmethod
    def open(cls, url: str) -> Store:
        """Opens sqlite:///path or postgresql://… and migrates it to this version's tables. Creates the SQLite file, never its folder.

        ConfigError: a bad address, another program's database, or one written by a newer crmsync. UnreachableError: down, full, unreadable.
        """
        database = Database(url)
        try:
            migrate.to_head(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        self._db.close()

    def begin(self) -> AbstractContextManager[object]:
        """One write transaction: all or nothing. Inner begins join the outer one; an exception in an inner one undoes everything, even if
        caught."""
        return self._db.writing()

    def kept(self) -> AbstractContextManager[object]:
        """One connection for all this thread does in here, transaction by transaction. No transaction is open outside the blocks within."""
        return self._db.kept()

    def reading(self) -> AbstractContextManager[object]:
        """Several reads in one transaction: beginning one costs more than a small read. Nothing is written in it, and no CRM waited for."""
        return self._db.reading()

    # --- one process at a time ---

    def lease(self, holder: str, now: datetime, ttl_seconds: float) -> bool:
        """Takes or renews the right to run cycles until now + ttl_seconds. False when another holder's lease has not run out."""
        with self._db.writing() as connection:
            return settings.lease(connection, holder, now, ttl_seconds)

    def lease_holder(self) -> tuple[str, datetime] | None:
        """(holder, moment it runs out), also when that moment has passed."""
        with self._db.reading() as connection:
            return settings.lease_holder(connection)

    def release(self, holder: str) -> None:
        """Gives the lease back; nothing happens when somebody else holds it."""
        with self._db.writing() as connection:
            settings.release(connection, holder)

    # --- small values ---

    def get(self, key: str, default: Any = None) -> Any:
        with self._db.reading() as connection:
            return settings.get(connection, key, default)

    def put(self, key: str, value: Any) -> None:
        """Any JSON-able value. Keys beginning with "crmsync:" are the store's own."""
        with self._db.writing() as connection:
            settings.put(connection, key, value)

    def counter(self, name: str) -> int:
        """0 when it was never set."""
        with self._db.reading() as connection:
            return settings.counter(connection, name)

    def set_counter(self, name: str, value: int) -> None:
        with self._db.writing() as connection:
            settings.set_counter(connection, name, value)

    # --- pull ---

    def cursor(self, side: str, object: str) -> Mapping[str, Any] | None:
        with self._db.reading() as connection:
            return settings.cursor(connection, side, object)

    def save_cursor(self, side: str, object: str, cursor: Mapping[str, Any]) -> None:
        with self._db.writing() as connection:
            settings.save_cursor(connection, side, object, cursor)

    def hashes(self, side: str, object: str, ids: Sequence[str]) -> dict[str, str]:
        """id -> hash of the records we hold; unknown ids are left out."""
        with self._db.reading() as connection:
            return snapshots.hashes(connection, side, object, ids)

    def save_snapshots(self, rows: Sequence[StoredSnapshot], *, dirty: bool) -> None:
        """Inserts or replaces. A person_id of None keeps the stored link. dirty: they wait for a decision (and their version grows); False
        leaves a waiting one waiting."""
        with self._db.writing() as connection:
            snapshots.save(connection, rows, dirty=dirty)

    def snapshots(self, refs: Sequence[Ref]) -> dict[Ref, Snapshot]:
        with self._db.reading() as connection:
            return snapshots.by_ref(connection, refs)

    def persons_of(self, refs: Iterable[Ref]) -> dict[Ref, str]:
        """record -> the person, company, deal or activity that it is linked to; records without one are left out."""
        with self._db.reading() as connection:
            return snapshots.persons_of(connection, refs)

    def snapshots_of(self, person_ids: Sequence[str]) -> dict[str, list[Snapshot]]:
        """person -> their snapshots in every state on every side, ordered by side, object, id. Persons without any are left out."""
        with self._db.reading() as connection:
            return snapshots.by_person(connection, person_ids)

    def by_email(self, emails: Sequence[str], known: Mapping[Ref, Snapshot] = NOTHING) -> dict[str, list[Snapshot]]:
        """folded e-mail -> live snapshots that have it, as primary or as extra. known: some of them, just read."""
        with self._db.reading() as connection:
            return snapshots.by_email(connection, emails, known)

    def by_key(self, keys: Sequence[str]) -> dict[str, list[Snapshot]]:
        """crmsync_key -> snapshots in every state."""
        with self._db.reading() as connection:
            return snapshots.by_key(connection, keys)

    def iter_holding(self, side: str, values: Sequence[str]) -> Iterator[list[Snapshot]]:
        """Pages of one side's snapshots that hold one of these texts as a value, in (object, id) order. Reads every record: not for each cycle."""
        last = ("", "")
        while values:
            with self._db.reading() as connection:
                page = snapshots.holding(connection, side, values, last, CHUNK)
            if page:
                yield page
                last = (page[-1].ref.object, page[-1].ref.id)
            if len(page) < CHUNK:
                return

    def rewrite_snapshots(self, rows: Sequence[Snapshot]) -> None:
        """Replaces the fields of records we hold and has them wait for a decision; hash, e-mails, key and link stay."""
        with self._db.writing() as connection:
            snapshots.rewrite(connection, rows)

    def link(self, pairs: Mapping[Ref, str | None]) -> None:
        """record -> person; None unlinks. Records we do not hold are ignored."""
        with self._db.writing() as connection:
            snapshots.link(connection, pairs)

    def count_snapshots(self) -> dict[tuple[str, str, str], int]:
        """(side, object, state) -> number."""
        with self._db.reading() as connection:
            return snapshots.count(connection)

    def count_without_email(self) -> dict[str, int]:
        """side -> persons' live records without an e-mail; nobody is created elsewhere for them. Reads every record: not for each cycle."""
        with self._db.reading() as connection:
            return snapshots.without_email(connection)

    def iter_refs(self, side: str, object: str) -> Iterator[tuple[str, str]]:
        """(id, state) of every record in id order, read in pages: no transaction stays open between them."""
        last = ""
        while True:
            with self._db.reading() as connection:
                page = snapshots.refs_after(connection, side, object, last, CHUNK)
            yield from page
            if len(page) < CHUNK:
                return
            last = page[-1][0]

    # --- work queue ---

    def dirty_count(self, objects: Collection[str] | None = None) -> int:
        """Waiting records; objects: of these native objects only."""
        with self._db.reading() as connection:
            return snapshots.dirty_count(connection, objects)

    def take_dirty(
        self, limit: int, after: tuple[str, str, str] | None = None, *, objects: Collection[str] | None = None
    ) -> list[tuple[Snapshot, int]]:
        """Waiting records (of these native objects) with their versions, ordered by (side, object, id), those after `after`. They stay waiting
        until `clean`."""
        with self._db.reading() as connection:
            return snapshots.take_dirty(connection, limit, after, objects)

    def clean(self, pairs: Sequence[tuple[Ref, int]]) -> None:
        """(record, version as taken): decided. One that changed since keeps waiting."""
        with self._db.writing() as connection:
            snapshots.clean(connection, pairs)

    def clean_persons(self, person_ids: Sequence[str]) -> None:
        """Every record of these persons is decided. Only inside the transaction that read them: nothing can change in between."""
        with self._db.writing() as connection:
            snapshots.clean_persons(connection, person_ids)

    def mark_dirty_persons(self, person_ids: Sequence[str]) -> None:
        """Every record of these persons waits for a decision again."""
        with self._db.writing() as connection:
            snapshots.mark_dirty_persons(connection, person_ids)

    def dirty_deleted(self) -> dict[tuple[str, str], int]:
        """(side, object) -> waiting records that are deleted there and stand for somebody or something."""
        with self._db.reading() as connection:
            return snapshots.dirty_deleted(connection)

    def mark_dirty(self, refs: Sequence[Ref]) -> None:
        with self._db.writing() as connection:
            snapshots.mark_dirty(connection, refs)

    # --- persons ---

    def persons(self, ids: Sequence[str]) -> dict[str, PersonState]:
        with self._db.reading() as connection:
            return persons.get(connection, ids)

    def save_persons(self, states: Sequence[PersonState]) -> None:
        with self._db.writing() as connection:
            persons.save(connection, states)

    def delete_persons(self, ids: Sequence[str]) -> None:
        """The states only: records are unlinked by `link`, signals moved by `signals.move`."""
        with self._db.writing() as connection:
            persons.drop(connection, ids)

    def colleagues(self, accounts: Sequence[str]) -> dict[str, float]:
        """account -> the sum of the engagement of all its persons; accounts without any are left out."""
        with self._db.reading() as connection:
            return persons.colleagues(connection, accounts)

    def account_members(self, account: str, limit: int) -> list[str]:
        """Its persons, the most engaged first."""
        with self._db.reading() as connection:
            return persons.members(connection, account, limit)

    def score_cut(self, segment: str, percent: float) -> float | None:
        """The lowest score that at most that share of the segment's scored persons reaches; None: there is none."""
        with self._db.reading() as connection:
            return persons.cut(connection, segment, percent)

    def wake_between(self, segment: str, low: float, high: float) -> None:
        """Persons of that scoring model whose score lies between both (included) wait for a decision again."""
        with self._db.writing() as connection:
            after = ""
            while page := persons.between(connection, segment, low, high, after, CHUNK):
                snapshots.mark_dirty_persons(connection, page)
                after = page[-1]

    def due_persons(self, now: datetime, limit: int) -> list[str]:
        """Persons whose next_due_at is now or past, the longest due first."""
        with self._db.reading() as connection:
            return persons.due(connection, now, limit)

    def next_due_at(self) -> datetime | None:
        with self._db.reading() as connection:
            return persons.next_due_at(connection)

    def find_person_by_email(self, email: str) -> list[str]:
        """Persons with a record in any state that has this folded e-mail."""
        with self._db.reading() as connection:
            return snapshots.persons_of_email(connection, email)

    def count_persons(self) -> int:
        with self._db.reading() as connection:
            return persons.count(connection)

    def stage_counts(self) -> dict[str, int]:
        """latest stage -> persons; those without a stage are left out."""
        with self._db.reading() as connection:
            return persons.stage_counts(connection)

    def person_ids_after(self, after: str, limit: int) -> list[str]:
        """The next persons in id order; "" begins."""
        with self._db.reading() as connection:
            return persons.ids_after(connection, after, limit)

    def iter_person_ids(self) -> Iterator[str]:
        """Every person in id order, read in pages: no transaction stays open between them."""
        last = ""
        while True:
            with self._db.reading() as connection:
                page = persons.ids_after(connection, last, CHUNK)
            yield from page
            if len(page) < CHUNK:
                return
            last = page[-1]

    # --- users, halt, events ---

    def save_users(self, side: str, users: Sequence[User]) -> None:
        """Replaces all users of that side."""
        with self._db.writing() as connection:
            settings.save_users(connection, side, users)

    def users(self) -> list[User]:
        with self._db.reading() as connection:
            return settings.users(connection)

    def halt(self) -> Halt | None:
        with self._db.reading() as connection:
            return settings.halt(connection)

    def set_halt(self, halt: Halt | None) -> None:
        """None lifts it."""
        with self._db.writing() as connection:
            settings.set_halt(connection, halt)

    def log_event(self, at: datetime, kind: str, text: str) -> None:
        """The newest 10,000 are kept."""
        with self._db.writing() as connection:
            settings.log_event(connection, at, kind, text)

    def events(self, limit: int = 50) -> list[tuple[datetime, str, str]]:
        """(at, kind, text), newest first."""
        with self._db.reading() as connection:
            return settings.events(connection, limit)

    def forget_events(self, before: datetime, limit: int) -> int:
        """From before that moment; the proofs of erasures stay for ever. Returns how many."""
        with self._db.writing() as connection:
            return retention.drop_events(connection, before, limit)
