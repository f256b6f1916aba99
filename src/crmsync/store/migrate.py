"""Brings a database to this version's tables, in one transaction that another process waits for.

Alembic is loaded when there is something to migrate: a command that finds its database up to date need not wait for it.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, insert, inspect, select

from crmsync.errors import ConfigError
from crmsync.store.database import Database
from crmsync.store.tables import metadata

VERSION_TABLE = "crmsync_version"
FOLDER = Path(__file__).parent / "migrations"
VERSION = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)
"""As Alembic makes it."""
_one_at_a_time = threading.Lock()
"""Alembic keeps what it migrates in a global: two databases at once in one process would be mixed up."""


@cache
def known() -> tuple[str, ...]:
    """Every revision that this version has, oldest first, by the names of the files that hold them."""
    return tuple(sorted(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*_*.py")))


def to_head(database: Database) -> None:
    """ConfigError when the tables were written by a newer crmsync or belong to another program; then nothing was changed."""
    head = known()[-1]
    with database.reading() as connection:
        if _revision(connection) == head:
            return
    with database.writing() as connection:
        revision = _revision(connection)
        if revision == head:  # another process was faster
            return
        if revision is not None and revision not in known():
            raise ConfigError(
                f"The database {database.label} was written by a newer crmsync (its tables have version {revision}, this one knows {head}). "
                "Nothing was changed; upgrade crmsync."
            )
        if revision is None:
            strangers = sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))
            if strangers:
                raise ConfigError(
                    f"The database {database.label} holds another program's tables ({', '.join(strangers[:3])}). "
                    "Nothing was changed; give crmsync a database or schema of its own."
                )
            create(connection)
        else:
            upgrade(connection)


def create(connection: Connection) -> None:
    """All tables as the newest migration leaves them, in an empty database (a test holds both against each other)."""
    from crmsync.store.indexes import metadata as complete

    complete.create_all(connection, checkfirst=False)
    VERSION.create(connection)
    connection.execute(insert(VERSION).values(version_num=known()[-1]))


def upgrade(connection: Connection, *, to: str = "head") -> None:
    """Runs the migrations that this database still lacks, up to the revision `to`, in the transaction of `connection`."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", FOLDER.as_posix().replace("%", "%%"))
    config.attributes["connection"] = connection
    with _one_at_a_time:
        command.upgrade(config, to)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(VERSION.c.version_num)).scalar_one_or_none()
