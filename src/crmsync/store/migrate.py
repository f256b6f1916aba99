"""Brings a database to this version's tables, in one transaction that another process waits for."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from crmsync.errors import ConfigError
from crmsync.store.database import Database
from crmsync.store.tables import metadata

VERSION_TABLE = "crmsync_version"


def to_head(database: Database) -> None:
    """ConfigError when the tables were written by a newer crmsync or belong to another program; then nothing was changed."""
    config = Config()
    config.set_main_option("script_location", (Path(__file__).parent / "migrations").as_posix().replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head()
    with database.reading() as connection:
        if _revision(connection) == head:
            return
    with database.writing() as connection:
        revision = _revision(connection)
        if revision == head:  # another process was faster
            return
        known = {one.revision for one in script.walk_revisions()}
        if revision is not None and revision not in known:
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
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()
