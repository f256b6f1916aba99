"""Takes open touches of a cadence that is over out of the CRM (process.md C5, C6), however long that does not answer: what is to be taken back is remembered until
the CRM has said what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from crmsync.engine.apply import Sent, send, task_write
from crmsync.engine.outbox import Outgoing
from crmsync.engine.tasks import REFUSED, WITHDRAWN
from crmsync.engine.world import World
from crmsync.model.change import Action, Write
from crmsync.model.work import TASK_DELETED, TASK_DONE
from crmsync.store import Store, TaskRow

WAITING = "tasks_to_take_back"
"""Where the store keeps the keys of tasks that the CRM has and no longer shall have; the row is empty nearly always."""
SETTLED = frozenset({"done", "gone", "rejected"})
"""What a CRM can say about a delete after which it is not asked again."""


def withdraw(world: World, person_id: str, keys: Sequence[str], now: datetime) -> None:
    """Open tasks of a cadence that is over: those that no CRM has yet are never made, the others wait to be deleted, each once. From now on they count as
    deleted. In the caller's transaction."""
    store = world.store
    store.touches.set_states([(key, TASK_DELETED, now) for key in keys])
    waiting: list[str] = []
    for key, row in store.tasks.by_key(keys).items():
        if row.record_id is None:
            store.tasks.created(key, WITHDRAWN)
        elif row.record_id not in (WITHDRAWN, REFUSED) and store.effects.claim(f"{WITHDRAWN}:{key}"[:120], person_id, row.created_at):
            waiting.append(key)
    if waiting:
        store.put(WAITING, [*(store.get(WAITING) or []), *waiting])


def again(store: Store, tasks: Iterable[TaskRow]) -> None:
    """Of these tasks those that a CRM has are to be deleted there once more, at the next cycle. In the caller's transaction."""
    keys = [task.key for task in tasks if task.record_id not in (None, WITHDRAWN, REFUSED)]
    if keys:
        store.put(WAITING, list(dict.fromkeys([*(store.get(WAITING) or []), *keys])))


def take_back(world: World, now: datetime, sent: Sent) -> None:
    """Deletes what waits for it on the sides that answer. What a rep completed meanwhile stays."""
    store = world.store
    keys: list[str] = store.get(WAITING) or []
    if not keys:
        return
    rows, seen = store.tasks.by_key(keys), store.touches.own(keys)
    items: dict[str, list[Outgoing]] = {}
    for key, row in rows.items():
        if row.side in world.connectors and row.side not in sent.errors and seen[key].seen.state != TASK_DONE:
            object = world.connectors[row.side].traits.task_object
            write = Write(write_id=world.new_id(), action=Action.DELETE, object=object, id=row.record_id, key=key)
            items.setdefault(row.side, []).append(
                task_write(world, row.side, write, row.person_id, now, because="nobody has to do it any more")
            )
    journalled = [item.entry for found in items.values() for item in found]
    store.journal.note(journalled)
    send(world, items, now, sent)
    told = (store.journal.entry(entry.write.write_id) for entry in journalled)
    answered = {entry.write.key for entry in told if entry is not None and entry.outcome in SETTLED}
    over = {key for key in keys if key not in rows or key in answered or seen[key].seen.state == TASK_DONE}
    if over:
        store.put(WAITING, [key for key in keys if key not in over])
