"""What can go wrong with a database, and what the user is told."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, text

from crmsync.errors import ConfigError, UnreachableError
from crmsync.model.link import PersonState, Snapshot
from crmsync.model.record import Ref
from crmsync.store import Store, StoredSnapshot
from crmsync.store.database import Database

NOW = datetime(2026, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://host/db", "sqlite://", "sqlite:///:memory:", "postgresql+asyncpg://h/d", "://"])
def test_bad_addresses(url: str) -> None:
    with pytest.raises(ConfigError, match="sqlite:///path"):
        Store.open(url)


def test_a_missing_folder_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="does not exist"):
        Store.open(f"sqlite:///{tmp_path / 'no' / 'state.db'}")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"these are not the tables you are looking for" * 100)
    with pytest.raises(UnreachableError, match="not a crmsync database"):
        Store.open(f"sqlite:///{path}")
    assert path.read_bytes().startswith(b"these are not")


def test_nobody_listens_and_the_password_stays_secret() -> None:
    with pytest.raises(UnreachableError) as caught:
        Store.open("postgresql://ola:hunter2@127.0.0.1:1/crmsync")
    assert "ola:***@127.0.0.1:1/crmsync" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_new_file_that_another_process_is_just_making_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite does not wait when a new file is switched to its write-ahead log while another one writes; so crmsync has to."""
    path = tmp_path / "state.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE unrelated (x)")
    waits: list[float] = []

    def commit(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            other.execute("COMMIT")

    monkeypatch.setattr("crmsync.store.database.time.sleep", commit)
    store = Store.open(f"sqlite:///{path}")
    assert len(waits) == 3
    other.close()
    other = sqlite3.connect(path)
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()
    store.close()


def test_a_new_file_that_stays_busy_is_told(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnreachableError, match="another process is writing"):
        Store.open(f"sqlite:///{path}?timeout=0")
    other.execute("ROLLBACK")
    other.close()
    with pytest.raises(ConfigError, match="timeout"):
        Store.open(f"sqlite:///{path}?timeout=soon")


def test_a_busy_database_is_unreachable_not_broken(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = Store.open(f"sqlite:///{path}?timeout=0.01")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnreachableError, match="another process is writing"):
        store.put("key", 1)
    assert store.get("key") is None
    other.execute("ROLLBACK")
    other.close()
    store.put("key", 1)
    assert store.get("key") == 1
    store.close()


def test_sqlite_is_durable(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    with database.reading() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2
    database.close()


def test_a_full_database_keeps_what_it_had(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    store = Store.open(url)
    store.save_persons([PersonState(person_id="kept")])
    database = store._db
    with database.reading() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {pages + 20}"))
    rows = [
        StoredSnapshot(
            snapshot=Snapshot(ref=Ref(side="left", object="Lead", id=str(n)), fields={"a": "x" * 500}, extra={}, modified_at=NOW), hash="h"
        )
        for n in range(2_000)
    ]

    def fill() -> None:
        with store.begin():
            store.put("key", 1)
            store.save_snapshots(rows, dirty=True)

    with pytest.raises(UnreachableError, match=r"no space left.*nothing was half-written"):
        fill()
    assert store.get("key") is None
    assert store.count_snapshots() == {}
    store.close()
    store = Store.open(url)
    assert list(store.iter_person_ids()) == ["kept"]
    store.save_snapshots(rows, dirty=True)
    assert store.dirty_count() == 2_000
    store.close()


def test_a_full_disk_keeps_what_it_had(tmp_path: Path) -> None:
    """The operating system itself refuses to let the file grow, in a process of its own."""
    url = f"sqlite:///{tmp_path / 'state.db'}"
    program = (
        "import resource, sys\n"
        "from crmsync.errors import UnreachableError\n"
        "from crmsync.model.link import PersonState\n"
        "from crmsync.store import Store\n"
        "store = Store.open(sys.argv[1])\n"
        "store.save_persons([PersonState(person_id='kept')])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    with store.begin():\n"
        "        store.put('key', 1)\n"
        "        store.save_persons([PersonState(person_id=str(n), trigger='x' * 500) for n in range(50_000)])\n"
        "except UnreachableError as error:\n"
        "    print(error)\n"
        "print(store.get('key'), list(store.iter_person_ids()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, url], env=os.environ, capture_output=True, text=True, check=True, timeout=120)
    said, left = done.stdout.splitlines()
    assert "disk" in said or "space" in said
    assert "undone" in said
    assert left == "None ['kept']"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1_000_000
    store = Store.open(url)
    assert list(store.iter_person_ids()) == ["kept"]
    store.put("key", 2)
    assert store.get("key") == 2
    store.close()


@pytest.mark.postgres
def test_both_spellings_of_postgres(postgres_url: str) -> None:
    first = Store.open(postgres_url)
    first.put("key", 1)
    first.close()
    second = Store.open(make_url(postgres_url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False))
    assert second.get("key") == 1
    second.close()


@pytest.mark.postgres
def test_a_cut_connection_undoes_the_transaction_and_the_next_one_works(postgres_url: str, postgres_server: str) -> None:
    store = Store.open(postgres_url)

    def cut() -> None:
        with store._db.reading() as connection:
            backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with psycopg.connect(postgres_server, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))

    def work() -> None:
        with store.begin():
            store.put("key", 1)
            cut()
            store.put("key", 2)

    with pytest.raises(UnreachableError, match="cannot be used"):
        work()
    assert store.get("key") is None
    cut()  # while idle in the pool
    store.put("key", 3)
    assert store.get("key") == 3
    store.close()
