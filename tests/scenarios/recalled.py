"""The first look at the CRMs, of a world that is made as another one was: it is given what that one read, as a new process is by the store.

What a first look costs in calls and what it does with strange answers has its own tests (test_idle_sync.py, test_users.py). A world that was made
otherwise, or in which anything was changed that the look tells of (fields, options, users, rights, switches, faults, the connectors), reads itself.

Later looks, one per jump of the clock, are a third of what scenarios over weeks cost: there (`Both.believes`) a world believes the one before as long
as nothing of all that was changed since.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from copy import copy
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crmsync.decide.canonical import moment, stamp
from crmsync.engine.beliefs import SCHEMA_SECONDS, recent
from crmsync.errors import CrmsyncError
from crmsync.model.record import User

if TYPE_CHECKING:
    from scenarios.world import Both

ENTERED = frozenset(
    {"Account", "Campaign", "CampaignMember", "Contact", "EmailMessage", "Event", "EventRelation", "Lead", "Opportunity"}
    | {"OpportunityContactRole", "Task", "TaskRelation"}
)
"""Objects whose rows are what people enter: no first look tells of them. The rows of all others are users, queues, hours, rights."""
ROWS = ("world", "world_told", "account:hubspot", "account:salesforce")
"""What a first look leaves in the store, but for its time."""
ASKED = ("identity", "users", "schema")
CACHES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "hubspot": (("_schemas", "_known"), ("_schemas", "_made")),
    "salesforce": (("_describes", "_known"), ("_describes", "_made"), ("_relations", "_kept")),
}
"""Side -> (part of its connector, what that keeps of the schemas it read)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a first look told."""

    rows: Mapping[str, Any]
    users: Mapping[str, tuple[User, ...]]
    caches: Mapping[tuple[str, str, str], Mapping[str, Any]]


_looks: dict[Hashable, Look] = {}


def told(both: Both) -> list[Any]:
    """All that a first look can tell of both CRMs. Equal: nothing of it was changed since."""
    org, portal = both.sf.org, both.hs.portal
    return [
        {name: (kind.label, dict(kind.fields)) for name, kind in org.objects.items()},
        {name: dict(table.rows) for name, table in org.tables.items() if name not in ENTERED},
        (set(org.hidden), both.sf.options.shown(), both.sf.faults.all()),
        {object: dict(found) for object, found in portal.schema.properties.items()},
        {object: dict(found) for object, found in portal.schema.groups.items()},
        [astuple(owner) for owner in portal.owners.by_id.values()],
        ({name: repr(found) for name, found in portal.pipelines.items()}, both.hs.options.json(), list(both.hs.faults.rules)),
    ]


def plain(both: Both) -> bool:
    """Whether nobody put anything in place of what the connectors ask."""
    return not any(name in vars(connector) for connector in both.connectors.values() for name in ASKED)


def made_of(both: Both, *given: Any) -> Hashable:
    """Equal for worlds that were made alike."""
    return repr(given), repr(both.sf.options.shown()), repr(both.hs.options.json())


def recall_first(both: Both, key: Hashable) -> None:
    """Has the world's first refresh take what that of another with this key told, if there was one, and keep it for the next if there was none."""
    world, before = both.world, told(both)
    read = world.refresh

    def first(now: datetime, **more: float) -> dict[str, CrmsyncError]:
        world.refresh = read  # type: ignore[method-assign]
        if not (plain(both) and both.store.get("world") is None and told(both) == before):
            return read(now, **more)
        if key in _looks:
            _give(both, _looks[key], now)
            return read(now, **more)
        troubles = read(now, **more)
        if not troubles:
            _looks[key] = _kept(both)
        return troubles

    world.refresh = first  # type: ignore[method-assign]


def believe_later(both: Both) -> None:
    """Has every refresh of this process take for fresh what the last one read, while both CRMs would tell the same and nothing is in doubt."""
    world, sides, read = both.world, set(both.connectors), both.world.refresh
    last: list[Any] = []

    def again(now: datetime, *, believe: float = SCHEMA_SECONDS) -> dict[str, CrmsyncError]:
        before = both.store.get("world_read_at") or {}
        due = {side for side in sides if not recent(moment(before.get(side)), now, believe)}
        if last and due and set(before) == sides and not world.stale and plain(both) and told(both) == last:
            before = {side: stamp(now) for side in sides}
            both.store.put("world_read_at", before)
        troubles = read(now, believe=believe)
        after = both.store.get("world_read_at") or {}
        if after != before:
            whole = not troubles and stamp(now) not in before.values() and set(after.values()) == {stamp(now)} and set(after) == sides
            last[:] = told(both) if whole else []
        return troubles

    world.refresh = again  # type: ignore[method-assign]


def _kept(both: Both) -> Look:
    users = both.store.users()
    return Look(
        rows={name: both.store.get(name) for name in ROWS},
        users={side: tuple(user for user in users if user.side == side) for side in both.connectors},
        caches={
            (side, part, name): copy(getattr(getattr(both.connectors[side], part), name))
            for side, kept in CACHES.items()
            for part, name in kept
        },
    )


def _give(both: Both, look: Look, now: datetime) -> None:
    with both.store.begin():
        for name, row in look.rows.items():
            both.store.put(name, row)
        both.store.put("world_read_at", {side: stamp(now) for side in look.users})
        for side, users in look.users.items():
            both.store.save_users(side, users)
    for (side, part, name), kept in look.caches.items():
        getattr(getattr(both.connectors[side], part), name).update(kept)
