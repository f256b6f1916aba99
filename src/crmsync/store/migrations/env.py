"""Run by Alembic. crmsync itself hands in its connection, inside its own transaction; there is no other way in."""

from alembic import context

from crmsync.store.indexes import metadata
from crmsync.store.migrate import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
