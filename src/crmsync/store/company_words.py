"""By which words companies are found: their domains, names and the words of their names. Kept only while a rule matches leads to accounts (R1)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import bindparam, delete, func, select

from crmsync.store.bulk import Upsert, among, chunks, many
from crmsync.store.codec import tidy
from crmsync.store.database import Database
from crmsync.store.prepared import Prepared
from crmsync.store.tables import company_words as table

_ADD = Upsert(table="company_words", columns=("word", "twin_id"), key=("word", "twin_id"))
_WITH = Prepared(
    lambda _: select(table.c.twin_id).where(table.c.word == bindparam("word")).order_by(table.c.twin_id).limit(bindparam("most"))
)
_OF = Prepared(lambda among: select(table.c.twin_id, table.c.word).where(among(table.c.twin_id, "listed")))
_BEGINNING = Prepared(
    lambda among: (
        select(table.c.twin_id, table.c.word)
        .where(among(table.c.twin_id, "listed"), table.c.word >= bindparam("low"), table.c.word < bindparam("high"))
        .order_by(table.c.twin_id, table.c.word)
    )
)
_COUNT = Prepared(lambda _: select(func.count()).select_from(table))


class CompanyWords:
    """Works in the transaction of this thread, or in one of its own. Words are what the caller makes of them."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, words: Mapping[str, Collection[str]]) -> int:
        """Replaces the words of these companies; returns how many rows were written or removed. No words: the company is found no more."""
        if not words:
            return 0
        with self._db.writing() as connection:
            known: dict[str, set[str]] = {}
            for part in chunks(words):
                for row in _OF.rows(connection, listed=part):
                    known.setdefault(row.twin_id, set()).add(row.word)
            wanted = {twin_id: {tidy(word) for word in told} for twin_id, told in words.items()}
            gone = [(word, id) for id, found in known.items() for word in sorted(found - wanted[id])]
            fresh = [(word, id) for id, told in wanted.items() for word in sorted(told - known.get(id, set()))]
            many(connection, "DELETE FROM company_words WHERE word = ? AND twin_id = ?", gone)
            _ADD.run(connection, fresh)
        return len(gone) + len(fresh)

    def having(self, words: Iterable[str], most: int) -> dict[str, list[str]]:
        """word -> ids of companies that have it, at most `most` of each, in id order. Words that nobody has are left out."""
        found: dict[str, list[str]] = {}
        with self._db.reading() as connection:
            for word in dict.fromkeys(words):
                ids = [row[0] for row in _WITH.plain(connection, word=tidy(word), most=most)]
                if ids:
                    found[word] = ids
        return found

    def beginning(self, twin_ids: Sequence[str], mark: str) -> list[tuple[str, str]]:
        """(company, word) for each word of these companies that begins with `mark`, one character."""
        found: list[tuple[str, str]] = []
        with self._db.reading() as connection:
            for part in chunks(twin_ids):
                rows = _BEGINNING.plain(connection, listed=part, low=mark, high=chr(ord(mark) + 1))
                found += [(row[0], row[1]) for row in rows]
        return found

    def count(self) -> int:
        """How many words stand here."""
        with self._db.reading() as connection:
            return int(_COUNT.value(connection))

    def drop(self, twin_ids: Sequence[str]) -> None:
        """Companies that are no more."""
        with self._db.writing() as connection:
            for part in chunks(twin_ids):
                connection.execute(delete(table).where(among(connection, table.c.twin_id, part)))

    def clear(self) -> None:
        """Forgets all words."""
        with self._db.writing() as connection:
            connection.execute(delete(table))
