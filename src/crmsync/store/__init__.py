"""Everything crmsync remembers: SQLite embedded, PostgreSQL beyond one process."""

from crmsync.store.snapshots import StoredSnapshot
from crmsync.store.store import Store
from crmsync.store.tasks import TaskRow

__all__ = ["Store", "StoredSnapshot", "TaskRow"]
