"""Five hundred leads at once, and two processes (F50, F54): nobody is assigned twice, counters are exact, and the calls are those of full batches."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from crmsync.engine.world import World
from crmsync.errors import BusyError
from crmsync.service.sync import sync
from crmsync.store import Store
from scenarios.desk import desk
from scenarios.floor import HAND_RAISED, address, rep, reps, routing, spread
from scenarios.world import Both

COUNT, REPS = 500, ("amy", "ben", "cleo")
BATCH = {"hubspot": 100, "salesforce": 200}
"""Records that one call writes."""


def crowd(both: Both, word: str, count: int) -> list[str]:
    """So many new people, each of whom sends a form; nothing is synced yet."""
    names = [f"{word}{n}" for n in range(count)]
    rows = [{"email": address(n), "firstname": "Pat", "lastname": n.title(), "phone": "+14085550100"} for n in names]
    both.hs.create_many("contacts", rows)
    for name in names:
        assert both.hs.happen({"email": address(name), "type": "form_submitted", "name": HAND_RAISED, "at": both.time()})
    return names


def turn(both: Both) -> tuple[int, dict[str, int]]:
    """How many turns the default pool has had, and who had how many."""
    kept = both.store.get("floor:default")
    return kept["turn"], kept["served"]


def test_f54_five_hundred_at_once_then_two_processes() -> None:
    with Both(edits=routing(), kinds=(), users=reps(*REPS)) as both:
        both.settle()
        names = crowd(both, "burst", COUNT)
        both.mark()
        both.settle()
        # each of them once, fairly, as both CRMs show it, and the pool has counted each turn
        found = spread(both, names)
        assert sum(found.values()) == COUNT
        assert set(found) == {rep(name) for name in REPS}
        assert max(found.values()) - min(found.values()) <= 1
        assert turn(both) == (COUNT, dict(found))
        given = [row for rows in both.store.assignments.of(_people(both, names)).values() for row in rows]
        assert Counter(row.owner for row in given) == found
        assert len({row.person_id for row in given}) == COUNT
        # counters in the reasons: each number once
        reasons = [str(row["crmsync_routing_reason"]) for row in both.hs.all("contacts")]
        assert sorted(int(text.split("counter ")[1].split(":")[0]) for text in reasons) == list(range(COUNT))
        # one task each, and calls as few as full batches make
        assert len(both.sf.all("Task")) == COUNT
        written = Counter(
            (call.method, call.path) for crm in (both.hs, both.sf) for call in crm.calls if call.billed and _writes(call.method, call.path)
        )
        assert written == {
            ("POST", "/crm/v3/objects/contacts/batch/update"): COUNT / BATCH["hubspot"],
            ("PATCH", "/services/data/v62.0/composite/sobjects/Lead/crmsync_key__c"): -(-COUNT // BATCH["salesforce"]),
            ("PATCH", "/services/data/v62.0/composite/sobjects/Task/crmsync_key__c"): -(-COUNT // BATCH["salesforce"]),
        }
        both.assert_settled()

        # while one process holds the lease, another one assigns nobody
        later = crowd(both, "second", 20)
        both.time.advance(60)
        other = Store.open(both.database)
        one, two = (
            desk(both),
            replace(desk(both), store=other, world=World(store=other, connectors=both.connectors, playbook=both.playbook)),
        )
        try:
            with one.lease(wait=0.0):
                with pytest.raises(BusyError):
                    sync(two, wait=0.0)
                assert turn(both)[0] == COUNT
            sync(two, wait=0.0)
        finally:
            other.close()
        both.settle()
        found += spread(both, later)
        assert turn(both) == (COUNT + 20, dict(found))
        assert max(found.values()) - min(found.values()) <= 1
        both.assert_settled()


def _people(both: Both, names: list[str]) -> list[str]:
    wanted = {address(name) for name in names}
    ids = [str(row["id"]) for row in both.hs.all("contacts") if row["email"] in wanted]
    found = [both.person_of("hubspot", "contacts", id) for id in ids]
    return [id for id in found if id is not None]


def _writes(method: str, path: str) -> bool:
    return method == "PATCH" or (method == "POST" and path.endswith(("/batch/create", "/batch/update", "/batch/upsert")))
