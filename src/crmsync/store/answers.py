"""What was answered about contact data, and whose waits to be asked about. Addresses and domains stand here as keyed hashes only.

The key is random, made with the first note, and never leaves the database.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Column, Connection, Exists, bindparam, delete, func, or_, select

from crmsync.model.record import Value
from crmsync.store import settings, tables
from crmsync.store.bulk import Upsert, among, chunks, excluded, many
from crmsync.store.codec import dump, maybe_micros, micros, moment, parse, tidy
from crmsync.store.database import Database
from crmsync.store.prepared import Prepared

DOMAIN, ADDRESS = "domain", "address"
"""Kinds of what is asked about."""
NOTES = "verify"
"""Where the store keeps, by kind, why nobody is asked just now: {"domain": {"note": …, "until": …, "failures": …}}."""
_KEY = "crmsync:answers"
_ANSWER = Upsert(
    table="answers",
    columns=("mark", "word", "asked_at", "until", "tries", "data"),
    key=("mark",),
    update=excluded("word", "asked_at", "until", "tries", "data"),
)
_NOTE = Upsert(
    table="lookups",
    columns=("person_id", "domain", "address", "domain_at", "address_at", "domain_told", "address_told", "stale"),
    key=("person_id",),
    update=excluded("domain", "address", "domain_at", "address_at", "domain_told", "address_told", "stale"),
    where="lookups.domain <> excluded.domain OR lookups.address <> excluded.address OR lookups.domain_told <> excluded.domain_told "
    "OR lookups.address_told <> excluded.address_told OR lookups.stale <> 0 OR (lookups.domain_at IS NULL) <> (excluded.domain_at IS NULL) "
    "OR (lookups.address_at IS NULL) <> (excluded.address_at IS NULL)",
)
_KNOWN = Prepared(lambda among: select(tables.answers).where(among(tables.answers.c.mark, "listed")))
_STALE = Prepared(
    lambda _: (
        select(tables.lookups.c.person_id).where(tables.lookups.c.stale == 1).order_by(tables.lookups.c.person_id).limit(bindparam("most"))
    )
)


def _due(column: Column[int | None]) -> Prepared:
    rows = tables.lookups
    return Prepared(
        lambda _: select(rows.c.person_id).where(column.is_not(None), column <= bindparam("now")).order_by(column).limit(bindparam("most"))
    )


_DUE = {DOMAIN: _due(tables.lookups.c.domain_at), ADDRESS: _due(tables.lookups.c.address_at)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered. word: None when it could not be told. until: how long it is believed (UTC). tries: how often in a row it could not be told.
    data: house field -> value that came along."""

    word: str | None
    asked_at: datetime
    until: datetime
    tries: int = 0
    data: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """Whose contact data is looked up. domain, address: "" for what is not. domain_at, address_at: when to ask next (UTC; None: not). domain_told,
    address_told: the answers that they were last decided with, as `told` says them."""

    person_id: str
    domain: str = ""
    address: str = ""
    domain_at: datetime | None = None
    address_at: datetime | None = None
    domain_told: str = ""
    address_told: str = ""


class Answers:
    """Works in the transaction of this thread, or in one of its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def known(self, asked: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Answer]:
        """Of these (kind, domain or address) those that were answered, however long ago: one statement."""
        with self._db.reading() as connection:
            key = _key(connection)
            if key is None:
                return {}
            marks = {_mark(key, *one): one for one in asked}
            found: dict[tuple[str, str], Answer] = {}
            for part in chunks(marks):
                for row in _KNOWN.rows(connection, listed=part):
                    found[marks[row.mark]] = Answer(
                        word=row.word, asked_at=moment(row.asked_at), until=moment(row.until), tries=row.tries, data=parse(row.data)
                    )
        return found

    def note(self, rows: Sequence[Lookup]) -> None:
        """Remembers whose contact data is to be looked up and what they were decided with. What already stands so stays, with its moments."""
        if not rows:
            return
        with self._db.writing() as connection:
            key = _key(connection) or _make_key(connection)
            _NOTE.run(
                connection,
                [
                    (
                        row.person_id, _mark(key, DOMAIN, row.domain), _mark(key, ADDRESS, row.address), maybe_micros(row.domain_at),
                        maybe_micros(row.address_at), row.domain_told, row.address_told, 0,
                    )
                    for row in rows
                ],
            )  # fmt: skip

    def due(self, kind: str, now: datetime, limit: int) -> list[str]:
        """Persons whose domain or address is to be asked about now, those that waited longest first."""
        with self._db.reading() as connection:
            return [row.person_id for row in _DUE[kind].rows(connection, now=micros(now), most=limit)]

    def asked(self, kind: str, held: Mapping[str, Iterable[str]]) -> dict[str, str]:
        """person -> the domain or address among those held that was noted for them; persons for whom none of them was are left out."""
        column = getattr(tables.lookups.c, kind)
        found: dict[str, str] = {}
        with self._db.reading() as connection:
            key = _key(connection)
            for part in chunks(held if key is not None else ()):
                query = select(tables.lookups.c.person_id, column).where(among(connection, tables.lookups.c.person_id, part))
                for person, mark in connection.execute(query):
                    text = next((text for text in held[person] if key is not None and mark and _mark(key, kind, text) == mark), None)
                    if text is not None:
                        found[person] = text
        return found

    def waiting(self, now: datetime) -> dict[str, int]:
        """kind -> persons about whom it is to be asked now."""
        rows = tables.lookups.c
        with self._db.reading() as connection:
            return {
                kind: connection.execute(select(func.count()).where(column.is_not(None), column <= micros(now))).scalar_one()
                for kind, column in ((DOMAIN, rows.domain_at), (ADDRESS, rows.address_at))
            }

    def save(self, kind: str, answers: Mapping[str, Answer]) -> None:
        """Stores what was answered about these domains or addresses, has them asked about again when it is no longer believed, and notes the persons who
        were decided with another answer (`stale`). What nobody has who waits for it is not stored: they may have been erased meanwhile."""
        with self._db.writing() as connection:
            key = _key(connection)
            if key is None:
                return
            column = getattr(tables.lookups.c, kind)
            marks = {text: _mark(key, kind, text) for text in answers}
            noted = set(connection.execute(select(column).where(among(connection, column, sorted(marks.values())))).scalars())
            answers = {text: answer for text, answer in answers.items() if marks[text] in noted}
            _ANSWER.run(
                connection,
                [(marks[text], a.word, micros(a.asked_at), micros(a.until), a.tries, dump(dict(a.data))) for text, a in answers.items()],
            )
            again = [(micros(a.until), marks[text]) for text, a in answers.items()]
            changed = [(marks[text], told(a)) for text, a in answers.items()]
            many(connection, f"UPDATE lookups SET {kind}_at = ? WHERE {kind} = ? AND {kind}_at IS NOT NULL", again)  # noqa: S608 - own names
            many(connection, f"UPDATE lookups SET stale = 1 WHERE {kind} = ? AND {kind}_told <> ?", changed)  # noqa: S608 - own names

    def postpone(self, kind: str, person_ids: Sequence[str], until: datetime | None) -> None:
        """Asks about these persons' domain or address not before `until`; None: not at all."""
        at = maybe_micros(until)
        with self._db.writing() as connection:
            many(connection, f"UPDATE lookups SET {kind}_at = ? WHERE person_id = ?", [(at, id) for id in person_ids])  # noqa: S608 - own names

    def stale(self, limit: int) -> list[str]:
        """Persons who were decided with another answer than there is now."""
        with self._db.reading() as connection:
            return [row.person_id for row in _STALE.rows(connection, most=limit)]

    def settled(self, person_ids: Sequence[str]) -> None:
        """These persons are no longer stale: they wait for a decision."""
        with self._db.writing() as connection:
            many(connection, "UPDATE lookups SET stale = 0 WHERE person_id = ?", [(id,) for id in person_ids])

    def drop(self, person_ids: Sequence[str]) -> None:
        """Persons who are no more."""
        with self._db.writing() as connection:
            many(connection, "DELETE FROM lookups WHERE person_id = ?", [(id,) for id in person_ids])

    def forget(self, before: datetime, limit: int) -> int:
        """Answers from before that moment about what nobody has any more."""
        with self._db.writing() as connection:
            old = select(tables.answers.c.mark).where(tables.answers.c.asked_at < micros(before), ~_used()).limit(limit)
            return connection.execute(delete(tables.answers).where(tables.answers.c.mark.in_(old))).rowcount


def told(answer: Answer | None) -> str:
    """An answer in short: equal texts lead to equal decisions. "" when nothing could be told."""
    if answer is None or answer.word is None:
        return ""
    return answer.word + (f" {hashlib.blake2b(dump(sorted(answer.data.items())), digest_size=4).hexdigest()}" if answer.data else "")


def erase(connection: Connection, person_ids: Sequence[str], emails: Iterable[str]) -> int:
    """Deletes what is held about these persons' and addresses' contact data, and answers that nobody needs any more; returns how many answers."""
    key = _key(connection)
    if key is None:
        return 0
    for part in chunks(person_ids):
        connection.execute(delete(tables.lookups).where(among(connection, tables.lookups.c.person_id, part)))
    marks = [_mark(key, ADDRESS, email) for email in emails]
    gone = connection.execute(delete(tables.answers).where(or_(among(connection, tables.answers.c.mark, marks), ~_used())))
    return gone.rowcount


def _used() -> Exists:
    rows = tables.lookups.c
    return select(rows.person_id).where(or_(rows.domain == tables.answers.c.mark, rows.address == tables.answers.c.mark)).exists()


def _key(connection: Connection) -> bytes | None:
    found = settings.get(connection, _KEY, None)
    return None if found is None else bytes.fromhex(found["key"])


def _make_key(connection: Connection) -> bytes:
    key = secrets.token_bytes(32)
    settings.put(connection, _KEY, {"key": key.hex()})
    return key


def _mark(key: bytes, kind: str, text: str) -> str:
    return hashlib.blake2b(f"{kind}\n{tidy(text)}".encode(), key=key, digest_size=10).hexdigest() if text else ""
