"""The store: everything crmsync remembers, behind one class. The only SQL in the house.

Every method works alone (its own transaction) or inside `begin()` (the transaction of this thread). All moments are aware UTC datetimes.
Database failures are UnreachableError; then nothing of that transaction was stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from crmsync.model.attention import Conflict, Halt, ParkedProblem, Problem
from crmsync.model.journal import JournalEntry
from crmsync.model.link import PersonState, Signal, Snapshot, Twin
from crmsync.model.record import Ref, User, Value
from crmsync.store import conflicts, journal, migrate, pasts, persons, problems, retention, settings, signals, snapshots, tasks, twins
from crmsync.store.alerts import Alerts
from crmsync.store.answers import Answers
from crmsync.store.assignments import Assignments
from crmsync.store.bulk import CHUNK
from crmsync.store.company_words import CompanyWords
from crmsync.store.courses import Courses
from crmsync.store.database import Database
from crmsync.store.forgotten import Forgotten
from crmsync.store.obligations import Obligations
from crmsync.store.pasts import Past, PastSignals
from crmsync.store.problems import Group
from crmsync.store.snapshots import StoredSnapshot
from crmsync.store.tasks import TaskRow
from crmsync.store.touches import Touches

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
        """The states only: records are unlinked by `link`, signals moved by `move_signals`."""
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

    # --- activities, companies, deals ---

    def twins(self, ids: Sequence[str]) -> dict[str, Twin]:
        with self._db.reading() as connection:
            return twins.get(connection, ids)

    def save_twins(self, rows: Sequence[Twin]) -> None:
        with self._db.writing() as connection:
            twins.save(connection, rows)

    def delete_twins(self, ids: Sequence[str]) -> None:
        """What was settled only: records are unlinked by `link`."""
        with self._db.writing() as connection:
            twins.drop(connection, ids)

    def due_twins(self, now: datetime, limit: int) -> list[str]:
        """Twins whose retry_at is now or past, the longest due first."""
        with self._db.reading() as connection:
            return twins.due(connection, now, limit)

    def let_rest(self, ids: Sequence[str]) -> None:
        """These twins are not due any more, whatever they say themselves."""
        with self._db.writing() as connection:
            twins.let_rest(connection, ids)

    def next_retry_at(self) -> datetime | None:
        """The earliest retry_at of all twins."""
        with self._db.reading() as connection:
            return twins.next_retry_at(connection)

    def count_twins(self) -> dict[tuple[str, str], int]:
        """(kind, why it waits) -> number."""
        with self._db.reading() as connection:
            return twins.counts(connection)

    def iter_twin_ids(self) -> Iterator[str]:
        """Every twin in id order, read in pages: no transaction stays open between them."""
        last = ""
        while True:
            with self._db.reading() as connection:
                page = twins.ids_after(connection, last, CHUNK)
            yield from page
            if len(page) < CHUNK:
                return
            last = page[-1]

    def save_links(self, rows: Mapping[Ref, Sequence[Ref]]) -> None:
        """record -> the records it belongs to, the main one first; replaces what was known."""
        with self._db.writing() as connection:
            twins.save_links(connection, rows)

    def links_of(self, refs: Sequence[Ref]) -> dict[Ref, tuple[Ref, ...]]:
        """record -> the records it belongs to, the main one first. Records without any are left out."""
        with self._db.reading() as connection:
            return twins.links_of(connection, refs)

    def belonging_to(self, person_ids: Sequence[str], *, objects: Collection[str] | None = None) -> dict[str, list[Snapshot]]:
        """person (or company, or deal) -> the records that belong to it, in every state, ordered by side, object, id. objects: only records of
        these native objects."""
        with self._db.reading() as connection:
            return twins.belonging_to(connection, person_ids, objects)

    def unpaired(self, person_ids: Sequence[str]) -> dict[str, list[Snapshot]]:
        """person -> live records without a twin that belong to them, ordered by side, object, id; only persons who have such on several
        sides."""
        with self._db.reading() as connection:
            return twins.unpaired(connection, person_ids)

    def wake(self, person_ids: Sequence[str]) -> None:
        """Everything that belongs to these persons, companies or deals waits for a decision again."""
        with self._db.writing() as connection:
            twins.wake(connection, person_ids)

    # --- signals ---

    def add_signals(self, rows: Sequence[tuple[str, Signal]]) -> int:
        """(person, signal). An event_id already known is ignored, whosever it is. Returns how many were new."""
        with self._db.writing() as connection:
            return signals.add(connection, rows)

    def save_signals(self, rows: Sequence[tuple[str, Signal]], drop: Sequence[str] = ()) -> None:
        """(person, signal), in place of what is known under the same event_id, whosever it was. drop: event ids that are another's by now."""
        with self._db.writing() as connection:
            signals.save(connection, rows, drop)

    def waiting_signals(self, emails: Sequence[str]) -> dict[str, list[Signal]]:
        """folded address -> signals that came before anybody with that address was known."""
        with self._db.reading() as connection:
            return signals.waiting(connection, emails)

    def any_waiting_signals(self) -> bool:
        """Whether there are signals of addresses that nobody has. A small look at an index."""
        with self._db.reading() as connection:
            return signals.any_waiting(connection)

    def forget_waiting_signals(self, before: datetime, limit: int) -> int:
        """Signals from before that moment of addresses that nobody has."""
        with self._db.writing() as connection:
            return signals.drop_waiting(connection, before, limit)

    def signals(self, person_ids: Sequence[str]) -> dict[str, list[Signal]]:
        """person -> signals, oldest first. Persons without any are left out."""
        with self._db.reading() as connection:
            return signals.of(connection, person_ids)

    def signal_types(self) -> dict[str, int]:
        """type -> signals of it, of whomever. Counts along an index: a tenth of a second per million, so not in each cycle."""
        with self._db.reading() as connection:
            return signals.types(connection)

    def move_signals(self, from_person: str, to_person: str) -> None:
        with self._db.writing() as connection:
            signals.move(connection, from_person, to_person)

    # --- history ---

    def pasts(self, after: str, limit: int) -> list[Past]:
        """The next persons in id order with what is stored of their past; "" begins."""
        with self._db.reading() as connection:
            return pasts.page(connection, after, limit)

    def past_signals(self, first: str, last: str, types: Sequence[str]) -> PastSignals:
        """Signals of the persons from one id to another, both included; the details of those of these types."""
        with self._db.reading() as connection:
            return pasts.of_range(connection, first, last, types)

    # --- journal ---

    def journal(self, entries: Sequence[JournalEntry]) -> None:
        """Intents. On the disk when this (or the surrounding transaction) returns; a write_id used before is an IntegrityError."""
        with self._db.writing() as connection:
            journal.add(connection, entries)

    def settle(self, entries: Sequence[JournalEntry]) -> None:
        """Stores outcome, record_id, cause, message and settled_at of journalled writes. LookupError for one never journalled."""
        with self._db.writing() as connection:
            journal.settle(connection, entries)

    def open_intents(self) -> list[JournalEntry]:
        """Writes without an outcome, oldest first."""
        with self._db.reading() as connection:
            return journal.open_intents(connection)

    def count_open_intents(self) -> int:
        with self._db.reading() as connection:
            return journal.count_open(connection)

    def open_task_keys(self, person_ids: Sequence[str]) -> set[str]:
        """Keys of our tasks of these persons that were sent, or taken back, without an answer yet."""
        with self._db.reading() as connection:
            return journal.open_keys(connection, "task", person_ids)

    def writes_of(self, person_id: str, limit: int = 200) -> list[JournalEntry]:
        """Newest first."""
        with self._db.reading() as connection:
            return journal.of_person(connection, person_id, limit)

    def write(self, write_id: str) -> JournalEntry | None:
        with self._db.reading() as connection:
            return journal.one(connection, write_id)

    # --- retention ---

    def forget_journal(self, after: int, before: datetime, limit: int) -> tuple[int, int | None]:
        """Of the next `limit` writes since number `after` and from before that moment, forgets those that nobody needs any more: (how many, the number of
        the last one looked at; None at the end). Open intents and the newest write of every field of a record stay."""
        with self._db.writing() as connection:
            return retention.journal_page(connection, after, before, limit)

    def forget_events(self, before: datetime, limit: int) -> int:
        with self._db.writing() as connection:
            return retention.drop_events(connection, before, limit)

    def forget_problems(self, before: datetime, limit: int) -> int:
        """Problems of people without a live record, last met before that moment."""
        with self._db.writing() as connection:
            return retention.drop_problems(connection, before, limit)

    def forget_effects(self, before: datetime, limit: int) -> int:
        """Timed effects of persons who are no more."""
        with self._db.writing() as connection:
            return retention.drop_effects(connection, before, limit)

    # --- problems ---

    def park(self, problems_: Sequence[Problem], now: datetime, retry_at: datetime | None = None) -> None:
        """One row per (cause, side, object, record_id, person_id, field). Attempts count up while data_hash stays, else begin at 1."""
        with self._db.writing() as connection:
            problems.park(connection, problems_, now, retry_at)

    def problems(self, *, person_ids: Sequence[str] | None = None, limit: int = 1000) -> list[ParkedProblem]:
        """The longest known first."""
        with self._db.reading() as connection:
            return problems.listed(connection, person_ids, limit)

    def problem_groups(self) -> list[Group]:
        """(cause, side, object, field, number, one message), the largest group first."""
        with self._db.reading() as connection:
            return problems.groups(connection)

    def drop_problems(self, ids: Sequence[int]) -> int:
        """Returns how many there were."""
        with self._db.writing() as connection:
            return problems.drop(connection, ids)

    def heal(self, side: str, rows: Sequence[tuple[str, str, Collection[str]]]) -> None:
        """(person, object, house fields) accepted by that side: forgets what was refused of those fields or of the whole record."""
        with self._db.writing() as connection:
            problems.heal(connection, side, rows)

    def count_problems(self) -> int:
        with self._db.reading() as connection:
            return problems.count(connection)

    # --- conflicts ---

    def open_conflicts(self, rows: Sequence[tuple[str, str, Mapping[str, Value]]], now: datetime) -> None:
        """(person, field, side -> value). Opening again changes nothing; other values replace the row's and take back its resolution."""
        with self._db.writing() as connection:
            conflicts.open_all(connection, rows, now)

    def conflicts(self, person_ids: Sequence[str] | None = None) -> list[Conflict]:
        with self._db.reading() as connection:
            return conflicts.listed(connection, person_ids)

    def count_conflicts(self) -> int:
        with self._db.reading() as connection:
            return conflicts.count(connection)

    def resolve_conflict(self, conflict_id: int, side: str) -> None:
        """Notes whose value wins; the person waits for a decision. ConfigError for an unknown number or a side that is not part of it."""
        with self._db.writing() as connection:
            person_id = conflicts.resolve(connection, conflict_id, side)
            snapshots.mark_dirty_persons(connection, [person_id])

    def close_conflicts(self, pairs: Sequence[tuple[str, str]]) -> None:
        """(person, field): settled, forget them."""
        with self._db.writing() as connection:
            conflicts.close(connection, pairs)

    # --- timed effects and tasks ---

    def claim_effect(self, rule: str, person_id: str, due: datetime) -> bool:
        """True the first time ever (law 9), False ever after; undone when the surrounding transaction is."""
        with self._db.writing() as connection:
            return tasks.claim(connection, rule, person_id, due)

    def save_tasks(self, rows: Sequence[TaskRow]) -> None:
        """Inserts or replaces by key."""
        with self._db.writing() as connection:
            tasks.save(connection, rows)

    def tasks_of(self, person_ids: Sequence[str]) -> dict[str, list[TaskRow]]:
        """person -> tasks, oldest first."""
        with self._db.reading() as connection:
            return tasks.of(connection, person_ids)

    def tasks_by_key(self, keys: Sequence[str]) -> dict[str, TaskRow]:
        with self._db.reading() as connection:
            return tasks.by_key(connection, keys)

    def pending_tasks(self, limit: int, after: str = "") -> list[TaskRow]:
        """Tasks without a record yet, in key order, those after the key `after`."""
        with self._db.reading() as connection:
            return tasks.waiting(connection, limit, after)

    def task_created(self, key: str, record_id: str) -> None:
        """The CRM has it under this id ("refused" when it never will)."""
        with self._db.writing() as connection:
            tasks.created(connection, key, record_id)

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
