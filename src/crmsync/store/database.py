"""One database behind one door: engine, transactions per thread, and every driver failure as an UnreachableError.

Both databases behave alike: one writer at a time (BEGIN IMMEDIATE on SQLite, an advisory lock per schema on PostgreSQL), readers never wait.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import URL, Connection, Engine, RootTransaction, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from crmsync.errors import ConfigError, UnreachableError

BUSY_SECONDS = 30
"""How long a writer waits for another writer before it gives up."""
READER_MILLISECONDS = 200
"""How long emptying the write-ahead log waits for readers: it can be tried again."""
_WRITER = 0x43524D53
"""First half of the advisory lock's key; the second is the schema."""
_BUSY_PAUSE = 0.02
_DISK_FULL, _LOCK_NOT_AVAILABLE, _READ_ONLY = "53100", "55P03", "25006"
"""PostgreSQL's own codes (its manual, appendix A)."""


@dataclass(slots=True, kw_only=True)
class _Transaction:
    """kept: its connection outlives it. outer: Core's own transaction, where Core is what begins and ends it."""

    connection: Connection
    writes: bool
    kept: bool
    outer: RootTransaction | None = None
    broken: bool = False


class Database:
    """Hands out one transaction per thread. `label` names the database in messages, without its password."""

    def __init__(self, url: str) -> None:
        self._url = _parse(url)
        self.label = self._url.database or "" if self.is_sqlite else self._url.render_as_string(hide_password=True)
        self._engine = _sqlite(self._url) if self.is_sqlite else _postgres(self._url)
        self._errors, self._bugs = _driver_errors(sqlite=self.is_sqlite)
        self._local = threading.local()

    @property
    def is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    def close(self) -> None:
        self._engine.dispose()

    def writing(self) -> AbstractContextManager[Connection]:
        """A write transaction, or the one this thread is in already. An exception rolls all of it back, even when an outer block
        swallows it: half a unit of work is never committed."""
        return _Block(self, writes=True)

    def reading(self) -> AbstractContextManager[Connection]:
        """A read transaction, or the transaction this thread is in already."""
        return _Block(self, writes=False)

    def compact(self) -> bool:
        """Rewrites a SQLite file and empties its write-ahead log, so that neither holds anything that was deleted. False when another process was
        reading, and the log could not be emptied. Elsewhere nothing is done, and True."""
        if self.current() is not None:
            raise RuntimeError("a database is not rewritten inside a transaction")
        if not self.is_sqlite:
            return True
        with self._failures():
            # Straight from the driver: an engine's connection would begin a transaction first.
            connection = self._engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute("PRAGMA temp_store=FILE")  # the copy that is made on the way is as large as the file
                cursor.execute("VACUUM")
                cursor.execute("PRAGMA temp_store=MEMORY")
                patience = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
                cursor.execute(f"PRAGMA busy_timeout={READER_MILLISECONDS}")
                blocked = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                cursor.execute(f"PRAGMA busy_timeout={patience}")
                cursor.close()
            finally:
                connection.close()
        return not blocked

    def current(self) -> _Transaction | None:
        """The transaction that this thread is in."""
        found: _Transaction | None = getattr(self._local, "transaction", None)
        return found

    @contextmanager
    def kept(self) -> Iterator[None]:
        """This thread's transactions share one connection in here: taking one from the pool costs more than most reads do."""
        if self._kept() is not None:
            yield
            return
        with self._failures(), self._engine.connect() as connection:
            if self.is_sqlite:
                connection.begin()  # for Core alone: see `start`
            self._local.kept = connection
            try:
                yield
            finally:
                self._local.kept = None

    def _kept(self) -> Connection | None:
        kept: Connection | None = getattr(self._local, "kept", None)
        return kept

    def start(self, *, writes: bool) -> _Transaction:
        """This thread's transaction begins."""
        held = self._kept()
        connection = held if held is not None else self._engine.connect()
        made = _Transaction(connection=connection, writes=writes, kept=held is not None)
        try:
            if self.is_sqlite:
                # Straight on the driver: a cycle begins dozens of transactions, and Core takes many times as long as SQLite for each. Core itself
                # believes in one that lasts as long as the connection is in use.
                if held is None:
                    connection.begin()
                connection.connection.cursor().execute("BEGIN IMMEDIATE" if writes else "BEGIN").close()
            else:
                made.outer = connection.begin().__enter__()
                if writes:
                    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s, hashtext(current_schema()))", (_WRITER,))
        except BaseException as error:
            self.end(made, error)
            raise
        self._local.transaction = made
        return made

    def end(self, transaction: _Transaction, error: BaseException | None) -> None:
        """It ends: all of it is stored, or with an error none of it. Raises what the database says."""
        self._local.transaction = None
        connection, outer, undo = transaction.connection, transaction.outer, error is not None or transaction.broken
        try:
            if outer is not None:
                if transaction.broken:
                    outer.rollback()
                outer.__exit__(None if error is None else type(error), error, None)
                return
            if not self.is_sqlite:
                return
            driver: Any = connection.connection.driver_connection
            try:
                if not undo:
                    driver.commit()
            finally:
                driver.rollback()  # nothing, after a commit
        finally:
            if not transaction.kept:
                connection.close()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            told = self.told(error)
            if told is None:
                raise
            raise told from error

    def told(self, error: BaseException) -> UnreachableError | None:
        """What the user is told of a database's failure; None when it is none, but a mistake in this house or anything else."""
        if isinstance(error, PoolTimeoutError):
            return UnreachableError(f"The database {self.label} gave no connection: {error}. Nothing was stored.")
        cause = error.orig if isinstance(error, DBAPIError) else error
        if cause is None or isinstance(cause, self._bugs) or not isinstance(cause, self._errors):
            return None
        return UnreachableError(self._explain(cause))

    def _explain(self, error: BaseException) -> str:
        text = " ".join(str(error).split())
        fix = "Check that it is running and reachable, then run the same command again."
        low, code = text.lower(), getattr(error, "sqlstate", None)
        if "is full" in low or code == _DISK_FULL or "file too large" in low:
            return f"The database {self.label} has no space left ({text}). The last step was undone, nothing was half-written; free some space."
        if "disk i/o error" in low:
            return f"The database {self.label} could not be written or read ({text}): disk full or failing. The last step was undone."
        if "locked" in low or code == _LOCK_NOT_AVAILABLE:
            return f"The database {self.label} was busy too long: another process is writing. Nothing was stored."
        if "readonly" in low or code == _READ_ONLY:
            return f"The database {self.label} is read-only for this user ({text}). Nothing was stored."
        if "unable to open" in low:
            folder = Path(self.label).absolute().parent
            fix = "Check its permissions." if folder.is_dir() else f"The folder {folder} does not exist: create it."
        elif "not a database" in low or "malformed" in low:
            fix = "The file is damaged or is not a crmsync database; restore a copy."
        return f"The database {self.label} cannot be used ({text}). Nothing was stored. {fix}"


class _Block(AbstractContextManager[Connection]):
    """One `with`: a transaction of its own, or a part of the one that its thread is in. Hundreds are entered in a cycle, so it is no generator."""

    __slots__ = ("_database", "_joined", "_mine", "_writes")

    def __init__(self, database: Database, *, writes: bool) -> None:
        self._database, self._writes = database, writes
        self._mine: _Transaction | None = None
        self._joined: _Transaction | None = None

    def __enter__(self) -> Connection:
        database = self._database
        current = self._joined = database.current()
        if current is not None:
            if self._writes and not current.writes:
                raise RuntimeError("a write was asked for inside a read")
            return current.connection
        try:
            self._mine = database.start(writes=self._writes)
        except Exception as error:
            told = database.told(error)
            if told is None:
                raise
            raise told from error
        return self._mine.connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        mine, database = self._mine, self._database
        if mine is None:
            if error is not None and self._writes and self._joined is not None:
                self._joined.broken = True
            return
        try:
            database.end(mine, error)
        except Exception as failed:
            told = database.told(failed)
            if told is None:
                raise
            raise told from failed
        if error is not None:
            told = database.told(error)
            if told is not None:
                raise told from error
        elif mine.broken:
            raise UnreachableError("A step inside a database transaction failed; all of the transaction was undone, nothing was stored.")


Errors = tuple[type[BaseException], ...]


def _driver_errors(*, sqlite: bool) -> tuple[Errors, Errors]:
    """(everything that the driver raises, what of it can only be a mistake in this house). PostgreSQL's driver is loaded where it is used."""
    if sqlite:
        return (sqlite3.Error,), (sqlite3.IntegrityError, sqlite3.ProgrammingError)
    import psycopg

    return (psycopg.Error,), (psycopg.IntegrityError, psycopg.ProgrammingError, psycopg.DataError)


def _parse(url: str) -> URL:
    """ConfigError for anything but sqlite:///path and postgresql://…"""
    forms = "Use sqlite:///path/to/file.db or postgresql://user:password@host/database."
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, ValueError) as error:
        raise ConfigError(f"The database address is not readable. {forms}") from error
    if backend == "sqlite" and parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if parsed.database in (None, "", ":memory:"):
            raise ConfigError(f"A SQLite database needs a file: one in memory would forget everything. {forms}")
        return parsed
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    raise ConfigError(f"Databases of the kind {parsed.drivername!r} are not supported. {forms}")


def _sqlite(url: URL) -> Engine:
    # isolation_level None: the driver begins nothing by itself, the event below does.
    options: dict[str, Any] = {"isolation_level": None, "check_same_thread": False}
    if "timeout" not in url.query:
        options["timeout"] = BUSY_SECONDS
    try:
        patience = float(str(url.query.get("timeout", BUSY_SECONDS)))
    except ValueError as error:
        raise ConfigError("The database address has a timeout that is no number of seconds, such as ?timeout=30.") from error
    engine = create_engine(url, connect_args=options, pool_size=8, max_overflow=-1)

    @event.listens_for(engine, "connect")
    def _prepare(driver: Any, _record: object) -> None:
        cursor = driver.cursor()
        _switch_to_wal(cursor, patience)
        # FULL: an intent is on the disk before it is sent, even when the power fails (NORMAL would lose the last commits).
        for pragma in ("synchronous=FULL", "journal_size_limit=67108864", "cache_size=-16384", "temp_store=MEMORY"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _switch_to_wal(cursor: sqlite3.Cursor, patience: float) -> None:
    """Of a new file, by whoever comes first. SQLite reads before it writes here, and so refuses at once, without waiting for the other
    process that is just switching or writing ("database is locked"): the wait is ours. patience: seconds."""
    end = time.monotonic() + patience
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= end:
                raise
            time.sleep(_BUSY_PAUSE)


def _postgres(url: URL) -> Engine:
    defaults: dict[str, Any] = {
        "connect_timeout": 10, "application_name": "crmsync", "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3,
    }  # fmt: skip
    engine = create_engine(
        url, connect_args={name: value for name, value in defaults.items() if name not in url.query},
        pool_size=8, max_overflow=-1, pool_pre_ping=True,
    )  # fmt: skip

    @event.listens_for(engine, "connect")
    def _prepare(driver: Any, _record: object) -> None:
        driver.execute(f"SET lock_timeout = '{BUSY_SECONDS}s'")
        driver.commit()

    return engine
