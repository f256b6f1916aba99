from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, inspect, text

from crmsync.errors import ConfigError
from crmsync.store import Store, migrate
from crmsync.store.database import Database
from crmsync.store.indexes import metadata
from crmsync.store.migrate import VERSION, VERSION_TABLE


@pytest.fixture
def raw(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def run(database: Database, statement: str) -> None:
    with database.writing() as connection:
        connection.execute(text(statement))


class BoomError(Exception):
    """A migration that fails in the middle."""


def migrated(database: Database, to: str = "head") -> None:
    """Every migration, one after the other, as a database that grew with crmsync went through them."""
    with database.writing() as connection:
        migrate.upgrade(connection, to=to)


def shape(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """All that makes up a schema, in the order in which it stands: columns, keys, indexes and their conditions."""
    if connection.dialect.name == "sqlite":
        asked = {
            "tables": "SELECT name, ncol, wr, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%' ORDER BY name",
            "columns": "SELECT m.name, c.* FROM sqlite_master m, pragma_table_xinfo(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.cid",
            "indexes": 'SELECT m.name, i.name, i."unique", i.origin, i.partial FROM sqlite_master m, pragma_index_list(m.name) i '
            "WHERE m.type = 'table' ORDER BY 1, 2",
            "made": "SELECT name, tbl_name, sql FROM sqlite_master WHERE type <> 'table' ORDER BY name",
        }
    else:
        asked = {
            "columns": "SELECT table_name, ordinal_position, column_name, data_type, character_maximum_length, is_nullable, column_default, "
            "collation_name, is_identity FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2",
            "constraints": "SELECT conrelid::regclass::text, conname, contype, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE connamespace = current_schema()::regnamespace ORDER BY 1, 2",
            "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1, 2",
            "others": "SELECT relname, relkind FROM pg_class WHERE relnamespace = current_schema()::regnamespace ORDER BY 1",
        }
    return {part: [tuple(row) for row in connection.execute(text(sql))] for part, sql in asked.items()}


def test_a_new_database_is_a_migrated_one(url: str, raw: Database) -> None:
    """A new database skips the migrations and Alembic with them; nothing may tell it from one that went through them."""
    Store.open(url).close()
    with raw.writing() as connection:
        created = shape(connection)
        metadata.drop_all(connection)
        VERSION.drop(connection)
        assert not any(shape(connection).values())
    migrated(raw)
    with raw.reading() as connection:
        assert shape(connection) == created
        assert connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one() == migrate.known()[-1]
    columns = {(table.name, column.name) for table in [*metadata.sorted_tables, VERSION] for column in table.columns}
    assert {(row[0], row[2]) for row in created["columns"]} == columns


@pytest.mark.parametrize(
    "change",
    [
        "DROP INDEX snapshots_state",
        "ALTER TABLE tasks ADD COLUMN more TEXT",
        "CREATE INDEX more ON tasks (key) WHERE key > 'a'",
        "DROP TABLE users",
    ],
)
def test_another_shape_is_seen(url: str, raw: Database, change: str) -> None:
    Store.open(url).close()
    with raw.reading() as connection:
        before = shape(connection)
    run(raw, change)
    with raw.reading() as connection:
        assert shape(connection) != before


def test_file_names_are_revisions() -> None:
    config = Config()
    config.set_main_option("script_location", migrate.FOLDER.as_posix())
    script = ScriptDirectory.from_config(config)
    assert [one.revision for one in script.walk_revisions()][::-1] == list(migrate.known())
    assert script.get_current_head() == migrate.known()[-1]


def test_every_older_database_is_brought_to_head(url: str, raw: Database) -> None:
    migrated(raw, to=migrate.known()[0])
    store = Store.open(url)
    store.put("key", 1)
    store.close()
    with raw.reading() as connection:
        assert connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one() == migrate.known()[-1]
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, VERSION_TABLE}


def test_head_equals_the_tables(url: str, raw: Database) -> None:
    migrated(raw)

    def ours(name: str | None, kind: str, _parents: object) -> bool:
        return not (kind == "table" and name == VERSION_TABLE)

    with raw.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": ours, "version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, VERSION_TABLE}
        assert _partial_indexes(connection) == {
            "alerts_waiting",
            "obligations_open",
            "snapshots_dirty",
            "snapshots_person",
            "snapshots_key",
            "persons_due",
            "persons_account",
            "journal_open",
            "tasks_waiting",
            "twins_due",
            "lookups_domain_due",
            "lookups_address_due",
            "lookups_stale",
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


@pytest.mark.parametrize("older", [False, True], ids=["new", "older"])
def test_opening_at_once(url: str, raw: Database, older: bool) -> None:
    """A new database, and one to be migrated: one of them makes the tables, the others wait for it."""
    if older:
        migrated(raw, to=migrate.known()[0])
    ready = Barrier(4)

    def opened(_number: int) -> Store:
        ready.wait(30)
        return Store.open(url)

    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(opened, range(4)))
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
    migrated(raw, to=migrate.known()[0])
    with raw.reading() as connection:
        before = shape(connection)

    def fail(*_: object, **__: object) -> None:
        raise BoomError

    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.create_index", fail)
        with pytest.raises(BoomError):
            Store.open(url)
    with raw.reading() as connection:
        assert shape(connection) == before
    Store.open(url).close()


def test_a_failed_creation_leaves_nothing(url: str, raw: Database) -> None:
    def fail(*_: object, **__: object) -> None:
        raise BoomError

    event.listen(metadata, "after_create", fail)
    try:
        with pytest.raises(BoomError):
            Store.open(url)
    finally:
        event.remove(metadata, "after_create", fail)
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
