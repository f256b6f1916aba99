from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from crmsync.errors import ConfigError
from crmsync.store import Store
from crmsync.store.database import Database
from crmsync.store.migrate import VERSION_TABLE
from crmsync.store.tables import metadata


@pytest.fixture
def raw(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def run(database: Database, statement: str) -> None:
    with database.writing() as connection:
        connection.execute(text(statement))


def test_head_equals_the_tables(url: str, raw: Database) -> None:
    Store.open(url).close()

    def ours(name: str | None, kind: str, _parents: object) -> bool:
        return not (kind == "table" and name == VERSION_TABLE)

    with raw.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": ours, "version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, VERSION_TABLE}
        assert _partial_indexes(connection) == {
            "snapshots_dirty",
            "snapshots_person",
            "snapshots_key",
            "persons_due",
            "journal_open",
            "tasks_waiting",
            "twins_due",
        }


def _partial_indexes(connection: Connection) -> set[str]:
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'"))
    else:
        rows = connection.execute(
            text("SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND indexdef LIKE '% WHERE %'")
        )
    return set(rows.scalars())


def test_the_comparison_can_fail(url: str, raw: Database) -> None:
    Store.open(url).close()
    run(raw, "DROP INDEX snapshots_state")
    run(raw, "ALTER TABLE tasks ADD COLUMN more TEXT")
    with raw.reading() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}), metadata)
    kinds = {change[0] for change in found}
    assert {"add_index", "remove_column"} <= kinds


def test_opening_twice_changes_nothing(url: str) -> None:
    first = Store.open(url)
    first.put("key", 1)
    second = Store.open(url)
    assert second.get("key") == 1
    second.close()
    first.close()


def test_two_opening_at_once(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(Store.open, [url] * 4))
    stores[0].put("key", 1)
    assert [one.get("key") for one in stores] == [1] * 4
    for one in stores:
        one.close()


def test_a_newer_database_is_left_alone(url: str, raw: Database) -> None:
    store = Store.open(url)
    store.put("key", 1)
    store.close()
    run(raw, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(ConfigError, match="newer crmsync"):
        Store.open(url)
    with raw.reading() as connection:
        assert connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one() == "9999"


def test_another_programs_tables_are_left_alone(url: str, raw: Database) -> None:
    run(raw, "CREATE TABLE users (id INTEGER)")
    with pytest.raises(ConfigError, match="another program's tables"):
        Store.open(url)
    with raw.reading() as connection:
        assert inspect(connection).get_table_names() == ["users"]


def test_a_failed_migration_leaves_nothing(url: str, raw: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    class BoomError(Exception):
        pass

    def fail(*_: object, **__: object) -> None:
        raise BoomError

    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.create_index", fail)
        with pytest.raises(BoomError):
            Store.open(url)
    with raw.reading() as connection:
        assert inspect(connection).get_table_names() == []
    Store.open(url).close()


def test_paths_with_odd_characters(tmp_path: Path) -> None:
    folder = tmp_path / "50% off ø"
    folder.mkdir()
    store = Store.open(f"sqlite:///{folder / 'state 1.db'}")
    store.put("key", 1)
    store.close()
    assert (folder / "state 1.db").stat().st_size > 0
