"""Once a day, compares every id of persons with a consistent listing: what no change log tells, an erasure for privacy above all, is found out.

A listing costs one call per 100 records in one CRM and one per 2,000 in the other; it is read a part per cycle, after everything else is done.
What is missing is handed on as a whole, so that the brakes see all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from crmsync.decide.canonical import moment, stamp
from crmsync.engine.pull import look_for
from crmsync.errors import CrmsyncError
from crmsync.model.link import Snapshot
from crmsync.model.record import RecordState
from crmsync.store import StoredSnapshot

if TYPE_CHECKING:
    from crmsync.engine.world import World

log = structlog.get_logger(__name__)

STATE = "sweep"
"""Where the store keeps when the last sweep ended, what of the present one is done, and when a failed one may be tried again."""
LISTED_AT_ONCE = 1_000
"""Ids listed per cycle: ten calls in a CRM that lists a hundred at a time."""
FETCHED_AT_ONCE = 25
"""Missing ids asked for per cycle: some CRMs answer for merged and archived records one by one."""
RETRY = timedelta(hours=1)


@dataclass(slots=True, kw_only=True)
class Listing:
    """One object being swept by this process. missing: None until the listing is read to its end."""

    side: str
    object: str
    ids: Iterator[str]
    live: set[str] = field(default_factory=set)
    missing: list[str] | None = None
    found: list[StoredSnapshot] = field(default_factory=list)


def sweep(world: World, now: datetime, *, whole: bool) -> None:
    """Does the next part of the sweep that is due; whole: all of it. A CRM that does not answer is asked again an hour later."""
    hours, store = world.playbook.sweep_hours, world.store
    if not hours:
        return
    state = store.get(STATE)
    if state is None:
        # The first sync has just read everything.
        store.put(STATE, {"at": stamp(now), "done": []})
        return
    last, retry = moment(state["at"]), moment(state.get("retry"))
    if last is None or now - last < timedelta(hours=hours) or (retry is not None and now < retry):
        return
    done = {tuple(one) for one in state["done"]}
    wanted = [(side, object) for side in world.sides for object in world.objects(side) if (side, object) not in done]
    try:
        while wanted and _part(world, *wanted[0], now, whole=whole):
            done.add(wanted.pop(0))
            store.put(STATE, {"at": state["at"], "done": sorted(done)})
            if not whole:
                break
    except CrmsyncError as error:
        world.listing = None
        log.warning("sweep stopped", error=type(error).__name__, again=stamp(now + RETRY))
        store.put(STATE, {"at": state["at"], "done": sorted(done), "retry": stamp(now + RETRY)})
        return
    if not wanted:
        store.put(STATE, {"at": stamp(now), "done": []})


def _part(world: World, side: str, object: str, now: datetime, *, whole: bool) -> bool:
    """The next part of one object; True when it is done. A new process begins an object anew: nothing of a listing is kept but its result."""
    listing: Listing | None = world.listing
    if listing is None or (listing.side, listing.object) != (side, object):
        listing = world.listing = Listing(side=side, object=object, ids=world.connectors[side].live_ids(object))
    if listing.missing is None:
        room = None if whole else LISTED_AT_ONCE
        part = list(islice(listing.ids, room))
        listing.live.update(part)
        if room is not None and len(part) >= room:
            return False
        known = (id for id, state in world.store.iter_refs(side, object) if state == RecordState.LIVE.value)
        listing.missing = [id for id in known if id not in listing.live]
        listing.live = set()
    while listing.missing:
        asked, listing.missing = listing.missing[:FETCHED_AT_ONCE], listing.missing[FETCHED_AT_ONCE:]
        listing.found += look_for(world, side, object, asked, now)
        if listing.missing and not whole:
            return False
    world.listing = None
    _hand_on(world, listing)
    return True


def _hand_on(world: World, listing: Listing) -> None:
    """Stores what is no longer live, unless a poll has told something newer meanwhile."""
    store = world.store
    gone = [row for row in listing.found if row.snapshot.state is not RecordState.LIVE]
    if not gone:
        return
    held = store.snapshots([row.snapshot.ref for row in gone])
    with store.begin():
        store.save_snapshots([row for row in gone if _still(held.get(row.snapshot.ref), row)], dirty=True)
    log.info("sweep found records gone", side=listing.side, object=listing.object, count=len(gone))


def _still(held: Snapshot | None, row: StoredSnapshot) -> bool:
    return held is not None and held.state is RecordState.LIVE and held.modified_at <= row.snapshot.modified_at
