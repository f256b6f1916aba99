"""Everything crmsync remembers: SQLite embedded, PostgreSQL beyond one process."""

from crmsync.store.answers import ADDRESS, DOMAIN, NOTES, Answer, Lookup, told
from crmsync.store.forgotten import Erasure
from crmsync.store.pasts import Past, PastSignals
from crmsync.store.settings import PROOF
from crmsync.store.signals import whose as early_place
from crmsync.store.snapshots import StoredSnapshot
from crmsync.store.store import Store
from crmsync.store.tasks import TaskRow

__all__ = [
    "ADDRESS",
    "DOMAIN",
    "NOTES",
    "PROOF",
    "Answer",
    "Erasure",
    "Lookup",
    "Past",
    "PastSignals",
    "Store",
    "StoredSnapshot",
    "TaskRow",
    "early_place",
    "told",
]
